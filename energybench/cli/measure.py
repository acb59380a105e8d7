"""`energybench measure -- PROGRAM ARGS…`"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common
from energybench.errors import BadInput
from energybench.measuring.plan import Plan
from energybench.measuring.signals import Signals

if TYPE_CHECKING:
    from energybench.measuring.measure import Outcome


def measure(
    program: Annotated[
        list[str] | None, typer.Argument(help="The program and its arguments, after --.")
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(
            "--repeats",
            min=1,
            help="How many times to run it; 8 or more for a run-to-run interval.",
        ),
    ] = 1,
    label: str | None = common.LABEL,
    idle: float = common.IDLE_MEASURE,
    boundary: str = common.BOUNDARY,
    out: Path = common.OUT,
    collector: list[str] | None = common.COLLECTOR,
    root: Path = common.ROOT,
    replay: Path | None = common.REPLAY,
    json: bool = common.JSON,
) -> None:
    """Measure any program as it is, its children included.

    Ends with the program's own exit code.
    """
    if replay is None and not program:
        raise BadInput("measure", "names no program", "energybench measure -- PROGRAM ARGS…")
    command = tuple(program or ())
    plan = Plan(
        store=out,
        label=label or (Path(command[0]).name if command and replay is None else ""),
        boundary=common.boundary(boundary),
        idle_s=idle,
        command=command if command and replay is None else None,
        collectors=tuple(collector or ()),
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        device_order=os.environ.get("CUDA_DEVICE_ORDER"),
        root=common.folder(root),
    )
    if replay is not None:
        if command:
            common.say(f"energybench: replaying {replay}; {command[0]} is not run")
        directory, result, code = common.replayed(replay, plan)
    else:
        with Signals() as signals:
            outcome = _measure(command, plan, repeats, signals, json)
        if outcome.measurement is None or outcome.directory is None:
            common.say(f"energybench: {outcome.error}")
            raise typer.Exit(outcome.code)
        directory, result, code = outcome.directory, outcome.measurement, outcome.code
    common.finish(directory, result, code, json, sys.stderr)  # stdout is the program's


def _measure(
    command: tuple[str, ...], plan: Plan, repeats: int, signals: Signals, json: bool
) -> Outcome:
    from energybench.measuring.measure import Outcome, measure_program
    from energybench.measuring.program import NOT_EXECUTABLE, NOT_FOUND, OWN_FAILURE

    name = command[0]
    if shutil.which(name) is None:
        exists = Path(name).exists() and os.sep in name
        what = (
            "is a directory"
            if Path(name).is_dir() and exists
            else "is not executable"
            if exists
            else "no such program"
        )
        return Outcome(
            None, None, NOT_EXECUTABLE if exists else NOT_FOUND, f"{name or repr(name)}: {what}"
        )
    try:
        return measure_program(
            command, plan, repeats, signals, stdout_to_stderr=json, progress=common.steps
        )
    except BadInput:
        raise
    except (
        Exception
    ) as error:  # our own fault: said in one line, and told apart from the program's codes
        return Outcome(
            None,
            None,
            OWN_FAILURE,
            f"failed itself: {type(error).__name__}: {' '.join(str(error).split())}; what was "
            f"written: {plan.store}/.partial-*",
        )
