"""Parts of nodes that were cut off while the job went on, measured again in the job's own windows.

A reader without a connection to the head node reads on: its window then ends seconds after the
program, or lasts over several repeats. The head node knows the windows, and the node's samples
reach beyond the windows. Without samples, a part that is longer than the job's repeat does not
count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench import data
from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.node_table import COVERED
from energybench.analysis.measurement.record import counted_repeats
from energybench.errors import BadInput
from energybench.model import REPEAT, Host, Measurement, Window
from energybench.store import part_files, reader, samples
from energybench.store.recomputed import recomputed

# The window of a cut part begins at the arrival of the head node's message about the start of the
# program. The arrival is later than the start by less than this time, or the two wall clocks would
# contradict the arrival.
_ARRIVAL_HALF_S = 0.5


class Offset(NamedTuple):
    """A node's clock less the head node's clock, and the half-width of its error."""

    seconds: float
    half_s: float


class HeadWindows(NamedTuple):
    """The head node's record of the repeats.

    windows   windows of repeats that the head node has closed, on its clock
    host      the head node
    offsets_s each node's clock less the head node's clock, as last compared; may lack nodes
    halves_s  half-width of the error of the offsets
    """

    windows: tuple[Window, ...]
    host: Host
    offsets_s: Mapping[str, float]
    halves_s: Mapping[str, float]


def in_windows_of_the_job(
    directory: Path, node: str, part: Measurement, head: HeadWindows, ranges: Ranges | None
) -> Measurement | str:
    """A node's measurement of the job's repeats, or the reason for a missing measurement in words.

    directory  of the part
    ranges     of parts without a sensor; None: the stated ranges
    A part with all repeats of the job is returned unchanged.
    """
    repeats = counted_repeats(head.windows)
    if not repeats or _has_all(part, repeats):
        return part
    longer = part.partial and _is_longer(part, repeats[0])
    try:
        again = _measured_again(
            directory, part, head, ranges or data.stated_ranges(), node, repeats
        )
    except (BadInput, ValueError) as why:
        again, reason = None, str(why)
    else:
        reason = "its samples do not reach over a repeat of the job"
    if again is not None and (part.partial or len(again.repeats) > len(part.repeats)):
        return again
    if longer:
        return (
            f"it was cut off after {part.repeats[0].time_s:.4g} s, and the repeat of the job "
            f"lasted {repeats[0].duration_s:.4g} s; its energy in that time is not known ({reason})"
        )
    return part


def _has_all(part: Measurement, repeats: Sequence[Window]) -> bool:
    """Whether a part has every repeat, with the edges that the head node stated."""
    if len(part.repeats) < len(repeats):
        return False
    return not part.partial or all(
        COVERED * window.duration_s <= own.time_s <= window.duration_s / COVERED
        for own, window in zip(part.repeats, repeats, strict=False)
    )


def _is_longer(part: Measurement, window: Window) -> bool:
    return bool(part.repeats) and part.repeats[0].time_s > window.duration_s / COVERED


def _measured_again(
    directory: Path,
    part: Measurement,
    head: HeadWindows,
    ranges: Ranges,
    node: str,
    repeats: Sequence[Window],
) -> Measurement | None:
    """The part in the job's windows; None if its samples hold no start of a window. Raises BadInput
    and ValueError.
    """
    table, _, lines = reader.read_samples(directory)
    own = tuple(line.window for line in lines if line.window is not None)
    offset = _offset(part, own, head, node)
    if offset is None:
        raise BadInput(str(directory), "how its clock stood to the head node's is not known")
    within = _within(repeats, offset, samples.span_s(table))
    if not within:
        return None
    others = tuple(window for window in own if window.label != REPEAT)
    return recomputed(directory, part, ranges, (*others, *within))


def _within(
    repeats: Sequence[Window], offset: Offset, span_s: tuple[float | None, float | None]
) -> list[Window]:
    """The windows on the node's clock, up to the first window with missing samples; that window is
    cut at the last sample.
    """
    first_s, last_s = span_s
    within: list[Window] = []
    if first_s is None or last_s is None:
        return within
    for window in repeats:
        moved = msgspec.structs.replace(
            window,
            start_s=window.start_s + offset.seconds,
            end_s=window.end_s + offset.seconds,
            start_half_s=window.start_half_s + offset.half_s,
            end_half_s=window.end_half_s + offset.half_s,
        )
        if not first_s <= moved.start_s < last_s:
            break
        if moved.end_s > last_s:
            within.append(msgspec.structs.replace(moved, end_s=last_s, cut="no-end"))
            break
        within.append(moved)
    return within


# ---------------------------------------------------------------- clocks


def _offset(
    part: Measurement, own: Sequence[Window], head: HeadWindows, node: str
) -> Offset | None:
    """The node's clock less the head node's clock: as the head node last compared the clocks, else
    from a whole repeat with both times, else from the arrival of the message that a repeat had
    begun.
    """
    if node in head.offsets_s and node in head.halves_s:
        return Offset(head.offsets_s[node], head.halves_s[node])
    by_repeat = {window.repeat: window for window in head.windows}
    both = [
        (window, by_repeat[window.repeat])
        for window in own
        if window.label == REPEAT and window.repeat in by_repeat
    ]
    for window, stated in both:
        if window.cut is None:
            half_s = max(window.start_half_s - stated.start_half_s, 0.0)
            return Offset(window.start_s - stated.start_s, half_s)
    by_wall_s = _by_wall_clocks_s(part.host, head.host)
    for window, stated in both:
        arrived_s = window.start_s - stated.start_s
        # a delayed message is not a sign of the start
        if by_wall_s is not None and abs(arrived_s - by_wall_s) <= _ARRIVAL_HALF_S:
            return Offset(arrived_s, _ARRIVAL_HALF_S)
    return None


def _by_wall_clocks_s(node: Host, head: Host) -> float | None:
    """By the times of day; None if a time of day is unknown."""
    zeros_s = part_files.zero_s(head), part_files.zero_s(node)
    if zeros_s[0] is None or zeros_s[1] is None:
        return None
    return zeros_s[0] - zeros_s[1]
