"""The polling loop: a schedule without drift, fast polls (bursts) around window edges, and a time
stamp on every value.

A single thread, without a sleep inside a collector. Ticks lie on a fixed grid (start + k · period),
and lateness does not add up. A tick that comes too late is counted as missed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from energybench.model import Channel
from energybench.plugins import Clock, Collector, Reading

# 10 Hz: pm_counters' own rate, and more than the 1 Hz of EE HPC WG and MLPerf
BASE_PERIOD_S = 0.1
BURST_PERIOD_S = 0.005  # 200 Hz: locates the ticks of a 100 ms counter to 5 ms
# sensor updates in a burst: a tick before and a tick after the edge, at any phase
_EDGE_PERIODS = 2.2
_LONGEST_BURST_S = 0.35


class Opened(NamedTuple):
    """A collector that works here, with the numbers its channels have in the samples."""

    collector: Collector
    channels: tuple[Channel, ...]
    first: int


class Tick(NamedTuple):
    """One poll of every collector, with one reading for each channel."""

    due_s: float
    late_s: float
    burst: bool
    missed: int  # scheduled ticks that were skipped just before this one
    readings: list[Reading]


Sink = Callable[[Tick], None]
Wait = Callable[[float], None]  # waits until a time, or less if something happens to the work


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
        self._opened, self._clock, self._sink, self._wait, self._beside = (
            tuple(opened),
            clock,
            sink,
            wait,
            beside,
        )
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
                return
            late = int((self._clock.now() - due) / BASE_PERIOD_S)
            self.missed += late
            k += late
            self._tick(self._origin_s + k * BASE_PERIOD_S, burst=False, missed=late)
            self._beside()
            k += 1

    def _sleep(self, until_s: float, done: Done) -> None:
        while self._clock.now() < until_s and not done():
            self._wait(until_s)

    def _tick(self, due_s: float, *, burst: bool, missed: int) -> None:
        readings: list[Reading] = []
        now = self._clock.now
        late_s = now() - due_s
        for entry in self._opened:
            before = now()
            try:
                read = entry.collector.read()
            except Exception:  # a plugin's fault costs its readings, not the run: counted as failed
                read = [None] * len(entry.channels)
            middle = (before + now()) / 2
            for i in range(len(entry.channels)):
                value = read[i] if i < len(read) else None
                if isinstance(value, Reading):
                    readings.append(Reading(_counts(value.raw), value.t_s, entry.first + i))
                else:
                    readings.append(Reading(_counts(value), middle, entry.first + i))
        self._sink(Tick(due_s, late_s, burst, missed, readings))


def _counts(raw: object) -> int | None:
    """Counts of a sample; a float or a number beyond 64 bits is a failed read."""
    try:
        counts = operator.index(raw)  # type: ignore[arg-type]
    except TypeError:
        return None
    return counts if -(2**63) <= counts < 2**63 else None
