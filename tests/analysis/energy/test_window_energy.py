"""Energy of a window against a known truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from energybench.analysis.energy.counter_check import cross_check
from energybench.analysis.energy.window_energy import WindowEnergy, energy
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.traces.trace_curve import curve
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.model import CutBy, Window
from tests.analysis.truth import Energy, Sensor, channel, constant, polls, square, trace

RAPL_RANGE = 262_143_328_850


def _error(seed: int, seconds: float, wrap: bool = False) -> float:
    """Relative error of one window over a 1.3 s square wave of 100/500 W with random phases."""
    rng = np.random.default_rng(seed)
    start = 5 + rng.uniform(0, 1.3)
    truth = square(100, 500, 1.3, rng.uniform(0, 1.3))
    sensor = Sensor(truth, period_s=0.001 if wrap else 0.1, phase_s=rng.uniform(0, 0.1))
    t = polls(start, start + seconds)
    if wrap:
        made = channel(
            collector="rapl",
            resolution=1e-6,
            update_period_s=0.001,
            wrap=RAPL_RANGE,
            max_power_w=1000.0,
        )
        raw = sensor.counts(
            t,
            1e-6,
            start=RAPL_RANGE - int(1e6 * float(truth(np.array(start + rng.uniform(0.5, 9.5))))),
            wrap=RAPL_RANGE,
        )
    else:
        made = channel()
        raw = sensor.counts(t, 1e-3)
    found = curve(trace(made, t, raw))
    assert found is not None
    if wrap:
        assert found.wraps == 1
    window = Window(label="repeat", start_s=start, end_s=start + seconds)
    expected = float(truth(np.array(window.end_s)) - truth(np.array(window.start_s)))
    value = energy(found, window).energy_j
    assert value is not None
    return value / expected - 1


@pytest.mark.parametrize("wrap", [False, True])
def test_ten_second_windows_are_within_half_a_percent(wrap: bool) -> None:
    """95 % of 10 s windows on a counter that ticks every 100 ms are within 0.5 % of the truth,
    across a RAPL wrap too.
    """
    errors = [abs(_error(seed, 10.0, wrap)) for seed in range(200)]
    assert np.quantile(errors, 0.95) < 0.005


def test_the_stated_uncertainty_covers_the_error() -> None:
    """The effects of one window cover its true error at their stated level, whatever the phases."""
    covered = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        truth = square(100, 500, 1.3, rng.uniform(0, 1.3))
        sensor = Sensor(truth, phase_s=rng.uniform(0, 0.1))
        start = 5 + rng.uniform(0, 1.3)
        t = polls(start, start + 2.0)
        found = curve(trace(channel(), t, sensor.counts(t, 1e-3)))
        assert found is not None
        cell = energy(found, Window(label="repeat", start_s=start, end_s=start + 2.0))
        u = np.sqrt(sum(effect.u**2 for effect in cell.random + cell.common))
        expected = float(truth(np.array(start + 2.0)) - truth(np.array(start)))
        covered += abs((cell.energy_j or 0) - expected) <= 1.96 * u
    assert covered >= 0.95 * 150


@settings(max_examples=60)
@example(power_w=1.0, phase=0.01953125, period=0.1, seconds=1.0625)  # a tick just before a poll
@given(
    power_w=st.floats(1, 1000),
    phase=st.floats(0, 0.1),
    period=st.sampled_from([0.001, 0.01, 0.02, 0.1]),
    seconds=st.floats(0.5, 20),
)
def test_a_constant_power_is_exact(
    power_w: float, phase: float, period: float, seconds: float
) -> None:
    """Whatever the phase and the period, a constant load's energy is right to the counter's
    resolution and ticks' fuzz.
    """
    sensor = Sensor(constant(power_w), period_s=period, phase_s=phase)
    t = polls(3.0, 3.0 + seconds)
    found = curve(trace(channel(update_period_s=period), t, sensor.counts(t, 1e-3)))
    assert found is not None
    value = energy(found, Window(label="repeat", start_s=3.0, end_s=3.0 + seconds)).energy_j
    assert value == pytest.approx(power_w * seconds, abs=power_w * 0.013 + 0.003)


@pytest.mark.parametrize(("window_s", "lag_s"), [(0.025, 0.0), (1.0, 0.0), (0.1, 0.3)])
def test_power_readings_are_shifted_by_lag_and_half_their_window(
    window_s: float, lag_s: float
) -> None:
    """A step that a slow sensor shows late still gives its energy: readings are moved by lag +
    window/2.
    """

    def truth(t):  # type: ignore[no-untyped-def]
        return 100 * np.asarray(t) + 300 * np.clip(np.asarray(t) - 10, 0, 5)

    sensor = Sensor(truth, period_s=0.02, window_s=window_s, lag_s=lag_s)
    made = channel(
        kind="power", quantity="power_instant", update_period_s=0.02, window_s=window_s, lag_s=lag_s
    )
    t = np.arange(5, 22, 0.02)
    found = curve(trace(made, t, sensor.watts(t, 1e-3)))
    assert found is not None
    value = energy(found, Window(label="repeat", start_s=9.0, end_s=16.0)).energy_j
    assert value == pytest.approx(100 * 7 + 300 * 5, rel=0.01)


def test_equal_readings_are_not_dropped() -> None:
    """A constant load gives equal samples; a peer drops them and reports nothing (zeus
    PowerMonitor).
    """
    made = channel(kind="power", quantity="power_instant")
    t = np.arange(0, 10, 0.1)
    found = curve(trace(made, t, np.full(t.size, 250_000, dtype=np.int64)))
    assert found is not None
    assert energy(found, Window(label="repeat", start_s=2.0, end_s=8.0)).energy_j == pytest.approx(
        1500
    )


def test_an_outage_costs_nothing_on_a_counter() -> None:
    """Reads that fail for 1.2 s are passed over, for the counter went on (a peer: 1.05 MJ)."""
    t = polls(3.0, 13.0)
    sensor = Sensor(constant(68.0), period_s=0.001)
    made = channel(
        collector="rapl",
        resolution=1e-6,
        update_period_s=0.001,
        wrap=RAPL_RANGE,
        max_power_w=1000.0,
    )
    ok = ~((t > 6) & (t < 7.2))
    raw = np.where(ok, sensor.counts(t, 1e-6), 0)
    found = curve(trace(made, t, raw, ok))
    assert found is not None
    cell = energy(found, Window(label="repeat", start_s=3.0, end_s=13.0))
    assert cell.energy_j == pytest.approx(680, rel=1e-3)
    assert all(effect.kind == "load-at-edges" for effect in cell.common)  # no bound, no gap


def test_a_lost_sensor_widens_the_interval_upward() -> None:
    """From the loss on the energy is a bound, never a zero and never an invention."""
    t = polls(3.0, 13.0)
    made = channel(max_power_w=1200.0)
    ok = t < 8.0
    found = curve(trace(made, t, Sensor(constant(300.0)).counts(t, 1e-3), ok))
    assert found is not None
    cell = energy(found, Window(label="repeat", start_s=3.0, end_s=13.0))
    assert cell.energy_j == pytest.approx(300 * 5.4, rel=0.05)
    bounds = [effect.u * 12**0.5 for effect in cell.common if effect.distribution == "bound"]
    assert bounds == [pytest.approx(1200 * 4.5, rel=0.05)]
    assert [doubt.code for doubt in cell.doubts] == ["sensor-lost"]


@pytest.mark.parametrize(
    ("changes", "cut", "word"),
    [
        ({}, None, "XID"),
        ({}, "no-end", "the measuring side ended before"),
        ({"quality": "estimated"}, None, "needs no estimate"),
        ({"reference": True}, None, "a meter file that covers the whole run"),
    ],
)
def test_the_remedy_of_lost_readings_fits_the_sensor_and_the_end_of_the_run(
    changes: dict[str, Any], cut: CutBy | None, word: str
) -> None:
    """A killed wrapper is no fault of the device, and a model has no system log."""
    t = polls(3.0, 13.0)
    lost = channel(max_power_w=1200.0, **changes)
    energy_curve = curve(trace(lost, t, Sensor(constant(300.0)).counts(t, 1e-3), t < 8.0))
    assert energy_curve is not None
    cell = energy(energy_curve, Window(label="repeat", start_s=3.0, end_s=13.0, cut=cut))
    (doubt,) = cell.doubts
    assert doubt.code == "sensor-lost"
    assert word in doubt.remedy
    assert ("XID" in doubt.remedy) == (word == "XID")


def test_a_window_without_any_reading_is_not_measured() -> None:
    """None, not 0, where the sensor was away the whole time."""
    t = np.arange(0, 2, 0.1)
    found = curve(trace(channel(), t, Sensor(constant(300.0)).counts(t, 1e-3)))
    assert found is not None
    assert energy(found, Window(label="repeat", start_s=10.0, end_s=20.0)).energy_j is None


def _both(
    truth: Energy,
    start_s: float,
    seconds: float,
    shown: Energy | None = None,
    window_s: float = 0.025,
) -> tuple[WindowEnergy, WindowEnergy]:
    """A board's counter, which integrates all, and its power reading of `shown` (of the same load,
    unless told), over one window.
    """
    t = polls(start_s, start_s + seconds)
    counter = curve(trace(channel(), t, Sensor(truth).counts(t, 1e-3)))
    made = channel(kind="power", quantity="power_instant", window_s=window_s)
    power = curve(trace(made, t, Sensor(shown or truth, window_s=window_s or 0.025).watts(t, 1e-3)))
    assert counter is not None
    assert power is not None
    window = Window(label="repeat", start_s=start_s, end_s=start_s + seconds)
    return energy(informed(counter, power), window), energy(power, window)


def _widened_j(cells: tuple[WindowEnergy, ...]) -> float:
    """By how much the mean over the windows reaches to the power integral's side."""
    return (
        sum(effect.u for cell in cells for effect in cell.common if effect.distribution == "bound")
        * 12**0.5
        / len(cells)
    )


