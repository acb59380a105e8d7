"""Doubts of a run about its own course: failed, cut off, finished early, repeats too short."""

from __future__ import annotations

import math
from pathlib import Path

from energybench.analysis.measurement.doubts import beyond
from energybench.measuring.session import Session
from energybench.units import counted


def work_failed(session: Session, error: Exception, complete: int) -> None:
    """Repeats before a failure stand; `complete`: number of complete repeats."""
    session.doubt(
        "work-failed",
        f"repeat {complete + 1} failed: {error}",
        "mend the workload; the repeats before it stand",
    )


def in_checkpoint(session: Session, checkpoint: str) -> None:
    """The checkpoint holds steps of a repeat that is not in the result."""
    session.doubt("checkpoint-beyond", beyond(checkpoint), _go_on(checkpoint))


def interrupted(
    session: Session,
    signal: str,
    *,
    worked: int,
    complete: int,
    checkpoint: str | None,
    begun: bool,
) -> None:
    """A signal ended the run.

    signal      name of the signal
    worked      number of repeats with known work; the last repeat may lack a check
    complete    number of repeats with a check
    checkpoint  file in which the runs continue; None: no checkpoint
    begun       whether a further repeat had begun
    """
    if worked:
        unchecked = ", the last of them not checked" if worked > complete else ""
        message = f"{signal} came after {counted(worked, 'repeat')}{unchecked}"
    else:
        message = (
            f"{signal} came in the first repeat: this is the energy of a part of it, and of no "
            "known work"
        )
    remedy = "repeat the run"
    if checkpoint:
        if begun or worked > complete:
            message += f"; {beyond(checkpoint)}"
        remedy = _go_on(checkpoint)
    session.doubt("interrupted", message, remedy)


def finished(session: Session, complete: int) -> None:
    """The checkpoint holds all work before the scatter is small enough."""
    session.doubt(
        "finished",
        f"its checkpoint holds all that was asked for after {counted(complete, 'repeat')}; "
        "more were wanted, for a narrower interval",
        "shorter runs, such as fewer steps",
    )


def min_window_missed(
    session: Session, shortest_s: float, wanted_s: float, *, complete: int, checkpoint: str | None
) -> None:
    """The shortest repeat ended before the shortest time that was asked for."""
    repeat = f"the shortest of {complete} repeats" if complete > 1 else "the repeat"
    if checkpoint:
        why = "with a checkpoint it is one run"
        remedy = "longer runs, such as more steps"
    else:
        why = "the same work does not always take as long"
        needed_s = _rounded_up(wanted_s**2 / shortest_s)
        remedy = f"--min-window {needed_s:g}, or a quieter machine"
    session.doubt(
        "min-window-missed",
        f"{repeat} lasted {shortest_s:.3g} s, under the {wanted_s:g} s of --min-window: {why}",
        remedy,
    )


def _go_on(checkpoint: str) -> str:
    return f"the same command again: it goes on from {Path(checkpoint).name}"


def _rounded_up(seconds: float) -> float:
    """To two significant digits."""
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return math.ceil(seconds / step) * step
