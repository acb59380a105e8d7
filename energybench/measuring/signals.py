"""SIGINT, SIGTERM and SIGHUP during a run: taken between two samples, distinguished by sender, and
passed on to the work.

The signals are blocked and polled at every tick: a signal cannot cut a write in two. A Ctrl-C at a
terminal reaches the whole foreground group, the work included; a signal to us alone is passed on.
Enter before numpy is imported: numpy's threads inherit the mask, and a signal received by a thread
would come without a sender.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SI_KERNEL = 0x80  # si_code of a signal from the kernel (the terminal): sigaction(2)


class Signals:
    """Use as a context manager around a run.

    received  the first signal; None: no signal has come
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
        self.poll()  # a last signal, for later looks at `received`
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask or set())
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _late(self, number: int, _frame: object) -> None:
        """Take a signal that came while a child was being started, or to a thread that does not
        block signals.
        """
        self._caught.append(signal.Signals(number))

    @contextmanager
    def open_for_child(self) -> Iterator[None]:
        """Restore the earlier mask, because a child inherits the mask."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask or set())
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)

    def poll(self) -> signal.Signals | None:
        """A pending signal not yet known to the work; None: no signal. A signal from the terminal
        has reached the work already.
        """
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
    """Whether a Ctrl-C reaches the work without us: we are the foreground group of a terminal."""
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
