"""Programs among the descendants of the work that start processes on other nodes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from energybench.model import Doubt

# In the kernel's names (15 characters): srun(1), mpirun of Open MPI (3, 4 and 5) and of MPICH,
# ssh(1), pdsh(1).
LAUNCHERS = frozenset(
    {
        *("srun", "mpirun", "orterun", "prterun", "mpiexec", "mpiexec.hydra", "hydra_pmi_proxy"),
        *("ssh", "pdsh", "clush"),
    }
)
# Programs that start a job, outside of one: srun(1), salloc(1), sbatch(1).
STARTS_A_JOB = frozenset({"srun", "salloc", "sbatch"})


def names_among(proc: Path, pids: Iterable[int], wanted: frozenset[str]) -> set[str]:
    """The programs among the given names that run among the processes and their descendants, in the
    kernel's names (15 characters).
    """
    names: set[str] = set()
    waiting = [pid for pid in pids if pid]
    while waiting:
        pid = waiting.pop()
        if (name := _text(proc / str(pid) / "comm")) in wanted:
            names.add(name)
        for task in _folders(proc / str(pid) / "task"):
            waiting += map(int, _text(task / "children").split())
    return names


def of_launched_nodes(names: Iterable[str], nodes: int) -> Doubt:
    """A doubt about the nodes of the job that the started launchers may use.

    nodes  number of the job's nodes
    """
    return Doubt(
        code="nodes-unread",
        message=f"the program started {', '.join(sorted(names))}, and not all of the {nodes} nodes "
        "of this job were read: if the work uses all of them, its energy is up to about "
        f"{nodes} times as large",
        remedy="`energybench measure --nodes job -- PROGRAM` in the batch script, or `energybench "
        "rank` behind srun or mpirun, before each rank",
    )


def of_started_job(names: Iterable[str]) -> Doubt:
    """A doubt about the nodes of a job which the program used from outside of the job."""
    return Doubt(
        code="nodes-unread",
        message=f"the program started {', '.join(sorted(names))} on a node outside the job: the "
        "energy is that of this node, and nothing of the nodes on which Slurm runs the job is in "
        "it",
        remedy="`energybench measure --nodes job -- PROGRAM` in the job's own script",
    )


def _folders(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
