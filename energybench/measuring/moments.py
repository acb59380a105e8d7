"""Moments of other processes, such as the start and the end of a program, seen by this process: a
time, and its largest error.

The kernel wakes this process at the moment itself, but on a busy machine the process then waits for
a core. The kernel counts the wait (Linux Documentation/scheduler/sched-stats.rst: the second number
of /proc/PID/schedstat, ns), so that the moment can be corrected afterwards.
"""

from __future__ import annotations

import os
import threading
from typing import NamedTuple

# Wait for a core if the kernel does not count it: a time slice of Linux's scheduler on a machine
# of many cores (sched(7): the base slice is a few milliseconds).
_UNCOUNTED_S = 4e-3
# From the wake-up to the next line of Python: leaving an idle state of the processor takes up to
# 0.2 ms (Linux cpuidle, C6), and another thread of this process may hold the interpreter for one
# switch interval.
WAKE_UP_S = 0.5e-3
# A process that wakes up this late, without a wait for a core, was stopped.
STOPPED_S = 0.25
SWITCH_INTERVAL_S = 0.5e-3


class Moment(NamedTuple):
    """A time on the monotonic clock, s, and the half-width of the interval around the true time."""

    t_s: float
    half_s: float = 0.0

    @classmethod
    def between(cls, earliest_s: float, latest_s: float) -> Moment:
        half_s = max(latest_s - earliest_s, 0.0) / 2
        return cls(latest_s - half_s, half_s)


class CoreWait:
    """Total time, s, for which the creating thread of this object has waited for a core."""

    def __init__(self) -> None:
        try:
            self._fd = os.open(
                f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY
            )
        except OSError:
            self._fd = -1

    def total_s(self) -> float | None:
        """None if the kernel does not count the waits."""
        if self._fd < 0:
            return None
        try:
            return int(os.pread(self._fd, 128, 0).split()[1]) * 1e-9
        except (OSError, IndexError, ValueError):
            return None

    def since_s(self, earlier_s: float | None) -> float:
        """The wait since an earlier total, or an upper estimate if waits are not counted."""
        now_s = self.total_s()
        if now_s is None or earlier_s is None:
            return _UNCOUNTED_S
        return max(now_s - earlier_s, 0.0)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
