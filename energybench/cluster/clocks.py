"""The offset between the monotonic clocks of two nodes.

The head node asks, a node answers with its time, and the arrival of the answer bounds the offset on
both sides: the node read its clock after the question was sent and before the answer came. If the
kernels of both nodes report disciplined clocks (adjtimex(2)), the difference of the wall clocks,
with the errors stated by the kernels, is a second bound. The narrower bound counts.
"""

from __future__ import annotations

import ctypes
import time
from typing import NamedTuple

# Largest difference in rate of two clocks: crystals keep 50 ppm, and the kernel slews a clock by at
# most 500 ppm to correct the clock (adjtimex(2)).
_DRIFT = 1e-4
_UNSYNCHRONISED = 0x0040  # STA_UNSYNC, linux/timex.h
_TIME_ERROR = 5  # TIME_ERROR, the return value of adjtimex(2) for an undisciplined clock


class WallClock(NamedTuple):
    """The wall clock of a node against its monotonic clock.

    offset_s  wall time less monotonic time
    half_s    error of the wall clock as stated by the kernel; None: undisciplined clock
    """

    offset_s: float
    half_s: float | None


class Offset(NamedTuple):
    """A node's monotonic time less the head node's time, and the half-width of its error."""

    seconds: float
    half_s: float


def wall_clock() -> WallClock:
    """Of this node, now."""
    before_s = time.monotonic()
    wall_s = time.time()
    after_s = time.monotonic()
    return WallClock(wall_s - (before_s + after_s) / 2, _kernel_error_s())


def from_answer(asked_s: float, answered_s: float, node_s: float) -> Offset:
    """From a question and its answer: times of the head node's clock, and of the node's."""
    half_s = (answered_s - asked_s) / 2
    return Offset(node_s - (asked_s + half_s), half_s)


def from_wall_clocks(head: WallClock, node: WallClock) -> Offset | None:
    """From two disciplined wall clocks; None if a clock is undisciplined."""
    if head.half_s is None or node.half_s is None:
        return None
    return Offset(head.offset_s - node.offset_s, head.half_s + node.half_s)


def narrower(*offsets: Offset | None) -> Offset | None:
    """The offset with the smaller error."""
    known = [offset for offset in offsets if offset is not None]
    return min(known, key=lambda offset: offset.half_s, default=None)


def later(offset: Offset, compared_s: float, t_s: float) -> Offset:
    """The offset at another time than the comparison: clocks may drift apart meanwhile."""
    return Offset(offset.seconds, offset.half_s + _DRIFT * abs(t_s - compared_s))


class _Timex(ctypes.Structure):
    """struct timex (adjtimex(2)); the kernel fills in the rest of its 208 bytes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def _kernel_error_s() -> float | None:
    """Largest error of this node's wall clock, s; None: undisciplined or unknown."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    if state < 0 or state == _TIME_ERROR or timex.status & _UNSYNCHRONISED:
        return None
    return float(timex.maxerror) * 1e-6
