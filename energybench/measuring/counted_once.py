"""Check during a run that the energy of this node is counted once, and for a single job.

Inside a job, several ranks may measure the same node, and other jobs may share the node. The run
looks for both cases:

- A measuring process binds an abstract socket (unix(7)), whose name contains the job and the node.
  The names of other measuring processes stand in /proc/net/unix. A name disappears with its
  process.
- slurmstepd, the process of Slurm that runs a job step, shows job and step as its command line:
  "slurmstepd: [123.batch]".

Outside a job, for example on a log-in node, a program that starts a job works on other nodes. The
same is true of a program that starts a step, either in a job step with some of the job's nodes or
in the shell of salloc on a log-in node.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from energybench.ancestor_processes import ancestors
from energybench.collectors.sysfs import link
from energybench.launch import job, node_name, rank_launcher
from energybench.measuring import abstract_socket
from energybench.measuring.started_launchers import (
    LAUNCHERS,
    STARTS_A_JOB,
    names_among,
    of_launched_nodes,
    of_started_job,
)
from energybench.model import Doubt, Job
from energybench.node_names import expanded
from energybench.slurm_job import node_lists, nodes_of_job, slurm_numbers
from energybench.store.liveness import boot_id
from energybench.units import counted

_NAMES = Path("/proc/net/unix")  # of this network namespace; not part of a mounted host's files
_PREFIX = "energybench-measures-"
_STEP = re.compile(rb"slurmstepd: \[(\d+)\.")


class CountedOnce:
    """Looks for other measuring processes of the same job, and for other jobs, on this node.

    job  the job of this process; None: no job

    work_pid  process number of the work; None: the work does not run
    program   name or path of the work's program; "": not known
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        root: Path,
        work_pid: Callable[[], int | None] = lambda: None,
        program: str = "",
    ) -> None:
        self.job = job(environment)
        self._work_pid = work_pid
        # programs of the work that start processes on unread nodes
        self._looked_for = self._launchers_in_doubt(environment)
        self._started_by = {Path(program).name} & self._looked_for
        self._own_numbers = slurm_numbers(environment)
        self._proc = root / "proc"
        self._held: socket.socket | None = None
        self._measuring: set[int] = set()
        self._jobs: set[str] = set()
        self._no_daemons: set[str] = set()  # processes of /proc that cannot become a slurmstepd
        self._sees_names = self._sees_processes = True
        if self.job is not None:
            name = _PREFIX + _place(self.job, node_name(environment))
            self._holders = re.compile(rf" @{name}-(\d{{1,10}})$".encode(), re.MULTILINE)
            # None if the same process number in another container owns the name
            self._held = abstract_socket.bound(f"{name}-{os.getpid()}")
            self.look()

    def look(self) -> None:
        """Look once; a process or job seen at any time of the run counts."""
        looks = bool(self._looked_for) and not self._started_by
        if looks and (pid := self._work_pid()) is not None:
            self._started_by = names_among(self._proc, [pid], self._looked_for)
        if self.job is None:
            return
        others = self._others()
        family = _family(others) if others else set()
        self._measuring |= others - family
        if self.job.launcher == "slurm":
            self._jobs |= self._other_jobs()

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
        self._held = None

    def doubts(self, *, reads_one_node: bool = True, threads: int | None = None) -> list[Doubt]:
        """Doubts about the counting.

        reads_one_node  whether no other node of the job is read for the same result
        threads         hardware threads of this node; None: not known
        """
        if self.job is None:
            return self._of_started_job()
        doubts = [*self._of_unread_nodes()] if reads_one_node else []
        return [*doubts, *self._of_copies(), *self._of_other_jobs(threads)]

    # ------------------------------------------------------------ the doubts

    def _launchers_in_doubt(self, environment: Mapping[str, str]) -> frozenset[str]:
        """Programs whose start is doubted: outside a job, programs that start a job; inside a step,
        programs that start processes on other nodes of the job.

        A job of several nodes, and a step of several, are doubted without a look.
        """
        self._nodes_of_job = nodes_of_job(environment) or 1
        self._beside_the_job = self.job is not None and beside_the_job(environment)
        if self.job is None:
            return STARTS_A_JOB
        beyond = (self.job.nodes or 1) < self._nodes_of_job
        return LAUNCHERS if beyond or self._beside_the_job else frozenset()

    def _of_unread_nodes(self) -> list[Doubt]:
        assert self.job is not None
        nodes = self.job.nodes
        if self._started_by and self._beside_the_job:
            return self._of_started_job()
        if self._started_by:
            return [of_launched_nodes(self._started_by, self._nodes_of_job)]
        if nodes is None or nodes < 2:
            return []
        allocation = "step" if self.job.step is not None else "job"
        return [
            Doubt(
                code="nodes-unread",
                message=f"one of the {nodes} nodes of this {allocation} was read: if the work uses "
                f"all of them, its energy is about {nodes} times as large",
                remedy="`energybench measure --nodes job -- PROGRAM`, in the batch script and "
                "before srun or mpirun",
            )
        ]

    def _of_started_job(self) -> list[Doubt]:
        return [of_started_job(self._started_by)] if self._started_by else []

    def _of_copies(self) -> list[Doubt]:
        assert self.job is not None
        seen, ranks = len(self._measuring) + 1, self.job.ranks_here or 1
        if seen == 1 and (self._sees_names or ranks == 1):
            return []
        count = max(seen, 1 if self._sees_names else ranks)
        also = "" if self._sees_names else " (one for each rank, as far as can be seen here)"
        return [
            Doubt(
                code="counted-again",
                message=f"{count} processes of this job measured this node at the same time{also}: "
                f"each of them counts the whole node, and their sum is {count} times its energy",
                remedy="`energybench measure --nodes job -- srun PROGRAM` counts each node once; "
                "or start one rank for each node",
            )
        ]

    def _of_other_jobs(self, threads: int | None) -> list[Doubt]:
        assert self.job is not None
        cpus = self.job.cpus_here
        part = cpus is not None and threads is not None and cpus < threads
        share = f"; this job holds {cpus} of {threads} CPUs here" if part else ""
        factor = f", up to {threads / cpus:.3g} times its own" if part and threads and cpus else ""
        if self._jobs:
            names = ", ".join(sorted(self._jobs, key=int)[:5])
            cause = (
                f"{counted(len(self._jobs), 'other job')} ran on this node during the run ({names})"
            )
        elif part and not self._sees_processes:
            cause = "other jobs may have run on this node; they cannot be seen from here"
        else:
            return []
        return [
            Doubt(
                code="shared-node",
                message=f"{cause}{share}: the energy is that of the whole node{factor}",
                remedy="sbatch --exclusive",
            )
        ]

    # ------------------------------------------------------------ the observations

    def _others(self) -> set[int]:
        """Process numbers of further measuring processes of this job on this node."""
        try:
            text = _NAMES.read_bytes()
        except OSError:
            self._sees_names = False
            return set()
        # not line by line: a node of a cluster has thousands of sockets
        return {int(number) for number in self._holders.findall(text)} - {os.getpid()}

    def _other_jobs(self) -> set[str]:
        """Numbers of other Slurm jobs with a step on this node."""
        namespace = link(self._proc / "self/ns/uts")
        jobs: set[str] = set()
        self._sees_processes = (self._proc / "1").is_dir()  # not with the mount option hidepid
        numbers = _numbers(self._proc)
        self._no_daemons &= numbers
        for number in numbers - self._no_daemons:
            folder = self._proc / number
            name = _read(folder / "comm")
            if name != b"slurmstepd\n":
                if name != b"slurmd\n":  # becomes slurmstepd
                    self._no_daemons.add(number)
                continue
            match = _STEP.match(_read(folder / "cmdline"))
            # several slurmd on a machine, in namespaces with their own host names, are separate
            # nodes
            theirs = link(folder / "ns/uts")
            if match is not None and (theirs is None or theirs == namespace):
                jobs.add(match[1].decode())
        return jobs - self._own_numbers


