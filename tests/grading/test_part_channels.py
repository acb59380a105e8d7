"""The sensors that read an energy are those of the parts of its boundary."""

from __future__ import annotations

import msgspec
import pytest

from energybench.grading.part_channels import counted_channels
from energybench.grading.rule_books import grade
from energybench.model import Boundary, ChannelStats, Measurement, Part
from energybench_reports.view import statement_facts
from tests.reports.samples import comparison

replace = msgspec.structs.replace
BOARD, PACKAGE = "GPU-1", "package-0"


def channel(
    collector: str,
    component: str,
    device: str,
    *,
    rank: int = 30,
    samples: int = 400,
    kind: str = "counter",
) -> ChannelStats:
    return ChannelStats(
        collector=collector,
        component=component,
        device=device,
        kind=kind,  # type: ignore[arg-type]
        period_s=0.1,
        jitter_s=0.0,
        samples=samples,
        missed=0,
        failed=0,
        rank=rank,
    )


NVML = channel("nvml", "gpu.board", BOARD)
NVML_POWER = channel("nvml", "gpu.board", BOARD, kind="power")
HWMON = channel("hwmon", "gpu.board", BOARD, rank=60)
SILENT = channel("dcgm", "gpu.board", BOARD, rank=10, samples=0)
ESTIMATE = channel("estimate", "cpu.package", PACKAGE, rank=100)
METER = channel("meter", "node.ac", "pdu")


def measured(
    parts: tuple[Part, ...], channels: tuple[ChannelStats, ...], nodes: int = 1
) -> Measurement:
    base = next(one for one in comparison().results if isinstance(one, Measurement))
    boundary = Boundary(name="device", parts=parts)
    return replace(base, boundary=boundary, channels=channels, nodes=nodes)


def part(component: str, device: str, state: str = "measured") -> Part:
    if state == "measured":
        return Part(component=component, device=device, state="measured")
    return Part(component=component, device=device, state=state, low_w=1.0, high_w=2.0)  # type: ignore[arg-type]


ALL = (ESTIMATE, HWMON, NVML_POWER, NVML, SILENT, METER)


@pytest.mark.parametrize(
    ("parts", "words", "names"),
    [
        ((part("gpu.board", BOARD),), "nvml (gpu.board)", ["nvml"]),
        ((part("node.ac", "pdu"),), "meter (node.ac)", ["meter"]),
        ((part("cpu.package", PACKAGE, "modelled"),), "estimate (cpu.package)", ["estimate"]),
        ((part("cpu.package", PACKAGE, "missing"),), "", []),
        ((part("gpu.board", "GPU-2", "missing"), part("gpu.board", BOARD)), None, ["nvml"]),
        ((part("gpu.board", BOARD), part("cpu.package", PACKAGE)), None, ["estimate", "nvml"]),
    ],
)
def test_the_sensors_that_a_statement_names(
    parts: tuple[Part, ...], words: str | None, names: list[str]
) -> None:
    """Neither sensors outside the boundary, nor worse or silent ones of the same part."""
    run = measured(parts, ALL)
    assert statement_facts.collectors([run]) == names
    if words is not None:
        assert statement_facts.meters([run]) == words


def test_a_counter_counts_before_a_power_reading_of_the_same_board() -> None:
    run = measured((part("gpu.board", BOARD),), ALL)
    assert counted_channels(run) == (NVML,)


def test_a_part_of_several_nodes_has_the_sensors_of_all() -> None:
    """Nodes of two makes have two collectors of one component."""
    channels = tuple(
        replace(channel(name, "cpu.package", ""), rank=rank) for name, rank in (("a", 1), ("b", 2))
    )
    run = measured((part("cpu.package", ""),), channels, nodes=2)
    assert statement_facts.collectors([run]) == ["a", "b"]


def test_the_grades_name_the_same_sensors() -> None:
    run = measured((part("gpu.board", BOARD),), ALL)
    text = msgspec.json.encode(grade(run)).decode()
    assert ": nvml within the node" in text or '"nvml within the node' in text
    assert "estimate and nvml" not in text
