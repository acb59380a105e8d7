"""Signals during a run: read from a file descriptor, like every other input of a run, and passed on
to the work exactly once. Only SIGKILL ends the measuring side.

All signals except SIGCHLD are blocked, so that a signal never cuts a write in two, and arrive
through signalfd(2). Enter before numpy is imported: numpy's threads inherit the mask.
"""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from energybench.measuring.spawning import wait_for

if TYPE_CHECKING:
    from energybench.measuring.signal_witness import Witnesses

# Signals that end a run after the current repeat. Other signals concern only the program and are
# passed on.
ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
# Signals that stop a process until SIGCONT. They stop the program and then the measuring side, so
# that the shell sees a stopped job.
_STOPPING = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
# Signals that the kernel sends to a whole process group: from a terminal, and from a shell that
# ends.
_TO_A_GROUP = ENDING | _STOPPING | {signal.SIGCONT, signal.SIGWINCH}
# Signals that end no program without a handler, and after which no program is expected to end:
# signal(7). Every other signal may end a program early.
_ENDS_NOTHING = _STOPPING | {signal.SIGCONT, signal.SIGWINCH, signal.SIGURG}
# No process can take the first two signals, and the third reports children of this process.
_LEFT_ALONE = frozenset({signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD})
_SI_KERNEL = 0x80  # si_code of a signal from the kernel, such as the terminal's: sigaction(2)
# struct signalfd_siginfo: signo, errno, code, pid, ... of 128 bytes (signalfd(2))
_INFO, _INFO_BYTES = struct.Struct("=IiiI"), 128
_NONBLOCK, _CLOEXEC = 0o4000, 0o2000000  # SFD_NONBLOCK, SFD_CLOEXEC

# sends a signal to the work
Send = Callable[[int], None]


class Signals:
    """Use as a context manager around a run.

    received    the first signal that ends the run; None: not yet received
    received_s  time of the signal on the monotonic clock
    continued_s time of the last SIGCONT: before it, this process may have been stopped
    came_s      times of the signals since the last `forget_repeat` that may end a program, by name;
                of several equal signals the time of the first
    mask        signals that were blocked before the run; the work inherits this mask
    """

    def __init__(self, *, pass_on: bool = False) -> None:
        """pass_on: whether signals will be passed on to a program."""
        self.received: signal.Signals | None = None
        self.received_s: float | None = None
        self.continued_s: float | None = None
        self.came_s: dict[str, float] = {}
        self.mask: frozenset[int] = frozenset()
        self._ignored: frozenset[int] = frozenset()
        self._witnesses: Witnesses | None = None
        self._wants_witnesses = pass_on
        self._fd = -1

    def __enter__(self) -> Signals:
        taken = set(signal.valid_signals() - _LEFT_ALONE)
        # A signal that is ignored from the start (nohup) does not end the run. The signal still
        # arrives, because it is blocked, and the program may have its own handler.
        self._ignored = frozenset(n for n in ENDING if signal.getsignal(n) is signal.SIG_IGN)
        self.mask = frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, taken))
        self._fd = _signalfd(taken)
        if self._wants_witnesses:
            from energybench.measuring.signal_witness import Witnesses

            self._witnesses = Witnesses(taken)
        return self

    def __exit__(self, *_: object) -> None:
        self.poll()  # a last signal, for later looks at `received`
        if self._witnesses is not None:
            self._witnesses.close()
        os.close(self._fd)
        self._fd = -1
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def fileno(self) -> int:
        """File descriptor that is readable after a signal."""
        return self._fd

    def poll(self, pid: int | None = None, send: Send = lambda number: None) -> None:
        """Take the received signals. Send a signal to the work with process number `pid`, unless
        the signal has reached the work by another way.
        """
        while (info := self._next()) is not None:
            number, code, sender = info
            if sender == os.getpid():
                continue  # SIGPIPE or SIGXFSZ: our own write failed and raised an OSError
            if number in ENDING - self._ignored and self.received is None:
                self.received, self.received_s = signal.Signals(number), time.monotonic()
            if number not in _ENDS_NOTHING and (code != _SI_KERNEL or number in _TO_A_GROUP):
                self.came_s.setdefault(_name(number), time.monotonic())
            if number == signal.SIGCONT:
                self.continued_s = time.monotonic()
            if pid is not None and not self._has_reached(pid, number, code):
                send(number)
            if number in _STOPPING:
                _stop(number)

    def forget(self) -> None:
        """Take the signals that have come. The next one that ends runs counts as the first."""
        self.poll()
        self.received, self.received_s = None, None
        self.forget_repeat()

    def forget_repeat(self) -> None:
        """Forget the signals of an earlier repeat that may have ended a program."""
        self.came_s.clear()

    def latest(self) -> tuple[str, float] | None:
        """Name and time of the latest signal that may have ended the program of this repeat. A
        program that goes on after a signal goes on after equal signals, too: the first one counts.
        """
        return max(self.came_s.items(), key=lambda item: item[1], default=None)

    def ending(self) -> bool:
        """Whether a signal that ends the run has come, while no work is running."""
        self.poll()
        return self.received is not None

    def _next(self) -> tuple[int, int, int] | None:
        """Number, si_code and sender of the next signal."""
        try:
            record = os.read(self._fd, _INFO_BYTES)
        except BlockingIOError:
            return None
        number, _, code, sender = _INFO.unpack_from(record)
        return number, code, sender

    def _has_reached(self, pid: int, number: int, code: int) -> bool:
        """Whether the work has received the same signal without us: a terminal signals the
        foreground process group, kill(2) may signal our group, and Slurm signals every process of a
        job step.
        """
        in_our_group = _group(pid) == os.getpgrp()
        if code == _SI_KERNEL:
            # any other signal of the kernel concerns only this process (SIGXCPU)
            return in_our_group or number not in _TO_A_GROUP
        if self._witnesses is None:
            return False
        seen = self._witnesses.saw(number)
        return seen.apart or (seen.in_group and in_our_group)


def wait(seconds: float, signals: Signals, fds: tuple[int, ...] = ()) -> None:
    """Wait for some seconds, for a signal, or for one of the file descriptors."""
    if signals.fileno() in wait_for((signals.fileno(), *fds), seconds):
        signals.poll()


def _stop(number: int) -> None:
    """Stop this process like the default action of the signal, until SIGCONT."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})


def _name(number: int) -> str:
    """'SIGUSR1'; 'signal 40' for a signal without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _signalfd(numbers: set[signal.Signals]) -> int:
    """A file descriptor for blocked signals. Raises OSError."""
    import ctypes  # late: every command imports this module, but few commands use signals

    libc = ctypes.CDLL(None, use_errno=True)
    # sigset_t of the C library: 1024 bits
    bits = (ctypes.c_ulong * (1024 // (8 * ctypes.sizeof(ctypes.c_ulong))))()
    width = 8 * ctypes.sizeof(ctypes.c_ulong)
    for number in numbers:
        bits[(number - 1) // width] |= 1 << ((number - 1) % width)
    fd = libc.signalfd(-1, ctypes.byref(bits), _NONBLOCK | _CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(fd)
