"""CPU time of a process and all its descendants, dead ones included, as a number that never falls.

A process's own time stands in /proc/PID/stat. When it dies its parent collects it, and its whole
life's time moves into the parent's "children" time: what had not been seen before then still
counts, what had been must not count twice. A process that outlives its parent stays known. Not
seen: time that a process spends after it was last looked at, if whoever collects it is outside the
tree (a daemon taken over by init), and a daemon that was never seen inside the tree. Source:
proc_pid_stat(5) (utime, stime, cutime, cstime, starttime), getrusage(2) RUSAGE_CHILDREN.
"""

from __future__ import annotations

import os
import resource
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# new processes are looked for at most this often: listing /proc grows with the whole machine
_DISCOVERY_S = 0.08


_LAST_FIELD = 19  # the start time is the last that anybody here asks for


def stat(path: str) -> tuple[bytes, list[bytes]] | None:
    """Name of a process, and the fields of its stat file from the state on (proc(5), index 0 is
    field 3); None where it has gone.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.read(fd, 1024)
        finally:
            os.close(fd)
    except OSError:
        return None
    head, _, tail = data.rpartition(b")")  # the name before it may hold anything
    fields = tail.split(None, _LAST_FIELD + 1)
    return (head.partition(b"(")[2], fields) if len(fields) > _LAST_FIELD else None


class _Process(NamedTuple):
    parent: int
    # clock ticks after boot: with the number it tells a process from a later one of the same number
    start: int
    own: int  # ticks of CPU time, all threads, dead ones too
    collected: int  # ticks of the children it has waited for, and theirs

    @property
    def whole(self) -> int:
        """What its parent's `collected` will grow by, at least, once it dies."""
        return self.own + self.collected


def children_s() -> float:
    """CPU time in s of this process's children that died and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class ProcessTree:
    """Cumulated CPU time of one tree after another. Construct it before the work starts: time spent
    until then does not count.

    proc       where /proc is
    collected  CPU time of this process's own dead children: how the root's last moments are told
    """

    def __init__(
        self, proc: Path = Path("/proc"), collected: Callable[[], float] = children_s
    ) -> None:
        self._proc = str(proc)
        self._collected = collected
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._opened = int(
            time.clock_gettime(time.CLOCK_BOOTTIME) * self._ticks
        )  # starttime of a process born now
        self._self = os.getpid()
        self._ours = collected()
        self._total = 0.0  # ticks
        self._known: dict[int, _Process] = {}
        self._others: set[str] = set()  # numbers in /proc that are not of the tree
        self._carried: dict[
            int, float
        ] = {}  # by collector: counted of the dead, and not yet seen in what it has collected
        self._root: int | None = None
        self._looked_s = float("-inf")

    def cpu_s(self, root: int | None, now_s: float) -> float:
        """Seconds of CPU time since construction of `root` and its descendants, of former roots,
        and of what this process has collected.
        """
        self._refresh(root)
        if root != self._root:
            self._root = root
            self._others.clear()  # whoever was a stranger may be of this family
        if root is not None and (now_s - self._looked_s >= _DISCOVERY_S or root not in self._known):
            self._looked_s = now_s
            self._discover(root)
        return self._total / self._ticks

    def _refresh(self, root: int | None) -> None:
        """Take in what known processes have done since the last look, and settle the dead.

        Collectors are read before what they collect: parents stand before their children in
        `_known`, this process before all. A child that dies in between is then missing from both
        readings, and what was counted of it is carried to the next look, not further: a collector
        that ignores SIGCHLD never accounts for its dead.
        """
        grown: dict[int, float] = {}
        if root != self._self:  # else its own children time stands in /proc already
            ours = self._collected()
            grown[self._self], self._ours = (ours - self._ours) * self._ticks, ours
        gone: dict[int, _Process] = {}
        for pid, old in self._known.items():
            new = self._stat(pid)
            if new is None or new.start != old.start:
                gone[pid] = old
                continue
            self._total += max(0, new.own - old.own)
            grown[pid] = new.collected - old.collected
            self._known[pid] = new
        counted: dict[int, float] = defaultdict(
            float
        )  # by collector: ticks of the dead that were counted while they lived
        for pid, old in gone.items():
            del self._known[pid]
            parent = old.parent
            while parent in gone:
                parent = gone[parent].parent
            counted[parent] += old.whole
        for pid, more in grown.items():
            credit = counted[pid] + self._carried.get(pid, 0.0)
            self._total += max(0.0, more - credit)
            counted[pid] = min(counted[pid], max(0.0, credit - more))
        self._carried = {pid: ticks for pid, ticks in counted.items() if ticks and pid in grown}

    def _discover(self, root: int) -> None:
        """Find the root and children not known yet. Only numbers new in /proc are read."""
        try:
            numbers = {name for name in os.listdir(self._proc) if name.isdigit()}
        except OSError:
            return
        self._others &= numbers
        fresh: dict[int, _Process] = {}
        for name in numbers - self._others:
            pid = int(name)
            if pid not in self._known and (found := self._stat(pid)) is not None:
                fresh[pid] = found
        if (
            root not in self._known
            and root not in fresh
            and (found := self._stat(root)) is not None
        ):
            fresh[root] = found  # it was somebody else's until now
        family = set(self._known)
        pending = sorted(fresh, key=lambda pid: fresh[pid].start)
        grew = True
        while grew:
            grew = False
            for pid in pending:
                if pid in family or not (
                    pid == root or (fresh[pid].parent in family and pid != self._self)
                ):
                    continue
                family.add(pid)
                grew = True
                self._known[pid] = fresh[pid]
                if (
                    fresh[pid].start >= self._opened
                ):  # else it lived before we came: only what follows counts
                    self._total += fresh[pid].whole
        self._others |= {str(pid) for pid in fresh if pid not in family}
        self._others.discard(str(root))

    def _stat(self, pid: int) -> _Process | None:
        found = stat(f"{self._proc}/{pid}/stat")
        if found is None:
            return None
        fields = found[1]
        return _Process(
            int(fields[1]),
            int(fields[19]),
            int(fields[11]) + int(fields[12]),
            int(fields[13]) + int(fields[14]),
        )
