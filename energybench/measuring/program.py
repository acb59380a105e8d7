"""An unchanged program, started as a child and waited for during the sampling."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Sequence
from typing import IO

from energybench.errors import BadInput
from energybench.measuring.signals import Signals

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
    """A child with untouched output, signals and exit code."""

    def __init__(
        self, argv: Sequence[str], stdout: IO[bytes] | int | None, signals: Signals
    ) -> None:
        self._argv, self._stdout, self._signals = list(argv), stdout, signals
        self._child: subprocess.Popen[bytes] | None = None
        self._poll = select.poll()
        self._fd = -1

    def start(self) -> None:
        """Start the program. Raises CannotStart."""
        try:
            with self._signals.open_for_child():
                self._child = subprocess.Popen(self._argv, stdout=self._stdout)
        except FileNotFoundError as error:
            missing = (
                "its interpreter was not found"
                if os.path.exists(self._argv[0])
                else "no such program"
            )
            raise CannotStart(f"{error.filename or self._argv[0]}: {missing}", NOT_FOUND) from None
        except (PermissionError, OSError) as error:
            raise CannotStart(
                f"{self._argv[0]}: cannot be executed: {error.strerror}", NOT_EXECUTABLE
            ) from None
        except ValueError as error:
            raise BadInput("PROGRAM", str(error)) from None
        self._fd = os.pidfd_open(self._child.pid)
        self._poll.register(self._fd, select.POLLIN)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def done(self) -> bool:
        """Whether the program has ended. The program is not reaped yet, because the CPU time is
        still to be read.
        """
        return self._fd < 0 or bool(self._poll.poll(0))

    def wait(self, seconds: float) -> None:
        """Wait for some seconds, or until the program ends; pass pending signals on."""
        number = self._signals.poll()
        if number is not None and self._child is not None and self._child.returncode is None:
            self._child.send_signal(number)
        self._poll.poll(max(0.0, seconds * 1000))

    def reap(self) -> int:
        """The program's exit code as in a shell: 128 + N for signal N."""
        if self._child is None:
            return OWN_FAILURE
        code = self._child.wait()
        # a signal to the whole process group may have ended the program before the next sample
        self._signals.poll()
        if self._fd >= 0:
            # a closed descriptor would end every later wait at once
            self._poll.unregister(self._fd)
            os.close(self._fd)
            self._fd = -1
        return 128 - code if code < 0 else code

    def kill(self) -> None:
        """End the program if a failure of our own would leave the program unwatched."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
