"""SIGINT, SIGTERM and SIGHUP while a run is on: taken between two samples, told apart by who sent
them, passed on to the work.

They are blocked and asked for at each tick, so that none of them can cut a write in two. A Ctrl-C
at a terminal reaches the whole foreground group, the work included, by itself; one that somebody
sent to us alone is passed on. Enter before numpy is imported: its threads take over the mask, and a
signal that one of them could receive would come without its sender.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SI_KERNEL = 0x80  # si_code of a signal that the kernel (the terminal) sent: sigaction(2)


class Signals:
    """Use as a context manager around a run.

    `received`: the first signal, None where there was none.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._mask: set[int] | None = None
        self._handlers: dict[signal.Signals, object] = {}
        self._caught: list[signal.Signals] = []

    def __enter__(self) -> Signals:
        for number in HANDLED:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
                self._handlers[number] = signal.signal(number, self._late)
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED))
        return self

    def __exit__(self, *_: object) -> None:
        self.poll()  # what came last is known to whoever asks `received` afterwards
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask or set())
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _late(self, number: int, _frame: object) -> None:
        """A signal that came while a child was being started, or to a thread that does not block
        it.
        """
        self._caught.append(signal.Signals(number))

    @contextmanager
    def open_for_child(self) -> Iterator[None]:
        """The mask as it was, so that a child started inside does not inherit ours."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask or set())
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)

    def poll(self) -> signal.Signals | None:
        """A pending signal to pass on to the work, if any; what the terminal sent it already has."""
        pass_on: signal.Signals | None = None
        while self._caught:
            number = self._caught.pop(0)
            self.received = self.received or number
            if number != signal.SIGINT or not _at_terminal():
                pass_on = number
        while (info := signal.sigtimedwait(HANDLED, 0)) is not None:
            number = signal.Signals(info.si_signo)
            self.received = self.received or number
            if info.si_code != _SI_KERNEL:
                pass_on = number
        return pass_on


def _at_terminal() -> bool:
    """Whether a Ctrl-C would have reached the work by itself: we are the foreground group of a
    terminal.
    """
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
