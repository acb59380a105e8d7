"""What the sensors did not see, in words a person can act on."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.measurement.measure import Record, energy_to_solution, measure
from energybench.analysis.measurement.sensor_doubts import Sampling, of_sampling
from energybench.analysis.measurement.still_sensors import of_still
from energybench.model import Doubt, Gpu, Host, Trace, Window
from tests.analysis.truth import Energy, Floats, Sensor, channel, constant, polls, square, trace


def doubts(traces: tuple[Trace, ...], start_s: float, end_s: float) -> dict[str, Doubt]:
    host = Host(name="node", gpus=(Gpu(uuid="GPU-0", name="board"),))
    record = Record(
        "r",
        "r",
        None,
        None,
        "device",
        host,
        (Window(label="repeat", start_s=start_s, end_s=end_s, repeat=0),),
        (None,),
        (),
    )
    return {
        doubt.code: doubt for doubt in measure(record, traces, {"gpu_w": (0.0, 1000.0, "")}).doubts
    }


def power(seconds: float, window_s: float, t: Floats | None = None) -> Trace:
    times = polls(3.0, 3.0 + seconds) if t is None else t
    made = channel(kind="power", quantity="power_instant", window_s=window_s)
    return trace(made, times, Sensor(square(100, 500, 0.37), window_s=window_s).watts(times, 1e-3))


def test_a_window_shorter_than_the_averaging_is_unusable() -> None:
    """0.35 s on a sensor that averages over 1 s: the doubt names both."""
    found = doubts((power(0.35, 1.0),), 3.0, 3.35)["unusable"]
    assert "averages over 1 s" in found.message
    assert "0.35 s" in found.message


def test_a_few_samples_are_unusable_and_many_are_not() -> None:
    """A sensor that sees 25 of 100 ms tells nothing of 0.35 s, and something of 5 s."""
    assert "unusable" in doubts((power(0.35, 0.025),), 3.0, 3.35)
    assert "unusable" not in doubts((power(5.0, 0.025),), 3.0, 8.0)


def test_what_length_or_how_many_repeats_it_would_take() -> None:
    """The remedy's figures follow from how the error falls: with the length for edges, with its
    root between samples.
    """
    window = (Window(label="repeat", start_s=0.0, end_s=10.0),)
    (between,) = of_sampling(Sampling(0.0, 0.02 / 1.96 * 3), window, 0.1)
    assert "about 90 s" in between.remedy
    assert "9 repeats" in between.remedy
    (edges,) = of_sampling(Sampling(0.02 / 1.96 * 3, 0.0), window, 0.1)
    assert "about 30 s" in edges.remedy
    assert of_sampling(Sampling(0.001, 0.001), window, 0.1) == []


def test_a_sensor_that_never_moves_is_named() -> None:
    """A counter that stands still and a power that is always zero, by name and value; a live one is
    not.
    """
    t = np.arange(0.0, 5.0, 0.1)
    still = trace(channel(), t, np.full(t.size, 123_000))
    zero = trace(
        channel(kind="power", quantity="power_instant", device="GPU-1"),
        t,
        np.zeros(t.size, dtype=np.int64),
    )
    live = trace(channel(device="GPU-2"), t, Sensor(constant(50.0)).counts(t, 1e-3))
    found = of_still([still, zero, live], set())
    assert [doubt.code for doubt in found] == ["stuck-sensor"] * 2
    assert "GPU-0" in found[0].message
    assert "123 J" in found[0].message
    assert "GPU-1" in found[1].message
    assert "0 W" in found[1].message


@pytest.mark.parametrize(("period_s", "seconds"), [(1.0, 0.3), (3.0, 1.5)])
def test_a_counter_without_a_new_value_in_a_short_run_is_slow(
    period_s: float, seconds: float
) -> None:
    """A hypervisor's counter states 1 ms and updates once a second: a sensor is there, and the
    doubt says how long a repeat has to be. It is not called missing, or not fed by its driver.
    """
    slow = channel(collector="rapl", resolution=1e-6, update_period_s=0.001, max_power_w=1000.0)
    t = polls(3.05, 3.05 + seconds, before_s=0.03)
    sensor = Sensor(constant(68.0), period_s=period_s, phase_s=0.01)
    found = doubts((trace(slow, t, sensor.counts(t, 1e-6)),), 3.05, 3.05 + seconds)
    assert "showed no new value in the" in found["counter-slow"].message
    assert "stated (0.001 s)" in found["counter-slow"].message
    assert "9 s or more" in found["counter-slow"].remedy
    assert "has a sensor that told no energy" in found["part-missing"].message
    assert "stuck-sensor" not in found


def test_readings_that_failed_are_not_a_slow_counter() -> None:
    t = np.arange(2.9, 4.1, 0.1)
    ok = np.arange(t.size) < 2
    failed = trace(channel(update_period_s=0.001), t, np.full(t.size, 5), ok)
    assert "counter-slow" not in doubts((failed,), 3.0, 4.0)


def test_a_window_between_two_updates_names_the_update() -> None:
    """Not the system log of the device."""
    slow = channel(collector="rapl", resolution=1e-6, update_period_s=0.001, max_power_w=1000.0)
    t = polls(3.05, 4.55)
    counts = Sensor(constant(68.0), period_s=3.0, phase_s=0.2).counts(t, 1e-6)
    found = doubts((trace(slow, t, counts),), 3.05, 4.55)
    assert "because it updates about every" in found["sensor-lost"].message
    assert "XID" not in found["sensor-lost"].remedy
    assert found["sensor-lost"].remedy.startswith("repeats of")


def test_a_hole_within_the_work_is_a_doubt_not_an_energy() -> None:
    """1.2 s without readings: a gap and a doubt, and the counter's energy all the same."""
    t = polls(3.0, 13.0)
    ok = ~((t > 6) & (t < 7.2))
    made = channel(
        collector="rapl",
        component="gpu.board",
        resolution=1e-6,
        update_period_s=0.001,
        max_power_w=1000.0,
    )
    seen = trace(made, t, Sensor(constant(68.0), period_s=0.001).counts(t, 1e-6), ok)
    found = doubts((seen,), 3.0, 13.0)
    assert "1.3 s" in found["reading-gap"].message or "1.2 s" in found["reading-gap"].message
    host = Host(name="node", gpus=(Gpu(uuid="GPU-0", name="board"),))
    record = Record(
        "r",
        "r",
        None,
        None,
        "device",
        host,
        (Window(label="repeat", start_s=3.0, end_s=13.0, repeat=0),),
        (None,),
        (),
    )
    value = energy_to_solution(record, (seen,), {"gpu_w": (0.0, 1000.0, "")})[0]
    assert value is not None
    assert abs(value.value - 680) < 1


