"""Names of launches: one on all nodes of a launch, and another one for the next launch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.launch_name import launch_name

HYDRA = {"PMI_SIZE": "2", "MPI_LOCALNRANKS": "2", "MPI_LOCALRANKID": "0", "PMI_FD": "9"}
TORCHRUN = {
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "LOCAL_RANK": "0",
    "GROUP_WORLD_SIZE": "1",
    "TORCHELASTIC_RUN_ID": "none",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}
TWO_NODES = TORCHRUN | {"WORLD_SIZE": "4", "GROUP_WORLD_SIZE": "2"}
BY_HAND = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "n1", "MASTER_PORT": "29500"}
STEP = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "3", "SLURM_STEP_NUM_NODES": "2"}
NAME = "from energybench.launch_name import launch_name as n; import os; print(n(os.environ))"


def launched(variables: dict[str, str], *words: str) -> list[str]:
    """Names that two ranks find whose launcher is a shell; the second rank is a wrapper's child."""
    named = ("SLURM", "OMPI", "PMI", "MPI", "TORCH", "RANK", "LOCAL_", "WORLD_", "MASTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    rank = f"env {' '.join(f'{name}={value}' for name, value in variables.items())}"
    script = f"{rank} '{sys.executable}' -c '{NAME}'; {rank} sh -c '\"$0\" -c \"$1\"; true' " + (
        f"'{sys.executable}' '{NAME}'; true"
    )
    done = subprocess.run(
        ["sh", "-c", script, *words],
        env=kept,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


@pytest.mark.parametrize("variables", [HYDRA, TORCHRUN, TORCHRUN | STEP])
def test_launches_on_one_node_have_names_of_their_own(variables: dict[str, str]) -> None:
    """All ranks of a launch have one name, also behind a wrapper, and the next launch another."""
    first, second = launched(variables), launched(variables)
    assert len(first) == len(second) == 2
    assert len(set(first)) == len(set(second)) == 1
    assert first != second


def test_the_nodes_of_hydra_agree_on_the_port_of_mpiexec() -> None:
    variables = HYDRA | {"PMI_SIZE": "4"}
    nodes = [launched(variables, "proxy", "--control-port", "n1:34459") for _ in range(2)]
    assert nodes == [["hydra-n1:34459"] * 2] * 2
    assert launched(variables, "proxy", "--control-port", "n1:40001") != nodes[0]


@pytest.mark.parametrize("variables", [TWO_NODES, BY_HAND])
def test_the_nodes_of_torchrun_agree_on_the_step(variables: dict[str, str]) -> None:
    names = [launch_name(variables | STEP, Path("/none")) for _ in range(2)]
    assert len(set(names)) == 1
    assert names[0].endswith("-step-3")
    assert launch_name(variables | STEP | {"SLURM_STEP_ID": "4"}) != names[0]


def test_ranks_of_a_script_are_named_by_a_step_over_all_nodes_of_the_job() -> None:
    """A script in each task starts several ranks, and does not say how many on each node."""
    job = STEP | BY_HAND | {"WORLD_SIZE": "8", "LOCAL_RANK": "0", "SLURM_STEP_NUM_TASKS": "2"}
    assert launch_name(job | {"SLURM_JOB_NUM_NODES": "2"}).endswith("-step-3")
    assert launch_name(job | {"SLURM_JOB_NUM_NODES": "3"}) == "torchrun--29500"


def test_agents_in_steps_of_their_own_agree() -> None:
    """A loop that starts torchrun on each node with a srun of its own."""
    alone = STEP | {"SLURM_STEP_NUM_NODES": "1"}
    names = {launch_name(TWO_NODES | alone | {"SLURM_STEP_ID": step}) for step in ("3", "4")}
    assert names == {"torchrun-none-29500"}


def test_open_mpi_names_its_launches() -> None:
    sizes = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_SIZE": "1"}
    rank = sizes | {"OMPI_COMM_WORLD_LOCAL_RANK": "0", "PMIX_NAMESPACE": "572719105"}
    assert launch_name(rank | STEP) == launch_name(rank) == "openmpi-572719105"


def test_without_a_launcher_the_step_or_the_batch_script_is_the_launch() -> None:
    assert launch_name(STEP) == "step-3"
    assert launch_name({"SLURM_JOB_ID": "7"}) == "batch"
