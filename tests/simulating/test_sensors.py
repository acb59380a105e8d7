"""Simulated sensors: readings agree with their rows, computed anew from the truth."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from energybench import data
from energybench.analysis.traces.unwrap import unwrap
from energybench.collectors import nvml_channels, rapl
from energybench.simulating.readings import Polled, read
from energybench.simulating.sensors import (
    BIAS,
    LAG_U_S,
    SENSORS,
    PriorMode,
    SensorState,
    channels,
    draw_gain,
    drawn,
    part_time,
    states,
)
from energybench.simulating.waves import Load, SquareLoad

WAVE = SquareLoad(100.0, 500.0, 1.3, 0.5)
POLLS = np.arange(0.2, 3.0, 0.0071)


def load() -> Load:
    one = np.ones(1)
    return Load.of(WAVE, np.zeros(1), np.array([3.0]), one, one)


def shown(
    name: str, gain: float = 1.0, phase_s: float = 0.03, lag_s: float = 0.0
) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The readings of every dial, in physical units, counters from the first reading."""
    sensor = SENSORS[name]
    prior = PriorMode(0.04, "normal")
    phases = [SensorState(phase_s, lag_s, 0.5) for _ in sensor.dials]
    traces = read(
        sensor,
        channels(sensor, prior, "prior"),
        phases,
        Polled(load(), POLLS, np.ones(POLLS.size, dtype=np.bool_), gain),
    )
    return [
        unwrap(trace).energy_j
        if trace.channel.kind == "counter"
        else trace.raw * trace.channel.resolution
        for trace in traces
    ]


def ticks(period_s: float, phase_s: float = 0.03) -> list[float]:
    return [math.floor((t - phase_s) / period_s) * period_s + phase_s for t in POLLS.tolist()]


def joules(start_s: float, end_s: float) -> float:
    at = load().energy(np.array([start_s, end_s]))
    return float(at[1] - at[0])


@pytest.mark.parametrize(
    ("name", "period_s", "resolution_j"),
    [("a100", 0.1, 1e-3), ("v100", 0.02, 1e-3), ("rapl", 0.001, 1e-6), ("pm_counters", 0.1, 1.0)],
)
def test_a_counter_shows_the_energy_at_its_last_tick(
    name: str, period_s: float, resolution_j: float
) -> None:
    """In whole counts, with the gain, and through a wrap of the register."""
    phase = 0.3 * period_s
    at = ticks(period_s, phase)
    expected = [1.04 * joules(at[0], t) for t in at]
    assert shown(name, 1.04, phase)[0] == pytest.approx(expected, abs=2 * resolution_j)


@pytest.mark.parametrize(
    ("name", "sees_s"), [("a100-power", 0.025), ("h100-instant", 0.025), ("h100-average", 1.0)]
)
def test_a_power_reading_is_the_mean_of_its_window(name: str, sees_s: float) -> None:
    """The mean over the last sees_s before the tick, less the lag."""
    expected = [joules(t - 0.02 - sees_s, t - 0.02) / sees_s for t in ticks(0.1)]
    assert shown(name, lag_s=0.02)[0] == pytest.approx(expected, abs=1e-3)


def test_a_sampled_counter_adds_up_its_power_readings() -> None:
    """A reading of 25 ms stands for 100 ms, and the power channel shows the same readings."""
    energy, power = shown("sampled-counter")
    steps = np.flatnonzero(np.diff(energy) > 1e-6)
    assert np.diff(energy)[steps] == pytest.approx(power[steps + 1] * 0.1, abs=3e-3)
    assert not SENSORS["sampled-counter"].dials[0].stated.window_s  # not stated


def test_rapl_wraps_within_the_run() -> None:
    """The raw counter falls once, and the analysis corrects the wrap."""
    sensor = SENSORS["rapl"]
    stated = channels(sensor, PriorMode(0.03, "normal"), "prior")
    for filled in (0.0, 0.5, 0.99):
        trace = read(
            sensor,
            stated,
            [SensorState(0.0, 0.0, filled)],
            Polled(load(), POLLS, np.ones(POLLS.size, dtype=np.bool_), 1.0),
        )[0]
        assert np.count_nonzero(np.diff(trace.raw) < 0) == 1
        assert unwrap(trace).wraps == 1


def test_failed_reads_are_marked() -> None:
    """An outage marks the raw values of every channel as failed at the same time."""
    sensor = SENSORS["a100"]
    ok = (POLLS < 1.0) | (POLLS > 1.7)
    for trace in read(
        sensor,
        channels(sensor, PriorMode(0.04, "normal"), "prior"),
        [SensorState(0.0, 0.0, 0.0)] * 2,
        Polled(load(), POLLS, ok, 1.0),
    ):
        assert (trace.ok == ok).all()
        assert (trace.raw[~ok] == 0).all()


