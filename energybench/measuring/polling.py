"""The collector's process while a run goes on: polls on a schedule, until the next order.

Base polls lie on a fixed grid, moved a little by their number, and lateness does not add up. A late
poll is counted as missed, a poll due during an earlier read as slow. A stopped process misses no
polls: its pause is stated instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

from energybench.measuring.moments import STOPPED_S
from energybench.measuring.readings import Tick, stamped
from energybench.measuring.tick_pipe import Schedule
from energybench.model import Pause
from energybench.plugins import Collector, Reading

_FOREVER_S = 1e6


class Order(NamedTuple):
    """The future schedule of the process.

    number    of the order
    work_pid  process number of the measured work
    schedule  None: no polls
    once      a single read, with the readings in the answer
    """

    number: int
    work_pid: int | None
    schedule: Schedule | None = None
    once: bool = False


class Answer(NamedTuple):
    """The answer to an order without a schedule: all earlier polls are in the pipe.

    slow  scheduled polls that were skipped after the last poll because of its long read
    """

    number: int
    readings: list[Reading]
    slow: int = 0


class Line(Protocol):
    """A connection to the measuring side."""

    def send(self, message: object) -> None: ...

    def receive(self, seconds: float) -> object: ...

    def ready(self, seconds: float) -> bool: ...


class Sender(Protocol):
    def send(self, tick: Tick) -> None: ...

    def flush(self) -> None: ...


class Polling:
    """Polls of a collector.

    told         is called with the process number of the work at every order
    core_wait_s  total time for which this process has waited for a core, s; None: not counted
    continued_s  time of the last SIGCONT, which ends a stop of this process; -inf: no SIGCONT yet
    """

    def __init__(
        self,
        collector: Collector,
        channels: int,
        now: Callable[[], float],
        ticks: Sender,
        told: Callable[[int | None], None],
        core_wait_s: Callable[[], float | None] = lambda: None,
        continued_s: Callable[[], float] = lambda: -math.inf,
    ) -> None:
        self._collector, self._channels, self._now = collector, channels, now
        self._ticks, self._told = ticks, told
        self._core_wait_s, self._continued_s = core_wait_s, continued_s
        self._pause: Pause | None = None
        self._schedule: Schedule | None = None
        self._due_s = math.inf
        self._number = self._slow = 0
        self._stamp()

    def _stamp(self) -> None:
        """Note the time, and the wait for a core until now: later, a stop since then shows."""
        self._waited_s = self._core_wait_s()
        self._stamp_s = self._now()

    def serve(self, line: Line) -> None:
        """Poll until the connection is closed."""
        while True:
            if self._ready(line):
                order = line.receive(_FOREVER_S)
                assert isinstance(order, Order)
                self._obey(order, line)
            elif self._schedule is not None:
                self._poll(self._schedule)

    def _ready(self, line: Line) -> bool:
        """Wait for an order until a poll is due; notes a pause since the last stamp."""
        since_s, waited_s = self._stamp_s, self._waited_s
        ready = line.ready(min(self._due_s - self._now(), _FOREVER_S))
        self._stamp()
        late_s, continued_s = self._stamp_s - max(self._due_s, since_s), self._continued_s()
        if late_s > STOPPED_S and waited_s is not None:
            late_s -= (self._waited_s or 0.0) - waited_s
            if late_s > STOPPED_S:
                self._pause = Pause(start_s=since_s, end_s=self._stamp_s)
        elif continued_s - since_s > STOPPED_S and self._due_s == math.inf:
            # A stop makes the next poll late. Without a due poll, SIGCONT shows the stop.
            self._pause = Pause(start_s=since_s, end_s=continued_s)
        return ready

    def _obey(self, order: Order, line: Line) -> None:
        self._told(order.work_pid)
        now_s = self._stamp_s
        self._schedule = order.schedule
        if order.schedule is not None:
            self._slow = 0
            if order.schedule.burst:
                self._set_due(now_s)
            else:
                self._set_poll(order.schedule, order.schedule.after(now_s))
            return
        self._due_s = math.inf
        self._ticks.flush()
        readings = stamped(self._collector, self._channels, self._now) if order.once else []
        line.send(Answer(order.number, readings, self._slow))
        self._slow = 0

    def _set_due(self, due_s: float) -> None:
        over = self._schedule is None or due_s >= self._schedule.until_s
        self._due_s = math.inf if over else due_s

    def _set_poll(self, schedule: Schedule, number: int) -> None:
        self._number = number
        self._set_due(schedule.at_s(number))

    def _poll(self, schedule: Schedule) -> None:
        now_s, due_s, number = self._stamp_s, self._due_s, self._number
        if not schedule.burst:
            number = max(schedule.after(now_s) - 1, number)
            due_s = schedule.at_s(number)
        missed, slow, pause = number - self._number, self._slow, self._pause
        if pause is not None:
            self._pause, missed = None, 0
        readings = self._read()
        if self._stamp_s - now_s > STOPPED_S and self._continued_s() >= now_s:
            # The stop fell into the reading, whose time is then unknown: read again.
            pause = pause or Pause(start_s=now_s, end_s=self._stamp_s)
            readings, missed = self._read(), 0
        late_s = now_s - due_s
        self._ticks.send(Tick(due_s, late_s, schedule.burst, missed, slow, readings, pause))
        if schedule.burst:
            self._set_due(max(due_s + schedule.period_s, self._stamp_s))
            return
        free = max(number + 1, schedule.after(self._stamp_s))
        self._slow = 0 if pause is not None else free - number - 1
        self._set_poll(schedule, free)

    def _read(self) -> list[Reading]:
        readings = stamped(self._collector, self._channels, self._now)
        self._stamp()
        return readings
