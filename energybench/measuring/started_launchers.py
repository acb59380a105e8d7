"""Programs among the descendants of the work that start processes on other nodes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def names_among(proc: Path, pids: Iterable[int], wanted: frozenset[str]) -> set[str]:
    """Which of some programs are among processes and their descendants, as the kernel names them
    (15 characters).
    """
    names: set[str] = set()
    waiting = [pid for pid in pids if pid]
    while waiting:
        pid = waiting.pop()
        if (name := _text(proc / str(pid) / "comm")) in wanted:
            names.add(name)
        for task in _folders(proc / str(pid) / "task"):
            waiting += map(int, _text(task / "children").split())
    return names


def _folders(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
