"""The check on a machine with a GPU (benchmarks/gpu_check.sh), on the CPU: how steps are taken,
with a stand-in for the python that takes them; a short check with the real commands; the summary.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks/gpu_check.sh"
FACTS = {
    "device": "cpu",
    "made_utc": "2026-11-28T22:00:00+00:00",
    "revision": "0123abc",
    "sources_sha256": "0" * 64,
    "cpu": "a CPU",
    "threads": 2,
    "memory_bytes": 2**33,
    "virtual": None,
    "os": "an OS",
    "kernel": "6.1",
    "python": "3.11.7",
    "torch": "2.13.0",
    "precision": "fp32",
}
# Stands for the python with torch: facts are printed, `doctor` fails, `run milc` takes an hour,
# `run sdpa` is killed, every other command of energybench has an empty document as its result.
STAND_IN = f"""#!/usr/bin/env bash
case "$*" in
  *gpu_summary.py*) exec {sys.executable} "$@" ;;
  *gpu_facts.py*) cat "$(dirname "$0")/facts.json"; exit "${{FACTS_CODE:-0}}" ;;
  *doctor*) echo 'the sensors are gone' >&2; exit 3 ;;
  *"run milc"*) touch "$(dirname "$0")/begun"; exec sleep 3600 ;;
  *"run sdpa"*) kill -KILL $$ ;;
  *"-m energybench"*) echo '{{}}' ;;
esac
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    (tmp_path / "facts.json").write_text(json.dumps(FACTS))
    path = tmp_path / "python"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return path


def environment(python: str | Path, out: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHON": str(python), "OUT": str(out), "DEVICE": "cpu", **more}


def outcomes(out: Path) -> Mapping[str, str]:
    """Outcomes of the steps, from the archive."""
    with tarfile.open(out / "reference.tar.gz") as archive:
        file = archive.extractfile("reference/steps.tsv")
        assert file is not None
        lines = [line.split("\t") for line in file.read().decode().splitlines()]
    return {name: outcome for name, _, outcome, _ in lines}


def check(python: str | Path, out: Path, **more: str) -> tuple[int, Mapping[str, str]]:
    ran = subprocess.run(
        [SCRIPT], env=environment(python, out, **more), capture_output=True, text=True
    )
    return ran.returncode, outcomes(out)


def test_a_step_that_fails_or_takes_too_long_does_not_stop_the_others(
    stand_in: Path, tmp_path: Path
) -> None:
    code, steps = check(
        stand_in, tmp_path / "out", STEPS="doctor milc deepcam sdpa limits dpsgd", LIMIT_S="5"
    )
    assert code == 1
    assert steps == {
        "facts": "done",
        "doctor": "failed: exit code 3",
        "limits": "done: nothing to do without a GPU",
        "milc": "out of time: stopped after 5 s",
        "deepcam": "done",
        "sdpa": "failed: killed by signal 9",
        "dpsgd": "done",
    }
    summary = (tmp_path / "out/summary.md").read_text()
    assert "Not done: doctor, milc, sdpa." in summary


def test_steps_without_time_left_are_skipped(stand_in: Path, tmp_path: Path) -> None:
    """The check then was not complete: exit code 1."""
    code, steps = check(stand_in, tmp_path / "out", STEPS="doctor deepcam", BUDGET_S="0")
    assert code == 1
    assert list(steps) == ["facts", "doctor", "deepcam"]
    assert steps["facts"] == "skipped: no time left (0 s of the 60 s it may take)"


def test_a_check_with_every_step_done_ends_with_0(stand_in: Path, tmp_path: Path) -> None:
    assert check(stand_in, tmp_path / "out", STEPS="deepcam dpsgd tests")[0] == 0


def test_nothing_runs_on_a_machine_without_the_gpu(stand_in: Path, tmp_path: Path) -> None:
    code, steps = check(
        stand_in, tmp_path / "out", STEPS="tests deepcam", DEVICE="cuda", FACTS_CODE="2"
    )
    assert code == 1
    assert steps["facts"] == "failed: exit code 2"
    missing = "skipped: the machine does not have what the check needs"
    assert (steps["tests"], steps["deepcam"]) == (missing, missing)


def test_a_signal_ends_the_check_and_leaves_its_results(stand_in: Path, tmp_path: Path) -> None:
    """SIGTERM to the script alone, in the middle of a step: the step ends too."""
    out = tmp_path / "out"
    script = subprocess.Popen(
        [SCRIPT],
        env=environment(stand_in, out, STEPS="milc deepcam"),
        stdout=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "begun").exists():
        time.sleep(0.05)
    script.send_signal(signal.SIGTERM)
    script.communicate()  # the step would take an hour
    assert script.returncode == 128 + signal.SIGTERM
    steps = outcomes(out)
    assert steps["milc"] == "stopped: the check received SIGTERM"
    assert steps["deepcam"] == "skipped: the check received SIGTERM"


@pytest.mark.timeout(900)
def test_a_short_check_with_the_real_commands(tmp_path: Path) -> None:
    """Sensors, a run of milc on each side, and their comparison; the archive holds the runs."""
    out = tmp_path / "out"
    code, steps = check(
        sys.executable, out, STEPS="doctor milc milc-cpu milc-compare", BUDGET_S="1800"
    )
    assert (code, set(steps.values())) == (0, {"done"}), (out / "summary.md").read_text()
    summary = (out / "summary.md").read_text()
    assert "CPU / GPU, whole machine" in summary
    assert "5 checks pass" in summary
    with tarfile.open(out / "reference.tar.gz") as archive:
        names = archive.getnames()
    assert sum(name.endswith("samples.parquet") for name in names) == 2
    assert "reference/facts.json" in names


# ---------------------------------------------------------------- the summary


@pytest.fixture(scope="module")
def summary() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_summary", ROOT / "benchmarks/gpu_summary.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, step: str, document: Any, device: str = "cuda") -> Path:
    (folder / "facts.json").write_text(json.dumps({**FACTS, "device": device}))
    (folder / f"{step}.json").write_text(json.dumps(document))
    return folder


