"""Windows of two seconds in a program: readings are 5 ms apart before the start and after the end,
and between the two as far apart as the ticks of the counter.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.traces.counter_curve import counter_curve
from energybench.analysis.traces.slow_updates import slower_period_s
from energybench.analysis.traces.update_period import counted_period, is_confirmed
from energybench.model import Window
from tests.analysis.truth import Floats, Sensor, channel, square, trace

PERIOD_S = 0.1


def readings(start_s: float, end_s: float, rng: np.random.Generator) -> Floats:
    """Two updates before the start and two after the end are read 5 ms apart."""
    between = np.arange(start_s + rng.uniform(0.0, PERIOD_S), end_s, PERIOD_S)
    parts = (
        np.arange(start_s - 0.225, start_s, 0.005),
        between + rng.uniform(0.0, 0.001, between.size),
        np.arange(end_s, end_s + 0.22, 0.005),
        end_s + 0.22 + PERIOD_S * np.arange(1, 3),
    )
    return np.concatenate(parts)


def errors(period_s: float, count: int) -> Floats:
    """Relative errors of windows at random phases of the load and of the counter."""
    rng, found = np.random.default_rng(1), []
    for _ in range(count):
        start, end = 5.0, 5.0 + rng.uniform(2.0, 2.01)
        truth = square(100.0, 500.0, 1.3, rng.uniform(0.0, 1.3))
        t = readings(start, end, rng)
        sensor = Sensor(truth, period_s, rng.uniform(0.0, period_s))
        seen = counter_curve(
            trace(channel(kind="counter", update_period_s=PERIOD_S), t, sensor.counts(t, 1e-3))
        )
        joules = energy(seen, Window(label="repeat", start_s=start, end_s=end)).energy_j
        assert joules is not None
        found.append(joules / float(truth(end) - truth(start)) - 1)  # type: ignore[arg-type]
    return np.abs(found)


def test_nearly_every_window_is_right_within_a_percent() -> None:
    """Which tick a reading saw is told by the number of the changes."""
    wrong = errors(PERIOD_S, 400)
    assert np.median(wrong) < 0.0015
    assert np.quantile(wrong, 0.99) < 0.01


@pytest.mark.parametrize("period_s", [0.083, 0.05, 0.09, 0.117])
def test_counters_of_other_periods_than_stated_are_read_as_well(period_s: float) -> None:
    """Faster than the readings, so that ticks are hidden, or slower: the readings that show no new
    value tell the beat as those that do.
    """
    wrong = errors(period_s, 120)
    assert np.median(wrong) < 0.002
    assert np.quantile(wrong, 0.95) < 0.01


@pytest.mark.parametrize("phase_s", [0.0, 0.0005, 0.03, 0.0995])
def test_a_counter_read_in_step_with_its_updates_is_not_slower_than_stated(phase_s: float) -> None:
    """Readings that fall now just before an update and now just after it miss every other one."""
    rng = np.random.default_rng(3)
    t = np.concatenate(
        (
            np.arange(0.0, 0.25, 0.005),
            0.3 + PERIOD_S * np.arange(40) + rng.uniform(-0.002, 0.002, 40),
            np.arange(4.3, 4.55, 0.005),
        )
    )
    shown = np.floor((t - phase_s) / PERIOD_S)
    changed = np.flatnonzero(np.diff(shown) > 0) + 1
    assert slower_period_s(t, shown, PERIOD_S) is None
    counted = counted_period(t, changed)
    assert counted is None or counted.value_s == pytest.approx(PERIOD_S, rel=0.03)


def test_a_stated_period_is_confirmed_by_distance_and_number() -> None:
    """Not if a change is missing, nor if neighbours are closer together than stated."""
    t = PERIOD_S * np.arange(20.0)
    half, located = np.full(20, 0.05), np.zeros(20, dtype=np.bool_)
    located[[0, 1, 2, 18, 19]] = True
    half[located] = 0.0025
    assert is_confirmed(t, half, located, PERIOD_S)
    keep = np.arange(20) != 9
    assert not is_confirmed(t[keep], half[keep], located[keep], PERIOD_S)
    closer = t.copy()
    closer[1] -= 0.012
    assert not is_confirmed(closer, half, located, PERIOD_S)
    assert not is_confirmed(t, half, np.zeros(20, dtype=np.bool_), PERIOD_S)
