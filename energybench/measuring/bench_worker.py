"""The worker of a bench, which is asked while the bench's session samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from energybench.measuring.child import Link, WorkFailed
from energybench.measuring.sampler import Sampler
from energybench.measuring.signals import Signals, wait
from energybench.plugins import Clock


class BenchWorker:
    """Not running before `start`, nor after `stop`.

    stopped_s  when the worker was ended; None: not yet
    """

    def __init__(self, start: Callable[[], Link], clock: Clock, signals: Signals) -> None:
        """`start` starts the worker, or takes a slot in a shared worker."""
        self._start, self._clock, self._signals = start, clock, signals
        self._link: Link | None = None
        self.stopped_s: float | None = None

    @property
    def pid(self) -> int | None:
        """Process number of the worker; None: it does not run."""
        return self._link.pid if self._link is not None else None

    @property
    def link(self) -> Link:
        """Raises WorkFailed if the worker does not run."""
        if self._link is None:
            raise WorkFailed("the worker was not started")
        return self._link

    def start(self) -> None:
        self._link = self._start()

    def stop(self) -> None:
        if self._link is not None:
            self.stopped_s = self._clock.now()
            self._link.close()
            self._link = None

    def wait(self, seconds: float, fds: tuple[int, ...]) -> None:
        """Wait for the worker, a signal, or one of the file descriptors."""
        if self._link is not None:
            self._link.wait(seconds, fds)
        else:
            wait(seconds, self._signals, fds)

    def ask(self, sampler: Sampler, late_s: float = 0.0, **command: Any) -> dict[str, Any]:
        """Send a command and sample at the base rate until the reply comes, after a signal for at
        most `late_s`.
        """
        link = self.link
        link.send(**command)
        sampler.base(link.answered)
        return link.answer(late_s)
