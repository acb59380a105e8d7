"""The name of one launch of ranks, the same on all of its nodes and of no other launch of the job.

Open MPI names its launches. MPICH and torchrun do so only if the user asks for it: without a
rendezvous id of its own every launch of torchrun is called "none". The process that started the
ranks then tells their launch from others.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from pathlib import Path

from energybench.ancestor_processes import PROC, Ancestor, ancestors, words
from energybench.launch import job, rank_launcher
from energybench.slurm_job import nodes_of_job

# A variable that the launcher sets for its ranks, and does not have itself.
_OF_A_RANK = ("MPI_LOCALRANKID", "LOCAL_RANK", "RANK")
_CONTROL_PORT = b"--control-port"  # of hydra_pmi_proxy: host and port of its mpiexec


def launch_name(environment: Mapping[str, str], proc: Path = PROC, pid: int | None = None) -> str:
    """Names one launch of ranks among all launches of a job: the same on all of its nodes.

    mpirun's own name comes first: on the head node its ranks are no tasks of a step, and on the
    other nodes they are children of a step of mpirun's. Launches of MPICH or torchrun over several
    nodes have one name if nothing tells them apart that all of the nodes see.

    environment  of a rank
    pid          process number of that rank; None: of this process
    """
    started = rank_launcher(environment)
    step = environment.get("SLURM_STEP_ID")
    if started is None:
        return f"step-{step}" if step is not None else "batch"
    launcher, ranks = started
    if launcher == "openmpi" or (launcher == "hydra" and environment.get("PMI_PORT")):
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
    held = environment.get("SLURM_STEP_NUM_NODES", "")
    if nodes is not None and step is not None and held.isdecimal() and int(held) >= nodes:
        return f"{ranks.job}-step-{step}"
    return ranks.job


def _launching_process(environment: Mapping[str, str], proc: Path, pid: int) -> Ancestor | None:
    """The nearest process above a rank that is not part of a rank; None: it cannot be seen."""
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
