"""Work that every task of a launch would do again is refused, and copies only on request."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.measuring.copies import refuse_copies

SLURM = {
    "SLURM_JOB_ID": "71",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "1",
}
TORCHRUN = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "LOCAL_RANK": "1"}
MPIRUN = {
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
}
BATCH_SCRIPT = {"SLURM_JOB_ID": "71", "SLURM_JOB_NUM_NODES": "2", "SLURM_NTASKS": "2"}


@pytest.mark.parametrize(
    ("environment", "count", "remedy"),
    [
        (SLURM, 2, "srun -n1 energybench run milc"),
        (TORCHRUN, 4, "without the launcher"),
        (MPIRUN, 2, "without the launcher"),
        ({**BATCH_SCRIPT, **MPIRUN}, 2, "srun -n1 energybench run milc"),
    ],
)
def test_one_of_several_tasks_is_refused(
    environment: dict[str, str], count: int, remedy: str
) -> None:
    with pytest.raises(BadInput) as refused:
        refuse_copies("run milc", environment)
    assert f"started in {count} tasks" in str(refused.value)
    assert remedy in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {},
        BATCH_SCRIPT,
        {**SLURM, "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_TASKS_PER_NODE": "1"},
        {**TORCHRUN, "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0"},
    ],
)
def test_a_process_alone_is_not_refused(environment: dict[str, str]) -> None:
    refuse_copies("run milc", environment)


def energybench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "energybench", *words, "--out", str(folder)],
        env={**os.environ, **SLURM},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


@pytest.mark.parametrize("words", [("run", "milc"), ("run", "sdpa"), ("study", "sdpa", "length")])
def test_the_command_refuses_in_one_line_and_writes_nothing(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """With exit code 2, whatever the workload."""
    ended = energybench(tmp_path / "store", *words)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "2 tasks" in ended.stderr
    assert not (tmp_path / "store").exists()
