"""`measure`: any program as it is, its children included, once or several times."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from energybench.errors import BadInput, StorageFailed
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.program import (
    OWN_FAILURE,
    CannotStart,
    Program,
    ended_by_signal,
)
from energybench.measuring.session import Session
from energybench.measuring.signals import Signals
from energybench.measuring.stopping import Stopping
from energybench.model import Measurement, Verification

_EXIT_STATUS = "exit status"
_PATIENCE_S = 10.0  # between two looks at a program that goes on after a failure of our own


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramOutcome:
    """A measured program.

    code         the program's own exit code; 128 + N after signal N, 126 or 127 if the program
                 could not be started, 125 for a failure of our own
    directory    directory of the run; None: nothing was measured
    measurement  result of the run; None: nothing was measured
    error        a line with the reason why nothing was measured
    """

    code: int
    directory: Path | None = None
    measurement: Measurement | None = None
    error: str | None = None


def measure_program(
    argv: Sequence[str],
    plan: Plan,
    stopping: Stopping,
    signals: Signals,
    *,
    stdout_to_stderr: bool,
    progress: Progress,
) -> ProgramOutcome:
    """Run the program and measure every run; `stopping` decides how often. The outcome's code is
    the first non-zero exit code.

    Raises BadInput. A program that cannot be started gives 126 or 127 and an error line.
    """
    return _Measuring(
        argv, plan, stopping, signals, _stderr() if stdout_to_stderr else None, progress
    ).run()


class _Measuring:
    """The repeats of a program.

    complete  number of measured repeats
    code      first non-zero exit code
    """

    def __init__(
        self,
        argv: Sequence[str],
        plan: Plan,
        stopping: Stopping,
        signals: Signals,
        stdout: int | None,
        progress: Progress,
    ) -> None:
        self._argv, self._plan, self._stopping, self._signals = argv, plan, stopping, signals
        self._stdout, self._progress = stdout, progress
        self._clock = MonotonicClock()
        self._program = self._new_program()
        self.complete, self.code = 0, 0

    def run(self) -> ProgramOutcome:
        """Measure; a failure of our own leaves a running program to its end.

        Raises BadInput if no program was started.
        """
        try:
            return self._measured()
        except Exception as error:
            started = self._program.pid is not None or self.complete > 0
            if isinstance(error, BadInput) and not started:
                raise
            while not self._program.done():
                self._program.wait(_PATIENCE_S)
            code = self.code or self._program.reap()
            return ProgramOutcome(code=code if started else OWN_FAILURE, error=_failure(error))

    def _measured(self) -> ProgramOutcome:
        with Session(
            self._plan,
            self._clock,
            self._wait,
            lambda: self._program.pid,
            self._progress,
            counts_repeats=self._stopping.repeats is None,
            given_up=self._signals.ending,
        ) as session:
            session.idle(self._interrupted)
            while not self._interrupted() and self._stopping.wants_more(session, self.complete):
                try:
                    if not self._repeat(session):
                        break
                except CannotStart as error:
                    if self.complete == 0:
                        session.writer.discard()
                        return ProgramOutcome(code=error.code, error=str(error))
                    session.doubt(
                        "program-gone",
                        f"repeat {self.complete + 1} could not be started: {error}",
                        "the repeats before it stand",
                    )
                    self.code = self.code or error.code
                    break
            session.idle_after(self._interrupted)
            if self._signals.received is not None:
                name = self._signals.received.name
                if self.complete == 0:
                    session.writer.discard()
                    return ProgramOutcome(
                        code=128 + self._signals.received,
                        error=f"{name} came before the program was started; nothing was measured",
                    )
                session.doubt(
                    "interrupted",
                    f"{name} came in repeat {self.complete} of "
                    f"{self._stopping.at_most}; this result was measured until then",
                    "repeat the run",
                )
            directory, measurement = session.finish()
            return ProgramOutcome(code=self.code, directory=directory, measurement=measurement)

    def _repeat(self, session: Session) -> bool:
        """Measure a run of the program; False if a signal came before the program was started.

        Raises CannotStart.
        """
        number, of = self.complete, self._stopping.at_most
        self._progress(f"{self._plan.label}: repeat {number + 1} of {of}", number / of)
        program = self._program = self._new_program()
        with session.windows.repeat(number, done=self._interrupted) as window:
            # a signal taken while nothing ran can no longer be passed on
            if self._interrupted():
                return False
            started = program.start()
            window.sample(program.done)
            window.seen(started, program.ended())
            exit_code = program.reap()
            window.cut = "program-killed" if ended_by_signal(exit_code) else None
        session.writer.verification(
            (
                Verification(
                    quantity=_EXIT_STATUS,
                    value=float(exit_code),
                    tolerance=0.0,
                    passed=exit_code == 0,
                ),
            )
        )
        self.code = self.code or exit_code
        self.complete += 1
        return True

    def _wait(self, until_s: float, fds: tuple[int, ...] = (), /) -> None:
        self._program.wait(until_s - self._clock.now(), fds)

    def _interrupted(self) -> bool:
        return self._signals.received is not None

    def _new_program(self) -> Program:
        return Program(self._argv, self._stdout, self._signals)


def _failure(error: Exception) -> str:
    """A failure of our own, in one line."""
    if isinstance(error, BadInput | StorageFailed):
        return str(error)
    return f"failed itself: {type(error).__name__}: {' '.join(str(error).split())}"


def _stderr() -> int:
    """File descriptor of the person's stderr."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return os.open(os.devnull, os.O_WRONLY)