@pytest.mark.parametrize("repeats", [1, 4])
@pytest.mark.parametrize("window_s", [0.0, 0.025])
def test_counter_and_power_that_disagree_are_both_covered(window_s: float, repeats: int) -> None:
    """187 J by counter against 327 J by power (zeus 181), at rest: the interval holds both, and a
    doubt names them, whatever the power sensor sees.
    """
    pairs = [
        _both(constant(187 / 5), 3.0 + 0.02 * i, 5.0, constant(327 / 5), window_s)
        for i in range(repeats)
    ]
    cells = cross_check([c for c, _ in pairs], [p for _, p in pairs], Place("gpu"))
    assert [cell.energy_j for cell in cells] == [pytest.approx(187, rel=0.01)] * repeats
    assert _widened_j(cells) == pytest.approx(140, rel=0.02)
    for cell in cells:
        (doubt,) = cell.doubts
        assert doubt.code == "counter-power-disagree"
        assert "counter says 187" in doubt.message
        assert "power readings 327" in doubt.message
    agreed = cross_check([c for c, _ in pairs], [c for c, _ in pairs], Place("gpu"))
    assert not any(cell.doubts for cell in agreed)


def _in_step(i: int, seconds: float, of: int = 8) -> tuple[WindowEnergy, WindowEnergy]:
    """A square wave of the sensor's own period that begins with the repeat, which starts i/of of a
    period after the sensor's tick.
    """
    start = 5.0 + 0.1 * i / of
    return _both(square(150, 450, 0.1, phase_s=-start), start, seconds)


