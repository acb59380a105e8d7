"""A counter of a wrong scale, told by stretches of constant power from a load in step."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.scale_at_levels import Scale, scale_at_levels
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from tests.analysis.truth import Energy, Floats, Sensor, channel, constant, polls, square, trace

# rows of a poller whose calls take up to 0.7 ms
POLLS = np.sort(polls(5.0, 9.0) + np.random.default_rng(3).uniform(0, 7e-4, polls(5.0, 9.0).size))


def curves(
    load: Energy, ratio: float, period_s: float = 0.1, delay_s: float = 0.0, noise: float = 0.0
) -> tuple[Curve, Curve]:
    """A counter, whose scale is wrong by `ratio`, and 25 ms of power in each 100 ms."""

    def late(t: Floats) -> Floats:
        return load(t - delay_s)

    counts = Sensor(late, period_s, phase_s=0.031, gain=ratio).counts(POLLS, 1e-3)
    sensor = Sensor(load, phase_s=0.067, lag_s=0.01)
    watts = sensor.watts(POLLS, 1e-3)
    if noise:
        ticks, place = np.unique(np.round(sensor.tick(POLLS), 6), return_inverse=True)
        factors = 1 + noise * np.random.default_rng(7).standard_normal(ticks.size)
        watts = np.rint(watts * factors[place]).astype(np.int64)
    power = channel(kind="power", quantity="power_instant", window_s=0.025)
    counter_curve, power_curve = (
        curve(trace(channel(), POLLS, counts)),
        curve(trace(power, POLLS, watts)),
    )
    assert counter_curve is not None
    assert power_curve is not None
    return counter_curve, power_curve


def steps(seed: int) -> Energy:
    """Levels of 60 to 380 W for 0.05 to 1.5 s."""
    rng = np.random.default_rng(seed)
    times = np.concatenate(([0.0], np.cumsum(rng.uniform(0.05, 1.5, 40))))
    joules = np.concatenate(([0.0], np.cumsum(np.diff(times) * rng.uniform(60, 380, 40))))
    return lambda t: np.interp(t, times, joules)


def work_in_step(low_w: float, high_w: float) -> Energy:
    """60 W, and from 5 to 9 s a square wave in step with the sensor."""
    wave = square(low_w - 60, high_w - 60, 0.1)
    return lambda t: constant(60.0)(t) + wave(np.clip(t, 5.0, 9.0)) - wave(np.array(5.0))


@pytest.mark.parametrize("ratio", [0.7, 0.85, 0.95, 1.0, 1.15])
@pytest.mark.parametrize("period_s", [0.1, 0.083, 0.07])
@pytest.mark.parametrize("delay_s", [0.0, 0.1])
@pytest.mark.parametrize(
    "load", [square(70, 350, 0.9), square(70, 350, 1.7, 0.4), steps(1), steps(2)]
)
def test_the_ratio_is_the_error_of_the_scale(
    load: Energy, ratio: float, period_s: float, delay_s: float
) -> None:
    scale = scale_at_levels(*curves(load, ratio, period_s, delay_s))
    assert scale is not None
    assert scale.ratio == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize("ratio", [0.85, 1.15])
def test_readings_may_scatter(ratio: float) -> None:
    scale = scale_at_levels(*curves(square(70, 350, 1.7, 0.4), ratio, noise=0.01))
    assert scale is not None
    assert abs(scale.ratio - ratio) < 4 * scale.u + 0.005


@pytest.mark.parametrize("ratio", [0.85, 1.0, 1.15])
def test_levels_shorter_than_a_stretch(ratio: float) -> None:
    """0.185 s: some updates lie within one level, and no two of them in a row."""
    scale = scale_at_levels(*curves(square(70, 350, 0.37), ratio))
    assert scale is not None
    assert scale.ratio == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize(
    "load",
    [
        constant(300.0),
        square(70, 350, 0.1),
        square(70, 350, 0.0999),
        square(70, 350, 0.13),
        square(70, 350, 0.05),
        work_in_step(100, 350),
        work_in_step(60, 400),
    ],
)
def test_a_load_that_may_be_in_step_tells_nothing(load: Energy) -> None:
    """One level only, or a ratio that depends on the level."""
    scale = scale_at_levels(*curves(load, 1.0))
    assert scale is None or scale == pytest.approx(Scale(1.0, 0.0), abs=0.02)


def test_readings_of_longer_means_are_left_out() -> None:
    counter, power = curves(square(70, 350, 1.7), 0.85)
    assert scale_at_levels(counter, power._replace(window_s=1.0)) is None
    assert scale_at_levels(power, power) is None
