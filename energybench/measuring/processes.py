"""What every process of this machine has spent since the last look at /proc: CPU time by process,
and what the machine spent in all.

A process that lives and dies between two looks is seen in its parent's "children" time and charged
to the parent. Source: proc_pid_stat(5), proc_stat(5).
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
    """A process; its start (clock ticks after boot) tells it from a later one of the same number.

    The name changes as it executes another program.
    """

    pid: int
    start: int
    name: str = field(compare=False)


class Process(NamedTuple):
    """One line of /proc/PID/stat."""

    who: Who
    parent: int
    group: int
    kernel: bool  # a thread of the kernel
    own: int  # ticks of CPU time, all threads, dead ones too
    collected: int  # ticks of the children it has waited for


class Spent(NamedTuple):
    """CPU time in s since the last look: of each process that spent any, and of the machine (None:
    /proc/stat does not tell).
    """

    by: dict[int, float]
    busy_s: float | None  # user, nice and system; interrupts serve whoever asked
    stolen_s: float  # run by the hypervisor for others, while somebody here wanted to run


class Processes:
    """Looks at the processes below `proc`, one look after another."""

    def __init__(self, proc: Path) -> None:
        self._proc = str(proc)
        self._hertz = os.sysconf("SC_CLK_TCK")
        self.cpus = os.cpu_count() or 1
        self.now: dict[int, Process] = {}  # as of the last look
        self._looked = 0  # at this tick after boot
        self._total: tuple[int, int] | None = None  # ticks: busy, stolen
        self._owed: dict[
            int, int
        ] = {}  # by parent: counted of the dead, and not yet seen in what it has collected

    def look(self) -> Spent:
        """What was spent since the last look.

        The first one counts nothing that was there before it.
        """
        ticks = int(time.clock_gettime(time.CLOCK_BOOTTIME) * self._hertz)
        before, since, was = self.now, self._looked or ticks + 1, self._total
        self._total, cpus = _totals(f"{self._proc}/stat")
        self.cpus = cpus or self.cpus
        self.now, self._looked = self._table(), ticks
        by = {pid: more / self._hertz for pid, more in self._spent(before, since).items()}
        if self._total is None or was is None:
            return Spent(by, None, 0.0)
        return Spent(
            by, (self._total[0] - was[0]) / self._hertz, (self._total[1] - was[1]) / self._hertz
        )

    def environment(self, pid: int) -> list[bytes]:
        """NAME=VALUE entries a process was started with; none where it may not be seen."""
        try:
            return Path(self._proc, str(pid), "environ").read_bytes().split(b"\0")
        except OSError:
            return []

    def _table(self) -> dict[int, Process]:
        try:
            numbers = [int(name) for name in os.listdir(self._proc) if name.isdigit()]
        except OSError:
            return {}
        return {
            pid: found
            for pid in numbers
            if (found := _stat(f"{self._proc}/{pid}/stat", pid)) is not None
        }

    def _spent(self, before: dict[int, Process], since: int) -> dict[int, int]:
        """Ticks by process: its own, and its dead children's that were not counted while they
        lived.

        A child that dies between the reading of its parent and its own is missing from both: what
        was counted of it is owed for one more look.
        """
        now, owed, self._owed = self.now, self._owed, {}
        gone = {
            pid
            for pid, old in before.items()
            if pid not in now or now[pid].who.start != old.who.start
        }
        counted: dict[int, int] = defaultdict(
            int
        )  # by parent: ticks of the dead that were counted while they lived
        for pid in gone:
            parent, steps = before[pid].parent, 0
            while parent in gone and steps < len(gone):
                parent, steps = before[parent].parent, steps + 1
            counted[parent] += before[pid].own + before[pid].collected
        spent = {}
        for pid, new in now.items():
            old = None if pid in gone else before.get(pid)
            if old is None:
                more = (
                    new.own + new.collected if new.who.start >= since else 0
                )  # else it lived before it came in sight
            else:
                collected = new.collected - old.collected if pid != _INIT else 0
                credit = counted.get(pid, 0) + owed.get(pid, 0)
                more = max(0, new.own - old.own) + max(0, collected - credit)
                if pid in counted and credit > collected:
                    self._owed[pid] = min(counted[pid], credit - collected)
            if more > 0:
                spent[pid] = more
        return spent


def _stat(path: str, pid: int) -> Process | None:
    found = stat(path)
    if found is None:
        return None
    name, fields = found
    who = Who(pid, int(fields[19]), name.decode("utf-8", "replace"))
    kernel = bool(int(fields[6]) & _KERNEL_THREAD)
    return Process(
        who,
        int(fields[1]),
        int(fields[2]),
        kernel,
        int(fields[11]) + int(fields[12]),
        int(fields[13]) + int(fields[14]),
    )


def _totals(path: str) -> tuple[tuple[int, int] | None, int]:
    """Ticks of all CPUs at work and stolen, and how many CPUs there are."""
    try:
        lines = Path(path).read_text("ascii", "replace").splitlines()
    except OSError:
        return None, 0
    fields = next((line.split()[1:] for line in lines if line.startswith("cpu ")), [])
    if len(fields) < 3 or not all(each.isdigit() for each in fields):
        return None, 0
    ticks = [int(each) for each in fields]
    return (sum(ticks[:3]), ticks[7] if len(ticks) > 7 else 0), sum(
        line.startswith("cpu") for line in lines
    ) - 1
