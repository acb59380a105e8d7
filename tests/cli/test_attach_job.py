"""Meters attached to a job: a new job beside the first, node by node; the first stays as it is."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from energybench.cli.main import main
from energybench.store import reader
from energybench.store.job_merging import collect
from tests.simulators.job_directory import (
    BEGAN_UTC,
    JOB,
    MEMORY_W,
    Node,
    finished_job,
    joules,
    true_j,
)

REPEATS = ((20.0, 40.0), (45.0, 65.0))
TWO = {"n0": Node(clock_s=50.0), "n1": Node(busy_w=360.0, clock_s=900.0)}
FIXED_W, SUPPLY = 40.0, 0.94


def meter(path: Path, node: Node) -> Path:
    """The file of a meter at the plug of a node, every half second."""
    rows = ["time,energy_j"]
    for since_s in np.arange(-30.0, 100.0, 0.5):
        inside_j = joules(node, float(since_s), REPEATS) + MEMORY_W * since_s
        time = BEGAN_UTC + timedelta(seconds=float(since_s))
        rows.append(f"{time.isoformat()},{20_000 + (inside_j + FIXED_W * since_s) / SUPPLY:.1f}")
    path.write_text("\n".join(rows) + "\n")
    return path


def plug_j(nodes: dict[str, Node]) -> float:
    return (true_j(nodes, 20.0) + FIXED_W * 20.0 * len(nodes)) / SUPPLY


def attach(job: Path, file: Path, *words: str) -> int:
    return main(
        ("attach", str(job), "--meter", str(file), "--scope", "node", "--accuracy", "1%", *words)
    )


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(f.relative_to(directory)): f.read_bytes() for f in directory.rglob("*") if f.is_file()
    }


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return finished_job(tmp_path / "store", TWO, REPEATS)


def codes(result: Any) -> list[str]:
    return [doubt.code for doubt in result.doubts]


def test_meters_of_all_nodes_are_the_energy_of_the_job(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One meter alone is a reference beside the sensors of all nodes; with the last meter the
    boundary is that of the meters.
    """
    before, first = contents(job), reader.read_run(job)
    assert attach(job, meter(tmp_path / "pdu0.csv", TWO["n0"]), "--node", "n0", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    one = job.with_name(job.name + "_attached")
    result = reader.read_run(one)
    assert printed["id"] == result.id == one.name
    assert contents(job) == before
    assert result.boundary.name == "compute"
    assert "meter" in {channel.collector for channel in result.channels}
    assert {"attached", "meter-of-some-nodes"} <= set(codes(result))
    assert result.energy_j is not None
    assert first.energy_j is not None
    assert result.energy_j.value == pytest.approx(first.energy_j.value, rel=1e-6)
    part = reader.read_run(one / "node-n0")
    assert part.boundary.name == "node-ac"
    assert part.energy_j is not None
    assert part.energy_j.value == pytest.approx(plug_j({"n0": TWO["n0"]}), rel=0.01)
    assert (one / "node-n1" / "run.json").samefile(job / "node-n1" / "run.json")

    assert attach(one, meter(tmp_path / "pdu1.csv", TWO["n1"]), "--node", "n1") == 0
    both = one.with_name(one.name + "_attached")
    result = reader.read_run(both)
    assert result.boundary.name == "node-ac"
    assert result.energy_j is not None
    assert result.energy_j.low <= plug_j(TWO) <= result.energy_j.high
    assert result.energy_j.value == pytest.approx(plug_j(TWO), rel=0.01)
    assert "meter-of-some-nodes" not in codes(result)
    assert collect(both) == result
    assert not list(job.parent.glob(".partial-*"))


def test_bundles_of_jobs_with_meters_are_verified(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attach(job, meter(tmp_path / "pdu0.csv", TWO["n0"]), "--node", "n0") == 0
    bundle = tmp_path / "job.tar.gz"
    assert main(("bundle", str(job) + "_attached", "--out", str(bundle))) == 0
    assert main(("verify", str(bundle))) == 0, capsys.readouterr()
    assert "the file of the attached meter" in capsys.readouterr().out


def test_without_the_node_the_refusal_names_the_option_and_the_nodes(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = meter(tmp_path / "pdu0.csv", TWO["n0"])
    for words, expected in (
        ((), ("--node NAME", "n0, n1", "on 2 nodes")),
        (("--node", "n7"), ("--node n7", "n0, n1")),
    ):
        assert attach(job, file, *words) == 2
        error = capsys.readouterr().err
        assert all(each in error for each in expected), error
    assert [entry.name for entry in job.parent.iterdir()] == [job.name]


def test_a_job_on_one_node_needs_no_name(tmp_path: Path) -> None:
    one = {"n0": TWO["n0"]}
    job = finished_job(tmp_path, one, REPEATS, msgspec.structs.replace(JOB, nodes=1))
    file = meter(tmp_path / "pdu0.csv", one["n0"])
    assert attach(job, file) == 0
    result = reader.read_run(job.with_name(job.name + "_attached"))
    assert result.boundary.name == "node-ac"
    assert result.energy_j is not None
    assert result.energy_j.value == pytest.approx(plug_j(one), rel=0.01)
    # twice is refused, and a run on one node takes no --node
    assert attach(job, file) == 2
    assert attach(job / "node-n0", file, "--node", "n0") == 2


def test_a_refused_meter_leaves_nothing(job: Path, tmp_path: Path) -> None:
    """A meter of a node with a far smaller load."""
    small = meter(tmp_path / "small.csv", Node(watts=5.0, busy_w=10.0))
    assert attach(job, small, "--node", "n1") == 2
    assert [entry.name for entry in job.parent.iterdir()] == [job.name]