def beside_the_job(environment: Mapping[str, str]) -> bool:
    """Whether this is the shell that salloc starts where it was called, on no node of the job.

    slurmd gives each of its processes the name of its node.
    """
    names = [name for short in node_lists(environment) for name in expanded(short)]
    host = platform.node()
    tells = "SLURMD_NODENAME" in environment or rank_launcher(environment) is not None
    return bool(names) and not tells and not {host, host.partition(".")[0]} & set(names)


def _place(job: Job, node: str) -> str:
    """Name of a start of a job on a node, in a few characters: a socket's name has 107 bytes. The
    node's name distinguishes the nodes of a simulated cluster, which share a kernel.
    """
    words = (boot_id() or "", node, job.cluster or "", job.id or "", str(job.restart), job.launcher)
    return hashlib.blake2b("\0".join(words).encode(), digest_size=8).hexdigest()


def _family(pids: Iterable[int]) -> set[int]:
    """Processes that are ancestors or descendants of this process: a measured program may measure
    parts of its work.
    """
    mine = _numbers_above(os.getpid())
    return {pid for pid in pids if pid in mine or os.getpid() in _numbers_above(pid)}


def _numbers_above(pid: int) -> set[int]:
    return {ancestor.pid for ancestor in ancestors(pid)}


def _numbers(proc: Path) -> set[str]:
    """Numbers of the processes, as text: a Path for each process would dominate the cost."""
    try:
        return {name for name in os.listdir(proc) if name.isdigit()}
    except OSError:
        return set()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
