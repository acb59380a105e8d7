"""`measure`: any program as it is, its children included, once or several times."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.measuring.clock import MonotonicClock
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.program import CannotStart, Program
from energybench.measuring.session import Session
from energybench.measuring.signals import Signals
from energybench.model import Measurement, Verification

_EXIT_STATUS = "exit status"


class Outcome(NamedTuple):
    """The run's directory and result (None where nothing could be measured), and the exit code that
    is the program's own.
    """

    directory: Path | None
    measurement: Measurement | None
    code: int
    error: str | None = None


def measure_program(
    argv: Sequence[str],
    plan: Plan,
    repeats: int,
    signals: Signals,
    *,
    stdout_to_stderr: bool,
    progress: Progress,
) -> Outcome:
    """Run the program `repeats` times and measure each. The first exit code that is not zero is the
    outcome's.

    Raises BadInput; a program that cannot be started gives 126 or 127 and an error line.
    """
    clock = MonotonicClock()
    program = Program(argv, _stderr() if stdout_to_stderr else None, signals)
    code = 0

    def wait(until_s: float) -> None:
        program.wait(until_s - clock.now())

    def interrupted() -> bool:
        return signals.received is not None

    with Session(plan, clock, wait, lambda: program.pid, progress, counts_repeats=False) as session:
        session.idle(interrupted)
        done = 0
        for number in range(repeats):
            if interrupted():
                break
            program = Program(argv, _stderr() if stdout_to_stderr else None, signals)
            session.outside(interrupted)
            session.edge()
            if interrupted():  # a signal taken while nothing ran yet can no longer be passed on
                break
            progress(f"{plan.label}: repeat {number + 1} of {repeats}", number / repeats)
            start = session.open_repeat(number)
            try:
                program.start()
            except CannotStart as error:
                if done == 0:
                    session.writer.discard()
                    return Outcome(None, None, error.code, str(error))
                session.doubt(
                    "program-gone",
                    f"repeat {number + 1} could not be started: {error}",
                    "the repeats before it stand",
                )
                code = code or error.code
                break
            session.sampler.burst(session.sampler.edge_s, program.done)
            session.sampler.base(program.done)
            end = clock.now()
            this = program.reap()
            session.close_repeat(number, start, end)
            session.writer.verification(
                (
                    Verification(
                        quantity=_EXIT_STATUS, value=float(this), tolerance=0.0, passed=this == 0
                    ),
                )
            )
            code = code or this
            done += 1
        session.idle_after(interrupted)
        if interrupted() and signals.received is not None:
            name = signals.received.name
            session.doubt(
                "interrupted",
                f"{name} came in repeat {done} of {repeats}; what stands here was measured until "
                "then",
                "repeat the run",
            )
            code = code or 128 + signals.received
            if done == 0:
                session.writer.discard()
                return Outcome(
                    None,
                    None,
                    code,
                    f"{name} came before the program was started; nothing was measured",
                )
        directory, measurement = session.finish()
        return Outcome(directory, measurement, code)


def _stderr() -> int:
    """File descriptor of the stderr that the person sees."""
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError):
        return os.open(os.devnull, os.O_WRONLY)
