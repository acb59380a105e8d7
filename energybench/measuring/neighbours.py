"""Foreign work on the machine during a measurement: CPU time of processes outside our process tree,
and foreign processes on our boards.

A look tells the CPU time since the previous look.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.collectors.sysfs import link
from energybench.measuring.processes import Process, Processes, Spent, Who
from energybench.plugins import Clock, ListsProcesses

# PROC_PID_INIT_INO, linux/proc_ns.h: only in the first namespace are the driver's process numbers
# ours
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
# Passes the work of clients on, and the driver lists the clients (CUDA MPS documentation).
_SERVERS = ("nvidia-cuda-mps",)


class Slice(NamedTuple):
    """CPU time between two looks.

    start_s   time of the first look
    end_s     time of the second look
    others    CPU time of foreign processes, s
    rest_s    CPU time of the machine that no visible process accounts for, s
    busy_s    CPU time of the machine, s
    stolen_s  time given to neighbouring virtual machines by the hypervisor, s
    boards    (board, foreign process) on the boards of the work
    """

    start_s: float
    end_s: float
    others: dict[Who, float]
    rest_s: float
    busy_s: float
    stolen_s: float
    boards: frozenset[tuple[str, Who]] = frozenset()


class Neighbours:
    """Looks at the processes below `root` and, with a listing collector, at the processes on the
    boards of the work.

    job  our Slurm job; None: no job. Tasks started for the work by Slurm are children of
         slurmstepd, and not in our process tree
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        work_pid: Callable[[], int | None],
        boards: Sequence[ListsProcesses] = (),
        job: str | None = None,
    ) -> None:
        self._clock, self._work_pid, self._boards, self._job = clock, work_pid, boards, job
        self._self = os.getpid()
        self._table = Processes(root / "proc")
        self._comparable = link(root / "proc/self/ns/pid") == _FIRST_PID_NAMESPACE
        self._looked_s: float | None = None
        self._family: set[Who] = set()
        self._groups: set[int] = set()  # process groups of the family
        self._strangers: set[Who] = set()  # processes known to be outside our job
        self._before: set[tuple[str, int]] = set()  # (board, pid) from before the work started
        self._work_start: int | None = None

    @property
    def cpus(self) -> int:
        return self._table.cpus

    def look(self) -> Slice | None:
        """CPU time since the last look; None at the first look."""
        start_s, now_s = self._looked_s, self._clock.now()
        spent = self._table.look()
        self._looked_s = now_s
        self._update_family()
        boards = self._on_boards()
        if start_s is None or now_s <= start_s:
            return None
        rest_s = 0.0
        if spent.busy_s is not None:
            rest_s = spent.busy_s - sum(spent.by.values())
        return Slice(
            start_s=start_s,
            end_s=now_s,
            others=self._of_others(spent),
            rest_s=rest_s,
            busy_s=spent.busy_s or 0.0,
            stolen_s=spent.stolen_s,
            boards=boards,
        )

    def _of_others(self, spent: Spent) -> dict[Who, float]:
        """CPU time of processes outside the family. Kernel threads are left out: the kernel works
        for any process.
        """
        others: dict[Who, float] = {}
        for pid, seconds in spent.by.items():
            process = self._table.now[pid]
            ours = process.who in self._family or self._of_our_job(process)
            if not process.kernel and not ours:
                others[process.who] = seconds
        return others

    def _update_family(self) -> None:
        """Update the set of our own processes: the measuring process and the work, the descendants
        of the two, and earlier descendants. A daemon that has left the tree stays known if a look
        found it in the tree.

        A child of a dead parent stays known too: the child keeps the process group, and the new
        parent belongs to a different group. A daemon that makes a new session before the first look
        is not known.
        """
        now = self._table.now
        us, work = now.get(self._self), now.get(self._work_pid() or -1)
        if work is not None:
            self._work_start = work.who.start
        family = {
            pid
            for pid, process in now.items()
            if process is us or process is work or process.who in self._family
        }
        if us is not None:
            family.update([pid for pid, process in now.items() if self._orphan(process, us)])
        family.update(_descendants(family, now))
        self._family = {now[pid].who for pid in family}
        self._groups.update(now[pid].group for pid in family)

    def _orphan(self, process: Process, us: Process) -> bool:
        parent = self._table.now.get(process.parent)
        return (
            process.group in self._groups
            and process.who.start >= us.who.start
            and (parent is None or parent.group != process.group)
        )

    def _of_our_job(self, process: Process) -> bool:
        """Whether Slurm started the process for our work: the process is younger than the work,
        with our job's number in the environment.
        """
        if (
            self._job is None
            or self._work_start is None
            or process.who.start < self._work_start
            or process.who in self._strangers
        ):
            return False
        ours = b"SLURM_JOB_ID=" + self._job.encode() in self._table.environment(process.who.pid)
        (self._family if ours else self._strangers).add(process.who)
        return ours

    def _on_boards(self) -> frozenset[tuple[str, Who]]:
        """Foreign processes on the boards."""
        entries = [entry for source in self._boards for entry in _listed(source)]
        if self._work_pid() is None:
            self._before.update(entries)
        others = [(device, self._stranger(device, pid)) for device, pid in entries]
        return frozenset((device, who) for device, who in others if who is not None)

    def _stranger(self, device: str, pid: int) -> Who | None:
        """The foreign process of this number; None: the process is ours, or may be ours.

        In a container the driver's numbers are the host's: only a process on the board before the
        work is surely foreign.
        """
        process = self._table.now.get(pid) if self._comparable else None
        if process is None:
            if self._comparable or (device, pid) in self._before:
                return Who(pid, 0, "a process not visible here")
            return None
        serves = process.who.name.startswith(_SERVERS)
        if process.who in self._family or serves or self._of_our_job(process):
            return None
        return process.who


def _descendants(family: set[int], now: dict[int, Process]) -> set[int]:
    """Process numbers of the descendants of a set of processes."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, process in now.items():
        children[process.parent].append(pid)
    descendants: set[int] = set()
    pending = list(family)
    while pending:
        fresh = [
            pid for pid in children[pending.pop()] if pid not in family and pid not in descendants
        ]
        descendants.update(fresh)
        pending += fresh
    return descendants


def _listed(source: ListsProcesses) -> Sequence[tuple[str, int]]:
    try:
        return source.processes()
    except Exception:  # a faulty plugin costs an answer, not the run
        return ()
