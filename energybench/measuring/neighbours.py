"""Work of others on this machine while ours is measured: CPU time of processes outside our process
tree, and other processes on our boards.

A look tells the CPU time since the look before it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.measuring.processes import Process, Processes, Spent, Who
from energybench.plugins import Clock, ListsProcesses

# PROC_PID_INIT_INO, linux/proc_ns.h: only in the first namespace are the driver's process numbers
# ours
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
# Passes the work of its clients on, and the clients are listed themselves (CUDA MPS documentation).
_SERVERS = ("nvidia-cuda-mps",)


class Slice(NamedTuple):
    """CPU time between two looks.

    start_s   time of the first look
    end_s     time of the second look
    others    CPU time of each process of others, s
    rest_s    CPU time of the machine that no visible process accounts for, s
    busy_s    CPU time of the machine, s
    stolen_s  time that the hypervisor ran other virtual machines, s
    boards    (board, process of others) on the boards of the work
    """

    start_s: float
    end_s: float
    others: dict[Who, float]
    rest_s: float
    busy_s: float
    stolen_s: float
    boards: frozenset[tuple[str, Who]] = frozenset()


class Neighbours:
    """Looks at the processes below `root` and, if a collector lists them, at the processes on the
    boards of the work.

    job  our Slurm job; None: no job. Tasks that the work has Slurm start are children of slurmstepd,
         and not in our process tree
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
        self._comparable = _link(root / "proc/self/ns/pid") == _FIRST_PID_NAMESPACE
        self._looked_s: float | None = None
        self._family: set[Who] = set()
        self._groups: set[int] = set()  # process groups of the family
        self._strangers: set[Who] = set()  # processes that are known not to be of our job
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
        """Update the set of our own processes: this process and the work, their descendants, and
        processes that were seen as descendants before. A daemon that left the tree stays known if
        it was seen in the tree.

        A child whose parent has died stays known too: it keeps its process group, and its new parent
        belongs to another group. A daemon that makes a session of its own before it is seen is not
        known.
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
        """Whether our work had Slurm start the process: it is younger than the work and has our
        job's number in its environment.
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
        """Processes of others on the boards."""
        entries = [entry for source in self._boards for entry in _listed(source)]
        if self._work_pid() is None:
            self._before.update(entries)
        others = [(device, self._stranger(device, pid)) for device, pid in entries]
        return frozenset((device, who) for device, who in others if who is not None)

    def _stranger(self, device: str, pid: int) -> Who | None:
        """The process of others with this number; None: the process is ours, or may be ours.

        In a container the driver's numbers are the host's: only a process that was on the board
        before the work is surely not ours.
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
    except Exception:  # a plugin's fault costs its answer, not the run
        return ()


def _link(path: Path) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None
