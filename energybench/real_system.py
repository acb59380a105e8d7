"""Functions of the system, unaffected by replacements of functions of `os`, `select` or `fcntl` in
a test or a program; and descriptors that are distinguished from the program's descriptors.

The functions are taken from the modules in C, whose names nobody replaces, when this module is
imported. Libraries that fake the file system look for functions by identity in every module, and
find none here.
"""

from __future__ import annotations

import fcntl
import posix
import select
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

getpid: Callable[[], int] = partial(posix.getpid)
pidfd_open: Callable[[int], int] = partial(posix.pidfd_open)
posix_spawn: Callable[..., int] = partial(posix.posix_spawn)
waitpid: Callable[[int, int], tuple[int, int]] = partial(posix.waitpid)
kill: Callable[[int, int], None] = partial(posix.kill)
open_file: Callable[..., int] = partial(posix.open)
close: Callable[[int], None] = partial(posix.close)
flock: Callable[[int, int], None] = partial(fcntl.flock)
poll: Callable[[], Any] = partial(select.poll)

_fstat, _read, _fcntl = partial(posix.fstat), partial(posix.read), partial(fcntl.fcntl)
_CHUNK = 1 << 20


class Descriptor:
    """A descriptor of ours. The program may close the descriptor, and reuse its number for another
    file.

    number  of the descriptor
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._identity = _identity(number)

    @property
    def is_ours(self) -> bool:
        """Whether the number still stands for the original file."""
        return self._identity is not None and _identity(self.number) == self._identity

    def close(self) -> None:
        """Close the descriptor if it is still ours."""
        if self.is_ours:
            self._identity = None
            with suppress(OSError):
                close(self.number)


def _identity(number: int) -> tuple[int, int] | None:
    """Device and inode of an open file; None: no file has this number."""
    try:
        status = _fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def moved_up(number: int, least: int) -> int:
    """The descriptor, under a number from `least` on. Takes the old number over. Raises OSError."""
    if number >= least:
        return number
    try:
        return _fcntl(number, fcntl.F_DUPFD_CLOEXEC, least)
    finally:
        close(number)


def read_file(path: str) -> bytes:
    """The content of a file. Raises OSError."""
    number = open_file(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        pieces = []
        while piece := _read(number, _CHUNK):
            pieces.append(piece)
    finally:
        close(number)
    return b"".join(pieces)
