"""Reading finished runs and other results, and completing runs that were cut off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.doubts import beyond
from energybench.errors import BadInput
from energybench.model import Comparison, Doubt, Measurement, Projection, Study, Trace, Window
from energybench.store import samples, strict, unknown_fields
from energybench.store.layout import HEADER, PARQUET, PARTIAL, RUN, SAMPLES, STORE, find
from energybench.store.liveness import Lock, refuse_if_alive
from energybench.store.run import (
    Header,
    RecordLine,
    parse_line,
    read_header,
    read_lines,
    workload,
)
from energybench.store.writer import complete

_KINDS: dict[str, type[Any]] = {
    "measurement": Measurement,
    "comparison": Comparison,
    "projection": Projection,
    "study": Study,
}


def read_run(directory: Path) -> Measurement:
    """The measurement of a finished run directory. Raises BadInput."""
    path = directory / RUN
    return unknown_fields.convert(strict.load(path), Measurement, str(path))


def measurement(name: str, store: Path = STORE) -> tuple[Path, Measurement]:
    """A run by path, id, or 'latest' (see `layout.find`). Raises BadInput."""
    directory = find(name, store)
    return directory, read_run(directory)


def result(path: Path) -> Measurement | Comparison | Projection | Study:
    """Any JSON document of energybench, by its own `kind`. Raises BadInput."""
    value = strict.load(path)
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in _KINDS:
        raise BadInput(f"{path}: kind", f"is {kind!r}", f"expected one of {', '.join(_KINDS)}")
    noun: Measurement | Comparison | Projection | Study = unknown_fields.convert(
        value, _KINDS[kind], str(path)
    )
    return noun


def read_traces(directory: Path) -> tuple[tuple[Trace, ...], tuple[Window, ...]]:
    """The raw samples of a finished run, and its windows. Raises BadInput."""
    path = directory / PARQUET
    table, blob = samples.read_parquet(path)
    try:
        first, *rest = blob.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise BadInput(
            str(path), "its header is not UTF-8 text", "energybench did not write it"
        ) from None
    header = unknown_fields.convert(strict.loads(first, str(path)), Header, str(path))
    lines = [parse_line(line, str(path)) for line in rest]
    windows = tuple(line.window for line in lines if line.window is not None)
    return samples.traces(table, header.channels), windows


def recover(name: str, ranges: Ranges) -> tuple[Path, Measurement]:
    """Complete a run whose measuring side was killed, from samples and windows on disk.

    Raises BadInput if the run is still measured, was finished, or holds no repeat, and
    StorageFailed.
    """
    directory = _partial(Path(name))
    header = read_header(directory)
    try:
        lock = Lock.on(directory / HEADER)
    except OSError as error:
        raise BadInput(
            str(directory / HEADER),
            f"cannot be written: {error.strerror}",
            "recover writes the result beside it: run it as the owner, on a disk with space",
        ) from None
    try:
        refuse_if_alive(name, directory, lock, header.writer)
        last_s = samples.last_s(samples.read_stream(directory / SAMPLES))
        doubts = _recovery_doubts(header, read_lines(directory))
        return complete(directory, header, ranges, doubts, last_s)
    except ValueError as error:
        raise BadInput(
            name, f"cannot be completed: {error}", "it was cut off before the work began"
        ) from None
    finally:
        lock.close()


def _recovery_doubts(header: Header, lines: Sequence[RecordLine]) -> tuple[Doubt, ...]:
    doubts = [
        Doubt(
            code="recovered",
            message="the measuring side ended before it could write the result (killed, or its "
            "disk was full); this run was completed from its samples and windows on disk",
            remedy="repeat the run",
        )
    ]
    if file := _checkpoint(header, lines):
        doubts.append(
            Doubt(
                code="checkpoint-beyond",
                message=beyond(file),
                remedy=f"the same command again: it goes on from {Path(file).name}",
            )
        )
    return tuple(doubts)


def _checkpoint(header: Header, lines: Sequence[RecordLine]) -> str:
    """The file that the run went on from and wrote; empty if there is no such file.

    A workload that only reads its checkpoint states no progress.
    """
    records = [line.record for line in lines if line.record is not None]
    if records and records[-1].progress is None:
        return ""
    latest = workload(header, lines)
    return str(latest.settings.get("checkpoint") or "") if latest is not None else ""


def _partial(path: Path) -> Path:
    """The unfinished run that a path names. Raises BadInput."""
    if (path / HEADER).is_file():
        return path
    if path.name:  # not "", "." or "/"
        hidden = path.with_name(PARTIAL + path.name)
        if (hidden / HEADER).is_file():
            return hidden
    if (path / RUN).is_file():
        raise BadInput(str(path), "was finished; there is nothing to recover")
    if not path.is_dir():
        raise BadInput(str(path), "no such run", f"unfinished runs are called {PARTIAL}…")
    unfinished = sorted(inner for inner in path.iterdir() if inner.name.startswith(PARTIAL))
    if len(unfinished) == 1:
        return unfinished[0]
    remedy = "nothing to recover"
    if unfinished:
        remedy = f"name one of them: {', '.join(run.name for run in unfinished)}"
    raise BadInput(str(path), f"holds {len(unfinished)} unfinished runs", remedy)
