"""Times in which the measuring side did not run, and what they leave of the energy."""

from __future__ import annotations

import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.measurement.pause_doubts import paused_s
from energybench.model import Gpu, Host, Measurement, Pause, Trace, Window
from tests.analysis.truth import Sensor, channel, constant, polls, trace

STOP = Pause(start_s=6.0, end_s=9.0)
RANGES = {"gpu_w": (0.0, 1000.0, "")}


def measured(kind: str, *pauses: Pause, wrap: int | None = None) -> Measurement:
    """A board of 68 W for 10 s, read at 10 Hz but not during the stop."""
    t = polls(3.0, 13.0)
    ok = ~((t > STOP.start_s) & (t < STOP.end_s))
    board = channel(kind=kind, quantity=kind, resolution=1e-6, max_power_w=1000.0, wrap=wrap)
    if kind == "power":
        reading = trace(board, t, Sensor(constant(68.0)).watts(t, 1e-6), ok)
    else:
        counts = Sensor(constant(68.0)).counts(t, 1e-6)
        reading = trace(board, t, counts if wrap is None else counts % wrap, ok)
    return of(reading, *pauses)


def of(reading: Trace, *pauses: Pause) -> Measurement:
    window = Window(label="repeat", start_s=3.0, end_s=13.0, repeat=0)
    host = Host(name="node", gpus=(Gpu(uuid="GPU-0", name="board"),))
    record = Record("r", "r", None, None, "device", host, (window,), (None,), (), pauses=pauses)
    return measure(record, (reading,), RANGES)


def messages(measurement: Measurement) -> dict[str, str]:
    return {doubt.code: doubt.message for doubt in measurement.doubts}


def test_a_stop_is_named_and_a_counter_counts_through_it() -> None:
    """Not a busy machine, and not a counter that was reset."""
    found = measured("counter", STOP)
    assert {"reading-gap", "counter-reset", "wrap-ambiguous"}.isdisjoint(messages(found))
    assert "stopped for 3.0 s in repeat 1 of 1" in messages(found)["measuring-stopped"]
    assert "counters counted on" in messages(found)["measuring-stopped"]
    assert found.energy_j is not None
    assert found.energy_j.value == pytest.approx(680, rel=1e-3)
    assert found.energy_j.high < 690


def test_a_counter_that_may_have_wrapped_in_a_stop_says_so() -> None:
    """A counter of 2 kJ may wrap once within 3 s of 1000 W."""
    found = measured("counter", STOP, wrap=2 * 10**9)
    assert {"measuring-stopped", "wrap-ambiguous"} <= set(messages(found))
    assert found.energy_j is not None
    assert found.energy_j.high > 2680


def test_the_power_of_a_stop_is_not_known() -> None:
    """The interval holds whatever the board drew, from nothing to its largest power."""
    found = measured("power", STOP)
    assert (
        "the power of gpu.board GPU-0 in that time is not known"
        in (messages(found)["measuring-stopped"])
    )
    assert found.energy_j is not None
    assert found.energy_j.low < 680 - 3 * 67
    assert found.energy_j.high > 680 + 3 * 930


def test_a_gap_without_a_stop_is_a_gap() -> None:
    """Another pause than the gap, and a pause that is only a part of the gap."""
    for pause in (Pause(start_s=10.0, end_s=10.4), Pause(start_s=7.0, end_s=7.4)):
        found = messages(measured("counter", pause))
        assert "reading-gap" in found
        assert "measuring-stopped" not in found


def test_pauses_of_several_processes_count_once() -> None:
    pauses = [Pause(start_s=2, end_s=5), Pause(start_s=1, end_s=4), Pause(start_s=8, end_s=9)]
    assert paused_s(pauses, 0, 10) == 5
    assert paused_s(pauses, 3, 8.5) == 2.5
    assert paused_s(pauses, 5, 8) == 0


def test_an_end_that_was_not_seen_is_named() -> None:
    """The readings went on, because only the measuring process was stopped."""
    found = measured("counter", Pause(start_s=11.0, end_s=13.0, unseen="end"))
    message = messages(found)["measuring-stopped"]
    assert "the program may have ended at any moment of that time" in message
    assert "nothing was sampled" not in message
