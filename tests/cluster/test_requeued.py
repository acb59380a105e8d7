"""Slurm has started the job again: every kind of result says that it holds the last start alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.store.layout import PARTIAL, RUN
from tests.simulators.trees import live_node

SOCKET = {"intel-rapl:0": {"name": "package-0", "watts": 60}}
IN_JOB = {
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NUM_NODES": "1",
    "SLURM_JOB_NODELIST": "n1",
    "SLURMD_NODENAME": "n1",
}
OF_MPIRUN = {
    "OMPI_COMM_WORLD_SIZE": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "PMIX_NAMESPACE": "3",
}
MEASURE = ("measure", "--repeats", "1", "--out", "store")
RANK = ("rank", "--out", "store")


@pytest.mark.parametrize("restarts", ["", "0", "1"])
@pytest.mark.parametrize(
    ("command", "variables"), [(MEASURE, {}), (RANK, {}), (RANK, OF_MPIRUN)], ids=str
)
def test_the_energy_of_earlier_starts_is_missing(
    tmp_path: Path, command: tuple[str, ...], variables: dict[str, str], restarts: str
) -> None:
    named = ("SLURM", "OMPI", "PMI", "MPI", "TORCH", "RANK", "LOCAL_", "WORLD_", "MASTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    # a job of its own for each test: equal jobs on this host share a reader
    own = {"SLURM_CLUSTER_NAME": f"{os.getpid()}-{tmp_path.name}", "SLURM_RESTART_COUNT": restarts}
    environment = kept | IN_JOB | variables | own

    def energybench(*words: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "energybench", *words],
            env=environment,
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=120,
        )

    with live_node(tmp_path / "machine", SOCKET):
        energybench(*command, "--root", str(tmp_path / "machine"), "--", "sleep", "0.5")
    for folder in (tmp_path / "store").glob(f"{PARTIAL}*"):
        energybench("recover", str(folder))
    (file,) = (tmp_path / "store").glob(f"[!.]*/{RUN}")
    doubts = json.loads(file.read_text())["doubts"]
    found = [each["message"] for each in doubts if each["code"] == "requeued"]
    assert len(found) == (restarts == "1")
    assert all("start 2 of the job" in message for message in found)
