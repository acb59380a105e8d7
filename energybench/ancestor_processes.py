"""The ancestors of a process (proc_pid_stat(5): ppid, starttime)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Ancestor(NamedTuple):
    """A process above another process.

    pid    process number
    start  start time after boot, in clock ticks; distinguishes two processes with the same number
    """

    pid: int
    start: int


def ancestors(pid: int, proc: Path = PROC) -> Iterator[Ancestor]:
    """The visible parent, grandparent and so on: neither processes beyond a PID namespace, nor
    processes hidden by the mount option hidepid.
    """
    entry = _parent_and_start(proc, pid)
    visited = {pid}
    while entry is not None and entry[0] > 0 and entry[0] not in visited:
        parent = entry[0]
        visited.add(parent)
        entry = _parent_and_start(proc, parent)
        if entry is not None:
            yield Ancestor(parent, entry[1])


def words(pid: int, file: str, proc: Path = PROC) -> list[bytes] | None:
    """The entries of `cmdline` or `environ` of a process; None: unreadable."""
    try:
        return (proc / str(pid) / file).read_bytes().split(b"\0")
    except OSError:
        return None


def _parent_and_start(proc: Path, pid: int) -> tuple[int, int] | None:
    try:
        text = (proc / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = text.rpartition(b")")[2].split()  # the name in brackets may hold any character
    return (int(fields[1]), int(fields[19])) if len(fields) > 19 else None
