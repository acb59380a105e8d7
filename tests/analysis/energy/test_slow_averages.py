"""Power averages that are published once in each averaging time, against a known truth."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Window
from tests.analysis.energy.test_window_edges import work
from tests.analysis.truth import Sensor, channel, trace

START_S = 5.0


def polls(end_s: float) -> np.ndarray:
    """10 Hz, with bursts at both edges of the window, as `run` polls."""
    base = np.arange(2.0, end_s + 3.0, 0.1)
    bursts = [edge + np.arange(-0.22, 0.22, 0.005) for edge in (START_S, end_s)]
    return np.unique(np.concatenate([base, *bursts]))


@pytest.mark.parametrize("seconds", [1.59, 2.3, 5.55, 18.34])
@pytest.mark.parametrize("window_s", [0.83, 1.0])
def test_an_average_published_once_in_its_time_counts_like_a_counter(
    window_s: float, seconds: float
) -> None:
    """Work of one power between idle, stated as an average every 0.1 s: the energy is within its
    interval and unbiased, although each step passes through only one or two readings.
    """
    end_s = START_S + seconds
    truth, t = work(START_S, end_s), polls(end_s)
    joules = float(truth(np.array(end_s)) - truth(np.array(START_S)))
    errors = []
    for phase in np.arange(0.07, 0.97, 0.17):
        sensor = Sensor(truth, period_s=window_s, phase_s=phase * window_s, window_s=window_s)
        stated = channel(kind="power", quantity="power", window_s=window_s)
        energy_curve = curve(trace(stated, t, sensor.watts(t, 1e-3)))
        assert energy_curve is not None
        assert energy_curve.period_s == pytest.approx(window_s, rel=0.02)
        cell = energy(energy_curve, Window(label="repeat", start_s=START_S, end_s=end_s))
        u = np.sqrt(sum(effect.u**2 for effect in cell.effects))
        error_j = (cell.energy_j or 0.0) - joules
        assert abs(error_j) <= 2 * u + 1e-3 * joules
        errors.append(error_j / joules)
    assert abs(np.mean(errors)) < 0.03


@pytest.mark.parametrize("period_s", [0.083, 0.1, 0.171])
def test_averages_that_overlap_keep_their_own_period(period_s: float) -> None:
    """An average over 1 s that is published more often is not taken for one of 1 s."""
    end_s = START_S + 6.2
    truth, t = work(START_S, end_s), polls(end_s)
    sensor = Sensor(truth, period_s=period_s, phase_s=0.3 * period_s, window_s=1.0)
    stated = channel(kind="power", quantity="power", window_s=1.0)
    energy_curve = curve(trace(stated, t, sensor.watts(t, 1e-3)))
    assert energy_curve is not None
    assert energy_curve.period_s < 0.2
