"""The polling loop: a schedule without drift, and fast polls (bursts) around window edges.

Ticks lie on a fixed grid (start + k · period), and lateness does not add up. A tick that comes too
late is counted as missed. A collector in a process of its own is asked, and its answer taken when
it comes: a slow or hanging driver misses its own ticks, and holds up nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from energybench.measuring.isolated_collector import IsolatedCollector
from energybench.measuring.readings import stamped
from energybench.model import Channel
from energybench.plugins import Clock, Collector, Reading

# 10 Hz: pm_counters' own rate, and more than the 1 Hz of EE HPC WG and MLPerf
BASE_PERIOD_S = 0.1
BURST_PERIOD_S = 0.005  # 200 Hz: locates the ticks of a 100 ms counter to 5 ms
# sensor updates in a burst: a tick before and a tick after the edge, at any phase
_EDGE_PERIODS = 2.2
_LONGEST_BURST_S = 0.35
# patience with the answers to the last tick of a loop, for decisions by the latest readings
_LAST_ANSWERS_S = 0.02


class Opened(NamedTuple):
    """A collector that works here, with the numbers its channels have in the samples."""

    collector: Collector
    channels: tuple[Channel, ...]
    first: int


class Tick(NamedTuple):
    """One poll of a collector, with one reading for each of its channels."""

    due_s: float
    late_s: float
    burst: bool
    missed: int  # scheduled ticks that were skipped just before this one
    readings: list[Reading]


Sink = Callable[[Tick], None]


class Wait(Protocol):
    """Waits until a time, or less if something happens to the work or to one of the file
    descriptors.
    """

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
    over more than a period and have no counter beside them.
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


class _Source:
    """A collector on the sampler's schedule.

    polls  number of ticks outside bursts
    slow   number of these ticks that came while an earlier read was still under way
    """

    def __init__(self, opened: Opened, clock: Clock, sink: Sink) -> None:
        self._opened, self._clock, self._sink = opened, clock, sink
        self._asked: Tick | None = None  # the tick of the read under way, without readings yet
        self.polls = self.slow = 0

    @property
    def name(self) -> str:
        return self._opened.collector.name

    @property
    def isolated(self) -> IsolatedCollector | None:
        collector = self._opened.collector
        return collector if isinstance(collector, IsolatedCollector) else None

    def poll(self, due_s: float, *, burst: bool, missed: int) -> None:
        """Read the collector, or ask its process to."""
        now_s = self._clock.now()
        tick = Tick(due_s, now_s - due_s, burst, missed, [])
        self.polls += not burst
        if self.isolated is None:
            count, first = len(self._opened.channels), self._opened.first
            readings = stamped(self._opened.collector, count, self._clock.now, first)
            self._sink(tick._replace(readings=readings))
        elif self.isolated.ask(now_s):
            self._asked = tick
        elif not burst:
            self.slow += 1

    def take(self) -> None:
        """Hand an answer that has come to the sink."""
        if self.isolated is None or self._asked is None:
            return
        answer = self.isolated.answer()
        if answer is not None:
            first = self._opened.first
            readings = [
                reading._replace(channel=first + i) for i, reading in enumerate(answer.readings)
            ]
            self._sink(self._asked._replace(readings=readings))
            self._asked = None

    @property
    def fd(self) -> int:
        """File descriptor on which an answer will come; -1: no answer is awaited."""
        if self.isolated is None or self.isolated.asked_s is None:
            return -1
        return self.isolated.fileno()


class Sampler:
    """Polls the opened collectors and hands every tick to the sink.

    beside  is called after every tick at the base rate, with time until the next tick
    edge_s  length of a burst at a window's edge, s
    missed  number of scheduled ticks missed
    """

    def __init__(
        self,
        opened: Sequence[Opened],
        clock: Clock,
        sink: Sink,
        wait: Wait,
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        self._sources = tuple(_Source(entry, clock, sink) for entry in opened)
        self._clock, self._wait, self._beside = clock, wait, beside
        self._origin_s = clock.now()
        self.channels = tuple(channel for entry in opened for channel in entry.channels)
        self.edge_s = burst_s(self.channels)
        self.missed = 0

    def burst(self, seconds: float, done: Done = lambda: False) -> None:
        """Poll fast for some seconds, or until done()."""
        end = self._clock.now() + seconds
        due = self._clock.now()
        while due < end and not done():
            self._tick(due, burst=True, missed=0)
            due = max(due + BURST_PERIOD_S, self._clock.now())
            self._sleep(due, done)

    def base(self, done: Done, until_s: float = math.inf) -> None:
        """Poll at 10 Hz until done(), or until a time. If `wait` returns early, done() is asked,
        and no tick is lost.
        """
        k = math.floor((self._clock.now() - self._origin_s) / BASE_PERIOD_S) + 1
        while not done():
            due = self._origin_s + k * BASE_PERIOD_S
            if due >= until_s:
                self._sleep(until_s, done)
                return
            self._sleep(due, done)
            if done():
                break
            late = int((self._clock.now() - due) / BASE_PERIOD_S)
            self.missed += late
            k += late
            self._tick(self._origin_s + k * BASE_PERIOD_S, burst=False, missed=late)
            self._beside()
            k += 1
        self.take_last_answers()

    def slow_shares(self) -> dict[str, float]:
        """Of each collector, the share of ticks that came while an earlier read was under way."""
        return {source.name: source.slow / max(source.polls, 1) for source in self._sources}

    def _sleep(self, until_s: float, done: Done) -> None:
        while self._clock.now() < until_s and not done():
            self._wait(until_s, self._awaited())
            self._take()

    def _tick(self, due_s: float, *, burst: bool, missed: int) -> None:
        self._take()
        for source in self._sources:
            source.poll(due_s, burst=burst, missed=missed)

    def take_last_answers(self, seconds: float = _LAST_ANSWERS_S) -> None:
        """Wait at most some seconds for the answers to the last tick."""
        until_s = self._clock.now() + seconds
        while self._awaited() and self._clock.now() < until_s:
            self._wait(until_s, self._awaited())
            self._take()

    def _take(self) -> None:
        for source in self._sources:
            source.take()

    def _awaited(self) -> tuple[int, ...]:
        """File descriptors of the collectors that have not answered yet."""
        return tuple(source.fd for source in self._sources if source.fd >= 0)
