"""Processes started by a program that go on after the end of the program.

A process that outlives its parent gets another parent, and may have left session and process group:
parent, session and group do not show its origin. A resource limit is inherited by every descendant.
The program is started with a limit that no process reaches, and whose value is different at every
start: the limit on the CPU time that a process with a real-time priority may use without waiting,
of more than a hundred thousand years (RLIMIT_RTTIME, getrlimit(2)).
"""

from __future__ import annotations

import itertools
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from energybench.collectors.process_tree import stat
from energybench.model import DoubtCode
from energybench.units import counted

_LEAST = 2**62  # µs
_PROCESS_NUMBERS = 2**22  # PID_MAX_LIMIT of Linux
_LIMIT = "Max realtime timeout"  # in /proc/PID/limits
# Processes that end this soon after the program belong to its end, such as `tee` behind a pipe.
_GRACE_S = 0.25
# Processes that run, or wait for a core, for this share of the grace are at work.
_AT_WORK = 0.1
_MOST_NAMES = 3
_PROC = Path("/proc")
_starts = itertools.count(1)


class Running(NamedTuple):
    """A running process.

    active_s  time for which the process ran or waited for a core, s
    """

    name: str
    active_s: float


class Descendants:
    """The descendants of a program.

    left  processes that went on after the end of the program and the grace, once `at_work` was
          asked
    """

    def __init__(self) -> None:
        self._mark: int | None = None
        self._before: set[str] = set()
        self._at_end: dict[int, Running] = {}
        self._end_s = 0.0
        self.left: dict[int, Running] = {}

    @contextmanager
    def marked(self) -> Iterator[None]:
        """Start the program under `with`. If a limit is set already, nothing is marked."""
        soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
        self._before = set(_numbers())
        if soft == resource.RLIM_INFINITY:
            mark = _LEAST + next(_starts) * _PROCESS_NUMBERS + os.getpid()
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_RTTIME, (mark, hard))
                self._mark = mark
        try:
            yield
        finally:
            if self._mark is not None:
                resource.setrlimit(resource.RLIMIT_RTTIME, (soft, hard))

    def program_ended(self) -> None:
        """Look at once after the end of the program."""
        self._at_end, self._end_s = self._running(), time.monotonic()

    def at_work(self) -> bool:
        """Whether descendants went on working after the end of the program; waits for the grace if
        any are left.
        """
        if not self._at_end:
            return False
        time.sleep(max(self._end_s + _GRACE_S - time.monotonic(), 0.0))
        self.left, seconds = self._running(), time.monotonic() - self._end_s
        active_s = sum(
            process.active_s - (self._at_end[pid].active_s if pid in self._at_end else 0.0)
            for pid, process in self.left.items()
        )
        return active_s > _AT_WORK * seconds

    def _running(self) -> dict[int, Running]:
        """The marked processes, without dead ones, by process number."""
        if self._mark is None:
            return {}
        fresh = {int(number) for number in set(_numbers()) - self._before}
        marked = {pid: _process(pid) for pid in sorted(fresh) if _limit(pid) == str(self._mark)}
        return {pid: process for pid, process in marked.items() if process is not None}


class TakesDoubts(Protocol):
    """A run that states its doubts."""

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None: ...


class LeftRunning:
    """The descendants left running by the repeats of a run, for a single doubt."""

    def __init__(self) -> None:
        self._repeats: dict[int, dict[int, Running]] = {}

    def note(self, repeat: int, descendants: Descendants) -> None:
        """repeat: from 1."""
        if descendants.left:
            self._repeats[repeat] = descendants.left

    def doubt(self, run: TakesDoubts) -> None:
        """State the doubt, if any."""
        if not self._repeats:
            return
        repeat, left = next(iter(self._repeats.items()))
        names = [f"{process.name} (process {pid})" for pid, process in left.items()]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        others = len(self._repeats) - 1
        run.doubt(
            "descendants-run",
            f"{counted(len(left), 'process', 'processes')} that the program had started still ran "
            f"when it ended, in repeat {repeat}{f' and {others} more' if others else ''}: "
            f"{', '.join(names[:_MOST_NAMES])}{more}. Their energy after the end of the program is "
            "not in the repeat",
            "have the program wait for what it starts (`wait` in a shell, no daemon mode); start a "
            "service that is to stay before the measurement",
        )


def _numbers() -> list[str]:
    try:
        return [name for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return []


def _limit(pid: int) -> str:
    """The mark of a process; empty if the process has ended, or cannot be looked at."""
    with suppress(OSError, IndexError):
        for line in (_PROC / f"{pid}/limits").read_text("ascii", "replace").splitlines():
            if line.startswith(_LIMIT):
                return line.removeprefix(_LIMIT).split()[0]
    return ""


def _process(pid: int) -> Running | None:
    """None if the process has ended."""
    entry = stat(f"{_PROC}/{pid}/stat")
    if entry is None or entry[1][0] in (b"Z", b"X"):
        return None
    active_ns = 0
    with suppress(OSError, ValueError):
        for task in (_PROC / f"{pid}/task").iterdir():
            # first and second number: time on a core, and waiting for a core (proc_pid_schedstat)
            active_ns += sum(map(int, (task / "schedstat").read_text().split()[:2]))
    return Running(entry[0].decode("utf-8", "replace"), active_ns * 1e-9)
