"""What the sensors did not see, in words a person can act on."""

from __future__ import annotations

import numpy as np

from energybench.analysis.measurement.measure import Record, energy_to_solution, measure
from energybench.analysis.measurement.sensor_doubts import Sampling, of_sampling, of_stuck
from energybench.model import Doubt, Gpu, Host, Trace, Window
from tests.analysis.truth import Floats, Sensor, channel, constant, polls, square, trace


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
    found = of_stuck([still, zero, live])
    assert [doubt.code for doubt in found] == ["stuck-sensor"] * 2
    assert "GPU-0" in found[0].message
    assert "123 J" in found[0].message
    assert "GPU-1" in found[1].message
    assert "0 W" in found[1].message


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
