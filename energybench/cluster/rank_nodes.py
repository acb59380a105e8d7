"""On which nodes the ranks of one launch run: the nodes that belong to the result of `energybench
rank`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from energybench.cluster.slurm_programs import NoAnswer, host_names
from energybench.errors import BadInput
from energybench.launch import by_srun, node_lists, node_name, tasks
from energybench.measuring.started_launchers import names_among
from energybench.model import Doubt, Job

# Programs that start processes on other nodes, as the kernel names them (15 characters): srun(1),
# mpirun of Open MPI (3, 4 and 5) and of MPICH, ssh(1), pdsh(1).
_LAUNCHERS = frozenset(
    {
        *("srun", "mpirun", "orterun", "prterun", "mpiexec", "mpiexec.hydra", "hydra_pmi_proxy"),
        *("ssh", "pdsh", "clush"),
    }
)
_PERIOD_S = 0.5  # no launch on other nodes is over sooner


def launched_alone(environment: Mapping[str, str]) -> bool:
    """Whether a rank in this environment is a single program: no step of Slurm and no launcher of
    ranks started it.
    """
    return "SLURM_STEP_ID" not in environment and tasks(environment) is None


def names_of_nodes(environment: Mapping[str, str], own_job: Job) -> tuple[str, ...]:
    """Names of the nodes on which the launch has ranks; empty if they are not known, and the parts
    then tell them.

    A step of srun has nodes of its own, and a step over the components of a heterogeneous job those
    of the whole job. mpirun and torchrun say only how many ranks there are, of which the parts know
    their own (`rank_job.unread_nodes`).
    """
    if launched_alone(environment):
        return (node_name(environment),)
    if not by_srun(environment):
        return ()
    lists = node_lists(environment) if own_job.het_groups > 1 else [own_job.node_names or ""]
    try:
        return tuple(name for short in lists for name in host_names(short))
    except (NoAnswer, BadInput):
        return ()


def peer(connected: socket.socket) -> int:
    """Process number at the other end of a Unix socket (SO_PEERCRED, unix(7))."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])


class Launches:
    """Looks whether a program that was started alone starts processes on other nodes itself: it
    then uses nodes that nobody reads. Its descendants are looked at twice a second.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._next_s = 0.0
        self.names: set[str] = set()

    def look(self, now_s: float, pids: Iterable[int]) -> None:
        if now_s < self._next_s or self.names:
            return
        self._next_s = now_s + _PERIOD_S
        self.names = names_among(self._proc, pids, _LAUNCHERS)

    def doubts(self, own_job: Job) -> list[Doubt]:
        if not self.names or (own_job.nodes or 1) < 2:
            return []
        return [
            Doubt(
                code="nodes-unread",
                message=f"the program started {', '.join(sorted(self.names))}, and one of the "
                f"{own_job.nodes} nodes of this job was read: if the work uses all of them, its "
                f"energy is about {own_job.nodes} times as large",
                remedy="`energybench measure --nodes job -- PROGRAM`, or `energybench rank` behind "
                "srun or mpirun, before each rank",
            )
        ]


def of_unread_ranks(own_job: Job, missing: int) -> list[Doubt]:
    """A doubt about the ranks on this node that were not started with `energybench rank`."""
    if missing < 1:
        return []
    return [
        Doubt(
            code="ranks-unread",
            message=f"{missing} of {own_job.ranks_here} ranks on this node were not started with "
            "`energybench rank`: if they ran longer than the others, the energy is too small",
            remedy="start every rank with `energybench rank -- PROGRAM`; in a file of `srun "
            "--multi-prog`, in every line",
        )
    ]
