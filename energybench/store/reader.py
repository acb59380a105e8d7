"""Reading finished runs and other results, and completing runs that were cut off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.doubts import beyond
from energybench.errors import BadInput, NothingToRecover, StorageFailed
from energybench.model import REPEAT, Comparison, Doubt, Measurement, Projection, Study, Window
from energybench.store import (
    contradictions,
    document_file,
    foreign_samples,
    part_names,
    sampled_lines,
    samples,
    strict,
    unknown_fields,
)
from energybench.store.layout import (
    HEADER,
    JOB,
    NODE,
    PARQUET,
    PARTIAL,
    RUN,
    SAMPLES,
    STORE,
    WINDOWS,
    find,
)
from energybench.store.liveness import JobState, Lock, refuse_if_alive, unknown_state
from energybench.store.recovery_doubts import of_planned
from energybench.store.run import (
    Header,
    RecordLine,
    parse_line,
    read_header,
    read_lines,
    record,
    workload,
)
from energybench.store.sampled_lines import SampledLines
from energybench.store.traces import StoredTraces
from energybench.store.writer import complete
from energybench.units import counted


def read_run(directory: Path) -> Measurement:
    """The measurement of a finished run directory. Raises BadInput."""
    path = directory / RUN
    measured = unknown_fields.convert(strict.load(path), Measurement, str(path))
    contradictions.refuse(measured, str(path))
    return measured


def measurement(name: str, store: Path = STORE) -> tuple[Path, Measurement]:
    """A run by path, id, or 'latest' (see `layout.find`). Raises BadInput."""
    directory = find(name, store)
    return directory, read_beside_others(directory)


def read_beside_others(directory: Path) -> Measurement:
    """The measurement of a finished run directory, for use beside other results: the part of a job
    gets a unique id. Raises BadInput.
    """
    return part_names.told_apart(read_run(directory), directory)


def result(path: Path) -> Measurement | Comparison | Projection | Study:
    """A single result printed by energybench, by its own `kind`. Raises BadInput."""
    return document_file.result(strict.load(path), str(path))


def read_traces(
    directory: Path, *, one_by_one: bool = False
) -> tuple[StoredTraces, tuple[Window, ...]]:
    """The raw samples of a finished run, and its windows. Raises BadInput as `read_samples`.
    `one_by_one`: see StoredTraces.
    """
    table, header, lines = read_samples(directory)
    windows = tuple(line.window for line in lines if line.window is not None)
    contradictions.refuse_windows(windows, *samples.span_s(table), str(directory / PARQUET))
    return StoredTraces(table, header.channels, one_by_one=one_by_one), windows


def read_samples(directory: Path) -> tuple[samples.Samples, Header, tuple[RecordLine, ...]]:
    """The samples of a finished run, with the header and the lines in the file of samples: windows,
    pauses and doubts.

    Raises BadInput, also for samples of another run than the neighbouring run.json, and for a job,
    whose samples stand in the parts of its nodes.
    """
    path = directory / PARQUET
    if (directory / JOB).is_file():
        parts = [part.name for part in sorted(directory.glob(f"{NODE}*")) if part.is_dir()]
        raise BadInput(
            str(directory),
            "is a job: each of its nodes has samples of its own",
            f"name a node's part: {', '.join(str(directory / part) for part in parts[:3])}"
            + (f" (of {len(parts)})" if len(parts) > 3 else ""),
        )
    table, blob = samples.read_parquet(path)
    try:
        first, *rest = blob.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise BadInput(
            str(path), "its header is not UTF-8 text", "energybench did not write it"
        ) from None
    header = unknown_fields.convert(strict.loads(first, str(path)), Header, str(path))
    lines = tuple(parse_line(line, str(path)) for line in rest)
    foreign_samples.refuse(directory, header, lines)
    return table, header, lines


def recover(
    name: str,
    ranges: Ranges,
    *,
    has_ended: bool = False,
    job_state: JobState = unknown_state,
) -> tuple[Path, Measurement]:
    """Complete a run whose measuring side was killed, from samples and windows on disk.

    has_ended  whether the caller knows that the measuring side has ended, as Slurm knows about a
               step
    job_state  asks the scheduler about the run's job

    Raises BadInput if the run is still measured, was finished, or holds no repeat, and
    StorageFailed.
    """
    directory = partial(Path(name))
    header = read_header(directory)
    try:
        lock = Lock.on(directory / HEADER)
    except OSError as error:
        raise StorageFailed(
            f"{directory / HEADER}: cannot be written: {error.strerror} (recover writes the result "
            "beside it: run it as the owner, on a disk with space)"
        ) from None
    try:
        refuse_if_alive(
            name,
            directory,
            lock,
            header.writer,
            has_ended=has_ended,
            job=header.job,
            job_state=job_state,
        )
        sampled = sampled_lines.of_run(directory, header, samples.read_stream(directory / SAMPLES))
        if not record(header, sampled.lines, last_s=sampled.last_s).repeats:
            why = _cut_off(directory, header, read_lines(directory))
            raise BadInput(name, f"cannot be completed: {why}", "repeat the run")
        doubts = _recovery_doubts(header, sampled)
        return complete(directory, header, ranges, doubts, sampled)
    except ValueError as error:
        raise BadInput(name, f"cannot be completed: {error}", "repeat the run") from None
    finally:
        lock.close()


def _cut_off(directory: Path, header: Header, lines: Sequence[RecordLine]) -> str:
    """In words, where a run without a measured part of a repeat was cut off."""
    if not (directory / WINDOWS).is_file():
        return f"{WINDOWS}, the list of its repeats, is missing: nothing tells whether any was done"
    openings = [line.opening for line in lines if line.opening is not None]
    if not openings:
        return "it was cut off before the work began"
    if openings[-1].label != REPEAT:
        return f"it was cut off before the work began ({openings[-1].label})"
    number = (openings[-1].repeat or 0) + 1
    return (
        f"it was cut off in repeat {number}{_of(header)}, before the first sample of that repeat "
        "was written (about once a second; every 30 s by a node of a job)"
    )


def _of(header: Header) -> str:
    """The planned number of repeats, as in "1 of 3"; empty if no number was planned."""
    return f" of {header.repeats}" if header.repeats is not None else ""


def _recovery_doubts(header: Header, sampled: SampledLines) -> tuple[Doubt, ...]:
    unfinished = record(header, sampled.lines, last_s=sampled.last_s)
    measured = sampled.last_s is not None and not unfinished.partial
    whole = len(unfinished.repeats) if measured else 0
    ended = ""
    if sampled.unread:
        ended = f"; the samples end before {counted(sampled.unread, 'further repeat')} did"
    doubts = [
        Doubt(
            code="recovered",
            message="the measuring side ended before it could write the result (killed, or its "
            "disk was full); this run was completed from its samples and windows on disk, with "
            f"{of_planned(whole, header.repeats)} measured to the end{ended}",
            remedy="repeat the run",
        )
    ]
    if file := _checkpoint(header, sampled.lines):
        doubts.append(
            Doubt(
                code="checkpoint-beyond",
                message=beyond(file),
                remedy=f"the same command again: it goes on from {Path(file).name}",
            )
        )
    return tuple(doubts)


def _checkpoint(header: Header, lines: Sequence[RecordLine]) -> str:
    """The file that the run went on from and wrote; empty without such a file.

    A workload that only reads its checkpoint states no progress.
    """
    records = [line.record for line in lines if line.record is not None]
    if records and records[-1].progress is None:
        return ""
    latest = workload(header, lines)
    return str(latest.settings.get("checkpoint") or "") if latest is not None else ""


def _unfinished(path: Path) -> bool:
    """Whether a directory holds an unfinished run, of a node or of a job."""
    return (path / HEADER).is_file() or ((path / JOB).is_file() and not (path / RUN).is_file())


def partial(path: Path) -> Path:
    """The only unfinished run or job on a path. Raises BadInput."""
    runs = unfinished(path)
    if len(runs) == 1:
        return runs[0]
    remedy = f"name one of them: {', '.join(run.name for run in runs)}"
    raise BadInput(str(path), f"holds {len(runs)} unfinished runs", remedy)


def unfinished(path: Path) -> list[Path]:
    """The unfinished run or job on a path, or all unfinished runs and jobs of a store. Raises
    BadInput.
    """
    if _unfinished(path):
        return [path]
    if path.name:  # not "", "." or "/"
        hidden = path.with_name(PARTIAL + path.name)
        if _unfinished(hidden):
            return [hidden]
    if (path / RUN).is_file():
        raise BadInput(str(path), "was finished; there is nothing to recover")
    if not path.is_dir():
        raise BadInput(str(path), "no such run", f"unfinished runs are called {PARTIAL}…")
    runs = sorted(inner for inner in path.iterdir() if inner.name.startswith(PARTIAL))
    if not runs:
        raise NothingToRecover(str(path), "holds no unfinished run, there is nothing to recover")
    return runs
