"""CPU time of every process and of the machine since the last look at /proc.

A process that starts and ends between two looks appears in the parent's "children" time and is
charged to the parent. Source: proc_pid_stat(5), proc_stat(5).
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from energybench.collectors.process_tree import stat

_KERNEL_THREAD = 0x00200000  # PF_KTHREAD, linux/sched.h
_INIT = 1  # collects everybody's orphans


@dataclass(frozen=True, slots=True)
class Who:
    """A process.

    pid    number of the process
    start  clock ticks after boot, which distinguish the process from a later one of the same number
    name   of the program; changes when the process executes a new program
    """

    pid: int
    start: int
    name: str = field(compare=False)


class Process(NamedTuple):
    """A line of /proc/PID/stat.

    kernel     whether this is a thread of the kernel
    own        ticks of CPU time of the threads, dead threads too
    collected  ticks of the children that the process has waited for
    """

    who: Who
    parent: int
    group: int
    kernel: bool
    own: int
    collected: int


class Spent(NamedTuple):
    """CPU time since the last look, s.

    by        by process number
    busy_s    of the machine: user, nice and system, without interrupts, since interrupts serve any
              process; None: /proc/stat does not tell
    stolen_s  that the hypervisor ran other guests while a process here wanted to run
    """

    by: dict[int, float]
    busy_s: float | None
    stolen_s: float


class Processes:
    """Looks at the processes below `proc`, one look after another."""

    def __init__(self, proc: Path) -> None:
        self._proc = str(proc)
        self._hertz = os.sysconf("SC_CLK_TCK")
        self.cpus = os.cpu_count() or 1
        self.now: dict[int, Process] = {}  # as of the last look
        self._looked = 0  # tick after boot of the last look
        self._total: tuple[int, int] | None = None  # ticks: busy, stolen
        # by parent: counted ticks of dead children, not yet in the parent's `collected`
        self._owed: dict[int, int] = {}

    def look(self) -> Spent:
        """CPU time since the last look. The first look counts no earlier process."""
        ticks = int(time.clock_gettime(time.CLOCK_BOOTTIME) * self._hertz)
        before, since, total = self.now, self._looked or ticks + 1, self._total
        self._total, cpus = _totals(f"{self._proc}/stat")
        self.cpus = cpus or self.cpus
        self.now, self._looked = self._table(), ticks
        by = {pid: more / self._hertz for pid, more in self._spent(before, since).items()}
        if self._total is None or total is None:
            return Spent(by, None, 0.0)
        busy, stolen = self._total[0] - total[0], self._total[1] - total[1]
        return Spent(by, busy / self._hertz, stolen / self._hertz)

    def environment(self, pid: int) -> list[bytes]:
        """NAME=VALUE entries at the start of a process; empty if we have no access."""
        try:
            return Path(self._proc, str(pid), "environ").read_bytes().split(b"\0")
        except OSError:
            return []

    def _table(self) -> dict[int, Process]:
        try:
            numbers = [int(name) for name in os.listdir(self._proc) if name.isdigit()]
        except OSError:
            return {}
        processes = {pid: _process(f"{self._proc}/{pid}/stat", pid) for pid in numbers}
        return {pid: process for pid, process in processes.items() if process is not None}

    def _spent(self, before: dict[int, Process], since: int) -> dict[int, int]:
        """Ticks by process: ticks of the process, and uncounted ticks of dead children.

        A child that dies between the reading of the parent and the reading of the child is missing
        from both readings: counted ticks of the child are owed until the next look.
        """
        owed, self._owed = self._owed, {}
        gone = {
            pid
            for pid, old in before.items()
            if pid not in self.now or self.now[pid].who.start != old.who.start
        }
        counted = _counted_of_dead(gone, before)
        spent = {}
        for pid, new in self.now.items():
            old = None if pid in gone else before.get(pid)
            if old is not None:
                more = self._since(old, new, counted.get(pid, 0), owed.get(pid, 0))
            elif new.who.start >= since:
                more = new.own + new.collected
            else:
                more = 0  # the process was there before, but not in sight
            if more > 0:
                spent[pid] = more
        return spent

    def _since(self, old: Process, new: Process, counted: int, owed: int) -> int:
        """Ticks of a process between two looks.

        counted  ticks of dead children, counted while alive
        owed     counted ticks from the previous look, not yet in `collected`
        """
        pid = new.who.pid
        collected = new.collected - old.collected if pid != _INIT else 0
        credit = counted + owed
        if counted and credit > collected:
            self._owed[pid] = min(counted, credit - collected)
        return max(0, new.own - old.own) + max(0, collected - credit)


def _counted_of_dead(gone: set[int], before: dict[int, Process]) -> dict[int, int]:
    """By living parent: ticks of dead descendants, counted while alive."""
    counted: dict[int, int] = defaultdict(int)
    for pid in gone:
        parent, steps = before[pid].parent, 0
        while parent in gone and steps < len(gone):
            parent, steps = before[parent].parent, steps + 1
        counted[parent] += before[pid].own + before[pid].collected
    return counted


def _process(path: str, pid: int) -> Process | None:
    line = stat(path)
    if line is None:
        return None
    name, fields = line
    return Process(
        who=Who(pid, int(fields[19]), name.decode("utf-8", "replace")),
        parent=int(fields[1]),
        group=int(fields[2]),
        kernel=bool(int(fields[6]) & _KERNEL_THREAD),
        own=int(fields[11]) + int(fields[12]),
        collected=int(fields[13]) + int(fields[14]),
    )


def _totals(path: str) -> tuple[tuple[int, int] | None, int]:
    """Ticks of the CPUs (busy, stolen), and the number of CPUs; None and 0: not known."""
    try:
        lines = Path(path).read_text("ascii", "replace").splitlines()
    except OSError:
        return None, 0
    fields = next((line.split()[1:] for line in lines if line.startswith("cpu ")), [])
    if len(fields) < 3 or not all(text.isdigit() for text in fields):
        return None, 0
    ticks = [int(text) for text in fields]
    stolen = ticks[7] if len(ticks) > 7 else 0
    cpus = sum(line.startswith("cpu") for line in lines) - 1
    return (sum(ticks[:3]), stolen), cpus
