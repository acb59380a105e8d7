"""Starting a process: the caller's signal mask is not inherited, open files are inherited, and the
start is stamped immediately.

posix_spawn(3) suspends the caller until the new program has replaced the copy of the caller
(execve), and then wakes it: the return of the call is the start of the program.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from energybench.measuring.moments import STOPPED_S, WAKE_UP_S, CoreWait, Moment

# Python ignores these signals; a program expects the system's default
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_SHELL = "/bin/sh"


class Process:
    """A child.

    pid      process number
    started  moment of the start
    unseen_end  moment of the end, if this process was stopped while waiting for the end
    """

    def __init__(self, pid: int, started: Moment) -> None:
        self.pid, self.started = pid, started
        self.fd = os.pidfd_open(pid)
        self._code: int | None = None
        self._core = CoreWait()
        # last time at which the process was seen running
        self._alive_s = started.t_s + started.half_s
        self._ended: Moment | None = None
        self.unseen_end: Moment | None = None

    def wait(self, seconds: float, fds: Iterable[int] = ()) -> None:
        """Wait for some seconds, until the process ends, or until a file descriptor is readable.
        The end of the process is stamped when it happens.
        """
        if self._ended is not None:
            wait_for(fds, seconds)
            return
        entry_s = time.monotonic()
        if self._has_ended(0.0, ()):
            # the process ended while this process was busy
            self._ended = Moment.between(self._alive_s, entry_s)
            return
        self._alive_s = entry_s
        if seconds <= 0:
            return
        waited_s = self._core.total_s()
        ended = self._has_ended(seconds, fds)
        now_s = time.monotonic()
        late_s = self._core.since_s(waited_s) + WAKE_UP_S
        if not ended:
            self._alive_s = max(entry_s, now_s - late_s)
        elif now_s - entry_s - seconds - late_s > STOPPED_S:
            self.may_have_ended(entry_s, now_s)
        else:
            self._ended = Moment.between(max(self._alive_s, now_s - late_s), now_s)

    def _has_ended(self, seconds: float, fds: Iterable[int]) -> bool:
        return self.fd in wait_for((self.fd, *fds), seconds)

    @property
    def ended(self) -> Moment | None:
        """Moment of the end, after `wait` has seen the end; None: not yet."""
        return self._ended

    @property
    def ran_s(self) -> float:
        """Last time at which the process is known to have run."""
        return self._alive_s

    def may_have_ended(self, earliest_s: float, latest_s: float) -> None:
        """State that the process ended between two times, during which this process was partly
        stopped.
        """
        self._ended = self.unseen_end = Moment.between(earliest_s, latest_s)

    def done(self) -> bool:
        """Whether the process has ended. The process is not reaped yet, because its CPU time may
        still be read.
        """
        if self._ended is None:
            self.wait(0.0)
        return self._ended is not None

    def send_signal(self, number: int) -> None:
        """Send a signal; nothing happens if the process has ended."""
        if self._code is None:
            try:
                signal.pidfd_send_signal(self.fd, number)
            except ProcessLookupError:
                pass

    def reap(self, seconds: float | None = None) -> int | None:
        """Exit code of the ended process, -N after signal N; None if the process goes on for longer
        than some seconds (None: wait for ever).
        """
        if self._code is None:
            if seconds is not None and not self._has_ended(seconds, ()):
                return None
            _, status = os.waitpid(self.pid, 0)
            self._code = os.waitstatus_to_exitcode(status)
            self._ended = self._ended or Moment.between(self._alive_s, time.monotonic())
            os.close(self.fd)
            self._core.close()
            self.fd = -1
        return self._code


def wait_for(fds: Iterable[int], seconds: float) -> set[int]:
    """Wait, at most some seconds, until a file descriptor is readable or closed by the other side.
    Returns the ready descriptors.
    """
    poll = select.poll()
    for fd in fds:
        if fd >= 0:
            poll.register(fd, select.POLLIN)
    # poll(2) counts whole milliseconds, and rounding down would be a busy wait
    milliseconds = max(seconds, 0.0) * 1000
    if 0 < milliseconds < 1:
        ready = poll.poll(0)
        if not ready:
            readable, _, _ = select.select([fd for fd in fds if fd >= 0], [], [], seconds)
            return set(readable)
        return {fd for fd, _ in ready}
    return {fd for fd, _ in poll.poll(milliseconds)}


def wait_to_write(fd: int, seconds: float) -> bool:
    """Wait until a file descriptor can be written to, at most some seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def spawn(
    argv: Sequence[str | bytes],
    mask: Iterable[int],
    *,
    environment: Mapping[str, str] | None = None,
    streams: Mapping[int, int] | None = None,
    process_group: bool = False,
) -> Process:
    """Start a program, searched in PATH.

    mask           signals that the program finds blocked
    environment    None: the environment of this process
    streams        descriptor of the program → copied descriptor of ours
    process_group  whether the program leads its own process group

    Raises OSError and ValueError as os.posix_spawnp. A script without "#!" is run by the shell, as
    by execvp(3).
    """
    try:
        return _spawned(argv, mask, environment, streams or {}, process_group)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        script = _path_of(argv[0])
        return _spawned(
            (_SHELL, script, *argv[1:]), mask, environment, streams or {}, process_group
        )


def _spawned(
    argv: Sequence[str | bytes],
    mask: Iterable[int],
    environment: Mapping[str, str] | None,
    streams: Mapping[int, int],
    process_group: bool,
) -> Process:
    actions = [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in streams.items()]
    core = CoreWait()
    before_s, waited_s = time.monotonic(), core.total_s()
    start = partial(
        os.posix_spawnp,
        argv[0],
        list(argv),
        os.environ if environment is None else environment,
        file_actions=actions,
        setsigmask=list(mask),
        setsigdef=_IGNORED_BY_PYTHON,
    )
    pid = start(setpgroup=0) if process_group else start()
    after_s = time.monotonic()
    late_s = core.since_s(waited_s) + WAKE_UP_S
    core.close()
    return Process(pid, Moment.between(max(before_s, after_s - late_s), after_s))


def _path_of(name: str | bytes) -> str | bytes:
    """The file that execvp(3) would run."""
    name_b = os.fsencode(name)
    if b"/" in name_b:
        return name
    for folder in os.get_exec_path():
        path = os.path.join(os.fsencode(folder), name_b)
        if os.access(path, os.X_OK):
            return path
    return name
