"""Loads that keep step with a power sensor, or with its readings, in all windows alike."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.measurement.in_step_doubts import of_in_step
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Window
from tests.analysis.truth import Energy, Floats, Sensor, channel, constant, polls, trace

SECONDS, GAP_S = 2.0, 0.7


def pulses(period_s: float, width_s: float, phase_s: float) -> Energy:
    """100 W, with peaks of 300 W more for `width_s` in every period."""

    def energy(t: Floats) -> Floats:
        whole, rest = np.divmod(np.asarray(t) + phase_s, period_s)
        return np.asarray(100 * np.asarray(t) + 300 * (width_s * whole + np.minimum(rest, width_s)))

    return energy


def windows(count: int) -> list[Window]:
    starts_s = [5.0 + (SECONDS + GAP_S + 0.0137) * i for i in range(count)]
    return [Window(label="repeat", start_s=s, end_s=s + SECONDS) for s in starts_s]


def seen(truth: Energy, period_s: float, window_s: float, count: int = 8) -> Curve:
    """Readings every 0.1 s on a grid, and every 5 ms around the edges of the windows."""
    bursts = [polls(w.start_s, w.end_s) for w in windows(count)]
    close = [burst[(np.diff(burst, prepend=0.0) < 0.01)] for burst in bursts]
    t = np.unique(np.concatenate((np.arange(4.0, 5.0 + 3 * count, 0.1), *close)).round(6))
    sensor = Sensor(truth, period_s, 0.3 * period_s, window_s=window_s)
    stated = channel(kind="power", quantity="power_instant", window_s=0.025)
    energy_curve = curve(trace(stated, t, sensor.watts(t, 1e-3)))
    assert energy_curve is not None
    return energy_curve


def codes(truth: Energy, period_s: float, window_s: float, count: int = 8) -> set[str]:
    doubts = of_in_step(seen(truth, period_s, window_s, count), windows(count))
    return {doubt.code for doubt in doubts}


@pytest.mark.parametrize("phase_s", [0.025, 0.055, 0.075, 0.095])
@pytest.mark.parametrize("period_s", [0.013, 0.017, 0.021])
def test_peaks_in_step_with_the_readings_of_a_fast_sensor(period_s: float, phase_s: float) -> None:
    """Peaks ten times a second, read ten times a second: all readings show a peak, or none does.
    The bursts at the edges show both. Peaks that keep no step are seen as often as they are there.
    """
    assert codes(pulses(0.1, 0.03, phase_s), period_s, period_s / 4) == {"in-step-unseen"}
    assert codes(pulses(0.1137, 0.03, phase_s), period_s, period_s / 4) == set()


def test_peaks_in_step_with_the_sensor_hide_alike_in_all_windows() -> None:
    """A peak in every ten updates of a part-time sensor stands at the same place between two
    updates in each of eight windows. Peaks at random times stand anywhere, and scatter.
    """
    assert codes(pulses(1.0, 0.22, 0.03), 0.1, 0.025) == {"in-step-unseen"}
    for seed in range(5):
        at_s = np.cumsum(np.random.default_rng(seed).exponential(1.0, 60))

        def peaks(t: Floats, at_s: Floats = at_s) -> Floats:
            each_j = 300 * np.clip(np.asarray(t)[..., np.newaxis] - at_s, 0.0, 0.22)
            return np.asarray(100 * np.asarray(t) + each_j.sum(axis=-1))

        assert codes(peaks, 0.1, 0.025) == set()


def test_a_constant_load_or_one_window_has_no_such_doubt() -> None:
    assert codes(constant(300.0), 0.017, 0.004) == set()
    assert codes(constant(300.0), 0.1, 0.025) == set()
    assert codes(pulses(1.0, 0.22, 0.03), 0.1, 0.025, count=1) == set()
