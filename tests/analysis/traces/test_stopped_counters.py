"""Counters that stand still, from the start or from some moment on, are not counters of 0 W."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Gpu, Host, Measurement, Trace, Window
from tests.analysis.runs import RANGES
from tests.analysis.truth import Floats, Sensor, channel, constant, polls, square, trace

POLLS = np.concatenate((np.arange(1.0, 2.7, 0.1), polls(3.0, 15.0)))


def package(period_s: float = 0.001, watts: float = 60.0, **changes: object) -> Trace:
    made = channel(
        collector="rapl",
        device="package-0",
        component="cpu.package",
        resolution=1e-6,
        update_period_s=period_s,
        wrap=262_143_328_850,
        max_power_w=1000.0,
        **changes,
    )
    return trace(made, POLLS, Sensor(constant(watts), period_s=period_s).counts(POLLS, 1e-6))


def board(still_from_s: float, period_s: float = 0.1) -> Trace:
    raw = Sensor(constant(300.0), period_s=period_s).counts(POLLS, 1e-3)
    return trace(channel(update_period_s=0.1), POLLS, frozen(raw, still_from_s))


def board_power() -> Trace:
    made = channel(kind="power", quantity="power_instant", window_s=0.1)
    return trace(made, POLLS, Sensor(constant(300.0), window_s=0.1).watts(POLLS, 1e-3))


def frozen(raw: np.ndarray, from_s: float, to_s: float = np.inf) -> np.ndarray:
    """The counts with the value at one time shown until another; counting goes on from there."""
    raw = raw.copy()
    if from_s > POLLS[-1]:
        return raw
    still = (from_s <= POLLS) & (to_s > POLLS)
    first = int(np.flatnonzero(still)[0])
    lost = raw[int(np.flatnonzero(still)[-1])] - raw[first]
    raw[still] = raw[first]
    raw[to_s <= POLLS] -= lost
    return raw


def measured(*traces: Trace, boundary: str = "compute") -> Measurement:
    gpus = tuple(
        Gpu(uuid=name, name="board")
        for name in {made.channel.device for made in traces}
        if name.startswith("GPU")
    )
    host = Host(name="node", sockets=1, memory_bytes=16 * 10**9, gpus=gpus)
    window = Window(label="repeat", start_s=3.0, end_s=15.0, repeat=0)
    record = Record("r", "r", None, None, boundary, host, (window,), (None,), ())  # type: ignore[arg-type]
    return measure(record, traces, RANGES)


def test_a_counter_that_never_moves_is_missing_with_its_range() -> None:
    """A still package beside a live board: the package is a missing part, and 0 W of it is never
    counted as measured.
    """
    still = package(watts=0.0)
    result = measured(still, board(1e9))
    (part,) = (part for part in result.boundary.parts if part.component == "cpu.package")
    assert part.state == "missing"
    assert part.high_w == 1000.0
    assert {"part-missing", "stuck-sensor"} <= {doubt.code for doubt in result.doubts}
    assert result.energy_j is not None
    assert result.energy_j.high > result.energy_j.value + 1000.0 * 12 * 0.99


def test_nothing_but_still_counters_is_not_measured() -> None:
    """No energy at all, in place of a measured 0 J."""
    result = measured(board(0.0), boundary="device")
    assert result.energy_j is None
    assert "not-measured" in {doubt.code for doubt in result.doubts}


@pytest.mark.parametrize("still_from_s", [0.0, 5.0])
def test_the_power_readings_of_the_same_board_stand_in(still_from_s: float) -> None:
    """A counter that never moves, or stops in the work, beside power readings that go on: these
    count, and the energy is right.
    """
    result = measured(board(still_from_s), board_power(), boundary="device")
    assert result.energy_j is not None
    assert result.energy_j.value == pytest.approx(3600.0, rel=0.01)
    assert result.energy_j.high < 3700


@pytest.mark.parametrize("period_s", [0.001, 0.02, 0.083])
def test_a_counter_that_stops_in_the_work_leaves_a_bound(period_s: float) -> None:
    """From the stop on, nothing was read: the interval holds the truth, and a doubt says so."""
    made = package(period_s)
    result = measured(Trace(**{**fields(made), "raw": frozen(made.raw, 6.0)}), boundary="compute")
    assert result.energy_j is not None
    assert result.energy_j.low < 60.0 * 12 < result.energy_j.high
    assert "sensor-lost" in {doubt.code for doubt in result.doubts}


@pytest.mark.parametrize("period_s", [0.001, 0.083])
def test_a_counter_that_pauses_and_does_not_catch_up(period_s: float) -> None:
    """Three seconds without a count are a gap with a bound, not a time of 0 W."""
    made = package(period_s)
    raw = frozen(made.raw, 6.0, 9.0)
    result = measured(Trace(**{**fields(made), "raw": raw}), boundary="compute")
    assert result.energy_j is not None
    assert result.energy_j.low < 60.0 * 12 < result.energy_j.high
    assert "stuck-sensor" in {doubt.code for doubt in result.doubts}


def test_a_counter_that_catches_up_lost_nothing() -> None:
    """The first value after the pause contains the energy of the pause."""
    made = package()
    raw = made.raw.copy()
    still = (POLLS >= 6.0) & (POLLS < 9.0)
    raw[still] = raw[still][0]
    points = curve(Trace(**{**fields(made), "raw": raw}))
    assert points is not None
    assert not points.spans
    result = measured(Trace(**{**fields(made), "raw": raw}), boundary="compute")
    assert result.components_j["cpu.package"].value == pytest.approx(720.0, rel=0.01)


def test_whole_joules_of_a_small_load_are_not_a_stop() -> None:
    """A counter of whole joules under 1.5 W moves every 0.7 s, and counts."""
    made = channel(resolution=1.0)
    still = trace(made, POLLS, Sensor(constant(1.5)).counts(POLLS, 1.0))
    points = curve(still)
    assert points is not None
    assert points.energy_j[-1] - points.energy_j[0] == pytest.approx(21.0, abs=2.0)


def test_a_power_of_zero_is_no_reading() -> None:
    """Boards answer 0 mW where they are polled too often: dropped and counted."""
    made = board_power()
    raw: Floats = made.raw.copy()
    raw[(POLLS > 7.0) & (POLLS < 7.35)] = 0
    points = curve(Trace(**{**fields(made), "raw": raw}))
    assert points is not None
    assert points.dropped == np.count_nonzero(raw == 0)
    assert np.ptp(points.energy_j) / np.ptp(points.t_s) == pytest.approx(300.0, rel=1e-3)


def fields(made: Trace) -> dict[str, object]:
    return {"channel": made.channel, "t_s": made.t_s, "raw": made.raw, "ok": made.ok}


@pytest.mark.parametrize("seconds", [0.03, 0.083, 0.25, 0.45])
def test_no_new_value_in_a_short_run_is_no_energy(seconds: float) -> None:
    """A counter stated as every millisecond that shows no new value at all is slower than stated:
    the energy is not known, and never 0 J.
    """
    still = channel(
        collector="rapl", component="cpu.package", resolution=1e-6, update_period_s=0.001
    )
    t_s = np.arange(0.0, seconds, 0.005)
    energy_curve = curve(trace(still, t_s, np.full(t_s.size, 10**6)))
    assert energy_curve is None or energy_curve.t_s.size == 0


def stalling(every_s: float, still_s: float, watts: float = 60.0, *, catches_up: bool) -> Trace:
    """A package whose counter stands still at the end of every period of time; the energy of the
    stops comes at their end, or never.
    """
    made = package(watts=watts)
    whole, rest_s = np.divmod(POLLS, every_s)
    going_s = every_s - still_s
    counted_s = whole * (every_s if catches_up else going_s) + np.minimum(rest_s, going_s)
    return trace(made.channel, POLLS, np.round(watts * counted_s / 1e-6).astype(np.int64))


STOPS = [(1.53, 0.25), (1.07, 0.5), (2.03, 0.83), (3.1, 0.37)]


@pytest.mark.parametrize(("every_s", "still_s"), STOPS)
def test_short_stops_that_lose_energy_are_a_bound(every_s: float, still_s: float) -> None:
    """A counter of 1 ms that shows nothing new for some tenths of a second, time and again, and
    goes on from where it stood.
    """
    result = measured(stalling(every_s, still_s, catches_up=False))
    energy, truth_j = result.components_j["cpu.package"], 60.0 * result.time_s.value
    assert energy.value < 0.96 * truth_j < truth_j < energy.high
    assert "stuck-sensor" in {doubt.code for doubt in result.doubts}


@pytest.mark.parametrize(("every_s", "still_s"), STOPS)
def test_short_stops_after_which_a_counter_catches_up_lose_nothing(
    every_s: float, still_s: float
) -> None:
    """As the counters of virtual machines that the host feeds late."""
    result = measured(stalling(every_s, still_s, catches_up=True))
    energy, truth_j = result.components_j["cpu.package"], 60.0 * result.time_s.value
    assert energy.value == pytest.approx(truth_j, rel=0.02)
    assert "stuck-sensor" not in {doubt.code for doubt in result.doubts}


@pytest.mark.parametrize("period_s", [0.02, 0.083, 0.11, 0.25, 1.0])
def test_a_wave_beside_a_slow_counter_is_no_stop(period_s: float) -> None:
    """A counter that updates more slowly than stated shows nothing new between its updates."""
    load = square(10.0, 200.0, 0.61)
    raw = Sensor(load, period_s=period_s).counts(POLLS, 1e-6)
    result = measured(trace(package().channel, POLLS, raw))
    assert "stuck-sensor" not in {doubt.code for doubt in result.doubts}


@pytest.mark.parametrize("period_s", [0.17, 0.25, 0.43, 0.7, 1.1])
@pytest.mark.parametrize("periods", [4.0, 6.3])
def test_a_slow_counter_that_stops_for_some_of_its_periods(period_s: float, periods: float) -> None:
    """The energy of the stop is lost: the interval holds the truth, and a doubt names the stop."""
    made = package(period_s)
    channel = package().channel  # as stated before it was measured: 1 ms
    for start_s in (4.2, 4.61, 5.1):
        raw = frozen(made.raw, start_s, start_s + periods * period_s)
        result = measured(Trace(channel=channel, t_s=made.t_s, raw=raw, ok=made.ok))
        energy = result.components_j["cpu.package"]
        assert energy.low < 60.0 * 12 < energy.high
        assert "stuck-sensor" in {doubt.code for doubt in result.doubts}


@pytest.mark.parametrize("seed", range(20))
def test_late_updates_of_a_slow_counter_are_no_stop(seed: int) -> None:
    """Updates that are lost now and then, or come late, at loads that change: the next update holds
    all the energy.
    """
    rng = np.random.default_rng(seed)
    period_s = rng.uniform(0.15, 0.9)
    ticks = np.cumsum(period_s * rng.choice([1.0, 1.2, 2.0, 3.0], 200, p=[0.7, 0.1, 0.15, 0.05]))
    load = square(rng.uniform(10.0, 60.0), 300.0, rng.uniform(0.4, 4.0))
    shown = np.searchsorted(ticks, POLLS) - 1
    counted = Sensor(load, period_s=1e-4).counts(np.concatenate(([0.0], ticks)), 1e-6)
    result = measured(trace(package().channel, POLLS, counted[shown + 1]))
    assert "stuck-sensor" not in {doubt.code for doubt in result.doubts}
