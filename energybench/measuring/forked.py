"""A forked helper process of the measuring side: all signals blocked, no file of the run open, and
(unless it hands on a program's output) an end together with the measuring side.

Forking copies imported modules, and costs a millisecond; a new Python would cost a hundred.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # prctl(2)
_ARG_START, _ARG_END = 47, 48  # fields of /proc/self/stat, from 0: proc_pid_stat(5)
_COMM = 1
_NO_LIMIT = 2**31 - 1  # above every file descriptor; os.closerange uses close_range(2)


def fork(
    name: str, work: Callable[[], None], keep: Iterable[int], *, outlives: bool = False
) -> int:
    """Run `work` in a forked process; the process number.

    name      name shown by `ps`
    keep      file descriptors that stay open; standard input and output become /dev/null
    outlives  whether the helper goes on after the end of the measuring side
    """
    parent, command_line = os.getpid(), _command_line()
    _libc()  # a thread of this process may hold the lock of the linker while it forks
    with warnings.catch_warnings():
        # from Python 3.12: threads (numpy's) are not copied. The helper never calls numpy.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        if not outlives:
            die_with(parent)
        gc.disable()
        _close_all_but(set(keep))
        _rename(name, command_line)
        work()
        code = 0
    finally:
        os._exit(code)


def die_with_parent() -> None:
    """Have the kernel end this process with its parent."""
    die_with(os.getppid())


def die_with(parent: int) -> None:
    """Have the kernel end this process with the process `parent`, which may have ended already."""
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before
        os._exit(1)


def _close_all_but(keep: set[int]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in {0, 1, 2} - keep:
        os.dup2(null, fd)
    first = 3
    for fd in sorted(fd for fd in keep if fd > 2):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, _NO_LIMIT)


def _rename(name: str, command_line: tuple[int, int] | None) -> None:
    """Show another name and command line, so that a pattern for `pkill` aimed at the measuring side
    misses its helpers.
    """
    _libc().prctl(_PR_SET_NAME, name.encode()[:15])
    if command_line is not None:
        start, size = command_line
        ctypes.memmove(start, name.encode()[: size - 1].ljust(size, b"\0"), size)


# Looked up once, before the first fork: a helper has the libraries and addresses of this process.
@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


@cache
def _command_line() -> tuple[int, int] | None:
    """Address and size of the command line in memory; None: a name is not worth a failure."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = (int(fields[at - _COMM - 1]) for at in (_ARG_START, _ARG_END))
    except (OSError, ValueError, IndexError):
        return None
    return (start, end - start) if start and end > start else None
