"""Starting the sampling process: by a new Python and not by a fork, because the caller may have
threads, CUDA contexts and open files.

After any change of the process by a test or a program (functions replaced, descriptors used up or
closed, system calls forbidden), the sampling process still starts, or a reason explains the
failure.
"""

from __future__ import annotations

import os
import sys
from _socket import socket
from contextlib import suppress

from energybench.measuring.beside.packets import pair
from energybench.real_clock import monotonic, sleep
from energybench.real_system import close, getpid, kill, moved_up, pidfd_open, posix_spawn, waitpid

# Descriptors of the new process: the socket to the caller, and the pidfd of the caller.
_SOCKET, _CALLER = 3, 4
_FIRST_FREE = 5
# The process is not a child of the caller, whose `os.wait()` would wait for it: a forked process
# goes on, and the started process ends at once. Descriptors that the caller lets its children
# inherit are closed.
_START = f"""
import os, sys
for number in map(int, os.listdir("/proc/self/fd")):
    if number >= {_FIRST_FREE}:
        try: os.close(number)
        except OSError: pass
if os.fork(): os._exit(0)
sys.path += [path for path in {{paths!r}} if path not in sys.path]
from energybench.measuring.beside.process import main
main()
"""
# Folder of the package; importing pathlib would take longer than the rest.
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PATIENCE_S = 20.0  # for a new Python, on a file system under load
_LOOK_S = 0.001  # between two looks whether the new Python has forked
_SIGKILL, _WNOHANG = 9, 1  # the same on every Linux


class NotStarted(Exception):
    """The process cannot be started; the message says why."""


def started() -> socket:
    """Our end of the connection to a new process. Raises NotStarted."""
    if not sys.executable:
        raise NotStarted("this Python does not know its own program (sys.executable is empty)")
    try:
        ours, theirs = pair(_FIRST_FREE)
    except OSError as error:
        raise _not_started(error, "a socket") from None
    try:
        try:
            caller = moved_up(pidfd_open(getpid()), _FIRST_FREE)
        except OSError as error:
            raise _not_started(error, "pidfd_open(2)") from None
        try:
            _run(theirs.fileno(), caller)
        finally:
            close(caller)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours


def _run(end: int, caller: int) -> None:
    """Run the Python that starts the process. Raises NotStarted."""
    paths = [_ROOT, *(entry for entry in sys.path[1:] if entry)]
    words = [
        sys.executable,
        "-P",  # a file json.py in the working directory is not meant
        "-c",
        _START.format(paths=paths),
        *map(str, (_SOCKET, _CALLER, getpid())),
    ]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        (os.POSIX_SPAWN_DUP2, end, _SOCKET),
        (os.POSIX_SPAWN_DUP2, caller, _CALLER),
    ]
    try:
        # a separate process group: Ctrl-C belongs to the caller
        pid = posix_spawn(words[0], words, os.environ, file_actions=actions, setpgroup=0)
    except (OSError, TypeError, ValueError) as error:
        raise _not_started(error, sys.executable) from None
    status = _waited_for(pid)
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise NotStarted(f"the sampling process cannot be started: Python ended with {code}")


def _waited_for(pid: int) -> int:
    """The status of a child at its end. Raises NotStarted."""
    until_s = monotonic() + _PATIENCE_S
    try:
        while True:
            ended_pid, status = waitpid(pid, _WNOHANG)
            if ended_pid:
                return status
            if monotonic() > until_s:
                raise NotStarted(f"the sampling process was not started within {_PATIENCE_S:g} s")
            sleep(_LOOK_S)
    except ChildProcessError:  # the program collects all its children
        return 0
    except BaseException:
        with suppress(OSError):
            kill(pid, _SIGKILL)
            waitpid(pid, 0)
        raise


def _not_started(error: Exception, what: str) -> NotStarted:
    reason = getattr(error, "strerror", None) or error
    return NotStarted(f"the sampling process cannot be started: {what}: {reason}")
