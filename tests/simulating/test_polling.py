"""The polls of a simulated run, compared with the real sampler on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from energybench.measuring import plan as stopping
from energybench.measuring import readings, sampler, stagger
from energybench.measuring.clock import VirtualClock
from energybench.measuring.tick_pipe import Schedule
from energybench.model import Channel
from energybench.plugins import Context
from energybench.simulating import experiment, polling
from tests.analysis.truth import channel


class Counter:
    """A collector whose reads take no time."""

    name = "counter"

    def open(self, context: Context) -> list[Channel]:
        return [channel()]

    def read(self) -> list[int]:
        return [1]

    def close(self) -> None:
        pass


class Real(NamedTuple):
    """The real sampler, its clock, the times of its polls, and a way to end the work."""

    sampler: sampler.Sampler
    clock: VirtualClock
    times: list[float]
    works_until: Callable[[float], Callable[[], bool]]


def real(late_s: float = 0.0) -> Real:
    """A sampler whose waits end late by `late_s`, unless the end of the work wakes the sampler."""
    clock, times, wakes = VirtualClock(0.0), [], [np.inf]

    def wait(until_s: float, fds: tuple[int, ...] = (), /) -> None:
        clock.advance(
            min(until_s + late_s, wakes[0]) if wakes[0] > clock.now() else until_s + late_s
        )

    def works_until(end_s: float) -> Callable[[], bool]:
        wakes[0] = end_s
        return lambda: clock.now() >= end_s

    def sink(tick: readings.Tick) -> None:
        times.extend(reading.t_s for reading in tick.readings)

    collector = Counter()
    polling_sampler = sampler.Sampler(
        [sampler.Opened(collector, (channel(),), 0)], clock, sink, wait
    )
    return Real(polling_sampler, clock, times, works_until)


@pytest.mark.parametrize("seconds", [0.35, 1.0, 12.3])
def test_the_schedule_is_the_real_samplers(seconds: float) -> None:
    """The polls of three repeats have the times of the real sampler, driven as in `run`."""
    rng = np.random.Generator(np.random.Philox(int(seconds * 100)))
    durations = seconds * np.array([1.0, 1.01, 0.97])
    plan = polling.schedule(durations, polling.edge_s(0.1), None, rng)
    # The run with the real sampler, on time; simulated polls are late by up to LATEST_S.
    other = real()
    drive = other.sampler
    drive.base(other.works_until(plan.starts_s[0] - 0.5))
    late = plan.polls_s[plan.polls_s < plan.starts_s[0] - 0.5]
    assert np.asarray(other.times[: late.size]) == pytest.approx(late, abs=polling.LATEST_S + 1e-9)
    for start, end in zip(plan.starts_s.tolist(), plan.ends_s.tolist(), strict=True):
        other.times.clear()
        other.clock.advance(start)
        done = other.works_until(end)
        drive.burst(drive.edge_s, done)
        drive.base(done)
        drive.burst(drive.edge_s)
        within = (plan.polls_s >= start - 1e-9) & (plan.polls_s < end + drive.edge_s)
        ours, theirs = plan.polls_s[within], np.asarray(other.times)
        # at either end of a burst a poll may fall inside or outside
        assert abs(ours.size - theirs.size) <= 3
        nearest = np.abs(ours[:, None] - theirs[None, :]).min(axis=1)
        assert nearest.max() <= 2 * polling.LATEST_S


def test_lateness_neither_adds_up_nor_skips() -> None:
    """With every wait 2 ms late, the real and the simulated sampler poll at the same times."""
    other = real(late_s=0.002)
    other.sampler.burst(0.22)
    other.sampler.base(other.works_until(1.7))

    class Late(polling.Poller):
        def _late(self, count: int) -> polling.Floats:
            return np.full(count, 0.002)

    ours = Late(0.0, np.random.Generator(np.random.Philox(1)))
    ours.base(ours.burst(0.0, 0.22), 1.7)
    assert np.concatenate(ours.polls) == pytest.approx(np.asarray(other.times), abs=1e-9)


@pytest.mark.parametrize("now_s", [0.0, 0.22, 0.2999, 3.14])
def test_counters_are_polled_as_the_real_sampler_does(now_s: float) -> None:
    """Spread around the grid, from any moment on."""

    class OnTime(polling.Poller):
        def _late(self, count: int) -> polling.Floats:
            return np.zeros(count)

    ours = OnTime(0.0, np.random.Generator(np.random.Philox(1)), polling.COUNTER_SPREAD_S)
    ours.base(now_s, 9.0, until_s=7.77)
    theirs = Schedule(0.0, polling.BASE_PERIOD_S, 7.77, False, sampler.COUNTER_SPREAD_S)
    first = theirs.after(now_s)
    due = [theirs.at_s(k) for k in range(first, first + 100)]
    expected = [time for time in due if time < 7.77]
    assert np.concatenate(ours.polls) == pytest.approx(expected)


def test_the_constants_are_the_real_ones() -> None:
    """The simulation does not import the measuring side; its copies of constants are equal."""
    assert (polling.BASE_PERIOD_S, polling.BURST_PERIOD_S) == (
        sampler.BASE_PERIOD_S,
        sampler.BURST_PERIOD_S,
    )
    for period in (0.001, 0.02, 0.1, 5.0):
        assert polling.edge_s(period) == pytest.approx(
            sampler.burst_s([channel(update_period_s=period)])
        )
    assert pytest.approx(stagger.GOLDEN) == polling.GOLDEN
    assert [
        polling.Stagger(1.0, 0.0, n).start_s(k, 0.0) % 1 for n in (None, 8) for k in range(8)
    ] == pytest.approx([stagger.phase(k, n) for n in (None, 8) for k in range(8)])
    assert experiment.TARGET_REL == stopping.TARGET_REL
    assert experiment.MAX_REPEATS == stopping.MAX_REPEATS


def test_part_time_sensors_get_starts_spread_over_their_period() -> None:
    """With eight repeats, every eighth of the sensor's period has one start."""
    rng = np.random.Generator(np.random.Philox(3))
    plan = polling.schedule(np.full(8, 1.0), 0.22, polling.Stagger(0.1, 0.033, 8), rng)
    phases = np.sort((plan.starts_s - 0.033) / 0.1 % 1)
    assert np.diff(phases) == pytest.approx(np.full(7, 1 / 8), abs=0.01)
