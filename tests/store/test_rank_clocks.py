"""Ranks on nodes whose clocks differ: the odd node is named, and no window lasts for hours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from energybench.analysis.comparison.compare import compare
from energybench.measuring.session import ranges
from energybench.model import Measurement
from energybench.store.job_files import recover_job
from energybench.store.job_merging import collect
from energybench.store.job_parts import CLOCKS
from energybench.store.layout import PARTIAL
from energybench.store.rank_job import ensure_rank_job
from tests.simulators.job_directory import JOB, Node, finished_job, host, true_j, write_part


def recovered(
    store: Path, nodes: Mapping[str, Node], ends_s: Mapping[str, float] | None = None
) -> Measurement:
    """A launch of ranks from 2 s to 6 s on all nodes, or to another end on some."""
    folder = store / f"{PARTIAL}app_ebtest-71-r0_step-0"
    first = next(iter(nodes))
    ensure_rank_job(
        folder,
        label="app",
        command=("./app",),
        boundary="compute",
        own_job=JOB,
        nodes=tuple(nodes),
        host=host(first, nodes[first]),
    )
    for name, node in nodes.items():
        write_part(folder, name, node, ((2.0, (ends_s or {}).get(name, 6.0)),))
    return recover_job(folder, ranges())[1]


def messages(measured: Measurement, code: str) -> dict[str, str]:
    return {doubt.subject: doubt.message for doubt in measured.doubts if doubt.code == code}


@pytest.mark.parametrize("wrong_s", [3600.0, -86400.0, 3.0])
def test_an_odd_clock_is_named_and_its_part_left_out(tmp_path: Path, wrong_s: float) -> None:
    nodes = {"cpu1": Node(), "cpu2": Node(busy_w=280.0, wrong_s=wrong_s)}
    measured = recovered(tmp_path / "odd", nodes)
    assert measured.time_s.value == pytest.approx(4.0)
    assert [share.state for share in measured.shares] == ["measured", "missing"]
    assert measured.energy_j is not None
    assert measured.energy_j.low <= true_j(nodes, 4.0) <= measured.energy_j.high
    words = messages(measured, "clocks-apart")["node-cpu2"]
    assert f"{abs(wrong_s):.4g} s {'later' if wrong_s > 0 else 'earlier'}" in words
    assert set(messages(measured, "node-missing")) == {"cpu2"}
    assert not compare(measured, measured, force=True).counted_once


def test_of_many_nodes_the_odd_one_is_left_out_and_no_verdict_stands_on_the_rest(
    tmp_path: Path,
) -> None:
    """Also if the odd node is the one that made the directory: the most nodes count."""
    nodes = {f"cpu{i}": Node(wrong_s=3600.0 if i == 0 else 0.0) for i in range(25)}
    measured = recovered(tmp_path, nodes)
    assert measured.time_s.value == pytest.approx(4.0)
    assert [share.node for share in measured.shares if share.state != "measured"] == ["cpu0"]
    assert not compare(measured, measured, force=True).counted_once


def test_clocks_that_agree_change_nothing(tmp_path: Path) -> None:
    """A node that ends early, and clocks half a second apart, are no doubt."""
    nodes = {"cpu1": Node(), "cpu2": Node(wrong_s=0.4), "cpu3": Node()}
    measured = recovered(tmp_path, nodes, {"cpu1": 12.0, "cpu2": 12.0, "cpu3": 3.0})
    assert messages(measured, "clocks-apart") == {}
    assert [share.state for share in measured.shares] == ["partial", "partial", "partial"]
    assert measured.time_s.value == pytest.approx(10.4)
    assert messages(measured, "clock-error-unknown") == {}


@pytest.mark.parametrize("content", [None, "{", '{"cpu1": 0.0, "cpu2": null}', '{"cpu1": 0.0}'])
def test_an_unknown_error_of_a_clock_is_stated(tmp_path: Path, content: str | None) -> None:
    directory = finished_job(tmp_path, {"cpu1": Node(), "cpu2": Node(clock_s=9.0)})
    before = collect(directory)
    assert messages(before, "clock-error-unknown") == {}
    if content is None:
        (directory / CLOCKS).unlink()
    else:
        (directory / CLOCKS).write_text(content)
    measured = collect(directory)
    (words,) = messages(measured, "clock-error-unknown").values()
    assert "cpu2" in words
    assert ("cpu1" in words) is (content in (None, "{"))
    assert measured.shares[1].clock_half_s is None
    assert measured.energy_j == before.energy_j
