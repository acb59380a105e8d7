"""The part of an output that is read: a bounded number of bytes at the beginning and at the end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from energybench.regular_file import LIMIT_S, within

HEAD_BYTES = TAIL_BYTES = 8 << 20


class Excerpt(NamedTuple):
    """Bytes of an output.

    text      beginning and end; a line break stands for the omitted part between them
    left_out  number of omitted bytes
    problem   reason why the output could not be read completely; "" without a problem
    """

    text: bytes
    left_out: int = 0
    problem: str = ""


class FileState(NamedTuple):
    """State of a file at a moment, to detect later writes."""

    inode: int
    size: int
    mtime_ns: int


def state(path: Path) -> FileState | None:
    """The present state of a file; None: the file is missing, or the file system does not
    answer.
    """
    try:
        status = within(LIMIT_S, lambda: os.stat(path))
    except (OSError, ValueError):
        return None
    return FileState(status.st_ino, status.st_size, status.st_mtime_ns) if status else None


def of_file(path: Path, before: FileState | None = None, *, appends: bool = False) -> Excerpt:
    """A program's output in a file.

    before   state of the file before the program started; None: the file was missing
    appends  whether the program adds to an existing file
    """
    after = state(path)
    if after is None:
        return Excerpt(b"", problem=f"{path} does not exist")
    if after == before:
        return Excerpt(b"", problem=f"{path} was not written by this run")
    added = appends and before is not None and before.inode == after.inode
    start = before.size if added and before is not None and before.size <= after.size else 0
    return _read(str(path), start, str(path))


def of_descriptor(fd: int, start: int) -> Excerpt:
    """The bytes written since the position `start` into the regular file open as `fd`."""
    return _read(f"/proc/self/fd/{fd}", start, "the output's file")


def of_stored(head: bytes, tail: bytes, total: int) -> Excerpt:
    """An output of `total` bytes with kept beginning and end."""
    left_out = total - len(head) - len(tail)
    return Excerpt(head + (b"\n" if left_out else b"") + tail, left_out)


def _read(path: str, start: int, name: str) -> Excerpt:
    try:
        excerpt = within(LIMIT_S, lambda: _content(path, start, name))
    except (OSError, ValueError) as error:
        return Excerpt(b"", problem=f"{name} cannot be read: {error}")
    return excerpt or Excerpt(b"", problem=f"{name} could not be read within {LIMIT_S:g} s")


def _content(path: str, start: int, name: str) -> Excerpt:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return Excerpt(b"", problem=f"{name} is not a file")
        # truncated meanwhile: the whole file is new
        first = start if start <= status.st_size else 0
        total = status.st_size - first
        if total <= HEAD_BYTES + TAIL_BYTES:
            return of_stored(_bytes(fd, first, total), b"", total)
        tail = _bytes(fd, status.st_size - TAIL_BYTES, TAIL_BYTES)
        return of_stored(_bytes(fd, first, HEAD_BYTES), tail, total)
    finally:
        os.close(fd)


def _bytes(fd: int, start: int, count: int) -> bytes:
    pieces = []
    while count > 0 and (piece := os.pread(fd, min(count, 1 << 20), start)):
        pieces.append(piece)
        start += len(piece)
        count -= len(piece)
    return b"".join(pieces)
