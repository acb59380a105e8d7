"""Reading finished runs and other results, and completing runs that were cut off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.doubts import beyond
from energybench.errors import BadInput
from energybench.model import Comparison, Doubt, Measurement, Projection, Study, Trace, Window
from energybench.store import samples, strict
from energybench.store.layout import HEADER, PARQUET, PARTIAL, RUN, SAMPLES, STORE, find
from energybench.store.run import (
    Header,
    RecordLine,
    parse_line,
    process_started,
    read_header,
    read_lines,
)
from energybench.store.writer import complete

_KINDS: dict[str, type[Any]] = {
    "measurement": Measurement,
    "comparison": Comparison,
    "projection": Projection,
    "study": Study,
}


def read_run(directory: Path) -> Measurement:
    """The measurement of a finished run directory."""
    return strict.convert(strict.load(directory / RUN), Measurement, str(directory / RUN))


def measurement(name: str, store: Path = STORE) -> tuple[Path, Measurement]:
    """A run by path, id, or 'latest' (see `layout.find`)."""
    directory = find(name, store)
    return directory, read_run(directory)


def result(path: Path) -> Measurement | Comparison | Projection | Study:
    """Any of our JSON documents by its own `kind`."""
    value = strict.load(path)
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in _KINDS:
        raise BadInput(f"{path}: kind", f"is {kind!r}", f"expected one of {', '.join(_KINDS)}")
    made: Measurement | Comparison | Projection | Study = strict.convert(
        value, _KINDS[kind], str(path)
    )
    return made


def read_traces(directory: Path) -> tuple[tuple[Trace, ...], tuple[Window, ...]]:
    """The raw samples of a finished run, and its windows."""
    path = directory / PARQUET
    table, blob = samples.read_parquet(path)
    first, *rest = blob.decode("utf-8").split("\n")
    header = strict.convert(strict.loads(first, str(path)), Header, str(path))
    windows = tuple(
        window for line in rest if (window := parse_line(line, str(path)).window) is not None
    )
    return samples.traces(table, header.channels), windows


def recover(name: str, ranges: Ranges) -> tuple[Path, Measurement]:
    """Complete a run whose measuring side was killed, from what it had written.

    Raises BadInput where it still runs, was finished, or holds no repeat.
    """
    directory = _partial(Path(name))
    header = read_header(directory)
    started = process_started(header.pid)
    if started is not None and started == header.pid_started and header.pid != os.getpid():
        raise BadInput(
            name, f"is still being measured by process {header.pid}", "wait for it, or end it first"
        )
    table = samples.read_stream(directory / SAMPLES)
    last_s = samples.last_s(table)
    lines = read_lines(directory)
    closed = {
        line.window.repeat
        for line in lines
        if line.window is not None and line.window.label == "repeat"
    }
    opened = {
        line.opening.repeat
        for line in lines
        if line.opening is not None and line.opening.label == "repeat"
    }
    extra = [
        Doubt(
            code="recovered",
            message="the measuring side was killed; this was completed from what it had written",
            remedy="repeat the run",
        )
    ]
    if opened - closed:
        extra.append(
            Doubt(
                code="cut-off",
                message="its last repeat ends at the last sample, not at the work's end",
                remedy="repeat the run",
            )
        )
    if file := _checkpoint(header, lines):
        extra.append(
            Doubt(
                code="checkpoint-beyond",
                message=beyond(file),
                remedy=f"the same command again: it goes on from {Path(file).name}",
            )
        )
    try:
        return complete(directory, header, table, ranges, tuple(extra), last_s)
    except ValueError as error:
        raise BadInput(
            name, f"cannot be completed: {error}", "it was cut off before the work began"
        ) from None


def _checkpoint(header: Header, lines: Sequence[RecordLine]) -> str:
    """The file that the run went on from and wrote; empty where it had none.

    What only reads its checkpoint states no progress.
    """
    kept = [line.record for line in lines if line.record is not None]
    if kept and kept[-1].progress is None:
        return ""
    workload = next(
        (line.workload for line in reversed(lines) if line.workload is not None), header.workload
    )
    return str(workload.settings.get("checkpoint") or "") if workload is not None else ""


def _partial(path: Path) -> Path:
    if (path / HEADER).is_file():
        return path
    hidden = path.with_name(PARTIAL + path.name)
    if (hidden / HEADER).is_file():
        return hidden
    if (path / RUN).is_file():
        raise BadInput(str(path), "was finished; there is nothing to recover")
    if path.is_dir():
        held = sorted(inner for inner in path.iterdir() if inner.name.startswith(PARTIAL))
        if len(held) == 1:
            return held[0]
        raise BadInput(
            str(path),
            f"holds {len(held)} unfinished runs",
            f"one at a time: {', '.join(one.name for one in held)}"
            if held
            else "nothing to recover",
        )
    raise BadInput(str(path), "no such run", f"unfinished runs are called {PARTIAL}…")
