"""Ranks of every launcher that sets variables: their number, the number on the node, the nodes and
the place of the rank, each as far as the launcher states it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from energybench.cluster.slurm_environment import of_new_job
from energybench.errors import BadInput
from energybench.launch import by_srun, job, local_ranks, rank_launcher, tasks
from energybench.launch_name import launch_name
from energybench.measuring.copies import refuse_copies
from energybench.store.layout import RUN
from tests.simulators.trees import live_node

LAUNCHED = ("SLURM", "OMPI", "PMI", "MPI", "TORCH", "RANK", "LOCAL_", "WORLD_", "MASTER_", "PALS")


class Launch(NamedTuple):
    """Variables of rank 5 of 6 ranks on two nodes, the third rank on its node, and what they state;
    None: the launcher does not state it.
    """

    launcher: str
    variables: dict[str, str]
    identity: str | None = None
    total: int | None = 6
    here: int | None = 3
    local: int | None = 2
    nodes: int | None = 2


def pairs(prefix: str, rank: str, size: str, local_rank: str, local_size: str) -> dict[str, str]:
    names = (rank, size, local_rank, local_size)
    return dict(zip((f"{prefix}{name}" for name in names), ("5", "6", "2", "3"), strict=True))


PMI = pairs("PMI_", "RANK", "SIZE", "LOCAL_RANK", "LOCAL_SIZE")
PMI_ALONE = {"PMI_RANK": "5", "PMI_SIZE": "6"}
OF_PALS = {"PALS_RANKID": "5", "PALS_LOCAL_RANKID": "2", "PALS_APID": "ab-12", "PALS_NODEID": "1"}
FLUX = {
    "FLUX_TASK_RANK": "5",
    "FLUX_JOB_SIZE": "6",
    "FLUX_TASK_LOCAL_ID": "2",
    "FLUX_JOB_ID": "f12",
}
UNKNOWN: dict[str, None] = {"here": None, "local": None, "nodes": None}
WORLD = ("RANK", "SIZE", "LOCAL_RANK", "LOCAL_SIZE")
LAUNCHES = [
    Launch("openmpi", pairs("OMPI_COMM_WORLD_", *WORLD) | {"PMIX_NAMESPACE": "77"}, "77"),
    Launch("hydra", PMI_ALONE | {"MPI_LOCALNRANKS": "3", "MPI_LOCALRANKID": "2"}),
    Launch("jsrun", pairs("JSM_NAMESPACE_", *WORLD) | {"LSB_JOBID": "9"}, "9"),
    Launch("pals", PMI | OF_PALS, "ab-12"),
    Launch("pals", PMI_ALONE | OF_PALS | {"PALS_LOCAL_SIZE": "3"}, "ab-12"),
    Launch("mvapich", pairs("MV2_COMM_WORLD_", *WORLD) | PMI_ALONE),
    Launch("mvapich", pairs("MVP_COMM_WORLD_", *WORLD)),
    Launch("pmi", PMI | {"PMI_JOBID": "kvs1"}, "kvs1"),
    Launch("pmi", PMI_ALONE, **UNKNOWN),
    Launch("flux", FLUX | PMI_ALONE | {"FLUX_JOB_NNODES": "2"}, "f12", here=None, local=None),
    Launch("flux", FLUX | {"FLUX_JOB_NNODES": "1"}, "f12", here=6, nodes=1),
    Launch(
        "torchrun",
        {"RANK": "5", "WORLD_SIZE": "6", "LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "3"},
    ),
    Launch("torchrun", {"RANK": "5", "WORLD_SIZE": "6", "LOCAL_RANK": "2"}, **UNKNOWN),
    Launch("torchrun", {"RANK": "5", "WORLD_SIZE": "6"}, **UNKNOWN),
]
# their ranks do not know how many they are
WITHOUT_SIZE = [
    Launch("pmix", {"PMIX_RANK": "5", "PMIX_NAMESPACE": "prterun-n1@1"}, "prterun-n1@1"),
    Launch("alps", {"ALPS_APP_PE": "5"}),
]
STEP = {
    "SLURM_JOB_ID": "71",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "6",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_TASKS_PER_NODE": "3(x2)",
    "SLURM_LOCALID": "2",
    "SLURM_NODEID": "1",
}
BATCH = {"SLURM_JOB_ID": "71", "SLURM_JOB_NUM_NODES": "2"}


def ids(launch: Launch) -> str:
    return "-".join([launch.launcher, *list(launch.variables)[:1], str(len(launch.variables))])


@pytest.mark.parametrize("launch", LAUNCHES, ids=ids)
def test_what_a_launcher_states_is_known(launch: Launch) -> None:
    own, count = job(launch.variables), tasks(launch.variables)
    assert own is not None
    assert count is not None
    assert (own.launcher, own.ranks, own.ranks_here) == (launch.launcher, launch.total, launch.here)
    assert (own.nodes, own.id) == (launch.nodes, launch.identity)
    assert count == (launch.total, launch.here, False)
    here = local_ranks(launch.variables)
    known = None if launch.local is None else (launch.here, launch.local)
    assert (here and here[:2]) == known
    if launch.identity is not None:
        assert launch_name(launch.variables) == f"{launch.launcher}-{launch.identity}"


@pytest.mark.parametrize("launch", LAUNCHES, ids=ids)
def test_a_workload_in_each_rank_is_refused(launch: Launch) -> None:
    """In a batch script of Slurm too."""
    for around in ({}, BATCH):
        with pytest.raises(BadInput, match="started in 6 tasks"):
            refuse_copies("run sdpa", around | launch.variables)


@pytest.mark.parametrize("launch", WITHOUT_SIZE, ids=ids)
def test_a_launcher_without_a_number_of_ranks(launch: Launch) -> None:
    """The ranks belong together, and all but the first know that they are several."""
    own = job(launch.variables)
    assert own is not None
    assert (own.launcher, own.id, own.ranks, own.nodes) == (
        launch.launcher,
        launch.identity,
        None,
        None,
    )
    with pytest.raises(BadInput, match="at least 6 tasks"):
        refuse_copies("run sdpa", launch.variables)
    refuse_copies("run sdpa", dict.fromkeys(launch.variables, "0"))


@pytest.mark.parametrize("launch", [*LAUNCHES[3:], *WITHOUT_SIZE], ids=ids)
def test_the_tasks_of_srun_are_those_of_slurm(launch: Launch) -> None:
    """srun --mpi=pmi2, pmix and cray_shasta set the variables of PMI, PMIx and PALS."""
    assert job(STEP | launch.variables) == job(STEP)
    assert local_ranks(STEP | launch.variables) == local_ranks(STEP)
    assert by_srun(STEP | launch.variables)


@pytest.mark.parametrize("launch", LAUNCHES[:11], ids=ids)
def test_a_launcher_inside_a_task_of_srun_has_started_the_ranks(launch: Launch) -> None:
    """A shell of srun --pty, with a single task."""
    shell = STEP | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_TASKS_PER_NODE": "1"}
    own = job(shell | launch.variables)
    assert own is not None
    assert (own.launcher, own.ranks, own.ranks_here) == ("slurm", launch.total, launch.here)


@pytest.mark.parametrize(
    "variables",
    [
        {"RANK": "3"},
        {"LOCAL_RANK": "1"},
        {"WORLD_SIZE": "1"},
        {"WORLD_SIZE": "4"},
        {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"},
        {"RANK": "4", "WORLD_SIZE": "4", "LOCAL_RANK": "0"},
        {"PMI_RANK": "1"},
        {"PMI_SIZE": "4"},
        {"PMI_RANK": "0", "PMI_SIZE": "1"},
        {"PMI_RANK": "7", "PMI_SIZE": "4"},
        {"PMI_RANK": "x", "PMI_SIZE": "4"},
        {"PALS_APID": "a"},
        {"PMIX_RANK": "2"},
        {"FLUX_JOB_ID": "f1", "FLUX_JOB_SIZE": "4"},
        {"MV2_COMM_WORLD_SIZE": "4"},
        {"JSM_NAMESPACE_RANK": "2"},
        # of the step from which sbatch took its environment
        BATCH | PMI | {"PMI_JOBID": "70.0"},
    ],
    ids=str,
)
def test_a_left_over_variable_is_no_launch(variables: dict[str, str]) -> None:
    assert tasks(variables) is None
    assert rank_launcher(variables) is None
    refuse_copies("run sdpa", variables)


@pytest.mark.parametrize("launch", [*LAUNCHES, *WITHOUT_SIZE], ids=ids)
def test_a_job_of_its_own_does_not_inherit_the_place_of_a_rank(launch: Launch) -> None:
    assert job(of_new_job(launch.variables)) is None


@pytest.mark.parametrize("number", [3, 7, 8, 12])
def test_ranks_that_measure_the_same_node_say_so(tmp_path: Path, number: int) -> None:
    """Each of them counts the whole node."""
    launch = LAUNCHES[number]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHED)}
    # a launch of its own for each test: equal launches on this host cannot be told apart
    own = {"PMI_JOBID": f"{os.getpid()}-{number}", "TORCHELASTIC_RUN_ID": f"{os.getpid()}"}
    of = {
        name: own[name] for name in own if (name == "PMI_JOBID") == (launch.launcher != "torchrun")
    }
    words = [sys.executable, "-m", "energybench", "measure", "--idle", "0", "--out", "store"]
    socket = {"intel-rapl:0": {"name": "package-0", "watts": 60}}
    with live_node(tmp_path / "machine", socket):
        words += ["--root", str(tmp_path / "machine"), "--repeats", "1", "--", "sleep", "4"]
        ranks = [
            subprocess.Popen(words, env=kept | launch.variables | of, cwd=tmp_path)
            for _ in range(2)
        ]
        until_s = time.monotonic() + 100.0
        assert [rank.wait(until_s - time.monotonic()) for rank in ranks] == [0, 0]
    files = list((tmp_path / "store").glob(f"[!.]*/{RUN}"))
    codes = [{doubt["code"] for doubt in json.loads(file.read_text())["doubts"]} for file in files]
    assert ["counted-again" in each for each in codes] == [True, True]
