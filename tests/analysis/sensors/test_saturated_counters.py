"""Counters that add up power readings which stop at a largest value."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.analysis.uncertainty.effects import combine
from energybench.model import Window
from tests.analysis.truth import Energy, Sensor, channel, trace

PERIOD_S, WINDOW_S = 0.1, 0.025
WORK = Window(label="repeat", start_s=8.0, end_s=23.0)


def load(top_w: float, levels_w: tuple[float, float], seed: int) -> Energy:
    """A hundred levels in 15 s, cut off at a power, between idle phases."""
    rng = np.random.default_rng(seed)
    edges = np.concatenate(([0.0], WORK.start_s + np.sort(rng.uniform(0, 15.0, 100)), [WORK.end_s]))
    watts = np.concatenate(([60.0], np.minimum(rng.uniform(*levels_w, 100), top_w), [60.0]))
    ends = np.append(edges[1:], 40.0)
    joules = np.concatenate(([0.0], np.cumsum(watts * (ends - edges))))
    return lambda t: np.interp(t, np.append(edges, 40.0), joules)


def board(shown: Energy, *, adds_up: bool, counted: Energy, limit_w: float | None) -> Curve:
    """The counter of a board whose power readings show `shown`."""
    t_s = np.arange(0.0, 31.0, 0.02) + np.random.default_rng(1).uniform(0, 1e-3, 1550)
    sensor = Sensor(shown, PERIOD_S, 0.03, WINDOW_S)
    ticks = 0.03 + PERIOD_S * np.arange(-1, 320)
    means_w = (shown(ticks) - shown(ticks - WINDOW_S)) / WINDOW_S
    added = np.cumsum(means_w) * PERIOD_S
    number = np.round((sensor.tick(t_s) - ticks[0]) / PERIOD_S).astype(int)
    joules = added[number] if adds_up else counted(sensor.tick(t_s))
    counts = np.floor(joules * 1e3).astype(np.int64)
    power = channel(
        kind="power", quantity="power_instant", window_s=WINDOW_S, power_limit_w=limit_w
    )
    counter = curve(trace(channel(), t_s, counts), [WORK])
    assert counter is not None
    return informed(counter, curve(trace(power, t_s, sensor.watts(t_s, 1e-3)), [WORK]))


@pytest.mark.parametrize("limit_w", [None, 400.0, 700.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_sum_of_readings_that_stop_reaches_the_truth(seed: int, limit_w: float | None) -> None:
    """The counter is as low as its readings, and the interval says so upward."""
    truth, cut = (load(top_w, (300.0, 520.0), seed) for top_w in (1e3, 400.0))
    seen = board(cut, adds_up=True, counted=truth, limit_w=limit_w)
    assert seen.saturated_w == 400.0
    cell = energy(seen, WORK)
    assert cell.energy_j is not None
    interval = combine(cell.energy_j, cell.effects)
    true_j = float(truth(np.array(WORK.end_s)) - truth(np.array(WORK.start_s)))
    assert interval.low <= true_j <= interval.high


@pytest.mark.parametrize("seed", range(4))
def test_a_counter_of_all_power_has_no_end_of_range(seed: int) -> None:
    """Its power readings stop, and the counter does not."""
    truth, cut = (load(top_w, (300.0, 520.0), seed) for top_w in (1e3, 400.0))
    seen = board(cut, adds_up=False, counted=truth, limit_w=None)
    assert seen.saturated_w is None


@pytest.mark.parametrize("seed", range(4))
def test_a_sum_of_readings_that_show_all_power(seed: int) -> None:
    truth = load(1e3, (300.0, 520.0), seed)
    seen = board(truth, adds_up=True, counted=truth, limit_w=700.0)
    assert seen.saturated_w is None


def test_a_sum_of_readings_of_a_steady_load_at_the_limit() -> None:
    """Power readings that stand at the power limit of a board do not make its counter doubtful."""
    truth = load(400.0, (400.0, 401.0), 1)
    seen = board(truth, adds_up=True, counted=truth, limit_w=400.0)
    assert seen.saturated_w is None