def test_what_is_stated_is_what_the_collectors_state() -> None:
    """Period, window, uncertainty of the lag and priors equal those of the collectors."""
    assert all(sensor.prior in data.priors() for sensor in SENSORS.values())
    counter, power = (dial.stated for dial in SENSORS["a100"].dials)
    assert counter.period_s == nvml_channels._COUNTER_PERIOD_S
    timing = (nvml_channels._PART_TIME_PERIOD_S, nvml_channels._PART_TIME_WINDOW_S)
    assert (power.period_s, power.window_s) == timing
    assert pytest.approx(nvml_channels._LAG_U_S) == LAG_U_S
    assert counter.lag_u_s == LAG_U_S
    assert SENSORS["rapl"].dials[0].stated.period_s == rapl.UPDATE_PERIOD_S


def test_gains_are_drawn_from_what_is_stated_or_plainly_not() -> None:
    """prior: as stated; 1: exact; wide: twice the spread; biased: about -5.5 %."""
    rng = np.random.Generator(np.random.Philox(5))

    def spread(prior: PriorMode, mode: str) -> tuple[float, float]:
        gains = [draw_gain(prior, mode, rng) for _ in range(4000)]  # type: ignore[arg-type]
        return float(np.mean(gains)) - 1, float(np.std(gains))

    normal, flat = PriorMode(0.04, "normal"), PriorMode(0.05, "rectangular")
    assert spread(normal, "prior") == pytest.approx((0.0, 0.04), abs=0.003)
    assert spread(flat, "prior") == pytest.approx((0.0, 0.05), abs=0.003)
    assert spread(normal, "wide") == pytest.approx((0.0, 0.08), abs=0.006)
    assert spread(normal, "biased") == pytest.approx((BIAS, 0.04), abs=0.003)
    assert spread(normal, "1") == (0.0, 0.0)


def test_lags_lie_within_what_is_stated() -> None:
    """Rectangular with the stated standard uncertainty; no lag if no uncertainty is stated.

    Starts are spread for part-time power sensors alone.
    """
    rng = np.random.Generator(np.random.Philox(6))
    lags = [states(SENSORS["a100"], rng)[1].lag_s for _ in range(2000)]
    assert max(np.abs(lags)) <= math.sqrt(3) * LAG_U_S
    assert float(np.std(lags)) == pytest.approx(LAG_U_S, rel=0.05)
    assert {states(SENSORS["rapl"], rng)[0].lag_s for _ in range(5)} == {0.0}
    staggered = {
        name
        for name, sensor in SENSORS.items()
        if part_time(sensor, states(sensor, rng)) is not None
    }
    odd = {"odd-counter", "odd-samples", "odd-power"}
    assert staggered == {"a100", "a100-power", "h100-instant", "sampled-counter"} | odd


def test_a_sensor_whose_timing_nobody_states_is_drawn_anew() -> None:
    """Periods of 20 to 250 ms and of 1 s, whole joules and set-backs in some; the stated timing
    stays, and a row with a timing of its own is left alone.
    """
    rng = np.random.Generator(np.random.Philox(7))
    odd = [drawn(SENSORS["odd-counter"], rng) for _ in range(400)]
    periods = np.array([sensor.dials[0].does.period_s for sensor in odd])
    assert 0.02 <= periods.min() < 0.03
    assert 0.24 < periods[periods < 1].max() <= 0.25
    assert np.mean(periods == 1.0) == pytest.approx(1 / 7, abs=0.06)
    assert {sensor.dials[0].resolution for sensor in odd} == {1e-3, 1.0}
    assert any(sensor.dials[0].does.back_j for sensor in odd)
    assert {sensor.dials[0].stated for sensor in odd} == {SENSORS["odd-counter"].dials[0].stated}
    assert drawn(SENSORS["a100"], rng) is SENSORS["a100"]


def test_ticks_that_jitter_keep_their_beat() -> None:
    """Each tick off by up to its jitter, in order, and the energy is that of the tick."""
    does = SENSORS["odd-counter"].dials[0].does._replace(period_s=0.083, jitter=0.06)
    dial = SENSORS["odd-counter"].dials[0]._replace(does=does)
    sensor = SENSORS["odd-counter"]._replace(dials=(dial,))
    polls = np.arange(0.2, 3.0, 0.001)
    (trace,) = read(
        sensor,
        channels(sensor, PriorMode(0.04, "normal"), "prior"),
        [SensorState(0.02, 0.0, 0.5, 3)],
        Polled(load(), polls, np.ones(polls.size, dtype=np.bool_), 1.0),
    )
    changed = polls[1:][np.diff(trace.raw) > 0]
    off = changed - (np.round((changed - 0.02) / 0.083) * 0.083 + 0.02)
    assert 0.002 < float(np.std(off)) < 0.009
    joules = np.diff(trace.raw)[np.diff(trace.raw) > 0][1:] * 1e-3
    assert joules == pytest.approx(
        [
            float(np.ptp(load().energy(np.array([before, after]))))
            for before, after in pairwise(changed.tolist())
        ],
        abs=0.6,
    )
