"""The name of a launch of ranks, the same on all nodes of the launch and different from other
launches of the job.

Open MPI names its launches. MPICH and torchrun do so only on request: without a rendezvous id,
every launch of torchrun is called "none". The process that started the ranks then distinguishes the
launches.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from pathlib import Path

from energybench.ancestor_processes import PROC, Ancestor, ancestors, words
from energybench.launch import job, rank_launcher
from energybench.rank_variables import rank_names
from energybench.slurm_job import nodes_of_job

# A variable that the launcher sets for its ranks, and lacks itself.
_OF_A_RANK = ("MPI_LOCALRANKID", "LOCAL_RANK", "RANK", *rank_names())
# Launchers that name a launch only on request, if at all
_NAMELESS = ("hydra", "torchrun")
_CONTROL_PORT = b"--control-port"  # of hydra_pmi_proxy: host and port of its mpiexec


def launch_name(environment: Mapping[str, str], proc: Path = PROC, pid: int | None = None) -> str:
    """Name of a launch of ranks among all launches of a job, the same on all nodes of the launch.

    mpirun's own name comes first: on the head node its ranks are not tasks of a step, and on other
    nodes its ranks are children of mpirun's own step. Launches of MPICH or torchrun over several
    nodes share a name if no difference between the launches is visible on every node.

    environment  of a rank
    pid          process number of the rank; None: of this process
    """
    started = rank_launcher(environment)
    step = environment.get("SLURM_STEP_ID")
    if started is None:
        return f"step-{step}" if step is not None else "batch"
    launcher, ranks = started
    names = launcher not in _NAMELESS and ranks.job != f"{launcher}-"
    if launcher == "openmpi" or names or (launcher == "hydra" and environment.get("PMI_PORT")):
        return ranks.job
    process = _launching_process(environment, proc, os.getpid() if pid is None else pid)
    if process is not None and (port := _control_port(process, proc)) is not None:
        return f"{launcher}-{port}"
    own = job(environment)
    everywhere = own.ranks if own is not None else None
    if process is not None and everywhere is not None and everywhere == ranks.total:
        return f"{ranks.job}-{process.pid}-{process.start}"
    # all nodes can be in this step only if it has as many, or all that the job has
    nodes = -(-everywhere // max(ranks.total, 1)) if everywhere is not None else None
    if nodes is not None:
        nodes = min(nodes, nodes_of_job(environment) or nodes)
    nodes_of_step = environment.get("SLURM_STEP_NUM_NODES", "")
    if (
        nodes is not None
        and step is not None
        and nodes_of_step.isdecimal()
        and int(nodes_of_step) >= nodes
    ):
        return f"{ranks.job}-step-{step}"
    return ranks.job


def _launching_process(environment: Mapping[str, str], proc: Path, pid: int) -> Ancestor | None:
    """The nearest process above a rank that is not part of a rank; None: not visible."""
    name = next((name for name in _OF_A_RANK if name in environment), None)
    if name is None:
        return None
    for ancestor in ancestors(pid, proc):
        variables = words(ancestor.pid, "environ", proc)
        if variables is None:
            return None
        if not any(variable.startswith(f"{name}=".encode()) for variable in variables):
            return ancestor
    return None


def _control_port(process: Ancestor, proc: Path) -> str | None:
    line = words(process.pid, "cmdline", proc) or []
    after = dict(itertools.pairwise(line))
    return after[_CONTROL_PORT].decode("utf-8", "replace") if _CONTROL_PORT in after else None
