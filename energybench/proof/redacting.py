"""A bundle without the names of machines, people and places.

All files are read, every name in them is learnt, and then each file is written anew with
pseudonyms: texts, keys, the header inside the samples, and the names of files. At the end no file
may hold a name that was replaced anywhere.

Results are made anew: the analysis sorts devices by name, and the draws of its Monte Carlo belong
to the keys of sensors. Values stay as they are, and the ends of intervals move by the noise of the
draws. A result that this version does not reproduce before anything is replaced is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec

from energybench.analysis.energy.boundary import Ranges
from energybench.errors import BadInput
from energybench.model import Comparison, Grade, Measurement, Projection, Study
from energybench.proof import contents
from energybench.proof.archive import Contents
from energybench.proof.comparisons import comparison_again, study_again
from energybench.proof.derived import (
    Sources,
    comparisons_again,
    grade_again,
    missing_for,
    projection_again,
)
from energybench.proof.differences import differences
from energybench.proof.learning import learn, replaced
from energybench.proof.pages import drawn, rendered_again, renderer
from energybench.proof.pseudonyms import Pseudonyms
from energybench.proof.runs import again
from energybench.proof.scenarios import StatedScenario, read_scenario
from energybench.store import digests, document_file, reader, samples, strict
from energybench.store.document_file import Content
from energybench.store.embedded import suffix_of
from energybench.store.job_header import read_job
from energybench.store.job_parts import OWN_FILES
from energybench.store.layout import INDEX, JOB, PARQUET, RUN, WINDOWS
from energybench.store.publication_file import read_publication
from energybench.store.recomputed import with_course
from energybench.store.run import encode, pretty, read_lines
from energybench.store.study import read_study

_Runs = dict[str, tuple[Path, Measurement]]
"""Directory and result of each run by its id."""


class _Made(NamedTuple):
    """Runs with pseudonyms, and the results from which projections and grades are made."""

    runs: _Runs
    sources: Sources


_SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)
_TEXTS = (".toml", ".svg")  # files of which the text is replaced as it stands


def redacted(
    files: contents.Files, folder: Path, names: Pseudonyms, ranges: Ranges
) -> contents.Files:
    """The files of a bundle, written into an empty folder with pseudonyms.

    ranges  stated power ranges of parts without a sensor, for the analysis
    Raises BadInput for a file that cannot be written anew.
    """
    _refuse_other_analysis(files, ranges)
    for noun in _nouns(files):
        learn(noun, names)
    new: contents.Files = {}
    ordered = sorted(files)
    # runs first, and scenarios: all other results are made of them
    of_runs = [name for name in ordered if _is_of_a_run(name)]
    of_scenarios = [name for name in ordered if name.startswith(f"{contents.SCENARIOS}/")]
    others = [name for name in ordered if name not in {*of_runs, *of_scenarios}]

    def add(name: str, content: bytes) -> None:
        new[_renamed(name, folder, new, names)].write_bytes(content)

    for name in of_runs:
        if PurePosixPath(name).name == PARQUET:
            _write_samples(files[name].parent, new[_renamed(name, folder, new, names)], names)
        else:
            add(name, _of_a_run(name, files[name], names))
    runs = _made_again(new, ranges)
    for name in of_scenarios:
        add(name, _text(files[name], names))
    results = _Made(runs, _sources(files, new, runs, names))
    for name in others:
        add(name, _content(name, files[name], results, names))
    return new


def _renamed(name: str, folder: Path, new: contents.Files, names: Pseudonyms) -> str:
    """The name of a file with pseudonyms, whose place is noted. Raises BadInput."""
    renamed = "/".join(names.text(part) for part in name.split("/"))
    if renamed in new:
        raise BadInput(name, "has the name of another file once names are replaced")
    new[renamed] = folder / renamed
    new[renamed].parent.mkdir(parents=True, exist_ok=True)
    return renamed


def refuse_originals(members: Contents, names: Pseudonyms) -> None:
    """Raise BadInput if a file of a bundle still holds a name that was replaced in another."""
    for member, content in members.items():
        for text in _searched(member, content):
            if name := names.remaining(text):
                raise BadInput(
                    f"--redact: {member}",
                    f"still holds the name {name!r}",
                    "leave the file out, or change it",
                )


# ---------------------------------------------------------------- reading


def _is_of_a_run(name: str) -> bool:
    return PurePosixPath(name).name in (*OWN_FILES, PARQUET)


def _nouns(files: contents.Files) -> Iterator[Any]:
    """Everything that a bundle would say, as nouns and texts."""
    for name, path in files.items():
        place = PurePosixPath(name)
        if place.name == RUN:
            yield reader.read_run(path.parent)
        elif place.name == PARQUET:
            _, header, lines = reader.read_samples(path.parent)
            yield header
            yield lines
        elif place.name == JOB:
            yield read_job(path.parent)
        elif place.name == WINDOWS:
            yield read_lines(path.parent)
        elif place.name == INDEX:
            yield read_study(path.parent)
        elif name.startswith((f"{contents.RESULTS}/", f"{contents.DOCUMENTS}/")):
            yield tuple(document_file.read_content(path))
        elif place.suffix == ".toml":
            yield path.read_text("utf-8")


# ---------------------------------------------------------------- results


def _refuse_other_analysis(files: contents.Files, ranges: Ranges) -> None:
    """Raise BadInput for a run whose numbers this version does not find in its samples."""
    for name, directory in contents.run_folders(files).items():
        stated = reader.read_run(directory)
        try:
            difference = next(differences(stated, again(directory, stated, ranges)), None)
        except ValueError as error:
            raise BadInput(f"--redact: {name}", f"cannot be analysed again: {error}") from None
        if difference is not None:
            raise BadInput(
                f"--redact: {name}",
                f"{difference.field} is not what this version finds in the samples",
                "redact with the version that measured the run",
            )


def _made_again(new: contents.Files, ranges: Ranges) -> _Runs:
    """Write run.json of every run, and of every part of a job, as the analysis of the files with
    pseudonyms gives it.
    """
    runs: _Runs = {}
    # the parts of a job before the job
    for name in sorted(new, key=lambda one: (-one.count("/"), one)):
        directory = new[name].parent
        if PurePosixPath(name).name == RUN:
            stated = reader.read_run(directory)
            result = with_course(again(directory, stated, ranges), stated)
            new[name].write_bytes(pretty(result).encode())
            runs[result.id] = (directory, result)
    return runs


def _sources(files: contents.Files, new: contents.Files, runs: _Runs, names: Pseudonyms) -> Sources:
    """The results from which projections and grades are made, with pseudonyms."""
    measured = {name: run for name, (_, run) in runs.items()}
    kinds = (contents.RESULTS, contents.DOCUMENTS)
    paths = [path for kind in kinds for path in contents.of_kind(files, kind).values()]
    comparisons = [
        replaced(result, names)
        for path in paths
        for result in document_file.read_content(path).results
        if isinstance(result, Comparison)
    ]
    scenarios = {}
    for name, path in contents.of_kind(new, contents.SCENARIOS).items():
        scenario = read_scenario(path).scenario
        if scenario is not None:
            scenarios[scenario.name] = StatedScenario(scenario, name)
    return Sources(measured, comparisons_again(comparisons, measured), scenarios)


def _grade_again(stated: Grade, sources: Sources) -> Grade:
    """A grade, made of the run with pseudonyms; as stated if the run is not there."""
    run = sources.runs.get(stated.measurement)
    return stated if run is None else grade_again(stated, run)


def _result_again(stated: Any, made: _Made) -> Any:
    """A result of a file, made of the runs with pseudonyms; as stated if a run is not there."""
    if isinstance(stated, Projection):
        missing = missing_for(stated, made.sources)
        return stated if missing else projection_again(stated, made.sources)
    if isinstance(stated, Measurement):
        return made.sources.runs.get(stated.id, stated)
    if isinstance(stated, Study):
        directories = {name: directory for name, (directory, _) in made.runs.items()}
        return digests.study_with_digests(study_again(stated, made.sources.runs), directories)
    if not isinstance(stated, Comparison):
        return stated
    first, second = made.runs.get(stated.baseline), made.runs.get(stated.candidate)
    if first is None or second is None:
        return msgspec.structs.replace(stated, digests=None)
    again_made = comparison_again(stated, first[1], second[1])
    if stated.digests is None:
        return again_made
    return digests.with_digests(again_made, first[0], second[0])


# ---------------------------------------------------------------- writing


def _of_a_run(name: str, path: Path, names: Pseudonyms) -> bytes:
    """A file of a run or job, without its samples."""
    kind = PurePosixPath(name).name
    if kind == RUN:
        return pretty(replaced(reader.read_run(path.parent), names)).encode()
    if kind == JOB:
        return pretty(replaced(read_job(path.parent), names)).encode()
    if kind == WINDOWS:
        lines = (encode(replaced(line, names)) + b"\n" for line in read_lines(path.parent))
        return b"".join(lines)
    return pretty(replaced(strict.load(path), names)).encode()  # clocks, silent nodes


def _text(path: Path, names: Pseudonyms) -> bytes:
    return names.text(path.read_text("utf-8")).encode()


def _content(name: str, path: Path, made: _Made, names: Pseudonyms) -> bytes:
    """A study, result, report, or file of a publication."""
    if PurePosixPath(name).name == INDEX:
        study = _result_again(replaced(read_study(path.parent), names), made)
        return msgspec.json.format(encode(study), indent=1) + b"\n"
    if name.startswith((f"{contents.RESULTS}/", f"{contents.DOCUMENTS}/")):
        return _rendered(path, made, names)
    if name == contents.PUBLICATION_FILE:
        read_publication(path)
    return _text(path, names) if path.suffix in _TEXTS else path.read_bytes()  # a logo


def _write_samples(directory: Path, target: Path, names: Pseudonyms) -> None:
    table, header, lines = reader.read_samples(directory)
    blob = b"\n".join(encode(replaced(noun, names)) for noun in (header, *lines))
    samples.write_parquet(target, table, blob)


def _rendered(path: Path, made: _Made, names: Pseudonyms) -> bytes:
    """A result or a report, rendered anew from its document with pseudonyms."""
    content = Content(*replaced(tuple(document_file.read_content(path)), names))
    content = content._replace(
        results=tuple(_result_again(one, made) for one in content.results),
        grades=tuple(_grade_again(one, made.sources) for one in content.grades),
    )
    if not content.results and len(content.grades) == 1:
        return pretty(content.grades[0]).encode()
    page = path.read_bytes()
    suffix = suffix_of(page)
    report = renderer(suffix)
    if report is None:
        raise BadInput(str(path), f"no report of this installation writes {suffix}", "leave it out")
    document = content.document()
    measured: tuple[Measurement, ...] = document.of(Measurement)
    if document.timelines and all(one.id in made.runs for one in measured):
        timelines = drawn(document, made.runs)
        document = msgspec.structs.replace(document, timelines=timelines)
    return rendered_again(page, report, document)


# ---------------------------------------------------------------- searching


def _searched(member: str, content: Path | bytes) -> Iterator[str]:
    """The texts of a file: its name, its bytes as text, and the header inside samples."""
    yield member
    if PurePosixPath(member).name == PARQUET and isinstance(content, Path):
        _, blob = samples.read_parquet(content)
        yield blob.decode("utf-8", "replace")
        return
    data = content if isinstance(content, bytes) else content.read_bytes()
    # scripts hold no data: the library of charts knows a colour "aliceblue"
    yield _SCRIPT.sub("", data.decode("utf-8", "replace"))
