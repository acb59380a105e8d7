"""Counters that see all power, told from counters that add up the samples of a part-time sensor."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Window
from tests.analysis.truth import Energy, Floats, Sensor, channel, polls, square, trace

START_S, SECONDS = 5.0, 3.0
PERIODS = [0.02, 0.06, 0.083, 0.092, 0.1, 0.13, 0.2]


def work(idle_w: float = 80.0, busy_w: float = 400.0) -> Energy:
    return lambda t: (
        idle_w * np.asarray(t) + (busy_w - idle_w) * np.clip(np.asarray(t) - START_S, 0, SECONDS)
    )


def times(seed: int, seconds: float = SECONDS) -> Floats:
    rng = np.random.default_rng(seed)
    lead = np.arange(START_S - 2, START_S - 0.3, 0.1)
    t = np.concatenate((lead, polls(START_S, START_S + seconds, before_s=0.3)))
    return np.sort(t + np.minimum(rng.exponential(1e-3, t.size), 4.5e-3))


def board(
    truth: Energy,
    period_s: float,
    seed: int,
    *,
    adds_up: bool,
    together: bool = True,
    seconds: float = SECONDS,
) -> Curve:
    """The counter of a board that publishes both quantities every period_s, and states 100 ms."""
    rng = np.random.default_rng(seed)
    t, window_s = times(seed, seconds), period_s / 4
    sensor = Sensor(truth, period_s, rng.uniform(0, period_s), window_s)
    counts = sensor.counts(t, 1e-3)
    if adds_up:
        first = float(sensor.tick(t[:1])[0])
        ticks = first + period_s * np.arange(round((t[-1] - first) / period_s) + 1)
        joules = np.cumsum((truth(ticks) - truth(ticks - window_s)) / window_s * period_s)
        number = np.round((sensor.tick(t) - first) / period_s).astype(int)
        counts = np.floor(joules[number] * 1e3).astype(np.int64)
    other = sensor if together else sensor._replace(phase_s=sensor.phase_s + 0.4 * period_s)
    power = channel(kind="power", quantity="power_instant", window_s=0.025)
    counter = curve(trace(channel(), t, counts))
    beside = curve(trace(power, t, other.watts(t, 1e-3)))
    assert counter is not None
    return informed(counter, beside)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("period_s", PERIODS)
def test_a_true_counter_is_never_taken_for_a_sum_of_samples(
    period_s: float, together: bool
) -> None:
    """At any period and any phase of the two sensors, and with loads of any speed."""
    for seed in range(12):
        for truth in (work(), square(100, 500, 0.37), square(100, 500, 1.3)):
            seen = board(truth, period_s, seed, adds_up=False, together=together)
            assert not seen.part_time


@pytest.mark.parametrize("period_s", [period for period in PERIODS if period >= 0.06])
def test_one_window_of_work_recognises_a_true_counter(period_s: float) -> None:
    """Two steps, at the edges of the work, are enough in most windows where the ticks of both
    sensors coincide.
    """
    may_miss = [board(work(), period_s, seed, adds_up=False).may_add_up for seed in range(20)]
    assert np.median(may_miss) < 0.1


@pytest.mark.parametrize("period_s", PERIODS[:-1])
def test_a_sum_of_samples_has_no_error_of_scale(period_s: float) -> None:
    """Whether it is recognised or not, the energy is that of the samples: no factor of the period
    over the spacing of the polls.
    """
    errors = []
    for seed in range(12):
        truth = work()
        seen = board(truth, period_s, seed, adds_up=True)
        cell = energy(seen, Window(label="r", start_s=START_S, end_s=START_S + SECONDS))
        assert cell.energy_j is not None
        errors.append(cell.energy_j / (400.0 * SECONDS) - 1)
    assert abs(np.mean(errors)) < 0.015
    assert np.abs(errors).max() < 0.06


@pytest.mark.parametrize("period_s", [0.06, 0.083, 0.092, 0.1, 0.13])
def test_many_steps_recognise_a_sum_of_samples(period_s: float) -> None:
    """A moving load in fast polls: each update is a reading."""
    window_s, truth = period_s / 4, square(100, 500, 1.37)
    t = np.arange(0.0, 20.0, 0.005)
    sensor = Sensor(truth, period_s, 0.013, window_s)
    ticks = 0.013 + period_s * np.arange(-1, round(20 / period_s) + 1)
    joules = np.cumsum((truth(ticks) - truth(ticks - window_s)) / window_s * period_s) + 100
    number = np.round((sensor.tick(t) - ticks[0]) / period_s).astype(int)
    power = channel(kind="power", quantity="power_instant", window_s=0.025)
    counter = curve(trace(channel(), t, np.floor(joules[number] * 1e3).astype(np.int64)))
    assert counter is not None
    seen = informed(counter, curve(trace(power, t, sensor.watts(t, 1e-3))))
    assert seen.part_time
    true_j = float(truth(np.array(18.0)) - truth(np.array(2.0)))
    assert energy(seen, Window(label="r", start_s=2.0, end_s=18.0)).energy_j == pytest.approx(
        true_j, rel=0.02
    )


@pytest.mark.parametrize("period_s", [0.083, 0.119, 0.128, 0.146])
def test_a_wave_of_three_periods_is_no_evidence_for_a_true_counter(period_s: float) -> None:
    """Every second step is one back: such steps show that each update is a reading, too. A reading
    whose time is known badly is no evidence that an update differs from it.
    """
    for seed in range(6):
        wave = square(63, 312, 3 * period_s, 0.3 * period_s)
        sum_of_samples = board(wave, period_s, seed, adds_up=True)
        assert sum_of_samples.part_time or not sum_of_samples.classified
        assert not board(wave, period_s, seed, adds_up=False).part_time


@pytest.mark.parametrize("period_s", [0.83, 1.0])
def test_too_few_updates_do_not_tell_the_kind(period_s: float) -> None:
    """A counter with a handful of updates in the whole run may be of either kind."""
    for adds_up in (True, False):
        seen = board(square(96, 457, 0.512), period_s, 1, adds_up=adds_up)
        assert seen.t_s.size < 8
        assert not seen.classified
        assert seen.may_add_up > 0.3


def levels(seed: int) -> Energy:
    """Levels of 60 to 380 W for 0.05 to 1.5 s."""
    rng = np.random.default_rng(seed)
    ends = np.concatenate(([0.0], np.cumsum(rng.uniform(0.05, 1.5, 60))))
    joules = np.concatenate(([0.0], np.cumsum(np.diff(ends) * rng.uniform(60, 380, 60))))
    return lambda t: np.interp(t, ends, joules)


@pytest.mark.parametrize(("together", "least"), [(True, 12), (False, 2)])
def test_ten_seconds_of_levels_recognise_true_counters_at_the_beat_of_the_polls(
    together: bool, least: int
) -> None:
    """Polls every 100 ms do not show when a tick of 100 ms was, but no update holds two ticks."""

    def seen(seed: int, *, adds_up: bool) -> Curve:
        return board(levels(seed), 0.1, seed, adds_up=adds_up, together=together, seconds=10.0)

    true = [seen(seed, adds_up=False) for seed in range(20)]
    assert not any(counter.window_s for counter in true)
    assert sum(counter.may_add_up == 0.0 for counter in true) >= least
    sums = [seen(seed, adds_up=True) for seed in range(20)]
    assert not any(counter.classified and not counter.window_s for counter in sums)
