"""Commands take a job's directory as they take a run, or say which part of it to name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import energybench
from energybench.cli.main import main
from energybench.store import reader
from energybench.store.job_timeline import job_timelines
from tests.simulators.job_directory import Node, finished_job, open_job, true_j, write_part

TWO = {"cpu1": Node(), "cpu2": Node(busy_w=250.0, clock_s=5000.0)}
ONE = {"cpu1": Node(busy_w=400.0)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job on two nodes, a job on one node, and a run."""
    folder = tmp_path_factory.mktemp("store")
    two = finished_job(folder, TWO)
    finished_job(folder, ONE)
    (two / "node-cpu1").rename(folder / "2026-run")
    write = json.loads((folder / "2026-run" / "run.json").read_text())
    write["id"] = "2026-run"
    (folder / "2026-run" / "run.json").write_text(json.dumps(write))
    return folder


def out(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def failed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(out(capsys, *words, "--json"))


def test_a_report_of_jobs_and_runs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One measurement each; the nodes of a job are not measurements of their own."""
    document = answer(capsys, "report", str(store))
    assert sorted(result["nodes"] for result in document["results"]) == [1, 1, 2]
    text = " ".join(out(capsys, "report", str(store)).split())
    assert "2 of 2 nodes" in text
    assert "mean power, per" in text


def test_power_over_time_of_a_job(tmp_path: Path) -> None:
    """The sum over the nodes and each node, on one clock whatever the nodes' own clocks show."""
    job = finished_job(tmp_path, TWO)
    together, alone = job_timelines(job, reader.read_run(job))
    assert [series.component for series in together.series] == ["all 2 nodes together"]
    assert [series.component for series in alone.series] == ["node cpu1", "node cpu2"]
    for timeline in (together, alone):
        for window in timeline.windows:
            for series in timeline.series:
                inside = [
                    watts
                    for t, watts in zip(series.t_s, series.power_w, strict=True)
                    if window.start_s + 0.5 < t < window.end_s - 0.5
                ]
                nodes = {
                    name: node
                    for name, node in TWO.items()
                    if series.component in (f"node {name}", "all 2 nodes together")
                }
                assert inside == pytest.approx([true_j(nodes, 1.0)] * len(inside), rel=0.01)


def test_the_sum_over_nodes_says_of_how_many(tmp_path: Path) -> None:
    """A node that was read for a part of the time is never a silent step in the sum."""
    job = finished_job(tmp_path, {**TWO, "cpu3": Node(ends_s=5.0)})
    together, alone = job_timelines(job, reader.read_run(job))
    assert [series.component for series in together.series] == ["2 of 3 nodes together"]
    assert len(alone.series) == 3


def test_a_job_is_compared_and_projected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Node-hours count both nodes; the projection takes the power of one node, and replaces two
    nodes by the one that does the same work in the same time.
    """
    baseline = finished_job(tmp_path / "a", TWO)
    candidate = finished_job(tmp_path / "b", ONE)
    comparison = answer(capsys, "compare", str(baseline), str(candidate))
    hours = comparison["node_hours"]
    assert hours[0] == pytest.approx(2 * hours[1])
    assert comparison["power_w"][0]["value"] == pytest.approx(true_j(TWO, 1.0) / 2, rel=0.01)
    file = tmp_path / "comparison.json"
    file.write_text(json.dumps(comparison))
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(SCENARIO)
    projection = answer(capsys, "project", "--scenario", str(scenario), str(file))
    lines = {line["name"]: line["value"]["value"] for line in projection["lines"]}
    assert lines["nodes_candidate"] == 50
    saved_w = 100 * true_j(TWO, 1.0) / 2 - 50 * true_j(ONE, 1.0)
    assert projection["saved_mwh_per_month"]["value"] == pytest.approx(
        730 * saved_w / 1e6, rel=0.02
    )


SCENARIO = """
schema = "energybench-scenario/1"
name = "two-for-one"
title = "A hundred nodes"
about = "The work of a hundred nodes moves to nodes that do the work of two each."
model = "fleet"
mode = "throughput"
boundary = "compute"
""" + "".join(
    f"""
[inputs.{name}]
value = {value}
unit = "{unit}"
source = "of the test"
evidence = "assumed"
{measured}
"""
    for name, value, unit, measured in (
        ("nodes_baseline", 100, "nodes", ""),
        ("utilisation_baseline", 1, "", ""),
        ("utilisation_candidate", 1, "", ""),
        ("hours_per_month", 730, "h", ""),
        ("speedup", 9, "", 'measured = "speedup"'),
        ("power_baseline_w", 9, "W", 'measured = "power_baseline_w"'),
        ("power_candidate_w", 9, "W", 'measured = "power_candidate_w"'),
    )
)


def test_a_command_for_samples_names_the_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A meter belongs to one node."""
    job = finished_job(tmp_path, TWO)
    line = failed(capsys, "calibrate", "--against", str(job))
    assert "is a job" in line
    assert str(job / "node-cpu1") in line


def test_a_part_that_was_cut_off_is_completed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`recover JOB` of a finished job reads the samples of the node that was missing."""
    repeats = ((2.0, 7.0),)
    job = finished_job(tmp_path, {**TWO, "cpu3": Node(finished=False)}, repeats)
    before = reader.read_run(job)
    write_part(job, "cpu3", Node(), repeats, cut_off=True)
    assert before.shares[2].state == "missing"
    text = out(capsys, "recover", str(job))
    assert "3 of 3 nodes read, 100 %" in text
    after = reader.read_run(job)
    assert [share.state for share in after.shares] == ["measured"] * 3
    assert after.energy_j is not None
    true = true_j({**TWO, "cpu3": Node()}, 5.0)
    assert after.energy_j.value == pytest.approx(true, rel=0.01)
    assert "nothing to recover" in failed(capsys, "recover", str(job))


def test_an_unfinished_job_among_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a store each is completed; a job that is named is completed alone."""
    with open_job(tmp_path, TWO) as first:
        pass
    assert "2 of 2 nodes read" in out(capsys, "recover", str(first.directory))
    for _ in range(2):
        with open_job(tmp_path, TWO):
            pass
    assert out(capsys, "recover", str(tmp_path)).count("2 of 2 nodes read") == 2
    assert not list(tmp_path.glob(".partial-*"))


def test_collect_is_for_jobs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = failed(capsys, "collect", str(store / "2026-run"))
    assert "is a run on one node" in line


def test_collect_prints_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = finished_job(tmp_path, TWO)
    document = answer(capsys, "collect", str(job), "--from-samples")
    assert document["energy_j"]["value"] == pytest.approx(true_j(TWO, 5.0), rel=0.01)


def test_frames_of_a_store_with_a_job(store: Path) -> None:
    """A job is one run; its nodes stand in the frame of shares, and its samples name the part."""
    frames = energybench.load(store)
    assert sorted(frames.runs.nodes) == [1, 1, 2]
    assert list(frames.shares.node) == ["cpu1", "cpu2", "cpu1"]
    job = frames.runs.id[frames.runs.nodes == 2].iloc[0]
    shares = frames.shares[frames.shares.id == job]
    assert list(shares.state) == ["measured", "measured"]
    assert (shares.low_j < shares.energy_j).all()


def test_samples_of_a_job(tmp_path: Path) -> None:
    job = finished_job(tmp_path, TWO)
    frames = energybench.load(job)
    samples = frames.samples(frames.runs.id[0])
    assert set(samples.part) == {"node-cpu1", "node-cpu2"}
