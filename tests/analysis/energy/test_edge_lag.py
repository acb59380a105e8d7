"""Counters that lag: the prior allows for half a period, and the edges show a longer lag."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.edge_lag import apparent_lag_s
from energybench.analysis.energy.window_energy import energy
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.collectors import nvml_channels
from energybench.model import Window
from tests.analysis.truth import Energy, Sensor, channel, polls, square, trace

SECONDS = 1.0


def work(start_s: float, rises_late_s: float = 0.0, falls_late_s: float = 0.0) -> Energy:
    first, length = start_s + rises_late_s, SECONDS + falls_late_s - rises_late_s
    return lambda t: 60 * np.asarray(t) + 290 * np.clip(np.asarray(t) - first, 0, length)


def lagging(truth: Energy, start_s: float, lag_s: float, period_s: float, phase: float) -> Curve:
    t = np.concatenate((np.arange(start_s - 1.5, start_s - 0.3, 0.1), _polls(start_s)))
    shown = Sensor(lambda x: truth(np.asarray(x) - lag_s), period_s, phase * period_s)
    made = channel(lag_u_s=nvml_channels._LAG_U_S)
    seen = curve(trace(made, t, shown.counts(t, 1e-3)))
    assert seen is not None
    return seen


def _polls(start_s: float) -> np.ndarray:
    end_s = start_s + SECONDS
    after = np.arange(end_s + 0.25, end_s + 1.2, 0.1)
    return np.concatenate((polls(start_s, end_s, before_s=0.25), after))


@pytest.mark.parametrize("period_s", [0.05, 0.083, 0.1])
@pytest.mark.parametrize("lag_s", [-0.04, 0.0, 0.025, 0.06, 0.1, 0.15])
def test_the_interval_of_one_second_of_work_allows_for_the_lag(
    lag_s: float, period_s: float
) -> None:
    """Idle, 1 s at 350 W, idle: lost by a lag is up to 12 %, and the effect named lag covers it."""
    for phase in (0.05, 0.35, 0.65, 0.95):
        start_s = 5.0
        seen = lagging(work(start_s), start_s, lag_s, period_s, phase)
        cell = energy(seen, Window(label="r", start_s=start_s, end_s=start_s + SECONDS))
        (lag,) = (effect for effect in cell.effects if effect.kind == "lag")
        others = sum(effect.u**2 for effect in cell.effects if effect.kind != "lag") ** 0.5
        assert cell.energy_j is not None
        assert abs(cell.energy_j - 350.0 * SECONDS) <= 1.96 * abs(lag.u) + 2 * others + 0.1


@pytest.mark.parametrize("period_s", [0.022, 0.025, 0.03, 0.083])
@pytest.mark.parametrize("lag_s", [0.12, 0.145])
def test_the_edges_show_the_lag_of_a_fast_counter(lag_s: float, period_s: float) -> None:
    """Polls every 5 ms place the ticks of a counter of 25 ms badly: its levels count as flat all
    the same, and the step shows a lag beyond the prior.
    """
    for phase in (0.05, 0.35, 0.65, 0.95):
        seen = lagging(work(5.0), 5.0, lag_s, period_s, phase)
        assert apparent_lag_s(seen, 5.0, 6.0) == pytest.approx(lag_s, abs=0.02)


@pytest.mark.parametrize("period_s", [0.083, 0.1, 0.17])
def test_the_edges_show_the_lag_of_a_part_time_sensor(period_s: float) -> None:
    """Work between idle, seen for a quarter of each period and 0.14 s late: the interval of four
    windows allows for it.
    """
    t = np.unique(np.concatenate([3.0 * i + np.arange(0.0, 3.0, 0.1) for i in range(1, 6)]))
    starts = [4.0 + (3 + i / 4 * period_s) * i for i in range(4)]
    bursts = [_polls(start_s) for start_s in starts]
    t = np.unique(np.concatenate([t, *bursts]))

    def truth(x: np.ndarray) -> np.ndarray:
        return sum(
            (290 * np.clip(np.asarray(x) - start_s, 0, SECONDS) for start_s in starts),
            60 * np.asarray(x),
        )

    sensor = Sensor(truth, period_s, 0.2 * period_s, window_s=period_s / 4, lag_s=0.14)
    made = channel(
        kind="power",
        quantity="power_instant",
        window_s=0.025,
        lag_u_s=nvml_channels._LAG_U_S,
    )
    seen = curve(trace(made, t, sensor.watts(t, 1e-3)))
    assert seen is not None
    assert seen.part_time
    cells = [
        energy(seen, Window(label="r", start_s=start_s, end_s=start_s + SECONDS))
        for start_s in starts
    ]
    lag_j = np.mean([sum(e.u for e in cell.effects if e.kind == "lag") for cell in cells])
    error_j = np.mean([(cell.energy_j or 0.0) - 350 * SECONDS for cell in cells])
    assert abs(error_j) <= 1.96 * abs(lag_j) + 2 * 290 * period_s / 8


@pytest.mark.parametrize(("rises_late_s", "falls_late_s"), [(0.0, 0.0), (0.15, 0.0), (0.0, 0.15)])
def test_late_at_one_edge_alone_is_no_lag(rises_late_s: float, falls_late_s: float) -> None:
    """Work that starts late, or power that lasts beyond it, does not make the sensor slow."""
    truth = work(5.0, rises_late_s, falls_late_s)
    seen = lagging(truth, 5.0, 0.0, 0.1, 0.35)
    assert apparent_lag_s(seen, 5.0, 6.0) < 0.008


def test_no_step_shows_no_lag() -> None:
    """A wave through both edges says nothing of the lag."""
    assert apparent_lag_s(lagging(square(100, 500, 0.31), 5.0, 0.1, 0.1, 0.35), 5.0, 6.0) == 0


def wave_between_idle(start_s: float) -> Energy:
    """Idle at 60 W, 1 s of a square wave between 150 and 350 W, idle."""
    wave = square(90, 290, 0.118)

    def energy_j(t: np.ndarray) -> np.ndarray:
        busy_s = np.clip(np.asarray(t), start_s, start_s + SECONDS)
        return 60 * np.asarray(t) + wave(busy_s) - float(wave(np.array(start_s)))

    return energy_j


@pytest.mark.parametrize("period_s", [0.033, 0.05, 0.083])
@pytest.mark.parametrize("lag_s", [0.0, 0.119, 0.146])
def test_the_edges_show_the_lag_if_the_work_itself_moves(lag_s: float, period_s: float) -> None:
    """Idle is flat, and the counter leaves the idle power and comes back to it late."""
    for phase in (0.05, 0.35, 0.65, 0.95):
        seen = lagging(wave_between_idle(5.0), 5.0, lag_s, period_s, phase)
        assert apparent_lag_s(seen, 5.0, 6.0) == pytest.approx(lag_s, abs=period_s)


@pytest.mark.parametrize("period_s", [0.05, 0.065, 0.083])
@pytest.mark.parametrize("lag_s", [0.119, 0.146])
def test_readings_that_end_soon_after_the_work_show_the_lag(lag_s: float, period_s: float) -> None:
    """Nothing is read of the idle power after the work: the power of the work lasted too long."""
    for phase in (0.05, 0.35, 0.65, 0.95):
        t = np.concatenate((np.arange(3.5, 4.7, 0.1), polls(5.0, 6.0, before_s=0.25)))
        truth = work(5.0)
        shown = Sensor(lambda x, f=truth: f(np.asarray(x) - lag_s), period_s, phase * period_s)
        seen = curve(trace(channel(lag_u_s=nvml_channels._LAG_U_S), t, shown.counts(t, 1e-3)))
        assert seen is not None
        assert lag_s - 1.2 * period_s <= apparent_lag_s(seen, 5.0, 6.0) <= lag_s + 0.02


@pytest.mark.parametrize("seed", [1651, 176, 2175, 1849, 2644, *range(20)])
def test_ticks_placed_together_are_no_power(seed: int) -> None:
    """A counter that is polled ever more slowly, past the rate at which it ticks, and then fast:
    two ticks may be placed within microseconds of each other, as the first seeds do. A window with
    its end there, of a load that rests, has no lag that matters (32 kJ of 1.5 kJ was seen).
    """
    rng = np.random.default_rng(seed)
    period_s = rng.choice([0.0203, 0.0216, 0.05, 0.083, 0.1])
    times, t = [], 0.0
    while t < 6.0:
        times.append(t)
        t += (max(0.005, 0.005 * t) if t < 4 else 0.005) * rng.uniform(0.9, 1.5)
    sensor = Sensor(lambda t: 270.0 * t, period_s=period_s, phase_s=rng.uniform(0, period_s))
    stated = channel(update_period_s=0.02, lag_u_s=0.0289)
    seen = curve(trace(stated, np.array(times), sensor.counts(np.array(times), 1e-3)))
    assert seen is not None
    spacings = np.diff(seen.t_s)
    assert spacings.min() > 0.05 * period_s
    end_s = float(seen.t_s[int(np.argmin(spacings))]) + 1e-6
    window = Window(label="repeat", start_s=1.0, end_s=max(end_s, 1.5))
    cell, true_j = energy(seen, window), 270 * window.duration_s
    assert cell.energy_j == pytest.approx(true_j, rel=0.05)
    assert max(abs(effect.u) for effect in cell.effects) < 0.05 * true_j