def part_time(seconds: float, period_s: float, truth: Energy) -> Trace:
    """A quarter of each period is seen; 25 of 100 ms are stated."""
    times = polls(3.0, 3.0 + seconds)
    made = channel(kind="power", quantity="power_instant", window_s=0.025)
    sensor = Sensor(truth, period_s, 0.3 * period_s, window_s=period_s / 4)
    return trace(made, times, sensor.watts(times, 1e-3))


def test_readings_that_change_seldom_do_not_show_their_period() -> None:
    """Steps of 1.3 s seen once in 0.9 s, where 0.1 s is stated: the readings may come late by as
    much. Readings every 83 ms that change each time show their period.
    """
    found = doubts((part_time(6.2, 0.9, square(100, 400, 2.6)),), 3.0, 9.2)
    assert "late" in found["period-unknown"].message
    moving = doubts((part_time(6.2, 0.083, square(100, 400, 0.171)),), 3.0, 9.2)
    assert "period-unknown" not in moving


@pytest.mark.parametrize("period_s", [0.017, 0.021])
def test_a_part_time_sensor_that_is_faster_than_its_stated_window_stays_part_time(
    period_s: float,
) -> None:
    """25 of 100 ms are stated; a sensor of 20 ms cannot see 25 ms of each period."""
    found = doubts((part_time(3.1, period_s, square(100, 400, 0.171)),), 3.0, 6.1)
    assert "25%" in found["in-step-unseen"].message


def test_few_readings_in_few_windows_may_agree_by_chance() -> None:
    """Three windows of 1.4 s of a sensor of 83 ms carry the doubt that one window has; three of 5 s
    do not.
    """
    codes = []
    for seconds in (1.4, 5.1):
        windows = tuple(
            Window(label="repeat", start_s=3.0 + 6 * i, end_s=3.0 + 6 * i + seconds, repeat=i)
            for i in range(3)
        )
        times = np.unique(np.concatenate([polls(w.start_s, w.end_s, 0.22, 0.45) for w in windows]))
        made = channel(kind="power", quantity="power_instant", window_s=0.025)
        sensor = Sensor(square(100, 400, 0.171), 0.083, 0.02, window_s=0.02)
        readings = trace(made, times, sensor.watts(times, 1e-3))
        host = Host(name="node", gpus=(Gpu(uuid="GPU-0", name="board"),))
        record = Record("r", "r", None, None, "device", host, windows, (None,) * 3, ())
        result = measure(record, (readings,), {"gpu_w": (0.0, 1000.0, "")})
        codes.append({doubt.code for doubt in result.doubts})
    assert "in-step-unseen" in codes[0]
    assert "in-step-unseen" not in codes[1]
