"""Polls of a collector's process on the way to the measuring side.

The polls wait in a pipe, which wakes nobody: the measuring side takes the polls about once a
second. Polls in the pipe outlive a process that hangs or crashes.
"""

from __future__ import annotations

import fcntl
import math
import os
import struct
from contextlib import suppress
from typing import NamedTuple

from energybench.measuring.readings import Tick
from energybench.measuring.spawning import wait_to_write
from energybench.measuring.stagger import GOLDEN
from energybench.model import Pause
from energybench.plugins import Reading

# Largest pipe allowed to a user by default (pipe(7)): half an hour of a board at 10 Hz.
_PIPE_BYTES = 2**20
_MOST_WAITING_BYTES = 2**24  # memory of the process for polls, if nobody empties the pipe
_LAST_WRITE_S = 0.02


class Schedule(NamedTuple):
    """When a collector's process polls: at origin_s + k * period_s, before until_s.

    burst     fast polls around an edge: a late poll moves later polls
    spread_s  poll k is moved by up to half of this time, forward or back, so that the polls keep
              step with no sensor: a reading at the moment of an update may show either side of the
              update
    """

    origin_s: float
    period_s: float
    until_s: float
    burst: bool
    spread_s: float = 0.0

    def at_s(self, k: int) -> float:
        """Time of poll k."""
        return self.origin_s + k * self.period_s + (k * GOLDEN % 1 - 0.5) * self.spread_s

    def after(self, now_s: float) -> int:
        """Number of the first poll after a time."""
        k = math.floor((now_s - self.spread_s / 2 - self.origin_s) / self.period_s)
        while self.at_s(k) <= now_s:
            k += 1
        return k


def _record(channels: int) -> struct.Struct:
    """due, late, burst, missed, slow; start and end of a pause, NaN without one; then times, counts
    and success of every channel.
    """
    return struct.Struct(f"=dd?iidd{channels}d{channels}q{channels}?")


class TickSender:
    """The end of the collector's process. A poll that finds the pipe full waits in memory."""

    def __init__(self, fd: int, channels: int) -> None:
        self._fd, self._record = fd, _record(channels)
        self._waiting = b""
        os.set_blocking(fd, False)

    def send(self, tick: Tick) -> None:
        """Raises BrokenPipeError if the measuring side has closed the pipe."""
        if len(self._waiting) > _MOST_WAITING_BYTES:
            return
        readings, pause = tick.readings, tick.pause
        self._waiting += self._record.pack(
            *tick[:5],
            *((pause.start_s, pause.end_s) if pause else (math.nan, math.nan)),
            *[reading.t_s for reading in readings],
            *[reading.raw or 0 for reading in readings],
            *[reading.raw is not None for reading in readings],
        )
        self._write()

    def flush(self) -> None:
        """Write the waiting polls, as long as the measuring side takes them."""
        self._write()
        while self._waiting and wait_to_write(self._fd, _LAST_WRITE_S):
            self._write()

    def _write(self) -> None:
        with suppress(BlockingIOError):
            while self._waiting:
                self._waiting = self._waiting[os.write(self._fd, self._waiting) :]


class TickReceiver:
    """The end of the measuring side."""

    def __init__(self, fd: int) -> None:
        self._fd, self._buffer = fd, b""
        os.set_blocking(fd, False)
        with suppress(OSError):  # a user with many pipes gets a smaller pipe
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.ended = False

    def fileno(self) -> int:
        return -1 if self.ended else self._fd

    def take(self, channels: int, first: int) -> list[Tick]:
        """Received polls; `ended` once the process has ended and its polls are taken.

        first  number of the collector's first channel within the run
        """
        with suppress(BlockingIOError):
            while not self.ended:
                chunk = os.read(self._fd, _PIPE_BYTES)
                self.ended = not chunk
                self._buffer += chunk
        record, n = _record(channels), channels
        whole = len(self._buffer) // record.size * record.size
        ticks = []
        for fields in record.iter_unpack(self._buffer[:whole]):
            due_s, late_s, burst, missed, slow, start_s, end_s, *values = fields
            pause = None if math.isnan(start_s) else Pause(start_s=start_s, end_s=end_s)
            readings = [
                Reading(raw if good else None, t_s, first + i)
                for i, (t_s, raw, good) in enumerate(
                    zip(values[:n], values[n : 2 * n], values[2 * n :], strict=True)
                )
            ]
            ticks.append(Tick(due_s, late_s, burst, missed, slow, readings, pause))
        self._buffer = self._buffer[whole:]
        return ticks

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self.ended = -1, True
