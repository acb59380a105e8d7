"""Edges of a sensor that averages over more than its period: steps, ramps, and waves that the
average hides.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.average_edges import steps_from_plateau
from energybench.analysis.energy.window_energy import energy
from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Host, Trace, Window
from tests.analysis.truth import Energy, Floats, Sensor, channel, constant, square, trace

START_S = 5.0


def polls(end_s: float) -> Floats:
    """10 Hz, with bursts at both edges of the window, as `run` polls."""
    base = np.arange(2.0, end_s + 1.5, 0.1)
    bursts = [edge + np.arange(-0.22, 0.22, 0.005) for edge in (START_S, end_s)]
    return np.unique(np.concatenate([base, *bursts]))


def work(end_s: float) -> Energy:
    """60 W, and 350 W within the window."""
    return lambda t: 60 * np.asarray(t) + 290 * np.clip(np.asarray(t) - START_S, 0, end_s - START_S)


def average(truth: Energy, end_s: float, period_s: float, phase: float) -> Trace:
    """Readings of the mean over 1 s, stated as published every 0.1 s."""
    t = polls(end_s)
    sensor = Sensor(truth, period_s=period_s, phase_s=phase * period_s, window_s=1.0)
    stated = channel(kind="power", quantity="power", window_s=1.0)
    return trace(stated, t, sensor.watts(t, 1e-3))


def seen(truth: Energy, end_s: float, period_s: float, phase: float = 0.3) -> Curve:
    energy_curve = curve(average(truth, end_s, period_s, phase))
    assert energy_curve is not None
    return energy_curve


def codes(readings: Trace, *windows: Window) -> set[str]:
    host, works = Host(name="node"), (None,) * len(windows)
    record = Record("r", "r", None, None, "device", host, windows, works, ())
    return {
        doubt.code for doubt in measure(record, (readings,), {"gpu_w": (0.0, 1000.0, "")}).doubts
    }


@pytest.mark.parametrize("seconds", [1.3, 2.99, 8.8])
@pytest.mark.parametrize("period_s", [0.1, 0.108, 0.113, 0.189, 0.218])
def test_a_ramp_of_averages_shows_how_often_they_come(period_s: float, seconds: float) -> None:
    """Work between idle, with few changes near the fast polls: the step passes through one reading
    in each period, and the energy is within its interval.
    """
    end_s = START_S + seconds
    truth = work(end_s)
    joules = 350 * seconds
    for phase in np.arange(0.05, 1.0, 0.19):
        energy_curve = seen(truth, end_s, period_s, phase)
        assert energy_curve.period_s == pytest.approx(period_s, rel=0.2)
        cell = energy(energy_curve, Window(label="repeat", start_s=START_S, end_s=end_s))
        assert cell.energy_j is not None
        u = np.sqrt(sum(effect.u**2 for effect in cell.effects))
        assert abs(cell.energy_j - joules) <= 2 * u + 1e-3 * joules
        assert u < 0.03 * joules + 0.05 * 290


@pytest.mark.parametrize("period_s", [0.083, 0.1])
@pytest.mark.parametrize("wave_s", [0.21, 0.5, 0.93])
def test_a_wave_within_the_averaging_time_is_not_a_step_between_plateaus(
    wave_s: float, period_s: float
) -> None:
    """The ripple that the average leaves of a faster wave is flat at times, and not a plateau."""
    end_s = START_S + 3.07
    energy_curve = seen(square(100, 300, wave_s, 0.03), end_s, period_s)
    assert not steps_from_plateau(energy_curve, START_S, "start")
    assert not steps_from_plateau(energy_curve, end_s, "end")


@pytest.mark.parametrize("period_s", [0.083, 0.119, 0.178])
def test_the_crest_of_a_slow_wave_is_not_a_plateau(period_s: float) -> None:
    """A swing of 3 s stands nearly still for half a second before the start: it is not taken for a
    steady power from which the load stepped.
    """
    turn, end_s = 2 * np.pi / 3.02, START_S + 6.71

    def truth(t: np.ndarray) -> np.ndarray:
        return 165 * np.asarray(t) + 66 / turn * np.cos(turn * (np.asarray(t) - START_S - 0.1))

    energy_curve = seen(truth, end_s, period_s)
    assert not steps_from_plateau(energy_curve, START_S, "start")
    assert not steps_from_plateau(energy_curve, end_s, "end")


@pytest.mark.parametrize("period_s", [0.083, 0.1])
def test_a_sensor_that_averages_over_its_period_alone_shows_steps_too(period_s: float) -> None:
    """Means over each whole period are no wider apart than the stretch in which the power inside is
    looked for.
    """
    t, end_s = polls(START_S + 1.7), START_S + 1.7
    stated = channel(kind="power", quantity="power", window_s=period_s, update_period_s=period_s)
    for phase in np.arange(0.05, 1.0, 0.15):
        sensor = Sensor(work(end_s), period_s, phase * period_s, window_s=period_s)
        energy_curve = curve(trace(stated, t, sensor.watts(t, 1e-3)))
        assert energy_curve is not None
        assert steps_from_plateau(energy_curve, START_S, "start")
        assert steps_from_plateau(energy_curve, end_s, "end")


def test_one_window_of_an_average_may_hide_where_a_wave_began_and_ended() -> None:
    """3 s of a wave in step with the averaging time look constant, which `in-step-unseen` says, and
    so do eight such windows, whose scatter does not show the wave. Not so if the load stepped from
    idle and back, in a minute, or in eight windows of 20 s.
    """
    end_s = START_S + 3.07
    window = Window(label="repeat", start_s=START_S, end_s=end_s, repeat=0)
    assert "in-step-unseen" in codes(average(square(100, 300, 0.5), end_s, 0.083, 0.3), window)
    assert "in-step-unseen" not in codes(average(work(end_s), end_s, 0.083, 0.3), window)

    minute = Window(label="repeat", start_s=START_S, end_s=START_S + 60, repeat=0)
    assert "in-step-unseen" not in codes(average(constant(200), START_S + 60, 0.083, 0.3), minute)
    for seconds, hidden in ((3.07, True), (20.07, False)):
        starts_s = [START_S + (seconds + 1) * i for i in range(8)]
        eight = [
            Window(label="repeat", start_s=start_s, end_s=start_s + seconds, repeat=i)
            for i, start_s in enumerate(starts_s)
        ]
        readings = average(square(100, 300, 0.5), eight[-1].end_s, 0.083, 0.3)
        assert ("in-step-unseen" in codes(readings, *eight)) is hidden


@pytest.mark.parametrize("period_s", [0.086, 0.0965, 0.119, 0.146, 0.189])
def test_polls_that_place_the_readings_badly_widen_a_long_window(period_s: float) -> None:
    """Polls every 0.1 s place most readings of a wave of 4.1 s to half a period, and a few ticks at
    the end do not number those of 15 s before: nineteen of twenty intervals contain the truth.
    """
    end_s = START_S + 15.54
    covered = []
    for phase in np.arange(0.03, 1.0, 0.13):
        for wave_phase_s in (0.2, 1.3, 2.9):
            truth = square(112, 488, 4.101, wave_phase_s)
            energy_curve = seen(truth, end_s, period_s, phase)
            cell = energy(energy_curve, Window(label="repeat", start_s=START_S, end_s=end_s))
            joules = float(truth(np.array(end_s)) - truth(np.array(START_S)))
            u = np.sqrt(sum(effect.u**2 for effect in cell.effects))
            covered.append(abs((cell.energy_j or 0.0) - joules) <= 2 * u + 1e-3 * joules)
    assert np.mean(covered) >= 0.9
