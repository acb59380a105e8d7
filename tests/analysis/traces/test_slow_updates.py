"""Counters that update more slowly than stated: the period comes from readings without a change."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.traces.slow_updates import slower_period_s
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Host, Trace, Window
from tests.analysis.truth import Floats, Sensor, channel, polls, square, trace

RAPL = {
    "collector": "rapl",
    "device": "package-0",
    "component": "cpu.package",
    "resolution": 1e-6,
    "update_period_s": 0.001,
    "wrap": 262_143_328_850,
    "max_power_w": 1000.0,
}


def readings(seconds: float, seed: int = 0) -> Floats:
    """Polls of a run with RAPL alone: bursts of 10 ms at each edge, 10 Hz before and between."""
    rng = np.random.default_rng(seed)
    lead = np.arange(1.0, 2.7, 0.1)
    t = np.concatenate((lead, polls(3.0, 3.0 + seconds, edge_s=0.01, before_s=0.01)))
    tail = t[-1] + np.arange(0.1, 0.6, 0.1)
    return np.sort(np.concatenate((t, tail)) + rng.uniform(0, 2e-3, t.size + tail.size))


def rapl(t: Floats, period_s: float, phase_s: float) -> Trace:
    sensor = Sensor(square(40, 120, 1.7, 0.4), period_s=period_s, phase_s=phase_s)
    return trace(channel(**RAPL), t, sensor.counts(t, 1e-6, start=5_000_000))


@pytest.mark.parametrize("phase", [0.1, 0.45, 0.9])
@pytest.mark.parametrize("period_s", [0.05, 0.083, 0.25, 1.0])
def test_a_slow_rapl_holds_the_truth(period_s: float, phase: float) -> None:
    """Updates of 50 ms to 1 s where 1 ms is stated: no reading is implausible, and the interval
    contains the error.
    """
    t = readings(5.0)
    seen = curve(rapl(t, period_s, phase * period_s))
    assert seen is not None
    assert seen.dropped == 0
    assert not seen.spans
    if period_s >= 0.25:  # the polls between the bursts show it
        assert seen.period_s == pytest.approx(period_s, rel=0.2)
    cell = energy(seen, Window(label="repeat", start_s=3.0, end_s=8.0))
    truth = float(np.ptp(square(40, 120, 1.7, 0.4)(np.array([3.0, 8.0]))))
    u = np.sqrt(sum(effect.u**2 for effect in cell.effects))
    assert cell.energy_j is not None
    assert abs(cell.energy_j - truth) <= 2 * u + 1e-3


def test_a_counter_as_fast_as_stated_is_left_alone() -> None:
    """1 ms as stated, at every poll a new value: no other period is claimed."""
    t = readings(5.0)
    made = rapl(t, 0.001, 0.0)
    assert slower_period_s(made.t_s, made.raw, 0.001) is None


def test_a_counter_that_stops_is_not_slow() -> None:
    """Half of a run without an update says nothing of the period of the updates before."""
    t = readings(6.0)
    raw = rapl(t, 0.001, 0.0).raw.copy()
    raw[t > 6.0] = raw[t <= 6.0][-1]
    assert slower_period_s(t, raw, 0.001) is None


@pytest.mark.parametrize("seed", range(4))
def test_late_polls_do_not_contradict_a_board(seed: int) -> None:
    """100 ms as stated, polled at 10 Hz with jitter: a poll now and then sees no new value."""
    rng = np.random.default_rng(seed)
    t = np.sort(polls(3.0, 20.0) + rng.uniform(0, 0.004, polls(3.0, 20.0).size))
    sensor = Sensor(square(100, 500, 1.3), phase_s=rng.uniform(0, 0.1))
    assert slower_period_s(t, sensor.counts(t, 1e-3), 0.1) is None


@pytest.mark.parametrize("period_s", [0.05, 0.083, 0.25, 1.0])
def test_effects_of_a_slow_counter_can_be_written(period_s: float) -> None:
    """The period widens the effect of a lag that is not known. The store takes no number of numpy:
    it would lose the result.
    """
    t = readings(5.0)
    sensor = Sensor(square(40, 120, 1.7, 0.4), period_s=period_s, phase_s=0.0)
    counts = sensor.counts(t, 1e-6)
    assert type(slower_period_s(t, counts, 0.001)) is float
    slow = curve(trace(channel(**RAPL, lag_u_s=0.029, timing="prior"), t, counts))
    assert slow is not None
    result = energy(slow, Window(label="repeat", start_s=3.0, end_s=8.0, repeat=0))
    msgspec.json.encode(result.effects)


@pytest.mark.parametrize("resolution_j", [1e-3, 1.0])
@pytest.mark.parametrize("period_s", [0.77, 0.83, 1.0])
def test_a_window_within_one_update_is_not_told_as_certain(
    period_s: float, resolution_j: float
) -> None:
    """Updates of 0.8 s to 1 s where 1 ms is stated, half a second of work, at most one new value in
    all readings: the result names a cause, and after a single new value the interval is of the
    size of the error.
    """
    start_s, end_s = 3.0, 3.5
    t = np.concatenate((np.arange(2.6, 2.95, 0.1), polls(start_s, end_s, 0.01, 0.01)))
    t = np.sort(np.concatenate((t, np.arange(end_s + 0.1, end_s + 0.3, 0.1))))
    truth = square(40, 120, 1.7, 0.4)
    joules = float(np.ptp(truth(np.array([start_s, end_s]))))
    made = channel(**{**RAPL, "component": "gpu.board", "resolution": resolution_j, "wrap": None})
    record = Record(
        "r",
        "r",
        None,
        None,
        "device",
        Host(name="node"),
        (Window(label="repeat", start_s=start_s, end_s=end_s, repeat=0),),
        (None,),
        (),
    )
    single = 0
    for phase in np.arange(0.03, 1.0, 0.11):
        sensor = Sensor(truth, period_s=period_s, phase_s=phase * period_s)
        raw = sensor.counts(t, resolution_j, start=5_000_000)
        result = measure(record, (trace(made, t, raw),), {"gpu_w": (0.0, 1000.0, "")})
        codes = {doubt.code for doubt in result.doubts}
        assert codes & {"unusable", "sensor-lost", "stuck-sensor", "part-missing"}
        if np.count_nonzero(np.diff(raw)) == 1:
            single += 1
            assert result.energy_j is not None
            energy_j = result.energy_j
            assert abs(joules - energy_j.value) <= 2 * (energy_j.high - energy_j.value)
    assert single


@pytest.mark.parametrize("period_s", [0.83, 1.0])
def test_a_window_mostly_after_the_last_update_lacks_readings(period_s: float) -> None:
    """1.1 s of work of which 0.8 s lie after the last update: `sensor-lost` says so, although the
    window is longer than an update; not so if the next update was read.
    """
    t = readings(1.1)
    window = Window(label="repeat", start_s=3.0, end_s=4.1, repeat=0)
    last_s, phase_s = 3.25, (3.25 - 5 * period_s) % period_s

    def codes(read_s: Floats) -> set[str]:
        seen = curve(rapl(read_s, period_s, phase_s))
        assert seen is not None
        return {doubt.code for doubt in energy(seen, window).doubts}

    before_next, later = t[t < last_s + period_s], last_s + period_s * np.arange(1, 3) + 0.004
    assert "sensor-lost" in codes(before_next)
    assert "sensor-lost" not in codes(np.sort(np.append(t, later)))
