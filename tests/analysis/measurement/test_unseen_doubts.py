"""Doubts about power, and about times, that no reading shows."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.measurement.unseen_doubts import of_unseen
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.traces.trace_curve import curve
from energybench.collectors import nvml_channels
from energybench.model import Window
from tests.analysis.truth import Energy, Floats, Sensor, channel, constant, polls, square, trace

START_S = 5.0


def sine(mean_w: float, swing_w: float, period_s: float, phase: float) -> Energy:
    """True joules of a power that swings around its mean."""
    turn = 2 * np.pi / period_s
    return lambda t: mean_w * np.asarray(t) - swing_w / turn * np.cos(turn * np.asarray(t) + phase)


def work(end_s: float) -> Energy:
    return lambda t: 60 * np.asarray(t) + 290 * np.clip(np.asarray(t), START_S, end_s)


def codes(truth: Energy, seconds: float, lag_s: float, period_s: float, **stated: object) -> set:
    """Doubts about one window of a counter alone that lags."""
    end_s = START_S + seconds
    lead, tail = np.arange(3.0, 4.7, 0.1), np.arange(end_s + 0.3, end_s + 1.5, 0.1)
    t = np.concatenate((lead, polls(START_S, end_s), tail))
    sensor = Sensor(lambda x: truth(np.asarray(x) - lag_s), period_s, 0.3 * period_s)
    made = channel(**{"lag_u_s": nvml_channels._LAG_U_S, **stated})
    seen = curve(trace(made, t, sensor.counts(t, 1e-3)))
    assert seen is not None
    window = Window(label="repeat", start_s=START_S, end_s=end_s, repeat=0)
    return {doubt.code for doubt in of_unseen(seen, [window])}


@pytest.mark.parametrize("period_s", [0.057, 0.083, 0.119])
@pytest.mark.parametrize("lag_s", [0.0, 0.119, 0.146])
def test_a_lag_that_no_step_shows_is_a_doubt_if_it_matters(lag_s: float, period_s: float) -> None:
    """A slow wave through both edges: 7 s would be off by up to 2 % if the counter lagged by 0.15
    s, and no reading tells. In a minute such a lag is not worth a doubt.
    """
    truth = sine(280, 160, 2.75, 0.4)
    assert "lag-unseen" in codes(truth, 6.9, lag_s, period_s)
    assert "lag-unseen" not in codes(truth, 60.0, lag_s, period_s)


@pytest.mark.parametrize("period_s", [0.057, 0.083, 0.119])
def test_a_lag_that_costs_nothing_or_is_seen_or_was_measured_is_no_doubt(period_s: float) -> None:
    """A constant load, steps at both edges of the work, and a sensor with a profile."""
    assert "lag-unseen" not in codes(constant(300), 6.9, 0.146, period_s)
    assert "lag-unseen" not in codes(work(START_S + 2.0), 2.0, 0.0, period_s)
    wave = sine(280, 160, 2.75, 0.4)
    assert "lag-unseen" not in codes(wave, 6.9, 0.0, period_s, timing="profile")


def peaks(t: Floats) -> Floats:
    """120 W, with a peak of 230 W more for 20 ms in every 0.864 s."""
    whole, rest = np.divmod(np.asarray(t), 0.864)
    return np.asarray(120 * np.asarray(t) + 230 * (0.02 * whole + np.minimum(rest, 0.02)))


def counter_beside(truth: Energy, windows: list[Window]) -> set:
    """Doubts about the counter of a board whose two sensors publish every 133 ms, 55 ms apart."""
    t = np.unique(np.concatenate([polls(w.start_s, w.end_s) for w in windows]))
    t = np.unique(np.concatenate((np.arange(3.0, windows[-1].end_s + 1.0, 0.1), t)))
    sensor = Sensor(truth, 0.133, 0.02, window_s=0.033)
    counter = curve(trace(channel(), t, sensor.counts(t, 1e-3)))
    stated = channel(kind="power", quantity="power_instant", window_s=0.025)
    power = curve(trace(stated, t, sensor._replace(phase_s=0.075).watts(t, 1e-3)))
    assert counter is not None
    return {doubt.code for doubt in of_unseen(informed(counter, power), windows)}


def test_short_windows_of_a_constant_load_do_not_show_what_a_counter_misses() -> None:
    """Rare peaks may fall between the samples of a counter in all of eight windows: their scatter
    says nothing of it. Steps of the load, or many updates, settle it.
    """

    def windows(seconds: float) -> list[Window]:
        starts_s = [START_S + (seconds + 0.631) * i for i in range(8)]
        return [Window(label="repeat", start_s=s, end_s=s + seconds) for s in starts_s]

    assert "counter-kind" in counter_beside(constant(120), windows(1.26))
    assert "counter-kind" not in counter_beside(constant(120), windows(6.0))
    assert "counter-kind" not in counter_beside(square(100, 500, 0.37), windows(1.26))


def test_three_long_windows_that_look_constant_may_hide_rare_peaks() -> None:
    """Peaks in step with a sensor that sees a quarter of each period are missed in three windows;
    a load that moves is seen to move.
    """
    starts_s = [START_S + 8.43 * i for i in range(3)]
    windows = [Window(label="repeat", start_s=s, end_s=s + 7.79) for s in starts_s]
    t = np.unique(np.concatenate([polls(w.start_s, w.end_s) for w in windows]))
    stated = channel(kind="power", quantity="power_instant", window_s=0.025)
    for truth, hidden in ((peaks, True), (square(100, 500, 0.37), False)):
        sensor = Sensor(truth, 0.119, 0.02, window_s=0.03)
        seen = curve(trace(stated, t, sensor.watts(t, 1e-3)))
        assert seen is not None
        found = {doubt.code for doubt in of_unseen(seen, windows)}
        assert ("in-step-unseen" in found) is hidden


def part_time(truth: Energy, windows: list[Window], period_s: float = 0.1) -> set:
    """Doubts about a part-time sensor that sees a quarter of each of its periods."""
    t = np.unique(np.concatenate([polls(w.start_s, w.end_s) for w in windows]))
    t = np.unique(np.concatenate((np.arange(3.0, windows[-1].end_s + 1.0, 0.1), t)))
    stated = channel(kind="power", quantity="power_instant", window_s=0.025)
    sensor = Sensor(truth, period_s, 0.02, window_s=period_s / 4)
    seen = curve(trace(stated, t, sensor.watts(t, 1e-3)))
    assert seen is not None
    return {doubt.code for doubt in of_unseen(seen, windows)}


def spread(seconds: float, count: int = 8) -> list[Window]:
    starts_s = [START_S + (seconds + 0.631) * i for i in range(count)]
    return [Window(label="repeat", start_s=s, end_s=s + seconds) for s in starts_s]


def test_few_readings_of_many_windows_may_all_miss_rare_peaks() -> None:
    """A load that looks constant may have peaks between the readings of eight windows, however many
    windows these are: the readings have to be some hundreds. Of a load that moves, fifty readings
    scatter enough.
    """
    assert "in-step-unseen" in part_time(constant(130), spread(2.0))
    assert "in-step-unseen" not in part_time(constant(130), spread(6.0))
    moving = square(100, 500, 0.367)
    assert "in-step-unseen" in part_time(moving, spread(0.5))
    assert "in-step-unseen" not in part_time(moving, spread(6.0))


def test_readings_that_hardly_change_count_at_the_longest_period_that_they_allow() -> None:
    """A sensor of 1 s with a stated period of 0.1 s whose readings are nearly equal: a run of 40 s
    holds 40 of its readings, not 400.
    """

    def nearly(t: Floats) -> Floats:
        return np.asarray(300 * np.asarray(t) + 3 * np.clip(np.asarray(t) - 20.0, 0.0, 9.0))

    assert "in-step-unseen" in part_time(nearly, spread(5.0), period_s=1.0)
