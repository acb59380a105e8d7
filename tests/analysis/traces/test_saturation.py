"""Power readings that stop at a largest value, told from loads that are steady there."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.traces.saturation import saturated_w
from energybench.analysis.traces.trace_curve import curve
from energybench.analysis.uncertainty.effects import combine
from energybench.model import Window
from tests.analysis.truth import Floats, Sensor, channel, polls, square, trace

T = np.arange(0, 20, 0.1)


def wave(mean_w: float, swing_w: float, period_s: float) -> Floats:
    return mean_w + swing_w * np.sin(2 * np.pi * T / period_s)


@pytest.mark.parametrize("period_s", [1.37, 3.1, 7.3])
def test_a_wave_that_is_cut_off_stops(period_s: float) -> None:
    """Whatever the limit of the device is, or if none is known."""
    assert saturated_w(np.minimum(wave(350, 200, period_s), 400.0), None) == 400.0
    assert saturated_w(wave(350, 200, period_s), None) is None


def test_a_square_wave_stops_only_at_the_limit() -> None:
    """A plateau of a real load is no end of the range, unless it stands at the power limit."""
    levels = np.where(T % 1.3 < 0.65, 400.0, 100.0)
    assert saturated_w(levels, None) is None
    assert saturated_w(levels, 500.0) is None
    assert saturated_w(levels, 400.0) == 400.0
    assert saturated_w(np.full(200, 400.0), 400.0) == 400.0
    assert saturated_w(np.full(200, 300.0), 400.0) is None


def test_the_interval_of_a_cut_off_load_reaches_the_truth() -> None:
    """100/500 W shown as 100/400 W: low by a fifth, and the interval says so upward."""
    truth, t = square(100, 500, 1.3), polls(3.0, 13.0)
    shown = Sensor(square(100, 400, 1.3), window_s=0.1).watts(t, 1e-3)
    made = channel(kind="power", quantity="power_instant", window_s=0.1, power_limit_w=400.0)
    seen = curve(trace(made, t, shown))
    assert seen is not None
    assert seen.saturated_w == 400.0
    cell = energy(seen, Window(label="repeat", start_s=3.0, end_s=13.0))
    (limit,) = (effect for effect in cell.effects if effect.kind == "saturated")
    true_j = float(truth(np.array(13.0)) - truth(np.array(3.0)))
    assert cell.energy_j is not None
    assert cell.energy_j < 0.9 * true_j < cell.energy_j + limit.u * 12**0.5


@pytest.mark.parametrize("high_share", [0.1, 0.25, 0.6])
@pytest.mark.parametrize("repeated", [1, 3])
def test_peaks_that_are_cut_off_just_above_the_noise_of_the_load(
    high_share: float, repeated: int
) -> None:
    """All readings lie within 2 % of the end of the range, which comes back far more often than any
    other value, also if each value is read three times; noise that is not cut off has its largest
    value once, and a coarse resolution brings every value back.
    """
    rng = np.random.default_rng(1)
    levels = np.where(rng.random(400) < high_share, 400.0, 100.0)
    watts = np.round(levels * (1 + 0.005 * rng.standard_normal(400)), 3).repeat(repeated)
    assert saturated_w(np.minimum(watts, 101.2), None) == 101.2
    low = watts[watts < 200.0]
    assert saturated_w(low, None) is None
    assert saturated_w(np.round(low), None) is None
    assert saturated_w(watts, None) is None


@pytest.mark.parametrize("step_w", [0.1, 1.0])
@pytest.mark.parametrize("top_w", [450.0, 500.0])
def test_a_meter_at_the_end_of_its_range(step_w: float, top_w: float) -> None:
    """A meter with time stamps, work of 600 W and a noise of 5 % beside an idle phase: the interval
    reaches the truth, and does not say so of a meter that shows it all.
    """
    chance = np.random.default_rng(3)
    t_s = np.arange(1.0, 121.0)
    watts = np.where((t_s > 40) & (t_s <= 100), 600.0, 200.0) * chance.normal(1.0, 0.05, t_s.size)
    made = channel(
        collector="meter",
        component="node.ac",
        kind="power",
        resolution=step_w,
        stamped=True,
        window_s=1.0,
        update_period_s=1.0,
    )
    window = Window(label="repeat", start_s=40.0, end_s=100.0)
    true_j = float(watts[(t_s > 40) & (t_s <= 100)].sum())
    for shown_w in (watts, np.minimum(watts, top_w)):
        points = curve(trace(made, t_s, np.round(shown_w / step_w).astype(np.int64)))
        assert points is not None
        cell = energy(points, window)
        assert cell.energy_j is not None
        interval = combine(cell.energy_j, cell.effects)
        assert interval.low <= true_j <= interval.high
        stops = any(effect.kind == "saturated" for effect in cell.effects)
        assert stops is (shown_w is not watts)


def stays(levels: list[float]) -> Floats:
    """Each level for three readings, and one reading across each change."""
    readings: list[float] = []
    for level, after in zip(levels, [*levels[1:], levels[-1]], strict=True):
        readings += [level, level, level, 0.3 * level + 0.7 * after]
    return np.array(readings)


def test_a_load_of_levels_without_noise_stops_if_only_the_largest_level_returns() -> None:
    levels = np.random.default_rng(5).uniform(60, 600, 40).tolist()
    assert saturated_w(np.minimum(stays(levels), 400.0), None) == 400.0
    assert saturated_w(stays(levels), None) is None
    # work that is repeated returns to each of its levels
    assert saturated_w(np.minimum(stays(levels[:4] * 10), 400.0), None) is None


@pytest.mark.parametrize("top_w", [255.0, 1023.0, 4095.0, 409.5, 6553.5])
def test_the_largest_number_of_a_register_is_the_end_of_its_range(top_w: float) -> None:
    low_w = round(top_w / 4)
    levels = np.where(T % 1.3 < 0.65, top_w, low_w)
    assert saturated_w(levels, None) == top_w
    assert saturated_w(np.where(levels < top_w, levels, top_w - 2), None) is None
    # readings between the steps of a register do not come from a register
    assert saturated_w(np.where(levels < top_w, low_w + 0.123, top_w), None) is None
