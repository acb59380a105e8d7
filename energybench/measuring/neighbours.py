"""Somebody else's work on this machine while ours is measured: CPU time of processes outside our
tree, other processes on our boards.

Each look gives what was spent since the look before it. A repeat is charged with what the looks
hold of it, shared out evenly over the time between two of them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.measuring.processes import Process, Processes, Who
from energybench.model import OtherLoad
from energybench.plugins import Clock, ListsProcesses

CPU = "cpu"
UNATTRIBUTED, STOLEN = "unattributed", "other virtual machines"
# Who is named. Below 5 % of a core live the system's own daemons; on a large node 1 % of its cores,
# which a daemon on every core stays under. A judgement.
LEAST_CORES, LEAST_SHARE = 0.05, 0.01
# /proc/stat counts whole ticks of the timer, processes the scheduler's clock: what differs for that
# reason alone is no load. Two ticks a CPU and 2 % of what was busy: in 40 looks of 0.5 s at two
# busy CPUs the difference scattered by 0.02 s around 0 and was 0.06 s once, just as much as that.
_TICKS_OFF, _SHARE_OFF = 2, 0.02
# PROC_PID_INIT_INO, linux/proc_ns.h: only there are the driver's process numbers ours
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
_SERVERS = (
    "nvidia-cuda-mps",
)  # passes its clients' work on, and those are listed themselves (CUDA MPS documentation)


class Slice(NamedTuple):
    """What was spent between two looks: CPU s of others, of nobody in sight, of the machine, of
    other virtual machines; and who was on our boards.
    """

    start_s: float
    end_s: float
    others: dict[Who, float]
    rest_s: float
    busy_s: float
    stolen_s: float
    boards: frozenset[tuple[str, Who]] = frozenset()


class Neighbours:
    """Looks at the processes below `root` and, where a collector lists them, at those on the boards
    of the work.

    job  our Slurm job, if any: tasks that the work has Slurm start are children of slurmstepd, not
         ours
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
        self._strangers: set[Who] = set()  # asked once whether they are of our job
        self._before: set[tuple[str, int]] = set()  # (board, pid) from before the work started
        self._work_start: int | None = None

    @property
    def cpus(self) -> int:
        return self._table.cpus

    def look(self) -> Slice | None:
        """What happened since the last look; None at the first."""
        start_s, now_s = self._looked_s, self._clock.now()
        spent = self._table.look()
        self._looked_s = now_s
        self._kin()
        boards = self._on_boards()
        if start_s is None or now_s <= start_s:
            return None
        others: dict[Who, float] = {}
        counted_s = sum(spent.by.values())
        for pid, seconds in spent.by.items():
            process = self._table.now[pid]
            if not (
                process.kernel or process.who in self._family or self._of_our_job(process)
            ):  # the kernel works for whoever asked it
                others[process.who] = seconds
        rest_s = 0.0 if spent.busy_s is None else spent.busy_s - counted_s
        return Slice(start_s, now_s, others, rest_s, spent.busy_s or 0.0, spent.stolen_s, boards)

    def _kin(self) -> None:
        """This process, what descends from it, and what once did: a daemon that left the tree stays
        known if it was seen in it.

        So does a child that nobody waited for: it keeps its process group, and its new parent is of
        another one. Not known: a daemon that makes a session of its own before it is seen.
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
        children: dict[int, list[int]] = defaultdict(list)
        for pid, process in now.items():
            children[process.parent].append(pid)
        pending = [
            *family,
            *(pid for pid, process in now.items() if us is not None and self._orphan(process, us)),
        ]
        family.update(pending)
        while pending:
            fresh = [pid for pid in children[pending.pop()] if pid not in family]
            family.update(fresh)
            pending += fresh
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
        """Whether our work had Slurm start it: younger than the work, with our job's number in its
        environment.
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
        """Others on the boards.

        In a container the driver's numbers are the host's: only who was there before the work is
        surely somebody else.
        """
        found = [entry for source in self._boards for entry in _listed(source)]
        if self._work_pid() is None:
            self._before.update(found)
        ours = {who.pid for who in self._family}
        others = set()
        for device, pid in found:
            process = self._table.now.get(pid) if self._comparable else None
            if process is None:
                if self._comparable or (device, pid) in self._before:
                    others.add((device, Who(pid, 0, "a process not visible here")))
            elif (
                pid not in ours
                and not process.who.name.startswith(_SERVERS)
                and not self._of_our_job(process)
            ):
                others.add((device, process.who))
        return frozenset(others)


