"""Runs and jobs of a bundle, analysed again from their samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from energybench.analysis.energy.boundary import Ranges
from energybench.errors import BadInput
from energybench.model import Measurement
from energybench.proof.proof import Notes
from energybench.proof.run_doubts import differences_of_run, with_doubts, words_not_checked
from energybench.store import job_merging, reader
from energybench.store.job_header import is_job
from energybench.store.layout import NODE, PARQUET, RUN
from energybench.store.recomputed import analysed
from energybench.units import counted

# A row of a file of samples takes some bytes. A file with more rows was made to fill memory.
_MOST_ROWS_PER_BYTE = 200
_MOST_SHOWN = 8  # differences of one result


class CheckedRun(NamedTuple):
    """A run. again: analysed from the samples; as stated if no samples are at hand."""

    directory: Path
    stated: Measurement
    again: Measurement


def check_runs(
    folders: Mapping[str, Path], ranges: Ranges, notes: Notes, *, by_version: bool
) -> dict[str, CheckedRun]:
    """Analyse the runs again and return them by id; differences become findings.

    folders     directories by their names in the bundle
    by_version  whether a different version of energybench analysed the runs
    """
    runs: dict[str, CheckedRun] = {}
    for name, directory in folders.items():
        try:
            stated = reader.read_beside_others(directory)
        except BadInput as why:
            notes.differs(name, _inside(why, directory))
            continue
        for folder, own in _ids(name, directory, stated):
            if PurePosixPath(folder).name != PurePosixPath(own).name:
                notes.differs(folder, renamed(own))
        if stated.id in runs and runs[stated.id].stated != stated:
            notes.differs(name, f"another run of the bundle has its id {stated.id}")
        try:
            analysis = again(directory, stated, ranges)
        except (BadInput, ValueError) as why:
            notes.differs(name, f"cannot be analysed again: {_inside(why, directory)}")
            continue
        job = is_job(directory)
        disagreements = differences_of_run(stated, analysis, is_job=job)
        for difference in shortened(list(disagreements)):
            notes.differs(name, difference, by_version=by_version)
        if job:
            _check_parts(name, directory, ranges, notes, by_version=by_version)
        _state(name, directory, stated, notes)
        if not disagreements and (codes := words_not_checked(stated, analysis)):
            notes.not_checked.append(f"{name}: the words of its doubts {codes}")
        analysis = with_doubts(stated, analysis, is_job=job)
        runs[stated.id] = CheckedRun(directory, stated, analysis)
    return runs


def _check_parts(
    name: str, directory: Path, ranges: Ranges, notes: Notes, *, by_version: bool
) -> None:
    """Check the result of each node of a job against its samples; differences become findings."""
    parts, without = _parts(directory)
    for part in parts:
        if part.name in without:
            continue
        try:
            stated = reader.read_run(part)
            disagreements = differences_of_run(stated, analysed(part, stated, ranges))
        except (BadInput, ValueError):
            continue  # the result of the job states why the part is left out
        for difference in shortened(list(disagreements)):
            notes.differs(f"{name}/{part.name}", difference, by_version=by_version)


def renamed(own: str) -> str:
    """Words for a folder whose name differs from the id inside; other files refer to the id."""
    return f"holds {own}: the folder was renamed, or its content exchanged"


def _ids(name: str, directory: Path, stated: Measurement) -> Iterator[tuple[str, str]]:
    """Folder and id of a run, and of each node of a job."""
    yield name, stated.id
    if is_job(directory):
        for part in _parts(directory)[0]:
            if (part / RUN).is_file():
                yield f"{name}/{part.name}", _id(part)


def _id(part: Path) -> str:
    """The id of the run of a node; the name of the folder if the result cannot be read."""
    try:
        return reader.read_run(part).id
    except BadInput:
        return part.name


def shortened(disagreements: list[object]) -> list[object]:
    """The first differences, and the number of further differences."""
    if len(disagreements) <= _MOST_SHOWN:
        return disagreements
    return [
        *disagreements[:_MOST_SHOWN],
        f"and {counted(len(disagreements) - _MOST_SHOWN, 'more difference')}",
    ]


def again(directory: Path, stated: Measurement, ranges: Ranges) -> Measurement:
    """A run, analysed again from its samples; or a job, merged again from its nodes. The nodes are
    analysed from samples if every node has samples. A run without samples is returned as stated.
    Doubts of a run's course are left out if the file of samples does not record them.

    Raises BadInput for samples that cannot be read, and ValueError.
    """
    if is_job(directory):
        parts, without = _parts(directory)
        for part in parts:
            if part.name not in without:
                _rows(part / PARQUET)
        return job_merging.merged(
            directory,
            ranges=None if without else ranges,
            times_alone=not any(share.part for share in stated.shares),
        )
    if not (directory / PARQUET).is_file():
        return stated
    _rows(directory / PARQUET)
    return analysed(directory, stated, ranges)


def _state(name: str, directory: Path, stated: Measurement, notes: Notes) -> None:
    """Note the fields of a run that were computed again, and the fields that were not."""
    record = f"taken from its record: {_of_the_record(stated)}"
    if is_job(directory):
        parts, without = _parts(directory)
        source = f"merged from {counted(len(parts), 'node')}" + (
            "" if without else ", each from its samples"
        )
        notes.checked.append(f"{name}: a job, {source}; {record}, windows of the head node")
        if without:
            words = f"{', '.join(without[:3])}{' and others' if len(without) > 3 else ''}"
            notes.lacks("samples", f"{name}: the nodes' own results: {words} without samples")
    elif not (directory / PARQUET).is_file():
        notes.lacks("samples", f"{name}: it has no samples, and its numbers stand as stated")
    else:
        notes.checked.append(
            f"{name}: energies, times, powers and their intervals, from "
            f"{_rows(directory / PARQUET)} samples; {record}"
        )
    if any(doubt.code == "attached" for doubt in stated.doubts):
        notes.not_checked.append(f"{name}: the file of the attached meter, and its clock")


def _parts(directory: Path) -> tuple[list[Path], list[str]]:
    """The parts of a job, and the names of the parts without samples."""
    parts = [part for part in sorted(directory.glob(f"{NODE}*")) if part.is_dir()]
    return parts, [part.name for part in parts if not (part / PARQUET).is_file()]


def _of_the_record(stated: Measurement) -> str:
    """Words for the fields of a run that do not follow from samples."""
    words = ["machine", "work" if stated.work is not None else "", "program or workload"]
    if stated.verification:
        words.append(f"{counted(len(stated.verification), 'check')} of its result")
    if stated.record is not None:
        words.append(f"the workload's own record ({stated.record.title})")
    if stated.others:
        words.append("other load")
    return ", ".join(word for word in words if word)


def _rows(path: Path) -> int:
    """The number of samples. Raises BadInput for more than a file of this size can hold."""
    from energybench.store import samples

    rows = samples.row_count(path)
    if rows > _MOST_ROWS_PER_BYTE * path.stat().st_size:
        raise BadInput(path.name, f"states {rows} samples, more than it can hold")
    return rows


def _inside(why: Exception, directory: Path) -> str:
    """The words of an error, with paths inside the bundle."""
    return str(why).replace(f"{directory}/", "").replace(str(directory), "it")
