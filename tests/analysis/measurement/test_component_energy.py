"""Energy of some components over any window: measured where there are samples, and a stated range
for the time without.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest

from energybench.analysis.measurement.component_energy import NodeSamples
from energybench.errors import BadInput
from energybench.model import Host, Trace
from tests.analysis.runs import RANGES
from tests.analysis.truth import Energy, Sensor, channel, constant, gain, square, trace

HOST = Host(name="node", sockets=1, memory_bytes=64_000_000_000)
RAPL = ("cpu.package", "cpu.dram")


def sensor(component: str, energy: Energy, from_s: float, to_s: float) -> Trace:
    board = component == "gpu.board"
    made = channel(
        collector="nvml" if board else "rapl",
        device="GPU-0" if board else "package-0",
        component=component,
        resolution=1e-3,
        update_period_s=0.1 if board else 0.001,
        gain=gain(0.03),
    )
    t = np.arange(from_s, to_s, 0.1)
    return trace(made, t, Sensor(energy, period_s=0.001).counts(t, 1e-3))


def samples(
    package: Energy, components: Collection[str] = RAPL, from_s: float = 10.0, to_s: float = 110.0
) -> NodeSamples:
    """A package, DRAM of 20 W, and a board of 300 W."""
    traces = [
        sensor("cpu.package", package, from_s, to_s),
        sensor("cpu.dram", constant(20.0), from_s, to_s),
        sensor("gpu.board", constant(300.0), from_s, to_s),
    ]
    return NodeSamples(traces, HOST, RANGES, components)


def test_a_window_inside_the_samples() -> None:
    """Exact to the edges, without the gain of the sensors; the board is another part."""
    energy = samples(constant(100.0)).energy(20.0, 60.0)
    assert energy is not None
    assert energy.energy_j.value == pytest.approx(120 * 40, rel=1e-3)
    assert energy.energy_j.half_width < 0.005 * energy.energy_j.value
    assert energy.others_j.value == pytest.approx(300 * 40, rel=0.01)
    assert (energy.read_s, energy.unread_s, energy.unread_j.value) == (40.0, 0.0, 0.0)
    assert energy.edge_w == pytest.approx((120, 120), rel=1e-3)


def test_boards_alone() -> None:
    energy = samples(constant(100.0), ("gpu.board",)).energy(20.0, 60.0)
    assert energy is not None
    assert energy.energy_j.value == pytest.approx(300 * 40, rel=0.01)
    assert energy.others_j.value == pytest.approx(120 * 40, rel=0.01)


def test_time_before_and_after_the_samples_is_taken_to_go_on() -> None:
    energy = samples(constant(100.0)).energy(7.0, 114.0)
    assert energy is not None
    assert energy.unread_s == pytest.approx(7.0, abs=0.2)
    assert energy.unread_j.value == pytest.approx(120 * 7, rel=0.03)
    total_j = energy.energy_j.value + energy.unread_j.value
    assert total_j == pytest.approx(120 * 107, rel=1e-3)


@pytest.mark.parametrize("from_s", [3.0, 7.5])
def test_the_range_of_the_time_without_samples_holds_the_truth(from_s: float) -> None:
    """A load that idles and works for 20 s each."""
    truth = square(100, 400, 40.0)
    energy = samples(truth).energy(from_s, 110.0)
    assert energy is not None
    true_j = float(truth(np.array(10.0)) - truth(np.array(from_s))) + 20 * (10.0 - from_s)
    assert energy.unread_j.low <= true_j * 1.01
    assert energy.unread_j.high >= true_j * 0.99


def test_a_window_without_samples() -> None:
    found = samples(constant(100.0))
    assert found.energy(200.0, 300.0) is None
    assert found.energy(0.0, 5.0) is None


def test_a_node_meter_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="no node meter"):
        samples(constant(100.0), ("node",))


def test_components_without_a_sensor() -> None:
    traces = [sensor("gpu.board", constant(300.0), 0.0, 50.0)]
    found = NodeSamples(traces, HOST, RANGES, RAPL)
    assert found.span is None
    assert found.energy(10.0, 20.0) is None
