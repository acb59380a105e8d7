"""Daemons that are started and stopped by their pid files, and all processes of a node."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

_HANG_S = 60.0  # for a hang, not for a busy machine


class NotStarted(RuntimeError):
    """A daemon did not come up; the message has the end of its log."""


def wait_until(
    found: Callable[[], object], about: str, seconds: float = _HANG_S, pause_s: float = 0.05
) -> None:
    end_s = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{about}: not within {seconds:.0f} s")
        time.sleep(pause_s)


def free_ports(count: int) -> list[int]:
    """Ports that no process listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def run_daemon(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run a program that leaves a daemon behind, to the end of the program itself."""
    # The daemon keeps the file of the log open: a pipe would keep this process waiting for it.
    with log.open("ab") as file:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=None if environment is None else {**os.environ, **environment},
            timeout=_HANG_S,
            cwd="/",
        )
    if done.returncode != 0:
        raise NotStarted(f"{command[0]} ended with {done.returncode}:\n{end_of(log)}")


def start_daemon(command: Sequence[str], log: Path) -> None:
    """Start a program that stays in the foreground, in a session of its own."""
    with log.open("ab") as file:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            cwd="/",
        )


def end_of(log: Path, lines: int = 15) -> str:
    if not log.is_file():
        return f"{log} does not exist"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def started_s(pid: int) -> str | None:
    """Start of a process in clock ticks since boot: a process number alone may be used again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def read_pid(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def end(pid_file: Path) -> None:
    """Kill the daemon of a pid file. Nothing that it would still write is wanted."""
    pid = read_pid(pid_file)
    if pid is not None and _alive(pid):
        kill_all([pid])
    pid_file.unlink(missing_ok=True)


def with_variable(name: str, folder: Path) -> list[int]:
    """Processes that were started with a variable that names a file in a folder."""
    wanted = f"{name}={folder}/".encode()
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if any(variable.startswith(wanted) for variable in variables):
                found.append(pid)
    return found


def uts_namespace(pid: int) -> str | None:
    """The UTS namespace of a process: all processes of a node share one."""
    try:
        return os.readlink(f"/proc/{pid}/ns/uts")
    except OSError:
        return None


def processes_in(namespace: str) -> list[int]:
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if uts_namespace(pid) == namespace and _alive(pid)]


def kill_namespace(namespace: str) -> None:
    """Kill all processes of a node at once: none of them sees another one die."""
    if namespace == uts_namespace(os.getpid()):
        raise ValueError("this is the namespace of the tests themselves")
    stopped: set[int] = set()
    while pids := set(processes_in(namespace)) - stopped:  # a process may have forked meanwhile
        _send(pids, signal.SIGSTOP)
        stopped |= pids
    kill_all(stopped)


def kill_all(pids: Iterable[int]) -> None:
    pids = list(pids)
    _send(pids, signal.SIGKILL)
    wait_until(lambda: not any(map(_alive, pids)), "end of killed processes", 30.0)


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that waits for its parent to take its exit code does not."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # of our own children we are the parent
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in ("Z", "X")