def test_a_power_sensor_blind_to_its_load_does_not_widen_the_counter() -> None:
    """25 of every 100 ms show one end of a load in step: in single repeats the readings are off by
    up to half, but not in eight together.
    """
    pairs = [_in_step(i, 10.0) for i in range(8)]
    off = [abs((power.energy_j or 0.0) / (counter.energy_j or 1.0) - 1) for counter, power in pairs]
    assert max(off) > 0.4
    cells = cross_check([c for c, _ in pairs], [p for _, p in pairs], Place("gpu"))
    assert cells == tuple(c for c, _ in pairs)  # no bound, no doubt


def test_one_window_cannot_tell_a_blind_power_sensor_from_a_wrong_counter() -> None:
    """Short, the power integral's own uncertainty allows for a load in step; long, it is a doubt
    whose remedy says what tells the two apart.
    """
    for i in range(8):
        counter, power = _in_step(i, 0.5)
        assert cross_check([counter], [power], Place("gpu")) == (counter,), i
    counter, power = _in_step(0, 10.0)
    (cell,) = cross_check([counter], [power], Place("gpu"))
    (doubt,) = cell.doubts
    assert doubt.remedy.startswith(
        "the interval covers both; several repeats tell whether the load ran in step with the "
        "power sensor"
    )


def test_unseen_power_between_samples_is_an_effect_of_a_changing_load_only() -> None:
    """A sensor that sees 25 of every 100 ms cannot vouch for the rest where the load changes; of a
    steady load it can.
    """
    made = channel(kind="power", quantity="power_instant", window_s=0.025)
    t = np.arange(0, 15, 0.1)
    window = Window(label="repeat", start_s=2.0, end_s=12.0)

    def unseen(truth):  # type: ignore[no-untyped-def]
        found = curve(trace(made, t, Sensor(truth).watts(t, 1e-3)))
        assert found is not None
        return sum(effect.u for effect in energy(found, window).random if effect.kind == "unseen")

    assert unseen(constant(300.0)) == pytest.approx(0, abs=0.01)
    assert 10 < unseen(square(100, 500, 1.3)) < 200


@pytest.mark.parametrize("share", [0.85, 1.15])
def test_eight_windows_tell_a_wrong_counter_by_the_scatter_of_the_difference(share: float) -> None:
    """A counter that is off by 15 % in each of eight windows of 1 s, at a steady load: the doubt
    comes, although a load in step could explain the difference in one window.
    """
    pairs = [
        _both(constant(300 * share), 3.0 + 0.013 * i, 1.0, constant(300), 0.025) for i in range(8)
    ]
    cells = cross_check([c for c, _ in pairs], [p for _, p in pairs], Place("gpu"))
    assert all(cell.doubts for cell in cells)
    assert not cross_check([pairs[0][0]], [pairs[0][1]], Place("gpu"))[0].doubts


@pytest.mark.parametrize("period_s", [0.033, 0.31, 1.3])
def test_eight_windows_of_a_good_counter_raise_no_doubt(period_s: float) -> None:
    """Square waves that the part-time readings see badly: the difference scatters, and agrees."""
    wave = square(100, 500, period_s)
    pairs = [_both(wave, 3.0 + 1.37 * i, 1.0) for i in range(8)]
    cells = cross_check([c for c, _ in pairs], [p for _, p in pairs], Place("gpu"))
    assert not any(cell.doubts for cell in cells)
