"""The polling loop: a schedule without drift, and fast polls (bursts) around window edges.

Ticks lie on a fixed grid (start + k · period), except that counters are spread a little around the
grid, and lateness does not add up. A late tick is counted as missed. A collector in a separate
process polls by itself, and its polls are taken about once a second: a slow or hanging driver
misses only its own ticks, and holds up nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from energybench.measuring.isolated_collector import IsolatedCollector
from energybench.measuring.readings import Tick, stamped
from energybench.measuring.tick_pipe import Schedule
from energybench.model import Channel
from energybench.plugins import Clock, Collector

# 10 Hz: pm_counters' own rate, and more than the 1 Hz of EE HPC WG and MLPerf
BASE_PERIOD_S = 0.1
# Polls of a counter are spread by this time: in step with its updates, a reading may show either
# side of an update, poll after poll. A power sensor is polled evenly, so that no update is missed.
COUNTER_SPREAD_S = 0.04
BURST_PERIOD_S = 0.005  # 200 Hz: locates the ticks of a 100 ms counter to 5 ms
# sensor updates in a burst: a tick before and a tick after the edge, at any phase
_EDGE_PERIODS = 2.2
_LONGEST_BURST_S = 0.35
# patience with the answers to the last tick of a loop, for decisions by the latest readings
_LAST_ANSWERS_S = 0.02
# base periods between two looks at the polls of the processes: with the rows that wait for the
# next batch (store/sample_log.py) a kill costs at most a second
_TAKE_PERIODS = 8


class Opened(NamedTuple):
    """A working collector, with the numbers of its channels in the samples."""

    collector: Collector
    channels: tuple[Channel, ...]
    first: int


Sink = Callable[[Tick], None]


class Wait(Protocol):
    """Waits until a time, or until an event of the work or of a file descriptor."""

    def __call__(self, until_s: float, fds: tuple[int, ...] = (), /) -> None: ...


class Done(Protocol):
    def __call__(self) -> bool: ...


def burst_s(channels: Sequence[Channel]) -> float:
    """Length of a burst at an edge, s: a few updates of the slowest sensor; two polls if no sensor
    is slow enough for a burst to locate its ticks.
    """
    periods = [c.update_period_s or 0.0 for c in channels if c.quality == "measured"]
    longest = max(periods, default=0.0)
    if longest <= BURST_PERIOD_S:
        return 2 * BURST_PERIOD_S
    return min(_EDGE_PERIODS * longest, _LONGEST_BURST_S)


def smear_s(channels: Sequence[Channel]) -> float:
    """Time after a repeat in which the power of the repeat still shows, s: in sensors that average
    over more than a period and lack a counter.
    """
    counted = {
        (channel.device, channel.component)
        for channel in channels
        if channel.kind == "counter" and channel.counts
    }
    alone = [
        c
        for c in channels
        if c.kind == "power"
        and c.counts
        and c.quality == "measured"
        and (c.device, c.component) not in counted
    ]
    return max(
        (c.window_s + c.lag_s for c in alone if c.window_s > (c.update_period_s or 0.0)),
        default=0.0,
    )


class _Local:
    """A collector read by the sampler itself, such as a recording."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def poll(self, due_s: float, clock: Clock, *, burst: bool, missed: int) -> Tick:
        now_s = clock.now()
        count, first = len(self._opened.channels), self._opened.first
        readings = stamped(self._opened.collector, count, clock.now, first)
        return Tick(due_s, now_s - due_s, burst, missed, 0, readings)


class _Isolated:
    """A collector in a separate process.

    polls  number of scheduled polls outside bursts
    slow   number of polls that came while an earlier read was under way
    """

    def __init__(
        self, collector: IsolatedCollector, first: int, channels: Sequence[Channel]
    ) -> None:
        self.collector, self._first = collector, first
        self.polls = self.slow = 0
        counters = [c for c in channels if c.kind == "counter" and not c.stamped]
        self._spread_s = COUNTER_SPREAD_S if counters else 0.0

    def order(self, schedule: Schedule) -> None:
        spread_s = 0.0 if schedule.burst else self._spread_s
        self.collector.poll(schedule._replace(spread_s=spread_s))

    def take(self) -> list[Tick]:
        ticks = self.collector.take(self._first)
        slow = sum(tick.slow for tick in ticks)
        self.polls += slow + sum(not tick.burst for tick in ticks)
        self.slow += slow
        return ticks

    @property
    def slow_share(self) -> float:
        last = self.collector.slow_at_rest
        return (self.slow + last) / max(self.polls + last, 1)


