"""What a run directory says beside its samples: the header, and the lines that were added while it
ran.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import msgspec

from energybench.analysis.measurement.measure import Record, SamplingStats
from energybench.errors import BadInput
from energybench.model import (
    BoundaryName,
    Channel,
    Condition,
    DeviceLimits,
    Doubt,
    Host,
    Noun,
    OtherLoad,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)
from energybench.store import strict
from energybench.store.layout import HEADER, WINDOWS


class Header(Noun, frozen=True, kw_only=True):
    """Written once, before the work starts."""

    schema: Literal["energybench-run/1"] = "energybench-run/1"
    id: str
    label: str
    workload: WorkloadRef | None
    command: tuple[str, ...] | None
    boundary: BoundaryName
    host: Host
    channels: tuple[Channel, ...]
    pid: int
    session: str | None = None  # shared by runs that were interleaved
    pid_started: int | None  # clock ticks since boot, from /proc/PID/stat: tells a reused pid apart
    doubts: tuple[Doubt, ...] = ()
    limits: DeviceLimits | None = None  # of the device that the work was given


class Opening(Noun, frozen=True, kw_only=True):
    """A window that has begun; without a Window of its label after it, the run was cut off inside
    it.
    """

    label: str
    start_s: float
    repeat: int | None = None


class RecordLine(Noun, frozen=True, kw_only=True):
    """One line of windows.jsonl: exactly one of these is set."""

    opening: Opening | None = None
    window: Window | None = None
    work: Work | None = None
    verification: tuple[Verification, ...] | None = None
    workload: WorkloadRef | None = None
    doubt: Doubt | None = None
    conditions: tuple[Condition, ...] | None = None
    others: tuple[OtherLoad, ...] | None = None
    record: WorkRecord | None = None


def process_started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def read_header(directory: Path) -> Header:
    path = directory / HEADER
    raw = strict.load(path)
    if not isinstance(raw, dict) or raw.get("schema") != "energybench-run/1":
        raise BadInput(str(path), "is no header of a run", "it is not ours")
    return strict.convert(raw, Header, str(path))


def read_lines(directory: Path) -> tuple[RecordLine, ...]:
    """The lines of windows.jsonl; a last line that was cut off is left out."""
    path = directory / WINDOWS
    try:
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return ()
    whole = text.splitlines(keepends=True)
    if whole and not whole[-1].endswith("\n"):
        whole = whole[:-1]
    return tuple(parse_line(line, f"{path} line {i}") for i, line in enumerate(whole, 1))


def parse_line(text: str, where: str) -> RecordLine:
    value = strict.loads(text, where)
    try:
        return msgspec.convert(value, RecordLine)
    except msgspec.ValidationError as error:
        raise BadInput(where, str(error), "it is not ours, or was edited") from None


def record(
    header: Header,
    lines: tuple[RecordLine, ...],
    sampling: tuple[SamplingStats, ...] = (),
    last_s: float | None = None,
) -> Record:
    """Header and lines as the record that is analysed.

    `last_s`: the last sample's time, where a window left open ends.
    """
    windows = [line.window for line in lines if line.window is not None]
    openings = {
        (line.opening.label, line.opening.repeat): line.opening
        for line in lines
        if line.opening is not None
    }
    worked = any(line.work is not None for line in lines)
    for opening in (
        openings.values()
    ):  # of a first repeat that was begun anew, longer, the last beginning counts
        closed = any(w.label == opening.label and w.repeat == opening.repeat for w in windows)
        a_part = (
            opening.label == "repeat" and worked
        )  # of a repeat, beside whole ones: its work is not known
        if not closed and not a_part and last_s is not None and last_s > opening.start_s:
            windows.append(
                Window(
                    label=opening.label,
                    start_s=opening.start_s,
                    end_s=last_s,
                    repeat=opening.repeat,
                )
            )
    repeats = sum(window.label == "repeat" for window in windows)
    works: list[Work | None] = [line.work for line in lines if line.work is not None]
    workload = next(
        (line.workload for line in reversed(lines) if line.workload is not None), header.workload
    )
    return Record(
        id=header.id,
        label=header.label,
        workload=workload,
        command=header.command,
        boundary=header.boundary,
        host=header.host,
        windows=tuple(windows),
        works=tuple(works + [None] * (repeats - len(works))),
        verification=_worst(lines),
        doubts=header.doubts + tuple(line.doubt for line in lines if line.doubt is not None),
        sampling=sampling,
        session=header.session,
        conditions=tuple(condition for line in lines for condition in line.conditions or ()),
        others=tuple(other for line in lines for other in line.others or ()),
        limits=header.limits,
        kept=next((line.record for line in reversed(lines) if line.record is not None), None),
    )


def _worst(lines: tuple[RecordLine, ...]) -> tuple[Verification, ...]:
    """Of each quantity over the repeats: the first check that failed, else the one that came
    closest to failing.
    """
    worst: dict[str, Verification] = {}
    for line in lines:
        for check in line.verification or ():
            held = worst.get(check.quantity)
            if held is None or (
                held.passed
                and (not check.passed or abs(check.value or 0.0) > abs(held.value or 0.0))
            ):
                worst[check.quantity] = check
    return tuple(worst.values())


def encode(noun: Any) -> bytes:
    """A noun as one line of JSON."""
    return msgspec.json.encode(noun)


def pretty(noun: Any) -> str:
    """A noun as indented JSON with a final newline."""
    return (
        json.dumps(msgspec.to_builtins(noun), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )
