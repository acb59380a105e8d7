"""The nodes of a launch of ranks are those that have ranks, and no others."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from energybench.cluster.rank_nodes import (
    launched_alone,
    launches_of,
    names_of_nodes,
    nodes_beyond,
)
from energybench.launch import job, node_name
from energybench.model import Job
from energybench.store.rank_job import unread_nodes
from tests.reports.sample_cpu_node import cpu_node
from tests.simulators.slurm.processes import wait_until

BATCH = {
    "SLURM_JOB_ID": "7",
    "SLURM_CLUSTER_NAME": "c",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_JOB_NODELIST": "n1,n2",
    "SLURMD_NODENAME": "n1",
}
MPI = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"}
RANKS = {**MPI, "OMPI_COMM_WORLD_LOCAL_RANK": "0"}
STEP = {
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_NODES": "1",
    "SLURM_STEP_NODELIST": "n2",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_TASKS_PER_NODE": "4",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
}


HET = {
    **STEP,
    "SLURM_HET_SIZE": "2",
    "SLURM_JOB_ID_HET_GROUP_0": "7",
    "SLURM_JOB_ID_HET_GROUP_1": "8",
    "SLURM_JOB_NUM_NODES_HET_GROUP_0": "1",
    "SLURM_JOB_NUM_NODES_HET_GROUP_1": "1",
    "SLURM_JOB_NODELIST_HET_GROUP_0": "n1",
    "SLURM_JOB_NODELIST_HET_GROUP_1": "n2",
}
BOTH = {"SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NODELIST": "n1,n2"}


@pytest.mark.parametrize(
    ("added", "names"),
    [
        ({}, ("n1",)),  # a serial program of the batch script
        (STEP, ("n2",)),  # a step on one node of two
        (HET, ("n2",)),  # a step in one component of two
        ({**HET, **BOTH}, ("n1", "n2")),
        (RANKS, ()),  # mpirun says how many ranks there are, and not where
        ({**STEP, **RANKS}, ()),  # its ranks on another node are children of a step of its own
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0"}, ()),
    ],
)
def test_nodes_of_a_launch(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    added: Mapping[str, str],
    names: tuple[str, ...],
) -> None:
    scontrol = tmp_path / "scontrol"
    scontrol.write_text("#!/bin/sh\necho $3 | tr , '\\n'\n")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    environment = {**BATCH, **added}
    own_job = job(environment)
    assert own_job is not None
    assert names_of_nodes(environment, own_job) == names
    assert launched_alone(environment) is (not added)


@pytest.mark.parametrize(
    ("added", "nodes"),
    [
        ({}, 2),
        (STEP, 2),
        (HET, 2),
        ({**STEP, **BOTH}, None),
        ({**HET, **BOTH}, None),
        (RANKS, None),  # two nodes of two
        ({**RANKS, "OMPI_COMM_WORLD_SIZE": "2"}, 2),
        ({**STEP, **RANKS, "OMPI_COMM_WORLD_SIZE": "2"}, 2),
        ({"SLURM_JOB_NUM_NODES": "1"}, None),
    ],
)
def test_nodes_of_the_job_beyond_a_launch(added: Mapping[str, str], nodes: int | None) -> None:
    environment = {**BATCH, **added}
    own_job = job(environment)
    assert own_job is not None
    assert nodes_beyond(environment, own_job) == nodes


def test_the_node_s_name_is_slurm_s_unless_hydra_copied_the_head_node_s() -> None:
    assert node_name(BATCH) == "n1"
    hydra = {"MPI_LOCALNRANKS": "2", "MPI_LOCALRANKID": "0", "PMI_SIZE": "4"}
    assert node_name({**BATCH, **hydra}) == node_name({}) == os.uname().nodename


@pytest.mark.parametrize(
    ("ranks", "here", "missing"),
    [(4, (2, 2), 0), (4, (2,), 1), (3, (1, 2), 0), (8, (1, 3), 2), (None, (2,), 0), (4, (), 0)],
)
def test_ranks_that_no_part_knows_are_of_missing_nodes(
    ranks: int | None, here: tuple[int, ...], missing: int
) -> None:
    parts = [
        msgspec.structs.replace(
            cpu_node(), job=Job(launcher="openmpi", ranks=ranks, ranks_here=count)
        )
        for count in here
    ]
    assert len(unread_nodes(Job(launcher="openmpi", ranks=ranks), parts)) == missing
    of_slurm = Job(launcher="slurm", ranks=ranks, nodes=len(parts) + 1)
    assert len(unread_nodes(of_slurm, parts)) == min(missing, 1)


def test_a_program_that_launches_on_other_nodes_is_noticed(tmp_path: Path) -> None:
    """The launcher may be a grandchild. A program that starts none has no doubt."""
    launcher = shutil.copy("/bin/sleep", tmp_path / "srun")
    for words, found in ((launcher, {"srun"}), ("sleep", set())):
        program = subprocess.Popen(["bash", "-c", f"{words} 60 & wait"])
        try:
            launches = launches_of(BATCH, job(BATCH), "bash")
            assert launches is not None
            now_s = iter(range(1000))

            def started(pid: int = program.pid) -> bool:
                return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text().strip())

            wait_until(started, "the child")
            launches.look(next(now_s), [program.pid])
            wait_until(
                lambda launches=launches, now_s=now_s, pid=program.pid, found=found: (
                    launches.look(next(now_s), [pid]) or launches.names == found
                ),
                "the launcher",
            )
            codes = [doubt.code for doubt in launches.doubts()]
            assert codes == ["nodes-unread"] * len(found)
        finally:
            for child in (
                Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
            ):
                os.kill(int(child), 9)
            program.wait()
