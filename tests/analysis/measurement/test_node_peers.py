"""Unread nodes of a job: peers tell their power, and without peers the energy is open upward."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from energybench.analysis.comparison.compare import compare
from energybench.analysis.measurement.node_peers import MOST_NODE_W, Fill
from energybench.model import NOT_READ, Measurement
from energybench.store import reader
from energybench.store.job_header import read_job
from tests.simulators.job_directory import JOB, Node, finished_job, open_job, true_j, write_part

REPEATS = ((2.0, 7.0), (8.0, 13.0))
CPUS = {f"cpu{i:02}": Node(watts=100 + i % 3, busy_w=300 + i % 3) for i in range(24)}
FEW = dict(list(CPUS.items())[:4])
BOARDS = Node(watts=300.0, busy_w=1500.0, gpus=4)


def measured(
    folder: Path, nodes: Mapping[str, Node], groups: tuple[int, ...] = (), components: int = 1
) -> Measurement:
    job = msgspec.structs.replace(JOB, nodes=len(nodes), het_groups=components)
    return reader.read_run(finished_job(folder, nodes, REPEATS, job, groups))


def codes(result: Measurement) -> set[str]:
    return {doubt.code for doubt in result.doubts}


def holds(result: Measurement, truth_j: float) -> bool:
    assert result.energy_j is not None
    return result.energy_j.low <= truth_j <= result.energy_j.high


@pytest.mark.parametrize(
    "groups", [(), (0,) * 24 + (1,)], ids=["components unknown", "components known"]
)
def test_a_component_without_any_read_node_is_open_upward(
    tmp_path: Path, groups: tuple[int, ...]
) -> None:
    """Twenty-four CPU nodes tell nothing about the only GPU node, although they are 96 % of all
    node-seconds: no narrow interval, and no verdict.
    """
    missing = measured(tmp_path / "a", {**CPUS, "gpu": BOARDS._replace(finished=False)}, groups, 2)
    whole = measured(tmp_path / "b", {**CPUS, "gpu": BOARDS}, groups, 2)
    truth_j = true_j({**CPUS, "gpu": BOARDS}, 5.0)
    assert holds(missing, truth_j)
    assert missing.energy_j is not None
    assert missing.energy_j.value == pytest.approx(true_j(CPUS, 5.0), rel=0.001)
    assert missing.components_j[NOT_READ].high == pytest.approx(5.0 * MOST_NODE_W)
    assert "node-power-unknown" in codes(missing)
    assert missing.net_energy_j is None
    for pair in ((missing, whole), (whole, missing)):
        comparison = compare(*pair)
        assert comparison.verdict is None
        assert not comparison.counted_once
        assert comparison.energy_ratio is not None
        assert comparison.energy_ratio.low <= 1.0 <= comparison.energy_ratio.high


def test_nodes_of_the_same_component_are_peers(tmp_path: Path) -> None:
    """The other GPU nodes tell the power of a missing GPU node, and its energy is theirs."""
    gpus = {f"gpu{i}": BOARDS._replace(busy_w=1500.0 + 10 * i) for i in range(4)}
    nodes = {**FEW, **gpus, "gpu9": BOARDS._replace(busy_w=1520.0, finished=False)}
    result = measured(tmp_path, nodes, (0,) * 4 + (1,) * 5, 2)
    assert holds(result, true_j(nodes, 5.0))
    assert result.components_j[NOT_READ].value == pytest.approx(
        true_j({"gpu9": BOARDS._replace(busy_w=1515.0)}, 5.0), rel=0.001
    )
    assert result.components_j[NOT_READ].high < 1.3 * result.components_j[NOT_READ].value
    assert "node-power-unknown" not in codes(result)


def test_a_single_peer_tells_no_spread(tmp_path: Path) -> None:
    """Its power is the value, and the interval is open upward all the same."""
    nodes = {**FEW, "gpu0": BOARDS, "gpu1": BOARDS._replace(busy_w=2900.0, finished=False)}
    result = measured(tmp_path, nodes, (0,) * 4 + (1, 1), 2)
    assert result.components_j[NOT_READ].value == pytest.approx(
        true_j({"g": BOARDS}, 5.0), rel=0.001
    )
    assert holds(result, true_j(nodes, 5.0))
    assert "node-power-unknown" in codes(result)


def test_all_nodes_of_a_component_missing(tmp_path: Path) -> None:
    gone = {f"gpu{i}": BOARDS._replace(finished=False) for i in range(2)}
    result = measured(tmp_path, {**FEW, **gone}, (0,) * 4 + (1, 1), 2)
    assert result.components_j[NOT_READ].high == pytest.approx(2 * 5.0 * MOST_NODE_W)
    (doubt,) = [doubt for doubt in result.doubts if doubt.code == "node-power-unknown"]
    assert "2 nodes (gpu0, gpu1)" in doubt.message


@pytest.mark.parametrize(
    ("command", "known"),
    [
        (("srun", "./app"), True),
        (("srun", "--multi-prog", "programs.conf"), False),
        (("mpirun", "-n", "1", "./server", ":", "-n", "3", "./worker"), False),
    ],
)
def test_nodes_with_several_programs_are_not_peers(
    tmp_path: Path, command: tuple[str, ...], known: bool
) -> None:
    nodes = {**FEW, "cpu99": Node(busy_w=900.0, finished=False)}
    result = reader.read_run(finished_job(tmp_path, nodes, REPEATS, command=command))
    assert ("node-power-unknown" in codes(result)) != known
    assert holds(result, true_j(nodes, 5.0)) != known


def test_an_unfinished_part_tells_the_kind_of_its_node(tmp_path: Path) -> None:
    """Nodes of other hardware are not its peers, also in an ordinary job."""
    plain = FEW
    with open_job(tmp_path, {**plain, "gpu": BOARDS._replace(finished=False)}, REPEATS) as writer:
        write_part(writer.directory, "gpu", BOARDS._replace(ends_s=1.0), REPEATS, cut_off=True)
        _, result = writer.finish({}, {}, have_ended=False)
    assert "node-power-unknown" in codes(result)
    assert holds(result, true_j({**plain, "gpu": BOARDS}, 5.0))


@pytest.mark.parametrize(("ends_s", "is_open"), [(4.5, True), (9.0, False)])
def test_a_node_cut_off_alone_in_its_component(
    tmp_path: Path, ends_s: float, is_open: bool
) -> None:
    """Its own power tells the rest of the time only after most of the time."""
    nodes = {**FEW, "gpu": BOARDS._replace(ends_s=ends_s)}
    result = measured(tmp_path, nodes, (0,) * 4 + (1,), 2)
    assert ("node-power-unknown" in codes(result)) == is_open
    assert holds(result, true_j(nodes, 5.0))


def test_few_peers_with_a_spread_have_a_wide_range() -> None:
    """Two peers 40 % apart: a third may lie far outside of them (prediction interval)."""
    apart, alike = Fill.of_peers([300.0, 420.0]), Fill.of_peers([300.0, 303.0])
    assert apart.most_w > 1000.0
    assert apart.least_w == 0.0
    assert alike.most_w == pytest.approx(1.22 * 303.0)
    many = Fill.of_peers([300.0 + i % 3 for i in range(24)])
    assert many.most_w == pytest.approx(1.22 * 302.0)


def test_the_header_of_a_job_states_the_components(tmp_path: Path) -> None:
    job = msgspec.structs.replace(JOB, het_groups=2)
    nodes = {"cpu1": Node(), "gpu1": BOARDS}
    known = read_job(finished_job(tmp_path, nodes, REPEATS, job, (0, 1)))
    assert [known.group_of(node) for node in (*nodes, "other")] == [0, 1, None]
