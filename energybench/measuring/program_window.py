"""A program as one repeat of a run."""

from __future__ import annotations

from energybench.measuring.program import Program, ended_by_signal
from energybench.measuring.program_run import ProgramRun, ProgramWindow


def run_in(window: ProgramWindow, program: Program, run: ProgramRun) -> int:
    """Run a program in an open window; its exit code. Raises CannotStart."""
    started = program.start()
    window.sample(program.done)
    window.seen(started, program.ended())
    program.descendants.program_ended()
    window.goes_on = program.descendants.at_work
    if (pause := program.unseen_end()) is not None:
        run.pause(pause)
    exit_code = program.reap()
    if (latest := program.latest_signal()) is not None:
        name, came_s = latest
        window.signal, window.signal_after_s = name, max(came_s - window.start_s, 0.0)
    if ended_by_signal(exit_code):
        window.cut = "program-killed"
    return exit_code