def test_links_of_the_reference_run_moved_at_the_rate_of_pageable_memory(
    summary: ModuleType, tmp_path: Path
) -> None:
    """That run was measured before its links lay in page-locked memory: the goal is missed."""
    run = json.loads((ROOT / "reports/reference/milc-32-h200/run.json").read_text())
    rows = summary.rows(summary.Check(write(tmp_path, "milc", run)), "milc")
    assert rows[-1].figure == "links from page-locked memory: 6.05 GB/s"
    assert rows[-1].met is False
    assert [row.met for row in rows[:-1]] == [None, True]


def _training(label: str, losses: list[float], low: float, high: float) -> dict[str, Any]:
    share = {"value": (low + high) / 2, "low": low, "high": high}
    return {
        "kind": "measurement",
        "label": label,
        "energy_per_work_j": None,
        "time_s": {"value": 1.0},
        "work": {"fingerprint": "f", "unit": "sample"},
        "roofline": {"arithmetic": "bf16", "share_of_rate": share, "share": share},
        "verification": [],
        "record": {"series": [{"name": "loss", "y": losses}]},
    }


@pytest.mark.parametrize(
    ("low", "high", "met"), [(0.36, 0.4, True), (0.3, 0.34, False), (0.34, 0.36, None)]
)
def test_a_goal_is_decided_by_the_whole_interval(
    summary: ModuleType, tmp_path: Path, low: float, high: float, met: bool | None
) -> None:
    folder = write(tmp_path, "deepcam-L8", _training("L", [2.0], low, high))
    assert summary.rows(summary.Check(folder), "deepcam-L8")[0].met is met


@pytest.mark.parametrize(
    ("recorded", "met"), [([2.0, 1.01], True), ([2.0, 1.2], False), ([2.0], False)]
)
def test_recorded_passes_have_to_train_alike(
    summary: ModuleType, tmp_path: Path, recorded: list[float], met: bool
) -> None:
    launched = _training("launched", [2.0, 1.0], 0.3, 0.4)
    results = [launched, _training("recorded", recorded, 0.3, 0.4)]
    folder = write(tmp_path, "deepcam-L", {"kind": "document", "results": results})
    assert summary.rows(summary.Check(folder), "deepcam-L")[-1].met is met


@pytest.mark.parametrize(
    ("counts", "met"),
    [
        ({"tests": 3}, True),
        ({"tests": 3, "failures": 1}, False),
        ({"tests": 3, "skipped": 3}, False),
        ({"tests": 0}, False),
    ],
)
def test_skipped_tests_are_not_green(
    summary: ModuleType, tmp_path: Path, counts: dict[str, int], met: bool
) -> None:
    attributes = " ".join(f'{name}="{count}"' for name, count in counts.items())
    (tmp_path / "tests.xml").write_text(f"<testsuites><testsuite {attributes}/></testsuites>")
    (row,) = summary.rows(summary.Check(write(tmp_path, "doctor", {})), "tests")
    assert row.met is met


def test_goals_of_a_gpu_are_not_asked_of_a_cpu(summary: ModuleType, tmp_path: Path) -> None:
    folder = write(tmp_path, "deepcam-L8", _training("L", [2.0], 0.1, 0.2), device="cpu")
    assert not any(row.goal for row in summary.rows(summary.Check(folder), "deepcam-L8"))


# ---------------------------------------------------------------- what the check needs


def test_the_list_of_wheels_is_complete() -> None:
    """With torch, and the packages that images with torch have, nothing else has to be installed:
    neither for the project nor for the packages that the check installs beside it.
    """
    listed = {
        canonicalize_name(line)
        for line in (ROOT / "benchmarks/gpu_wheels.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    there = _closure({"torch", "numpy", "scipy", "pandas", "pyarrow"})
    arguments = re.search(r"-e \. (.+)$", SCRIPT.read_text(), re.M)
    assert arguments is not None
    needed = _closure({"energybench", "setuptools", "wheel", *arguments[1].split()})
    assert needed - there - {"energybench"} <= listed
    assert listed <= needed


def _closure(names: set[str]) -> set[str]:
    """The installed packages that packages require, with themselves, without any extra."""
    closure: set[str] = set()
    waiting = {canonicalize_name(name) for name in names}
    while waiting:
        name = waiting.pop()
        closure.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.add(canonicalize_name(requirement.name))
        waiting -= closure
    return closure


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck on PATH")
def test_the_script_is_clean() -> None:
    assert subprocess.run(["shellcheck", SCRIPT]).returncode == 0


def test_the_check_finds_every_test_that_needs_a_gpu() -> None:
    """`pytest -m gpu tests/workloads`: the marker alone skips a test without a GPU."""
    own = re.compile(r"skipif\(\s*not torch\.cuda")
    texts = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    assert [path for path, text in texts.items() if own.search(text)] == []
    marked = [
        path for path, text in texts.items() if re.search(r"^@pytest\.mark\.gpu$", text, re.M)
    ]
    assert marked
    assert {path.parent for path in marked} == {ROOT / "tests/workloads"}
