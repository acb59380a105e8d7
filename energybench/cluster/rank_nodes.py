"""The nodes of a launch of ranks: the nodes that belong to the result of `energybench rank`."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from energybench.cluster.slurm_programs import NoAnswer, host_names
from energybench.errors import BadInput
from energybench.launch import by_srun, node_name, rank_launcher, tasks
from energybench.measuring.counted_once import beside_the_job
from energybench.measuring.started_launchers import (
    LAUNCHERS,
    STARTS_A_JOB,
    names_among,
    of_launched_nodes,
    of_started_job,
)
from energybench.model import Doubt, Job
from energybench.slurm_job import nodes_of_job

_PERIOD_S = 0.5  # shorter than any launch on other nodes


def launched_alone(environment: Mapping[str, str]) -> bool:
    """Whether a rank in this environment is a single program, started without a step of Slurm and
    without a launcher of ranks.
    """
    if "SLURM_STEP_ID" in environment or rank_launcher(environment) is not None:
        return False
    return tasks(environment) is None


def names_of_nodes(environment: Mapping[str, str], own_job: Job) -> tuple[str, ...]:
    """Names of the nodes of the launch's ranks; empty if the names are unknown, and the parts then
    supply the names.

    A step of srun has its own nodes, in one or several components of a heterogeneous job. mpirun
    and torchrun state only the number of ranks; the parts know their own ranks
    (`rank_job.unread_nodes`).
    """
    if launched_alone(environment):
        return (node_name(environment),)
    if not by_srun(environment):
        return ()
    try:
        return host_names(own_job.node_names or "")
    except (NoAnswer, BadInput):
        return ()


def nodes_beyond(environment: Mapping[str, str], own_job: Job) -> int | None:
    """Number of the job's nodes if the launch may lack ranks on some nodes; None: every node has
    ranks, or no Slurm job holds the nodes.
    """
    if launched_alone(environment):
        here = 1
    elif by_srun(environment):
        here = own_job.nodes or 1
    else:
        here = -(-(own_job.ranks or 1) // (own_job.ranks_here or 1))
    total = nodes_of_job(environment) or 1
    return total if total > here else None


def peer(connected: socket.socket) -> int:
    """Process number at the other end of a Unix socket (SO_PEERCRED, unix(7))."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])


class Launches:
    """Looks whether ranks on a part of their job's nodes start processes on other nodes: the work
    then uses unread nodes. The descendants of the ranks are inspected twice a second.

    wanted  names of the programs that start such processes
    doubt   the doubt about those of the programs that were started
    """

    def __init__(
        self,
        wanted: frozenset[str],
        doubt: Callable[[Iterable[str]], Doubt],
        proc: Path = Path("/proc"),
    ) -> None:
        self._wanted, self._doubt, self._proc = wanted, doubt, proc
        self._next_s = 0.0
        self.names: set[str] = set()

    def look(self, now_s: float, pids: Iterable[int]) -> None:
        if now_s < self._next_s or self.names:
            return
        self._next_s = now_s + _PERIOD_S
        self.names = names_among(self._proc, pids, self._wanted)

    def doubts(self) -> list[Doubt]:
        return [self._doubt(self.names)] if self.names else []


def launches_of(
    environment: Mapping[str, str], own_job: Job | None, program: str
) -> Launches | None:
    """Looks for the programs whose start by these ranks is doubted; None: no start is.

    program  name or path of the program of the ranks
    """
    if own_job is None:
        # of the program itself the session says so
        itself = Path(program).name in STARTS_A_JOB
        return None if itself else Launches(STARTS_A_JOB, of_started_job)
    if beside_the_job(environment):
        return Launches(LAUNCHERS, of_started_job)
    if (nodes := nodes_beyond(environment, own_job)) is None:
        return None
    return Launches(LAUNCHERS, lambda names: of_launched_nodes(names, nodes))


def of_unread_ranks(own_job: Job, missing: int) -> list[Doubt]:
    """A doubt about the ranks on this node that were started without `energybench rank`."""
    if missing < 1:
        return []
    return [
        Doubt(
            code="ranks-unread",
            message=f"{missing} of {own_job.ranks_here} ranks on this node were not started with "
            "`energybench rank`: if they ran longer than the others, the energy is too small",
            remedy="start every rank with `energybench rank -- PROGRAM`; in a file of `srun "
            "--multi-prog`, in every line, and with the same `--label NAME`",
        )
    ]
