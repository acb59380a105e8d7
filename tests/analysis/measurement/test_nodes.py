"""Nodes of a job that were not read for all of the time, beside the true energy of all nodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from energybench.analysis.comparison.counted import is_miscounted
from energybench.analysis.measurement import nodes
from energybench.analysis.measurement.node_table import NodePart
from energybench.model import NOT_READ, REPEAT, Measurement, Window
from energybench.store import reader
from energybench.units import show
from energybench_reports.tables import runs
from tests.simulators.job_directory import JOB, MEMORY_W, Node, finished_job, true_j, write_part

TEN_S = ((2.0, 12.0),)
OTHER_KIND = Node(busy_w=900.0)


def job(folder: Path, others: Mapping[str, Node]) -> Measurement:
    """A plain node, read for ten seconds, and others."""
    return reader.read_run(finished_job(folder, {"cpu1": Node(), **others}, TEN_S))


def assert_components_add_up(measured: Measurement) -> None:
    assert measured.energy_j is not None
    parts_j = [part_j.value for part_j in measured.components_j.values()]
    assert sum(parts_j) == pytest.approx(measured.energy_j.value)
    for repeat in measured.repeats:
        assert sum(repeat.components_j.values()) == pytest.approx(repeat.energy_j)


@pytest.mark.parametrize(
    "other",
    [Node(finished=False), Node(ends_s=3.0), Node(ends_s=6.0), Node(gpus=2, ends_s=9.0)],
    ids=["missing", "one second", "four seconds", "another kind"],
)
def test_components_and_the_time_not_read_are_the_energy(tmp_path: Path, other: Node) -> None:
    """The energy of nodes without readings is a component with the interval of its own."""
    measured = job(tmp_path, {"cpu2": other})
    assert_components_add_up(measured)
    assert list(measured.components_j)[-1] == NOT_READ
    rest_j = measured.components_j[NOT_READ]
    read_s = 0.0 if not other.finished else min(other.ends_s or 0.0, 12.0) - 2.0
    true_rest_j = true_j({"cpu2": other}, 10.0 - read_s)
    assert rest_j.low <= true_rest_j <= rest_j.high
    (row,) = [row for row in runs.rows(measured) if row.of == NOT_READ]
    assert row.quantity == "component_energy"


def test_every_node_that_was_read_leaves_no_time(tmp_path: Path) -> None:
    measured = job(tmp_path, {"cpu2": Node()})
    assert set(measured.components_j) == {"cpu.package", "cpu.dram"}
    assert_components_add_up(measured)


@pytest.mark.parametrize("lost_s", [0.0, 0.01, 0.03, 0.049])
def test_the_last_milliseconds_without_readings_are_filled(tmp_path: Path, lost_s: float) -> None:
    """A node that was read for 99.5 % of the time is read for all of it in words alone: its energy
    is that of all of the time, also in its components.
    """
    steady = Node(watts=300.0)
    whole = reader.read_run(write_part(tmp_path, "cpu1", steady, TEN_S))
    short = reader.read_run(write_part(tmp_path, "cpu2", steady, ((2.0, 12.0 - lost_s),)))
    parts = [NodePart("cpu1", "node-cpu1", whole), NodePart("cpu2", "node-cpu2", short)]
    record = nodes.JobRecord(
        id="job",
        label="job",
        command=None,
        boundary="compute",
        job=JOB,
        host=whole.host,
        windows=(Window(label=REPEAT, start_s=2.0, end_s=12.0, repeat=0),),
        verification=(),
    )
    measured = nodes.merge(record, parts)
    assert [share.state for share in measured.shares] == ["measured", "measured"]
    assert measured.shares[1].covered_s == pytest.approx(10.0 - lost_s)
    assert measured.energy_j is not None
    assert measured.energy_j.value == pytest.approx(2 * (300.0 + MEMORY_W) * 10.0, rel=1e-5)
    assert measured.components_j["cpu.dram"].value == pytest.approx(2 * MEMORY_W * 10.0, rel=1e-5)
    assert NOT_READ not in measured.components_j
    assert_components_add_up(measured)
    filled = [effect for effect in measured.energy_j.effects if effect.kind == "node-away"]
    in_components = [
        effect
        for part_j in measured.components_j.values()
        for effect in part_j.effects
        if effect.kind == "node-away"
    ]
    assert bool(filled) == bool(lost_s)
    assert sum(abs(effect.u) for effect in filled) == pytest.approx(
        sum(abs(effect.u) for effect in in_components)
    )
    assert not any(doubt.code.startswith("node-") for doubt in measured.doubts)


@pytest.mark.parametrize(
    ("ends_s", "words"),
    [
        (3.0, "the mean power of its peers"),
        (5.0, "as much"),
        (11.0, "as much"),
    ],
)
def test_a_node_of_another_kind_tells_its_own_power(
    tmp_path: Path, ends_s: float, words: str
) -> None:
    """After some seconds of readings the rest of the node's time has its own power, and the doubt
    says which power was taken.
    """
    others = {"big": OTHER_KIND._replace(ends_s=ends_s), "cpu2": Node(), "cpu3": Node()}
    measured = job(tmp_path, others)
    (doubt,) = [doubt for doubt in measured.doubts if doubt.code == "node-partial"]
    assert doubt.message.endswith(f"in the rest of the time it is taken to have drawn {words}")
    assert measured.energy_j is not None
    truth_j = true_j({"cpu1": Node(), **others}, 10.0)
    assert measured.energy_j.low <= truth_j <= measured.energy_j.high, show(measured.energy_j, "J")
    own = measured.energy_j.value == pytest.approx(truth_j, rel=0.01)
    assert own == (words == "as much")
    assert is_miscounted(measured) == (ends_s < 10.0)
