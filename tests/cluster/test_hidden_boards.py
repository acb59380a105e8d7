"""A job that holds two of a node's four boards, while the others are hidden from it."""

from __future__ import annotations

import json

import pytest

from tests.simulators.slurm import Cluster

pytestmark = pytest.mark.slurm


def test_boards_of_other_jobs_are_not_called_idle(slurm: Cluster) -> None:
    """Whether other jobs use the hidden boards is not known, whichever command measures, and the
    energy does not include them. The doubt names the job's share, and no collector.
    """
    job = slurm.sbatch(
        "srun -n1 energybench measure --idle 0 --out one -- sleep 2\n"
        "srun -n1 energybench rank --out two -- sleep 2\n"
        "energybench recover two\n",
        partition="gpu",
        nodelist="gpu1",
        nodes=1,
        gpus_per_node=2,
        hide_boards=True,
    ).wait()
    node = slurm.nodes["gpu1"]
    paths = [*job.folder.glob("one/[!.]*/run.json"), *job.folder.glob("two/[!.]*/node-*/run.json")]
    assert len(paths) == 2, job.output
    for path in paths:
        result = json.loads(path.read_text())
        use = {gpu["uuid"]: gpu["used"] for gpu in result["host"]["gpus"]}
        assert list(use) == [node.board_uuid(i) for i in range(4)]
        assert list(use.values()) == [True, True, None, None]
        codes = {doubt["code"] for doubt in result["doubts"]}
        assert "idle-accelerators" not in codes
        assert {"part-missing", "gpu-unreadable"} <= codes
        assert "gpu.board.unused" not in result["components_j"]
        (unread,) = (each for each in result["doubts"] if each["code"] == "gpu-unreadable")
        assert "holds 2 of the node's 4 boards, and its device control group" in unread["message"]
        assert "--exclusive" in unread["remedy"]
        assert "doctor" not in unread["remedy"]


def test_a_task_that_sees_one_board_of_the_job_may_miss_the_job_s_own(slurm: Cluster) -> None:
    """With --gpus-per-task each task sees its own board, and `--nodes job` sees all."""
    job = slurm.sbatch(
        "energybench measure --nodes job --idle 0 --out all -- srun --overlap -n1 sleep 1\n"
        "srun -n1 bash -c 'NVMLSIM_BOARDS=0 energybench measure --idle 0 --out one -- sleep 1'\n",
        partition="gpu",
        nodelist="gpu1",
        nodes=1,
        gpus_per_node=4,
    ).wait()
    codes = {}
    for name in ("one", "all"):
        (path,) = job.folder.glob(f"{name}/[!.]*/run.json")
        codes[name] = {doubt["code"] for doubt in json.loads(path.read_text())["doubts"]}
    assert "boards-hidden" in codes["one"], job.output
    assert "boards-hidden" not in codes["all"], job.output
