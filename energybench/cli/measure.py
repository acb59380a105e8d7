"""`energybench measure -- PROGRAM ARGS…`"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from energybench.cli import common, options
from energybench.errors import BadInput, brief
from energybench.measuring.numpy_threads import import_numpy
from energybench.measuring.plan import MAX_REPEATS, TARGET_REL, Plan
from energybench.measuring.signals import Signals

if TYPE_CHECKING:
    from energybench.measuring.measure import ProgramOutcome
    from energybench.measuring.program_run import OpensRun
    from energybench.measuring.started_collectors import StartedCollectors


def measure(
    program: Annotated[
        list[str] | None, typer.Argument(help="The program and its arguments, after --.")
    ] = None,
    repeats: options.Repeats = "1",
    target_rel: options.TargetRel = TARGET_REL,
    max_repeats: options.MaxRepeats = MAX_REPEATS,
    nodes: options.Nodes = "this",
    adapter: options.Adapter = None,
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
    all_nodes = _all_nodes(nodes)
    if all_nodes and replay is not None:
        raise BadInput("--replay", "reads no nodes", "leave --nodes out")
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
        repeats=count if replay is None else None,
    )

    # a replay, or the program, which owns stdout
    if replay is not None:
        if adapter is not None:
            raise BadInput("--adapter", "a replay runs no program whose output could be read")
        if program:
            common.say(f"energybench: replaying {replay}; {program[0]} is not run")
        directory, result, code = common.replayed(replay, plan)
        common.finish(directory, result, code, json, sys.stderr)
    _check_program(command[0])
    # late imports: `energybench --help` loads this file, and needs no sensor
    from energybench.measuring.clock import MonotonicClock
    from energybench.measuring.started_collectors import start, surroundings

    rule = count, target_rel, max_repeats
    if all_nodes:
        with Signals(pass_on=True) as signals:
            ready = _on_all_nodes(plan)
            outcome = _measure(command, plan, rule, signals, ready, adapter, json)
    else:
        context = surroundings(plan, MonotonicClock())
        with Signals(pass_on=True) as signals, start(context, plan.collectors) as readers:
            here = _on_this_node(plan, signals, readers, counts_repeats=count is None)
            outcome = _measure(command, plan, rule, signals, here, adapter, json)
    if outcome.measurement is None or outcome.directory is None:
        _end(outcome.code, outcome.error or "")
    common.finish(outcome.directory, outcome.measurement, outcome.code, json, sys.stderr)


def _label(command: tuple[str, ...], label: str | None, replay: Path | None) -> str:
    """Name of the run: as asked for, else the program's; a replay may have the recording's.

    Raises BadInput if there is neither a program nor a replay.
    """
    if replay is None and not command:
        raise BadInput("measure", "names no program", "energybench measure -- PROGRAM ARGS…")
    return label or (Path(command[0]).name if command else "")


def _all_nodes(nodes: str) -> bool:
    """Whether all nodes of the job are read. Raises BadInput."""
    if nodes not in ("this", "job"):
        raise BadInput(f"--nodes {nodes}", "is not a choice", "this (this node), or job")
    return nodes == "job"


def _on_this_node(
    plan: Plan, signals: Signals, readers: StartedCollectors, *, counts_repeats: bool
) -> Callable[[], OpensRun]:
    def ready() -> OpensRun:
        from energybench.measuring.session import Session

        return lambda clock, wait, pid: Session(
            plan,
            clock,
            wait,
            pid,
            common.steps,
            counts_repeats=counts_repeats,
            given_up=signals.ending,
            readers=readers,
        )

    return ready


def _on_all_nodes(plan: Plan) -> Callable[[], OpensRun]:
    from energybench.cluster.job_run import JobRun, job_here

    own_job, nodes = job_here(plan.store)
    return lambda: lambda clock, wait, pid: JobRun(plan, own_job, nodes, clock, wait, common.steps)


def _measure(
    command: tuple[str, ...],
    plan: Plan,
    rule: tuple[int | None, float, int],
    signals: Signals,
    ready: Callable[[], OpensRun],
    adapter: str | None,
    json: bool,
) -> ProgramOutcome:
    """`rule`: repeats (None: auto), target for the scatter's half-width, most repeats.

    ready    what opens the run, called once the libraries may be loaded
    adapter  name or file of what reads the program's output; None: nobody reads it
    """
    # late imports: signals are blocked by now, and the collectors started
    import_numpy()
    from energybench.measuring.measure import measure_program
    from energybench.measuring.program_output import AdaptedOutput, PlainOutput
    from energybench.measuring.stopping import Stopping

    repeats, target_rel, max_repeats = rule
    stopping = Stopping(repeats=repeats, target_rel=target_rel, max_repeats=max_repeats)
    output = PlainOutput(stdout_to_stderr=json)
    if adapter is not None:
        from energybench.adapters.look_up import find

        output = AdaptedOutput(find(adapter), command, stdout_to_stderr=json)
    return measure_program(
        command, plan, stopping, signals, ready(), output=output, progress=common.steps
    )


def _check_program(name: str) -> None:
    """End the command, with the exit code of a shell, if the program cannot be run."""
    from energybench.measuring.program import NOT_EXECUTABLE, NOT_FOUND

    if shutil.which(name) is not None:
        return
    if not (Path(name).exists() and os.sep in name):
        _end(NOT_FOUND, f"{name or repr(name)}: no such program")
    why = "is a directory" if Path(name).is_dir() else "is not executable"
    _end(NOT_EXECUTABLE, f"{name}: {why}")


def _end(code: int, error: str) -> NoReturn:
    """End without a result."""
    common.say(f"energybench: {brief(error, 1200)}")
    raise typer.Exit(code)
