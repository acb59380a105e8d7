"""The polling loop on a virtual clock: no drift, bursts, missed ticks, failed collectors."""

from __future__ import annotations

import pytest

from energybench.measuring.clock import VirtualClock
from energybench.measuring.readings import Tick
from energybench.measuring.sampler import (
    BASE_PERIOD_S,
    BURST_PERIOD_S,
    Opened,
    Sampler,
    burst_s,
)
from energybench.model import Channel
from energybench.plugins import Context, Reading
from tests.analysis.truth import channel


class Slow:
    """A collector whose reads take some time of the clock."""

    name = "slow"

    def __init__(self, clock: VirtualClock, takes_s: float = 0.0) -> None:
        self._clock, self.takes_s, self.fails = clock, takes_s, False

    def open(self, context: Context) -> list[Channel]:
        return [channel(), channel(quantity="power_instant", kind="power")]

    def read(self) -> list[int | Reading | None]:
        self._clock.advance(self._clock.now() + self.takes_s)
        if self.fails:
            raise OSError("gone")
        return [Reading(7, 123.0), None]

    def close(self) -> None:
        pass


def sampler(takes_s: float = 0.0) -> tuple[Sampler, VirtualClock, Slow, list[Tick]]:
    clock = VirtualClock(100.0)
    collector = Slow(clock, takes_s)
    ticks: list[Tick] = []
    opened = Opened(collector, tuple(collector.open(Context(clock=clock))), 0)
    return Sampler([opened], clock, ticks.append, clock.advance), clock, collector, ticks


def test_the_schedule_does_not_drift() -> None:
    """Reads that take 30 ms do not add up: tick k is due at start + k periods."""
    built, _, _, ticks = sampler(takes_s=0.03)
    built.base(lambda: False, 110.0)
    assert [tick.due_s for tick in ticks] == pytest.approx(
        [100 + BASE_PERIOD_S * k for k in range(1, len(ticks) + 1)]
    )
    assert len(ticks) == pytest.approx(99, abs=1)
    assert max(tick.late_s for tick in ticks) < 1e-6


def test_ticks_that_come_too_late_are_missed_not_made_up_for() -> None:
    """A read of 0.35 s skips three ticks each time, and the count says so."""
    built, _, _, ticks = sampler(takes_s=0.35)
    built.base(lambda: False, 104.0)
    missed = sum(tick.missed for tick in ticks)
    assert missed > 0
    assert len(ticks) + missed == pytest.approx(40, abs=4)


def test_bursts_are_fast_and_end() -> None:
    """200 Hz for as long as asked, or until it is done."""
    built, clock, _, ticks = sampler()
    built.burst(0.1)
    assert len(ticks) == pytest.approx(0.1 / BURST_PERIOD_S, abs=1)
    assert all(tick.burst for tick in ticks)
    built.burst(10, lambda: clock.now() > 101)
    assert clock.now() < 101.1


def test_a_collector_that_raises_has_failed_reads() -> None:
    """Its fault is a failed read of each channel, not the end of the run."""
    built, _, collector, ticks = sampler()
    collector.fails = True
    built.base(lambda: False, 100.5)
    assert all(reading.raw is None for tick in ticks for reading in tick.readings)


def test_a_reading_keeps_the_sensors_own_time() -> None:
    """A plain value gets the time it was read at; a Reading brings its own."""
    built, _, _, ticks = sampler()
    built.base(lambda: False, 100.25)
    (raw, own, _), (failed, read_at, _) = ticks[0].readings
    assert (own, raw, failed) == (123.0, 7, None)
    assert read_at == pytest.approx(100.1)


def test_how_long_a_burst_lasts() -> None:
    """Two sensor periods and a bit, at most a third of a second; next to nothing without slow
    sensors.
    """
    assert burst_s([channel(update_period_s=0.1)]) == pytest.approx(0.22)
    assert burst_s([channel(update_period_s=5.0)]) == pytest.approx(0.35)
    assert burst_s([channel(update_period_s=0.001)]) < 0.05
    assert burst_s([]) < 0.05
