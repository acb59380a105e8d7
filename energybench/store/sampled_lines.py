"""The lines of a run up to its last sample.

A full disk still takes short lines when a batch of samples no longer fits: windows are then stated
after the last sample on disk. Such a window was not measured, and counts like the window of a
killed reader: up to the last sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench.analysis.measurement.signalled_repeats import whole_repeats
from energybench.model import REPEAT, Channel, CutBy, Window
from energybench.store import samples
from energybench.store.run import Header, RecordLine, read_lines

# A window that ends at most two polls and this many seconds after the last sample is whole: the
# analysis lets the last power go on for this time, with the uncertainty of the edge
# (analysis/energy/window_energy.py).
_LATE_POLLS, _LATE_S = 2, 0.3


class SampledLines(NamedTuple):
    """The lines of a run up to its last sample.

    last_s  time of the last sample; None: nothing was sampled, and the lines are complete
    unread  number of repeats that were measured to the end, except for the samples of their end
    """

    lines: tuple[RecordLine, ...]
    last_s: float | None
    unread: int


def of_run(directory: Path, header: Header, table: samples.Samples) -> SampledLines:
    """The lines of a run that goes on, or was cut off. Raises BadInput."""
    lines, last_s = read_lines(directory), samples.last_s(table)
    ends_s = [line.window.end_s for line in lines if line.window is not None]
    # all samples are read for `late_s` only if a window may end after the last sample
    if last_s is None or max(ends_s, default=last_s) <= last_s + _LATE_S:
        return SampledLines(lines, last_s, 0)
    sampled = up_to_sample(lines, last_s, late_s(table, header.channels))
    return SampledLines(sampled, last_s, len(_whole(lines)) - len(_whole(sampled)))


def late_s(table: samples.Samples, channels: Sequence[Channel]) -> float:
    """Time after the last sample for which the last power is assumed to go on, s."""
    periods_s = [stats.period_s for stats in samples.sampling(table, channels)]
    return _LATE_POLLS * min((s for s in periods_s if s is not None), default=0.0) + _LATE_S


def up_to_sample(
    lines: Sequence[RecordLine], last_s: float, late_s: float
) -> tuple[RecordLine, ...]:
    """The lines without the lines about the time after the last sample.

    last_s  time of the last sample
    late_s  see `late_s`
    A repeat that ends later than the sum of both is cut at the last sample, and its work is left
    out; a window that begins after the last sample is left out with its opening.
    """
    windows = [line.window for line in lines if line.window is not None]
    late = {window for window in windows if window.end_s > last_s + late_s}
    if not late:
        return tuple(lines)
    unread = {(window.label, window.repeat) for window in late if window.start_s >= last_s}
    unmeasured = _works_of(lines, late)
    kept: list[RecordLine] = []
    for number, line in enumerate(lines):
        window, opening = line.window, line.opening
        if opening is not None and (opening.label, opening.repeat) in unread:
            continue
        if number in unmeasured:
            continue
        if window is None or window not in late:
            kept.append(line)
        elif (window.label, window.repeat) not in unread:
            kept.append(RecordLine(window=_cut(window, last_s)))
    return tuple(kept)


def _works_of(lines: Sequence[RecordLine], late: set[Window]) -> set[int]:
    """Places of the works of these windows among the lines. A work without a number belongs to the
    next whole repeat without a work.
    """
    whole = _whole(lines)
    repeats = {window.repeat for window in whole if window in late}
    places, number = set(), 0
    for place, line in enumerate(lines):
        if line.work is None:
            continue
        if line.repeat is not None:
            is_late = line.repeat in repeats
        else:
            is_late = number < len(whole) and whole[number] in late
            number += 1
        if is_late:
            places.add(place)
    return places


def _whole(lines: Sequence[RecordLine]) -> list[Window]:
    """The windows of whole repeats, in the order of the lines."""
    windows = [line.window for line in lines if line.window is not None]
    return whole_repeats(windows)


def _cut(window: Window, last_s: float) -> Window:
    by: CutBy | None = window.cut
    if window.label == REPEAT and by is None:
        by = "no-end"
    return msgspec.structs.replace(window, end_s=last_s, end_half_s=0.0, cut=by)