class Sampler:
    """Has the opened collectors polled, and hands every poll to the sink.

    beside  is called at the base rate, at least once a second, with time until the next poll
    edge_s  length of a burst at a window's edge, s
    """

    def __init__(
        self,
        opened: Sequence[Opened],
        clock: Clock,
        sink: Sink,
        wait: Wait,
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        self._isolated = tuple(
            _Isolated(entry.collector, entry.first, entry.channels)
            for entry in opened
            if isinstance(entry.collector, IsolatedCollector)
        )
        self._local = tuple(
            _Local(entry) for entry in opened if not isinstance(entry.collector, IsolatedCollector)
        )
        self._clock, self._sink, self._wait, self._beside = clock, sink, wait, beside
        self._origin_s = clock.now()
        self.channels = tuple(channel for entry in opened for channel in entry.channels)
        self.edge_s = burst_s(self.channels)

    def burst(
        self, seconds: float, done: Done = lambda: False, period_s: float = BURST_PERIOD_S
    ) -> None:
        """Poll fast for some seconds, or until done()."""
        due = self._clock.now()
        end = due + seconds
        self._order(Schedule(due, period_s, end, burst=True))
        while due < end and not done():
            self._poll_local(due, burst=True, missed=0)
            due = max(due + period_s, self._clock.now()) if self._local else end
            self._sleep(due, done)
        self.rest(BURST_PERIOD_S)

    def base(self, done: Done, until_s: float = math.inf) -> None:
        """Poll at 10 Hz until done(), or until a time. If `wait` returns early, done() is asked,
        and no tick is lost.
        """
        self._order(Schedule(self._origin_s, BASE_PERIOD_S, until_s, burst=False))
        k = math.floor((self._clock.now() - self._origin_s) / BASE_PERIOD_S) + 1
        # half a period after the polls of the collectors' processes, which need a core themselves
        after_s = 0.0 if self._local else BASE_PERIOD_S / 2
        while not done():
            due = self._origin_s + k * BASE_PERIOD_S
            if due + after_s >= until_s:
                self._sleep(until_s, done)
                self.rest(0.0)  # the time is exact: no wait for answers
                return
            self._sleep(due + after_s, done)
            if done():
                break
            late = int((self._clock.now() - due) / BASE_PERIOD_S)
            k += late
            self._poll_local(self._origin_s + k * BASE_PERIOD_S, burst=False, missed=late)
            self._take()
            self._beside()
            k += 1 if self._local else _TAKE_PERIODS
        self.rest()

    def rest(self, seconds: float = _LAST_ANSWERS_S) -> None:
        """Stop the polls of the processes, and take their polls; waits at most some seconds."""
        for source in self._isolated:
            source.collector.rest()
        self._take()
        until_s = self._clock.now() + seconds
        while (awaited := self._awaited()) and self._clock.now() < until_s:
            self._wait(until_s, awaited)
            self._take()

    def slow_shares(self) -> dict[str, float]:
        """Share of each collector's polls that were due while an earlier read was under way."""
        return {source.collector.name: source.slow_share for source in self._isolated}

    def _sleep(self, until_s: float, done: Done) -> None:
        while self._clock.now() < until_s and not done():
            self._wait(until_s)

    def _order(self, schedule: Schedule) -> None:
        for source in self._isolated:
            source.order(schedule)

    def _poll_local(self, due_s: float, *, burst: bool, missed: int) -> None:
        for source in self._local:
            self._sink(source.poll(due_s, self._clock, burst=burst, missed=missed))

    def _take(self) -> None:
        """Hand the received polls to the sink, in the order of their schedule."""
        ticks = [tick for source in self._isolated for tick in source.take()]
        for tick in sorted(ticks, key=lambda tick: tick.due_s):
            self._sink(tick)
        for source in self._isolated:
            source.collector.keep_told()

    def _awaited(self) -> tuple[int, ...]:
        return tuple(fd for source in self._isolated for fd in source.collector.awaited())
