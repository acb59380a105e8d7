"""The nodes of a job in the summary: coverage first, and every node that was not read is named."""

from __future__ import annotations

import pytest
from msgspec import structs

from energybench.analysis.measurement.node_coverage import coverage
from energybench.cli import summary
from energybench.model import Measurement, NodeShare
from tests.reports.sample_job import many_nodes, two_nodes


def shares(whole: int, partial: int, missing: int) -> tuple[NodeShare, ...]:
    like = two_nodes().shares[0]
    states = ["measured"] * whole + ["partial"] * partial + ["missing"] * missing
    return tuple(
        structs.replace(
            like,
            node=f"nid{number:04}",
            state=state,
            covered_s={"measured": 10.0, "partial": 4.0, "missing": 0.0}[state],
            window_s=10.0,
            energy_j=None if state == "missing" else like.energy_j,
        )
        for number, state in enumerate(states)
    )


def job(whole: int, partial: int = 0, missing: int = 0) -> Measurement:
    nodes = shares(whole, partial, missing)
    return structs.replace(two_nodes(), shares=nodes, nodes=len(nodes))


def test_coverage_is_the_first_line() -> None:
    first, second, third, *_ = summary.measurement(two_nodes()).split("\n")
    assert first == "CPU partition: 2 of 2 nodes read, 100 % of 1\u202f990 node-seconds"
    assert "energy per repeat on 2 nodes" in second
    assert "W per node" in third or "] per node" in third


def test_a_run_on_one_node_has_no_coverage() -> None:
    one = structs.replace(two_nodes(), shares=(), hosts=(), nodes=1)
    assert coverage(one) is None
    assert summary.measurement(one).startswith("CPU partition: energy per repeat ")
    assert "node" not in summary.measurement(one).split("\n")[1]


@pytest.mark.parametrize(("whole", "partial", "missing"), [(999, 1, 0), (9999, 0, 1), (0, 0, 2)])
def test_only_a_whole_job_has_a_hundred_percent(whole: int, partial: int, missing: int) -> None:
    read = coverage(job(whole, partial, missing))
    assert read is not None
    assert not read.complete
    assert read.share != "100 %"
    assert float(read.share.removesuffix(" %")) <= 100 * read.covered_s / read.window_s


def test_few_nodes_have_a_line_each() -> None:
    lines = summary.measurement(job(6, 1, 1)).split("\n")
    assert sum(line.startswith("  node nid") for line in lines) == 8
    assert any("nid0006" in line and "4 of 10 s" in line for line in lines)
    assert any("nid0007" in line and "not read" in line for line in lines)


def test_of_many_nodes_the_extremes_and_those_not_read() -> None:
    lines = summary.measurement(many_nodes()).split("\n")
    table = [line for line in lines if line.startswith("  node ")]
    assert [line.split()[1] for line in table] == ["least:", "mean", "most:", "nid003", "nid007"]


def test_every_node_of_a_large_loss_is_named() -> None:
    text = summary.measurement(job(500, 20, 300))
    assert all(f"nid{number:04}" in text for number in range(500, 820))
    names = [line for line in text.split("\n") if "nid0" in line and "node" not in line]
    assert max(map(len, names)) <= 100