class Ledger:
    """Charges repeats with what the slices hold of them.

    A repeat is settled by the first slice that reaches beyond its end.
    """

    def __init__(self) -> None:
        self._open_s: float | None = None
        self._closed: list[tuple[float, float]] = []
        self._slices: list[Slice] = []

    def open(self, start_s: float) -> None:
        self._open_s = start_s

    def close(self, start_s: float, end_s: float) -> None:
        self._open_s = None
        self._closed.append((start_s, end_s))

    def add(self, piece: Slice) -> None:
        needed_s = min(
            [start_s for start_s, _ in self._closed]
            + ([self._open_s] if self._open_s is not None else []),
            default=piece.start_s,
        )
        self._slices = [held for held in self._slices if held.end_s > needed_s] + [piece]
        if not self._closed and len(self._slices) > 2 and self._slices[-3].start_s >= needed_s:
            self._slices[-3:-1] = [
                _together(*self._slices[-3:-1])
            ]  # a long repeat keeps a few of them, not thousands

    def settled(self, cpus: int, *, last: bool = False) -> list[OtherLoad]:
        """Others of the closed repeats, each once. `last`: no further slice will come."""
        reached_s = (
            float("inf") if last else self._slices[-1].end_s if self._slices else float("-inf")
        )
        ready = [window for window in self._closed if window[1] <= reached_s]
        self._closed = [window for window in self._closed if window not in ready]
        return [
            load for start_s, end_s in ready for load in others(self._slices, start_s, end_s, cpus)
        ]


def others(slices: Sequence[Slice], start_s: float, end_s: float, cpus: int) -> list[OtherLoad]:
    """Who kept more than the least number of cores busy from start to end, the busiest first, and
    who was on a board of the work.
    """
    spent: dict[Who, float] = defaultdict(float)
    names: dict[Who, str] = {}
    covered_s = rest_s = busy_s = stolen_s = 0.0
    boards: set[tuple[str, Who]] = set()
    for piece in slices:
        inside_s = min(piece.end_s, end_s) - max(piece.start_s, start_s)
        if inside_s <= 0:
            continue
        share = inside_s / (piece.end_s - piece.start_s)
        covered_s += inside_s
        rest_s, busy_s, stolen_s = (
            rest_s + share * piece.rest_s,
            busy_s + share * piece.busy_s,
            stolen_s + share * piece.stolen_s,
        )
        boards |= piece.boards
        for who, seconds in piece.others.items():
            spent[who] += share * seconds
            names[who] = who.name  # the newest: a process executes another program
    if covered_s <= 0:
        return []
    least = max(LEAST_CORES, LEAST_SHARE * cpus)
    named = {
        who: seconds / covered_s for who, seconds in spent.items() if seconds / covered_s > least
    }
    rest = (rest_s + sum(seconds for who, seconds in spent.items() if who not in named)) / covered_s
    off = (_TICKS_OFF * cpus / os.sysconf("SC_CLK_TCK") + _SHARE_OFF * busy_s) / covered_s
    loads = [
        (names[who], who.pid, CPU, busy)
        for who, busy in sorted(named.items(), key=lambda pair: -pair[1])
    ]
    loads += [(UNATTRIBUTED, 0, CPU, rest)] if rest > least + off else []
    loads += [(STOLEN, 0, CPU, stolen_s / covered_s)] if stolen_s / covered_s > least else []
    loads += [
        (who.name, who.pid, device, 1.0)
        for device, who in sorted(boards, key=lambda pair: (pair[0], pair[1].pid))
    ]
    return [
        OtherLoad(name=name, pid=pid, device=device, busy=busy, start_s=start_s, end_s=end_s)
        for name, pid, device, busy in loads
    ]


def _together(first: Slice, second: Slice) -> Slice:
    spent = defaultdict(float, first.others)
    for who, seconds in second.others.items():
        spent[who] += seconds
    rest_s, busy_s, stolen_s = (
        first.rest_s + second.rest_s,
        first.busy_s + second.busy_s,
        first.stolen_s + second.stolen_s,
    )
    return Slice(
        first.start_s,
        second.end_s,
        dict(spent),
        rest_s,
        busy_s,
        stolen_s,
        first.boards | second.boards,
    )


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
