"""A forked helper process of the measuring side: all signals blocked, no file of the run open, and
an end together with the measuring side.

Forking copies what is imported already, and costs a millisecond; a new Python would cost a hundred.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
_ARG_START, _ARG_END = 47, 48  # fields of /proc/self/stat, from 0: proc_pid_stat(5)
_COMM = 1


def fork(name: str, work: Callable[[], None], keep: Iterable[int]) -> int:
    """Run `work` in a forked process; the process number.

    name  what `ps` shows
    keep  file descriptors that stay open; standard input and output become /dev/null
    """
    parent = os.getpid()
    with warnings.catch_warnings():
        # from Python 3.12: threads (numpy's) are not copied. The helper never calls numpy.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        die_with(parent)
        gc.disable()
        _close_all_but(set(keep))
        _rename(name)
        work()
        code = 0
    finally:
        os._exit(code)


def die_with_parent() -> None:
    """Have the kernel end this process with its parent."""
    die_with(os.getppid())


def die_with(parent: int) -> None:
    """Have the kernel end this process with the process `parent`, which may have ended already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before
        os._exit(1)


def _close_all_but(keep: set[int]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in {int(name) for name in os.listdir("/proc/self/fd")} - keep - {0, 1, 2, null}:
        try:
            os.close(fd)
        except OSError:
            pass  # the descriptor of the listing itself
    for fd in {0, 1, 2} - keep:
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


def _rename(name: str) -> None:
    """Show another name and command line, so that a pattern for `pkill` that means the measuring
    side does not mean its helpers.
    """
    try:
        Path("/proc/self/comm").write_text(name[:15])
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = (int(fields[at - _COMM - 1]) for at in (_ARG_START, _ARG_END))
        title = name.encode()[: end - start - 1]
        ctypes.memmove(start, title + b"\0" * (end - start - len(title)), end - start)
    except (OSError, ValueError, IndexError):
        pass  # a name is not worth a failure
