"""The energies of all starts of a job that Slurm has started again, added up."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from energybench.cluster.starts import of_result
from energybench.errors import BadInput
from energybench.store.layout import RUN
from energybench.store.reader import read_run
from tests.simulators.trees import live_node

Start = Callable[..., Path]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two repeats in a job of Slurm."""
    folder = tmp_path_factory.mktemp("measured")
    words = ("measure", "--repeats", "2", "--label", "app", "--out", "store", "--root", "machine")
    variables = {"SLURM_JOB_ID": "71", "SLURM_CLUSTER_NAME": f"c{os.getpid()}"}
    with live_node(folder / "machine", {"intel-rapl:0": {"name": "package-0", "watts": 60}}):
        energybench(*words, "--", "sleep", "0.3", cwd=folder, variables=variables)
    (run,) = (folder / "store").glob(f"[!.]*/{RUN}")
    return run


@pytest.fixture
def start(measured: Path, tmp_path: Path) -> Start:
    """Store the run as that of a start of a job, and return its directory."""

    def store(number: int, restart: int, *, job: str = "71", label: str = "app") -> Path:
        folder = tmp_path / f"2026-11-0{number}T10-00-00.000Z_{label}_{number}"
        folder.mkdir()
        document = json.loads(measured.read_text())
        document |= {"id": folder.name, "label": label}
        document["job"] |= {"id": job, "restart": restart}
        (folder / RUN).write_text(json.dumps(document))
        return folder

    return store


def energybench(*words: str, cwd: Path, variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "energybench", *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if "SLURM" not in k} | (variables or {}),
    )
    return done.stdout


def test_errors_of_the_same_sensors_add_up(start: Start) -> None:
    """Wider than the sum of independent errors, and no wider than the sum of equal ones."""
    start(1, 0)
    last = start(2, 1)
    start(3, 0, job="72")
    start(4, 0, label="other")
    starts = of_result(read_run(last), last)
    assert [one.restart for one in starts.starts] == [0, 1]
    assert [one.repeats for one in starts.starts] == [2, 2]
    one, total = read_run(last).energy_j, starts.energy_j
    assert one is not None
    assert total is not None
    assert total.value == pytest.approx(4 * one.value)
    wider = (total.high - total.low) / (one.high - one.low)
    assert 2 * math.sqrt(2) < wider <= 4.1
    assert not starts.doubts


@pytest.mark.parametrize("broken", [False, True])
def test_no_sum_without_the_energy_of_every_start(start: Start, broken: bool) -> None:
    start(1, 0)
    last = start(2, 2)
    if broken:
        (start(3, 1) / RUN).write_text('{"id": "71"')
    starts = of_result(read_run(last), last)
    assert starts.energy_j is None
    assert [one.energy_j is None for one in starts.starts] == [False, True, False]
    (doubt,) = starts.doubts
    assert "number 2" in doubt.message


def test_two_results_of_one_start_are_not_added(start: Start) -> None:
    start(1, 0)
    start(2, 0)
    last = start(3, 1)
    starts = of_result(read_run(last), last)
    assert starts.energy_j is None
    assert "--label" in starts.doubts[0].remedy


def test_a_result_with_the_readings_of_a_meter_is_the_same_start(start: Start) -> None:
    first, last = start(1, 0), start(2, 1)
    shutil.copytree(first, first.with_name(f"{first.name}_attached"))
    starts = of_result(read_run(last), last)
    assert starts.energy_j is not None
    assert len(starts.starts) == 2


def test_the_part_of_a_node_and_a_run_outside_of_a_job_are_refused(
    start: Start, tmp_path: Path
) -> None:
    folder = start(1, 0)
    with pytest.raises(BadInput, match="was not measured in a job of Slurm"):
        of_result(msgspec.structs.replace(read_run(folder), job=None), folder)
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(BadInput, match="part of one node"):
        of_result(read_run(folder), folder)


def test_the_command(start: Start, tmp_path: Path) -> None:
    start(1, 0)
    last = start(2, 1)
    text = energybench("slurm", "starts", str(last), cwd=tmp_path)
    assert "-71, app: 2 starts" in text
    assert "together: " in text
    document = json.loads(energybench("slurm", "starts", str(last), "--json", cwd=tmp_path))
    assert document["kind"] == "slurm-starts"
    each = [one["energy_j"]["value"] for one in document["starts"]]
    assert document["energy_j"]["value"] == pytest.approx(sum(each))
