"""CPU time of a process and of its descendants, dead or alive; the number never falls.

The CPU time of a process stands in /proc/PID/stat. When a process dies, its parent waits for it,
and the CPU time of its whole life moves into the "children" time of the parent. Time that had not
been read before then is counted; time of earlier readings must not be counted twice. A process that
outlives its parent stays in the tree. Two kinds of time are missed: time after the last reading of
a process, if the waiting process is outside the tree (a daemon taken over by init); and the time of
a daemon without a reading as a descendant. Source: proc_pid_stat(5) (utime, stime, cutime, cstime,
starttime), getrusage(2) RUSAGE_CHILDREN.
"""

from __future__ import annotations

import os
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

# shortest time between two searches for new processes: the cost of listing /proc grows with the
# number of processes of the whole machine
_DISCOVERY_S = 0.08
# index of the start time, the last field of /proc/PID/stat for this package
_LAST_FIELD = 19


def stat(path: str) -> tuple[bytes, list[bytes]] | None:
    """Name of a process, and the fields of its stat file from the process state on.

    Index 0 is field 3 of proc(5). None if the process has gone.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.read(fd, 1024)
        finally:
            os.close(fd)
    except OSError:
        return None
    head, _, tail = data.rpartition(b")")  # the name in brackets may hold any character
    fields = tail.split(None, _LAST_FIELD + 1)
    return (head.partition(b"(")[2], fields) if len(fields) > _LAST_FIELD else None


class _Process(NamedTuple):
    """CPU times of a process, in clock ticks.

    start     start time after boot; distinguishes two processes with one number
    ticks     CPU time of the threads, ended threads included
    children  CPU time of dead children that the process has waited for, including descendants
    """

    parent: int
    start: int
    ticks: int
    children: int

    @property
    def total(self) -> int:
        """Least growth of the parent's `children` when this process dies."""
        return self.ticks + self.children


def children_s() -> float:
    """CPU time in s of the dead children that this process has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class ProcessTree:
    """Cumulated CPU time of successive trees. Time before construction does not count.

    proc        path of /proc
    children_s  CPU time of this process's dead children, with the last moments of a root
    """

    def __init__(
        self, proc: Path = Path("/proc"), children_s: Callable[[], float] = children_s
    ) -> None:
        self._proc = str(proc)
        self._children_s = children_s
        self._ticks_per_s = os.sysconf("SC_CLK_TCK")
        # start time of a process born now
        self._opened = int(time.clock_gettime(time.CLOCK_BOOTTIME) * self._ticks_per_s)
        self._self = os.getpid()
        self._last_children_s = children_s()
        self._total = 0.0  # ticks
        self._tree: dict[int, _Process] = {}
        self._others: set[str] = set()  # names in /proc of processes outside the tree
        # by waiting process: ticks of dead children, counted while the children lived, and still
        # absent from the waiting process's children time
        self._carried: dict[int, float] = {}
        self._root: int | None = None
        self._searched_s = float("-inf")

    def cpu_s(self, root: int | None, now_s: float) -> float:
        """CPU time since construction, s: `root`, former roots, the descendants of both, and this
        process's dead children.
        """
        self._refresh(root)
        if root != self._root:
            self._root = root
            self._others.clear()  # a process outside the old tree may be inside the new tree
        due = now_s - self._searched_s >= _DISCOVERY_S
        if root is not None and (due or root not in self._tree):
            self._searched_s = now_s
            self._discover(root)
        return self._total / self._ticks_per_s

    # ---------------------------------------------------------------- processes of the tree

    def _refresh(self, root: int | None) -> None:
        """Add the CPU time since the last reading, and settle the time of dead processes.

        A parent is read before its children: parents stand before children in `_tree`, after this
        process. If a child dies between the two reads, the last time of the child is missing from
        both reads. The counted time of the child is then carried to the next reading and not
        further: a process that ignores SIGCHLD never accounts for dead children.
        """
        grown: dict[int, float] = {}  # by waiting process: growth of its children time, ticks
        if root != self._self:  # as a root, this process has its children time in /proc
            seconds = self._children_s()
            grown[self._self] = (seconds - self._last_children_s) * self._ticks_per_s
            self._last_children_s = seconds
        dead: dict[int, _Process] = {}
        for pid, last in self._tree.items():
            now = self._stat(pid)
            if now is None or now.start != last.start:
                dead[pid] = last
                continue
            self._total += max(0, now.ticks - last.ticks)
            grown[pid] = now.children - last.children
            self._tree[pid] = now
        counted = self._remove(dead)
        for pid, growth in grown.items():
            credit = counted[pid] + self._carried.get(pid, 0.0)
            self._total += max(0.0, growth - credit)
            counted[pid] = min(counted[pid], max(0.0, credit - growth))
        self._carried = {pid: ticks for pid, ticks in counted.items() if ticks and pid in grown}

    def _remove(self, dead: Mapping[int, _Process]) -> dict[int, float]:
        """Remove dead processes from the tree.

        Returns the counted ticks of the dead processes, by nearest living ancestor.
        """
        counted: dict[int, float] = defaultdict(float)
        for pid, last in dead.items():
            del self._tree[pid]
            parent = last.parent
            while parent in dead:
                parent = dead[parent].parent
            counted[parent] += last.total
        return counted

    # ---------------------------------------------------------------- new processes

    def _discover(self, root: int) -> None:
        """Add the root and its new descendants to the tree. Only new names in /proc are read."""
        fresh = self._fresh(root)
        if fresh is None:
            return
        pending = sorted(fresh, key=lambda pid: fresh[pid].start)
        grew = True
        while grew:  # a child may stand before its parent if both started in the same tick
            grew = False
            for pid in pending:
                if pid not in self._tree and self._descends(pid, fresh[pid].parent, root):
                    self._add(pid, fresh[pid])
                    grew = True
        self._others |= {str(pid) for pid in fresh if pid not in self._tree}
        self._others.discard(str(root))

    def _fresh(self, root: int) -> dict[int, _Process] | None:
        """Processes without an earlier reading, and the root; None if /proc cannot be listed."""
        try:
            names = {name for name in os.listdir(self._proc) if name.isdigit()}
        except OSError:
            return None
        self._others &= names
        unread = {int(name) for name in names - self._others}
        unread.add(root)  # a root may have been outside the former tree
        processes = {pid: self._stat(pid) for pid in unread if pid not in self._tree}
        return {pid: process for pid, process in processes.items() if process is not None}

    def _descends(self, pid: int, parent: int, root: int) -> bool:
        return pid == root or (parent in self._tree and pid != self._self)

    def _add(self, pid: int, process: _Process) -> None:
        self._tree[pid] = process
        # of an older process, only the time from now on counts
        if process.start >= self._opened:
            self._total += process.total

    def _stat(self, pid: int) -> _Process | None:
        entry = stat(f"{self._proc}/{pid}/stat")
        if entry is None:
            return None
        _, fields = entry
        return _Process(
            parent=int(fields[1]),
            start=int(fields[19]),
            ticks=int(fields[11]) + int(fields[12]),
            children=int(fields[13]) + int(fields[14]),
        )
