"""`energybench campaign` without a Slurm: plan, --local, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.process import energybench, in_process

TWO = """\
schema = "energybench-campaign/1"
name = "two"
title = "Two cases on this machine"
repeats = 2
idle_s = 0
[cases.short]
command = ["sleep", "0.3"]
[cases.two_words]
command = ["sh", "-c", "sleep 0.2; exit $1", "it's", "0"]
[platforms.here]
partition = "cpu"
[platforms.capped]
gpus_per_node = 1
gpu_power_w = [200, 300]
[platforms.many]
nodes = 4
[[comparisons]]
baseline = "short@here"
candidate = "two_words@here"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "two.toml"
    file.write_text(TWO)
    return file


def test_plan_writes_nothing(file: Path) -> None:
    ran = in_process("campaign", "plan", "two.toml", cwd=file.parent)
    assert (ran.code, ran.out.count("#!/bin/bash")) == (0, 4)
    assert list(file.parent.iterdir()) == [file]


def test_a_campaign_runs_here_without_slurm(file: Path) -> None:
    """Every case once, what only a cluster can do is named, and a second time there is nothing to
    do.
    """
    ran = energybench("campaign", "submit", "two.toml", "--local", cwd=file.parent)
    assert ran.code == 0, ran.err
    assert "many: left out: each case needs 4 nodes" in ran.err
    assert "capped.200W: left out: a job sets the power cap and clocks (200W)" in ran.err
    runs = file.parent / "two-local/runs"
    before = sorted(path.name for path in runs.iterdir() if not path.name.startswith("."))
    assert len(before) == 2
    again = energybench("campaign", "submit", "two.toml", "--local", cwd=file.parent)
    assert again.code == 0
    assert "short@here" not in again.err
    after = sorted(path.name for path in runs.iterdir() if not path.name.startswith("."))
    assert after == before

    status = in_process("campaign", "status", "two.toml", "--local", "--json", cwd=file.parent)
    states = {run["run"]: run["state"] for run in json.loads(status.out)["runs"]}
    assert states["short@here"] == states["two_words@here"] == "done"
    assert states["short@many"] == "not submitted"

    result = in_process("campaign", "collect", "two.toml", "--local", "--json", cwd=file.parent)
    document = json.loads(result.out)
    assert document["kind"] == "campaign"
    assert [table["case"] for table in document["tables"]] == ["short", "two_words"]
    assert len(document["comparisons"]) == 1
    assert "short@many" in document["missing"]
    page = file.parent / "page.html"
    words = ("campaign", "collect", "two.toml", "--local", "--format", "html", "--out", str(page))
    assert in_process(*words, cwd=file.parent).code == 0
    assert "Two cases on this machine" in page.read_text()


def test_a_failed_case_does_not_count(file: Path) -> None:
    """Its exit code is that of the command, the other cases run, and the next submission repeats
    only the failed case.
    """
    file.write_text(TWO.replace('"0"]', '"3"]'))
    ran = energybench("campaign", "submit", "two.toml", "--local", cwd=file.parent)
    assert ran.code == 3
    status = in_process("campaign", "status", "two.toml", "--local", "--json", cwd=file.parent)
    runs = {run["run"]: run for run in json.loads(status.out)["runs"]}
    assert runs["short@here"]["state"] == "done"
    assert runs["two_words@here"]["state"] == "ended without a result"
    assert runs["two_words@here"]["note"] == "a check failed"
    plan = energybench("campaign", "submit", "two.toml", "--local", cwd=file.parent)
    assert "here: two_words@here" in plan.err


@pytest.mark.parametrize("command", ["submit", "status", "collect"])
def test_without_slurm_and_results_there_is_one_line(file: Path, command: str) -> None:
    ran = energybench("campaign", command, "two.toml", cwd=file.parent, env={"PATH": "/nowhere"})
    if command == "status":
        assert ran.code == 0  # nothing was submitted: there is nothing to ask
        return
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    reasons = {
        "submit": "energybench: sbatch: is not installed here",
        "collect": "holds no run of this campaign yet (energybench campaign submit two.toml)",
    }
    assert reasons[command] in line


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ran = in_process("campaign", "plan", "none.toml", cwd=tmp_path)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "none.toml: no such file" in ran.err
