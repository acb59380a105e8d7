"""The text files of a run directory: the header, and the lines added during the run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from energybench.analysis.measurement.measure import Record, SamplingStats
from energybench.analysis.measurement.signalled_repeats import judged, whole_repeats
from energybench.errors import BadInput
from energybench.foreign_text import escaped, unicode_text
from energybench.model import (
    REPEAT,
    BoundaryName,
    Channel,
    Condition,
    DeviceLimits,
    Doubt,
    Host,
    Job,
    Noun,
    OtherLoad,
    Pause,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)
from energybench.regular_file import read_bytes
from energybench.store import strict, unknown_fields
from energybench.store.layout import HEADER, WINDOWS
from energybench.store.liveness import Writer


class Header(Noun, frozen=True, kw_only=True):
    """Written once, before the work starts."""

    schema: Literal["energybench-run/1"] = "energybench-run/1"
    id: str
    label: str
    workload: WorkloadRef | None
    command: tuple[str, ...] | None
    boundary: BoundaryName
    repeats: int | None = None  # requested number; None: until the interval is narrow
    host: Host
    channels: tuple[Channel, ...]
    pid: int
    session: str | None = None  # shared by interleaved runs
    # clock ticks since boot, from /proc/PID/stat: tells a reused process id from the first use
    pid_started: int | None
    boot_id: str | None = None  # boot of the kernel in which `pid` is a process number
    doubts: tuple[Doubt, ...] = ()
    limits: DeviceLimits | None = None  # limits of the device under work
    job: Job | None = None  # job of the measuring process
    case: str | None = None  # the run of a campaign

    @property
    def writer(self) -> Writer:
        """The process that wrote, or writes, the run."""
        return Writer(self.pid, self.pid_started, self.host.name, self.boot_id)


class Opening(Noun, frozen=True, kw_only=True):
    """A window has begun. If no Window with the same label follows, the run was cut off inside."""

    label: str
    start_s: float
    repeat: int | None = None


class RecordLine(Noun, frozen=True, kw_only=True):
    """A line of windows.jsonl with exactly one field.

    repeat  beside a work: the repeat of the work; None: the next whole repeat without a work
    """

    opening: Opening | None = None
    window: Window | None = None
    work: Work | None = None
    verification: tuple[Verification, ...] | None = None
    workload: WorkloadRef | None = None
    doubt: Doubt | None = None
    conditions: tuple[Condition, ...] | None = None
    others: tuple[OtherLoad, ...] | None = None
    record: WorkRecord | None = None
    repeat: int | None = None
    pause: Pause | None = None


def read_header(directory: Path) -> Header:
    """The header of a run directory. Raises BadInput."""
    path = directory / HEADER
    value = strict.load(path)
    if not isinstance(value, dict) or value.get("schema") != "energybench-run/1":
        raise BadInput(
            str(path), "is not the header of a run", "energybench did not write this file"
        )
    return unknown_fields.convert(value, Header, str(path))


def read_lines(directory: Path) -> tuple[RecordLine, ...]:
    """The lines of windows.jsonl; an incomplete last line is left out."""
    path = directory / WINDOWS
    if not path.exists():
        return ()
    *lines, _ = read_bytes(path, strict.MOST_BYTES).split(b"\n")
    return tuple(
        parse_line(line.decode("utf-8", "replace"), f"{path} line {i}")
        for i, line in enumerate(lines, 1)
    )


def parse_line(text: str, where: str) -> RecordLine:
    """A line of windows.jsonl. Raises BadInput."""
    return unknown_fields.convert(strict.loads(text, where), RecordLine, where)


def record(
    header: Header,
    lines: Sequence[RecordLine],
    sampling: tuple[SamplingStats, ...] = (),
    last_s: float | None = None,
) -> Record:
    """Header and lines as the record for the analysis.

    `last_s`: time of the last sample, the end of a window left open.
    """
    windows = _windows(lines, last_s)
    if last_s is not None and workload(header, lines) is not None:
        windows = _cut_without_work(windows, sum(line.work is not None for line in lines))
    windows = judged(windows)
    whole = len(whole_repeats(windows))
    return Record(
        id=header.id,
        label=header.label,
        workload=workload(header, lines),
        command=header.command,
        boundary=header.boundary,
        host=header.host,
        windows=windows,
        works=works_of_whole_repeats(lines, windows),
        verification=_worst_checks(lines, windows, parts_alone=whole == 0),
        doubts=header.doubts + tuple(line.doubt for line in lines if line.doubt is not None),
        sampling=sampling,
        session=header.session,
        conditions=tuple(condition for line in lines for condition in line.conditions or ()),
        others=tuple(other for line in lines for other in line.others or ()),
        pauses=tuple(line.pause for line in lines if line.pause is not None),
        limits=header.limits,
        job=header.job,
        case=header.case,
        kept=last_record(lines),
    )


def works_of_whole_repeats(
    lines: Sequence[RecordLine], windows: Sequence[Window]
) -> tuple[Work | None, ...]:
    """The works of the whole repeats, in order; None: not stated. A single place if no repeat is
    whole.
    """
    whole = whole_repeats(windows)
    by_repeat = {line.repeat: line.work for line in lines if line.work is not None}
    if None in by_repeat:
        works: list[Work | None] = [line.work for line in lines if line.work is not None]
    else:
        works = [by_repeat.get(window.repeat) for window in whole]
    return (*works, *[None] * (max(len(whole), 1) - len(works)))


def last_record(lines: Sequence[RecordLine]) -> WorkRecord | None:
    """The record that was written last."""
    records = [line.record for line in lines if line.record is not None]
    return records[-1] if records else None


def workload(header: Header, lines: Sequence[RecordLine]) -> WorkloadRef | None:
    """The workload with the settings last reported by the set-up, else the settings in the
    header.
    """
    reported = [line.workload for line in lines if line.workload is not None]
    return reported[-1] if reported else header.workload


def _windows(lines: Sequence[RecordLine], last_s: float | None) -> tuple[Window, ...]:
    """Complete windows, and windows cut off by the end of the run, up to the last sample."""
    windows = [line.window for line in lines if line.window is not None]
    closed = {(window.label, window.repeat) for window in windows}
    # the first repeat may be restarted with more work: only its last start counts
    openings = {
        (line.opening.label, line.opening.repeat): line.opening
        for line in lines
        if line.opening is not None
    }
    for place, opening in openings.items():
        if place in closed or last_s is None or last_s <= opening.start_s:
            continue
        windows.append(
            Window(
                label=opening.label,
                start_s=opening.start_s,
                end_s=last_s,
                repeat=opening.repeat,
                cut="no-end" if opening.label == REPEAT else None,
            )
        )
    return tuple(windows)


def _cut_without_work(windows: Sequence[Window], works: int) -> tuple[Window, ...]:
    """The windows of a workload's killed run: a repeat that ended without a stated work counts as a
    part.

    works  number of repeats with a stated work, always the first repeats
    """
    repeats = [window for window in windows if window.label == REPEAT]
    unstated = {window.repeat for window in repeats[works:]}
    return tuple(
        msgspec.structs.replace(window, cut=window.cut or "no-end")
        if window.label == REPEAT and window.repeat in unstated
        else window
        for window in windows
    )


def _worst_checks(
    lines: Sequence[RecordLine], windows: Sequence[Window], *, parts_alone: bool
) -> tuple[Verification, ...]:
    """For every quantity, over the repeats: the first failed check, or the check closest to
    failing.

    The check of a repeat that was ended by a signal to the run is no evidence about the whole
    repeats: the check counts only if no repeat is whole.
    """
    cuts = {window.repeat: window.cut for window in windows if window.label == REPEAT}
    worst: dict[str, Verification] = {}
    cut_by_signal = False
    for line in lines:
        if line.window is not None and line.window.label == REPEAT:
            cut = cuts.get(line.window.repeat, line.window.cut)
            cut_by_signal = cut in ("signal", "signal-handled")
        for check in () if cut_by_signal and not parts_alone else line.verification or ():
            before = worst.get(check.quantity)
            if before is None or (before.passed and _worse(check, before)):
                worst[check.quantity] = check
    return tuple(worst.values())


def _worse(check: Verification, before: Verification) -> bool:
    return not check.passed or abs(check.value or 0.0) > abs(before.value or 0.0)


def encode(noun: Any) -> bytes:
    """A noun as a line of JSON."""
    try:
        return msgspec.json.encode(noun)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_halves(msgspec.to_builtins(noun)))


def pretty(noun: Any) -> str:
    """A noun as indented JSON with a final newline."""
    content = msgspec.to_builtins(noun)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    if not text.isascii() and not _is_unicode(text):
        text = json.dumps(_without_halves(content), indent=1, ensure_ascii=False, allow_nan=False)
    return escaped(text) + "\n"


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _without_halves(content: Any) -> Any:
    """The same JSON value with `unicode_text` in every text."""
    if isinstance(content, str):
        return unicode_text(content)
    if isinstance(content, list | tuple):
        return [_without_halves(item) for item in content]
    if isinstance(content, dict):
        return {_without_halves(key): _without_halves(item) for key, item in content.items()}
    return content
