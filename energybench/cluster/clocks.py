"""How the monotonic clocks of two nodes stand to each other.

The head node asks, a node answers with its time, and the answer's arrival bounds the difference on
both sides: the node read its clock after the question was sent and before the answer came. Where
the kernels of both nodes say that their clocks are disciplined (adjtimex(2)), the difference of
their wall clocks, each within the error that its kernel states, bounds it as well. The narrower of
the two counts.
"""

from __future__ import annotations

import ctypes
import time
from typing import NamedTuple

# Largest difference in rate of two clocks: crystals keep 50 ppm, and the kernel slews a clock by at
# most 500 ppm to bring it right (adjtimex(2)).
_DRIFT = 1e-4
_UNSYNCHRONISED = 0x0040  # STA_UNSYNC, linux/timex.h
_TIME_ERROR = 5  # TIME_ERROR, the return value of adjtimex(2) for a clock that is not disciplined


class WallClock(NamedTuple):
    """The wall clock against the monotonic clock of one node.

    offset_s  wall time less monotonic time
    half_s    error of the wall clock as the kernel states it; None: the clock is not disciplined
    """

    offset_s: float
    half_s: float | None


class Offset(NamedTuple):
    """A node's monotonic time less the head node's, and the half-width of its error."""

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
    """From two disciplined wall clocks; None if one of them is not."""
    if head.half_s is None or node.half_s is None:
        return None
    return Offset(head.offset_s - node.offset_s, head.half_s + node.half_s)


def narrower(*offsets: Offset | None) -> Offset | None:
    """The offset that is known best."""
    known = [offset for offset in offsets if offset is not None]
    return min(known, key=lambda offset: offset.half_s, default=None)


def later(offset: Offset, compared_s: float, t_s: float) -> Offset:
    """The offset at another time than that of the comparison: clocks may drift apart meanwhile."""
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
    """Largest error of this node's wall clock, s; None: not disciplined, or not known."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    if state < 0 or state == _TIME_ERROR or timex.status & _UNSYNCHRONISED:
        return None
    return float(timex.maxerror) * 1e-6
