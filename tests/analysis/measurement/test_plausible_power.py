"""Sensors that show no power of their part: far too little, above the limit of a board, and a node
meter below the parts inside.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Gpu, Host, Measurement, Trace, Window
from tests.analysis.runs import RANGES
from tests.analysis.truth import Sensor, channel, constant, gain, polls, trace

POLLS = np.concatenate((np.arange(0.5, 2.7, 0.1), polls(3.0, 9.0)))


def sensor(watts: float, component: str, device: str, collector: str, **changes: object) -> Trace:
    made = channel(
        collector=collector,
        device=device,
        component=component,
        resolution=1e-6,
        update_period_s=0.001 if collector == "rapl" else 0.1,
        gain=gain(0.0, f"gain:{collector}-{device}"),
        **changes,
    )
    period_s = made.update_period_s or 0.1
    return trace(made, POLLS, Sensor(constant(watts), period_s=period_s).counts(POLLS, 1e-6))


def package(watts: float, number: int = 0, collector: str = "rapl") -> Trace:
    return sensor(watts, "cpu.package", f"package-{number}", collector)


def board(watts: float, **changes: object) -> Trace:
    return sensor(watts, "gpu.board", "GPU-1", "nvml", power_limit_w=400.0, **changes)


def node(watts: float) -> Trace:
    return sensor(watts, "node", "node", "pm_counters")


def module(watts: float) -> Trace:
    inside = ("cpu.package", "gpu.board")
    return sensor(watts, "module", "GPU-1", "nvml", contains=inside)


def measured(*traces: Trace, boundary: str = "compute", end_s: float = 8.83) -> Measurement:
    gpus = tuple(
        Gpu(uuid=made.channel.device, name="A100")
        for made in traces
        if made.channel.component == "gpu.board"
    )
    record = Record(
        id="r",
        label="r",
        workload=None,
        command=("true",),
        works=(),
        verification=(),
        boundary=boundary,
        host=Host(name="n", sockets=1, memory_bytes=16 * 10**9, gpus=gpus),
        windows=(Window(label="repeat", start_s=3.1, end_s=end_s, repeat=0),),
    )
    return measure(record, traces, RANGES)


def implausible(result: Measurement) -> list[str]:
    return [doubt.subject for doubt in result.doubts if doubt.code == "power-implausible"]


@pytest.mark.parametrize(("watts", "doubted"), [(0.05, True), (0.2, False), (60.0, False)])
def test_a_package_that_draws_almost_nothing(watts: float, doubted: bool) -> None:
    """A mobile package may draw some tenths of a watt, and none draws less."""
    assert (implausible(measured(package(watts))) != []) is doubted


@pytest.mark.parametrize(
    ("watts", "doubted"), [(0.3, True), (15.0, False), (440.0, False), (520.0, True), (720.0, True)]
)
def test_a_board_beside_its_limit(watts: float, doubted: bool) -> None:
    """Of 400 W: a board keeps it on average, to the tolerance of its sensor."""
    found = implausible(measured(package(60.0), board(watts)))
    assert (found != []) is doubted
    assert all("GPU-1" in name for name in found)


def test_a_board_without_a_limit_has_no_doubt() -> None:
    made = sensor(720.0, "gpu.board", "GPU-1", "nvml", max_power_w=1000.0)
    assert implausible(measured(package(60.0), made)) == []


def test_a_peak_of_less_than_a_second_counts_for_nothing() -> None:
    assert implausible(measured(package(60.0), board(720.0), end_s=3.9)) == []


@pytest.mark.parametrize(
    ("watts", "inside", "doubted"),
    [
        (300.0, (package(250.0), board(230.0)), True),
        (90.0, (package(150.0, 0), package(150.0, 1)), True),
        (700.0, (package(250.0), board(230.0)), False),
        # two collectors that read the same packages are not added up
        (350.0, (package(150.0), package(150.0, 0, "perf_rapl"), board(150.0)), False),
        (90.0, (), False),
        # the sensor of a module holds its processor and its board
        (650.0, (module(600.0), package(200.0), board(350.0)), False),
        (400.0, (module(600.0), package(200.0), board(350.0)), True),
    ],
)
def test_a_node_meter_beside_the_parts_inside(
    watts: float, inside: tuple[Trace, ...], doubted: bool
) -> None:
    found = measured(node(watts), *inside, boundary="node-dc")
    assert (implausible(found) != []) is doubted
