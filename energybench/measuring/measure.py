"""`measure`: any program as it is, its children included, once or several times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from energybench.errors import BadInput, StorageFailed, in_one_line
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.descendants import LeftRunning
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.program import (
    OWN_FAILURE,
    CannotStart,
    Program,
)
from energybench.measuring.program_output import PlainOutput
from energybench.measuring.program_run import OpensRun, ProgramRun
from energybench.measuring.program_window import run_in
from energybench.measuring.signals import Signals
from energybench.measuring.standard_input import StandardInput
from energybench.measuring.stopping import Stopping
from energybench.model import Measurement, Verification
from energybench.units import counted

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
    open_run: OpensRun,
    *,
    output: PlainOutput,
    progress: Progress,
) -> ProgramOutcome:
    """Run the program and measure every run; `stopping` decides how often. The outcome's code is
    the first non-zero exit code. `output`: the streams of the program, and who reads them.

    Raises BadInput. A program that cannot be started gives 126 or 127 and an error line.
    """
    return _Measuring(argv, plan, stopping, signals, open_run, output, progress).run()


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
        open_run: OpensRun,
        output: PlainOutput,
        progress: Progress,
    ) -> None:
        self._argv, self._plan, self._stopping, self._signals = argv, plan, stopping, signals
        self._open_run, self._output, self._progress = open_run, output, progress
        self._clock = MonotonicClock()
        self._stdin = StandardInput()
        self._program = Program(argv, {}, signals)
        self._start_s = self._end_s = 0.0  # of the last repeat
        self._left = LeftRunning()
        self._stdin_ended = 0  # number of the repeat in which a pipe on standard input ended
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
        finally:
            self._output.close()

    def _measured(self) -> ProgramOutcome:
        with self._open_run(self._clock, self._wait, lambda: self._program.pid) as session:
            session.idle(self._interrupted)
            self._check_stdin(session)
            while not self._interrupted() and self._stopping.wants_more(session, self.complete):
                try:
                    if not self._repeat(session):
                        break
                except CannotStart as error:
                    if self.complete == 0:
                        session.discard()
                        return ProgramOutcome(code=error.code, error=str(error))
                    session.doubt(
                        "program-gone",
                        f"repeat {self.complete + 1} could not be started: {error}",
                        "the repeats before it stand",
                    )
                    self.code = self.code or error.code
                    break
            if 0 < self._stdin_ended < self.complete:
                session.doubt(
                    "stdin-once",
                    f"standard input was a pipe that ended in repeat {self._stdin_ended}, and was "
                    f"empty for {counted(self.complete - self._stdin_ended, 'repeat')} after it",
                    "measure … < FILE, which every repeat reads from its beginning; or < /dev/null "
                    "if the program reads no input",
                )
            self._left.doubt(session)
            session.idle_after(self._interrupted)
            if self._signals.received is not None:
                name = self._signals.received.name
                if self.complete == 0:
                    session.discard()
                    return ProgramOutcome(
                        code=128 + self._signals.received,
                        error=f"{name} came before the program was started; nothing was measured",
                    )
                session.doubt("interrupted", self._interruption(name), "repeat the run")
            directory, measurement = session.finish()
            return ProgramOutcome(code=self.code, directory=directory, measurement=measurement)

    def _repeat(self, session: ProgramRun) -> bool:
        """Measure a run of the program; False if a signal came before the program was started.

        Raises CannotStart.
        """
        number, of = self.complete, self._stopping.at_most
        self._progress(f"{self._plan.label}: repeat {number + 1} of {of}", number / of)
        streams = self._output.begin()
        program = self._program = Program(self._argv, streams, self._signals, self._output.started)
        with session.repeat(number, self._interrupted) as window:
            # a signal taken while nothing ran can no longer be passed on
            if self._interrupted():
                return False
            self._stdin.begin()
            exit_code = run_in(window, program, session)
            self._start_s, self._end_s = window.start_s, program.ended().t_s
            if window.cut is None and self._interrupted():
                window.cut = "signal-handled"
        self._left.note(number + 1, program.descendants)
        session.check(
            (
                Verification(
                    quantity=_EXIT_STATUS,
                    value=float(exit_code),
                    tolerance=0.0,
                    passed=exit_code == 0,
                ),
            )
        )
        self._output.ended(session, number, whole=window.cut is None)
        self.code = self.code or exit_code
        self.complete += 1
        if not self._stdin_ended and self._stdin.ended():
            self._stdin_ended = self.complete
        return True

    def _check_stdin(self, session: ProgramRun) -> None:
        """Raises BadInput for an input that only the first of several repeats would find."""
        if self._stopping.at_most == 1:
            return
        try:
            self._stdin.check()
        except BadInput:
            session.discard()
            raise

    def _interruption(self, name: str) -> str:
        """When a signal came."""
        repeat = f"repeat {self.complete} of {self._stopping.at_most}"
        if (received_s := self._signals.received_s) is None or received_s > self._end_s:
            return f"{name} came after {repeat}; no other repeat was begun"
        after_s = max(0.0, received_s - self._start_s)
        return f"{name} came in {repeat}, {after_s:.3g} s after its start; no other was begun"

    def _wait(self, until_s: float, fds: tuple[int, ...] = (), /) -> None:
        self._program.wait(until_s - self._clock.now(), fds)

    def _interrupted(self) -> bool:
        return self._signals.received is not None


def _failure(error: Exception) -> str:
    """A failure of our own, in one line."""
    if isinstance(error, BadInput | StorageFailed):
        return str(error)
    return f"failed itself: {in_one_line(error)}"
