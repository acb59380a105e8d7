"""Reading the parts of a job: the results written by the nodes, or their samples analysed again;
and the small files of the head node.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench.analysis.energy.boundary import Ranges
from energybench.errors import BadInput, UnknownFields
from energybench.model import Host, Measurement
from energybench.process_pool import mapped
from energybench.store import reader, strict
from energybench.store.layout import RUN

_CHUNK = 8  # number of parts that a process takes at once


class _Task(NamedTuple):
    directory: Path
    ranges: Ranges | None


class _Answer(NamedTuple):
    """A part as JSON, or the reason why the part is unreadable; and skipped fields."""

    measurement: bytes = b""
    why: str = ""
    unknown: tuple[str, ...] = ()


def read_all(
    directory: Path, folders: Sequence[str], ranges: Ranges | None, jobs: int
) -> Iterator[Measurement | str]:
    """The parts, with the reasons for unreadable parts."""
    tasks = [_Task(directory / folder, ranges) for folder in folders]
    if jobs == 1 or len(tasks) <= _CHUNK:
        for task in tasks:
            try:
                yield _part(task)
            except (BadInput, ValueError) as why:
                yield str(why)
        return
    done = 0
    try:
        for answer in mapped(_answer, tasks, jobs, _CHUNK):
            done += 1
            if answer.unknown:
                warnings.warn(
                    UnknownFields((str(tasks[done - 1].directory / RUN),), answer.unknown),
                    stacklevel=2,
                )
            yield answer.why or msgspec.json.decode(answer.measurement, type=Measurement)
    except BrokenExecutor:
        # a process was killed: the rest is read here
        yield from read_all(directory, folders[done:], ranges, 1)


def _answer(task: _Task) -> _Answer:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnknownFields)
        try:
            encoded = msgspec.json.encode(_part(task))
        except (BadInput, ValueError) as why:
            return _Answer(why=str(why))
    passed_over = [warning.message for warning in caught]
    fields = [
        field for words in passed_over if isinstance(words, UnknownFields) for field in words.fields
    ]
    return _Answer(encoded, unknown=tuple(dict.fromkeys(fields)))


def _part(task: _Task) -> Measurement:
    measured = reader.read_run(task.directory)
    if task.ranges is None:
        return measured
    # imported late: `collect` without samples needs no analysis of traces
    from energybench.store.recomputed import recomputed

    return recomputed(task.directory, measured, task.ranges)


# ---------------------------------------------------------------- words of the head node


def numbers_of(path: Path) -> dict[str, float]:
    """A file with a number for each node; empty without a file."""
    return {
        node: float(number)
        for node, number in _of_file(path).items()
        if isinstance(number, int | float) and not isinstance(number, bool)
    }


def words_of(path: Path) -> dict[str, str]:
    """A file with a text for each node; empty without a file."""
    return {node: words for node, words in _of_file(path).items() if isinstance(words, str)}


def is_readable(path: Path) -> bool:
    """Whether a file of the head node exists and is whole."""
    return _loaded(path) is not None


def _of_file(path: Path) -> Mapping[str, object]:
    return _loaded(path) or {}


def _loaded(path: Path) -> Mapping[str, object] | None:
    try:
        value = strict.load(path)
    except BadInput:
        return None
    return value if isinstance(value, dict) else None


def zero_s(host: Host) -> float | None:
    """Time of day (s since 1970) at which the host's monotonic clock showed 0; None: unknown."""
    if host.started_utc is None or host.started_s is None:
        return None
    try:
        return datetime.fromisoformat(host.started_utc).timestamp() - host.started_s
    except ValueError:
        return None
