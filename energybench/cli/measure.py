"""`energybench measure -- PROGRAM ARGS…`"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput, brief
from energybench.measuring.plan import MAX_REPEATS, TARGET_REL, Plan
from energybench.measuring.signals import Signals

if TYPE_CHECKING:
    from energybench.measuring.measure import ProgramOutcome


def measure(
    program: Annotated[
        list[str] | None, typer.Argument(help="The program and its arguments, after --.")
    ] = None,
    repeats: options.Repeats = "1",
    target_rel: options.TargetRel = TARGET_REL,
    max_repeats: options.MaxRepeats = MAX_REPEATS,
    label: options.ProgramLabel = None,
    idle: options.Idle = 0.0,
    boundary: options.Boundary = "compute",
    out: options.Out = options.STORE,
    collector: options.Collector = None,
    root: options.Root = Path("/"),
    replay: options.Replay = None,
    json: options.Json = False,
) -> None:
    """Measure the energy of any program, its children included.

    Ends with the program's own exit code. One repeat has no run-to-run interval: state --repeats 8
    or more, or auto.
    """
    # options
    count = options.repeat_count(repeats)
    command = tuple(program or ()) if replay is None else ()
    plan = Plan(
        store=out,
        label=_label(command, label, replay),
        boundary=common.boundary(boundary),
        idle_s=idle,
        command=command or None,
        collectors=tuple(collector or ()),
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        device_order=os.environ.get("CUDA_DEVICE_ORDER"),
        root=common.folder(root),
    )

    # a replay, or the program, which owns stdout
    if replay is not None:
        if program:
            common.say(f"energybench: replaying {replay}; {program[0]} is not run")
        directory, result, code = common.replayed(replay, plan)
        common.finish(directory, result, code, json, sys.stderr)
    with Signals(pass_on=True) as signals:
        outcome = _measure(command, plan, (count, target_rel, max_repeats), signals, json)
    if outcome.measurement is None or outcome.directory is None:
        common.say(f"energybench: {brief(outcome.error or '', 1200)}")
        raise typer.Exit(outcome.code)
    common.finish(outcome.directory, outcome.measurement, outcome.code, json, sys.stderr)


def _label(command: tuple[str, ...], label: str | None, replay: Path | None) -> str:
    """Name of the run: as asked for, else the program's; a replay may have the recording's.

    Raises BadInput if there is neither a program nor a replay.
    """
    if replay is None and not command:
        raise BadInput("measure", "names no program", "energybench measure -- PROGRAM ARGS…")
    return label or (Path(command[0]).name if command else "")


def _measure(
    command: tuple[str, ...],
    plan: Plan,
    rule: tuple[int | None, float, int],
    signals: Signals,
    json: bool,
) -> ProgramOutcome:
    """`rule`: repeats (None: auto), target for the scatter's half-width, most repeats."""
    # late imports: signals are blocked by now
    from energybench.measuring.measure import measure_program
    from energybench.measuring.stopping import Stopping

    if (missing := _cannot_run(command[0])) is not None:
        return missing
    repeats, target_rel, max_repeats = rule
    stopping = Stopping(repeats=repeats, target_rel=target_rel, max_repeats=max_repeats)
    return measure_program(
        command, plan, stopping, signals, stdout_to_stderr=json, progress=common.steps
    )


def _cannot_run(name: str) -> ProgramOutcome | None:
    """The outcome for a missing or not executable program; None: the program can be run."""
    from energybench.measuring.measure import ProgramOutcome
    from energybench.measuring.program import NOT_EXECUTABLE, NOT_FOUND

    if shutil.which(name) is not None:
        return None
    if not (Path(name).exists() and os.sep in name):
        return ProgramOutcome(code=NOT_FOUND, error=f"{name or repr(name)}: no such program")
    why = "is a directory" if Path(name).is_dir() else "is not executable"
    return ProgramOutcome(code=NOT_EXECUTABLE, error=f"{name}: {why}")
