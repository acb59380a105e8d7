"""Effects and doubts of a measurement say by fields what they are and which device they concern."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.uncertainty.budget import budget
from energybench.model import Channel, Effect, Host, Measurement, Trace, Window
from tests.analysis.runs import RANGES
from tests.analysis.truth import Sensor, channel, constant, gain, polls, square, trace


def _measure(traces: list[Trace], boundary: str, *windows: tuple[float, float]) -> Measurement:
    record = Record(
        id="r",
        label="r",
        workload=None,
        command=("p",),
        boundary=boundary,  # type: ignore[arg-type]
        host=Host(name="n", sockets=1, memory_bytes=10**9),
        windows=tuple(
            Window(label="repeat", start_s=start, end_s=end, repeat=i)
            for i, (start, end) in enumerate(windows)
        ),
        works=(),
        verification=(),
    )
    return measure(record, traces, RANGES)


def _read(made: Channel, t: np.ndarray, period_s: float = 1.0) -> Trace:
    sensor = Sensor(square(100, 400, 7.3), period_s=period_s, window_s=period_s)
    return trace(made, t, sensor.counts(t, made.resolution))


def _by_kind(measurement: Measurement) -> dict[str, Effect]:
    assert measurement.energy_j is not None
    return {effect.kind: effect for effect in measurement.energy_j.effects}


@pytest.mark.parametrize(("collector", "kinds"), [
    ("meter", {"limit-of-error", "clock-offset"}),
    ("pm_counters", {"gain", "lag"}),
])  # fmt: skip
def test_an_attached_meter_is_told_apart_from_a_sensor(collector: str, kinds: set[str]) -> None:
    """The scale of a meter is its limit of error and its lag the offset of its clock: no remedy
    advises to calibrate the meter against a meter, or to measure its lag.
    """
    made = channel(
        collector=collector,
        device="pdu-7",
        component="node",
        resolution=0.1,
        gain=gain(0.01, "gain:pdu-7"),
        update_period_s=1.0,
        lag_u_s=0.2,
        reference=collector == "meter",
    )
    measurement = _measure([_read(made, polls(5.0, 26.0))], "node-dc", (5.2, 25.3))
    effects = _by_kind(measurement)
    assert kinds <= set(effects)
    assert {effect.device for effect in effects.values() if effect.component} == {"pdu-7"}
    assert measurement.energy_j is not None
    lines = {line.effect: line.remedy for line in budget(measurement.energy_j)}
    advised = " ".join(lines.values())
    assert ("calibrate" in advised) == (collector == "pm_counters")
    if collector == "meter":
        assert "more accurate meter" in lines["node pdu-7: limit of error"]
        assert "clock" in lines["node pdu-7: clock offset"]


def test_devices_with_a_colon_in_their_names_keep_their_doubts() -> None:
    """Of two meters whose ids differ after a colon only, each lost sensor has a doubt of its own,
    and a second window of the same sensor has no second doubt.
    """
    meters = [
        channel(
            collector="hwmon",
            device=f"power_meter-ACPI000D:0{i}",
            component="node",
            resolution=0.1,
            update_period_s=1.0,
        )
        for i in range(2)
    ]
    traces = [_read(made, polls(5.0, 12.0)) for made in meters]
    measurement = _measure(traces, "node-dc", (5.2, 25.3), (26.0, 40.0))
    lost = [doubt for doubt in measurement.doubts if doubt.code == "sensor-lost"]
    assert [doubt.subject for doubt in lost] == [f"node {made.device}" for made in meters]


def test_a_carried_doubt_names_its_result() -> None:
    """A doubt carried twice names both results, and still gives its own message."""
    measurement = _measure(
        [trace(channel(), polls(5.0, 15.0), Sensor(constant(300)).counts(polls(5.0, 15.0), 1e-3))],
        "device",
        (5.2, 14.0),
    )
    doubt = measurement.doubts[0]
    carried = doubt.carried_from("GPU: node").carried_from("milc → milc")
    assert carried.about == ("milc → milc", "GPU: node")
    assert carried.message == f"milc → milc: GPU: node: {doubt.message}"
    assert carried.own_message == doubt.message
