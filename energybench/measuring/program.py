"""An unchanged program, started as a child and waited for during the sampling."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence

from energybench.errors import BadInput
from energybench.measuring.descendants import Descendants
from energybench.measuring.moments import Moment
from energybench.measuring.signals import Signals, wait
from energybench.measuring.spawning import Process, spawn
from energybench.model import Pause

NOT_FOUND, NOT_EXECUTABLE, OWN_FAILURE = 127, 126, 125


def ended_by_signal(exit_code: int) -> bool:
    """Whether an exit code is that of a program which a signal ended, as a shell states it."""
    return exit_code - 128 in set(signal.Signals)


class CannotStart(Exception):
    """The program could not be started. `code`: a shell's exit code for the failure."""

    def __init__(self, message: str, code: int) -> None:
        self.code = code
        super().__init__(message)


class Program:
    """A child with untouched output, signals, open files and exit code."""

    def __init__(
        self,
        argv: Sequence[str],
        streams: Mapping[int, int],
        signals: Signals,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        """
        streams  descriptor of the program → our descriptor that it is a copy of
        started  called once the program has been started
        """
        self._argv, self._signals, self._streams = list(argv), signals, streams
        self._on_start = started
        self._process: Process | None = None
        self.descendants = Descendants()

    def start(self) -> Moment:
        """Start the program: the moment of the start. Raises CannotStart."""
        name = self._argv[0]
        self._signals.forget_repeat()
        try:
            with self.descendants.marked():
                self._process = spawn(self._argv, self._signals.mask, streams=self._streams)
        except FileNotFoundError as error:
            missing = "no such program"
            if os.path.exists(name):
                missing = "its interpreter was not found"
            raise CannotStart(f"{error.filename or name}: {missing}", NOT_FOUND) from None
        except OSError as error:
            raise CannotStart(
                f"{name}: cannot be executed: {error.strerror}", NOT_EXECUTABLE
            ) from None
        except ValueError as error:
            raise BadInput("PROGRAM", str(error)) from None
        self._on_start()
        return self._process.started

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def done(self) -> bool:
        """Whether the program has ended."""
        if self._process is not None and self._process.ended is None:
            self._look(self._process, 0.0)
        return self._process is None or self._process.ended is not None

    def ended(self) -> Moment:
        """Moment of the end. Raises RuntimeError if the program has not ended."""
        if self._process is None or self._process.ended is None:
            raise RuntimeError("the program has not ended")
        return self._process.ended

    def latest_signal(self) -> tuple[str, float] | None:
        """Name and time of the latest signal from outside that may have ended the program."""
        return self._signals.latest()

    def unseen_end(self) -> Pause | None:
        """The time in which the program ended, if this process was stopped at that time."""
        moment = self._process.unseen_end if self._process is not None else None
        if moment is None:
            return None
        t_s, half_s = moment
        return Pause(start_s=t_s - half_s, end_s=t_s + half_s, unseen="end")

    def wait(self, seconds: float, fds: tuple[int, ...] = ()) -> None:
        """Wait for some seconds, until the program ends, or until a file descriptor can be read;
        pass signals on.
        """
        process = self._process
        if process is None or process.ended is not None:
            wait(seconds, self._signals, fds)
            return
        self._look(process, seconds, fds)

    def _look(self, process: Process, seconds: float, fds: tuple[int, ...] = ()) -> None:
        """Wait as `wait` does. An end that is seen after a SIGCONT may have been at any time since
        the program was last seen to run.
        """
        process.wait(seconds, (self._signals.fileno(), *fds))
        self._signals.poll(process.pid, process.send_signal)
        continued_s = self._signals.continued_s
        if process.ended is not None and continued_s is not None and continued_s >= process.ran_s:
            process.may_have_ended(process.ran_s, time.monotonic())

    def reap(self) -> int:
        """The program's exit code as in a shell: 128 + N for signal N."""
        if self._process is None:
            return OWN_FAILURE
        code = self._process.reap() or 0
        # a signal to the whole process group may have ended the program before the next sample
        self._signals.poll()
        return 128 - code if code < 0 else code
