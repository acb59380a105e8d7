"""`energybench run WORKLOAD`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common
from energybench.errors import BadInput
from energybench.measuring.plan import MAX_REPEATS, MIN_WINDOW_S, TARGET_REL, Plan, Request
from energybench.measuring.signals import Signals

if TYPE_CHECKING:
    from energybench.measuring.workload import Outcome


def run(
    workload: Annotated[str, typer.Argument(help="Name of a workload: see `energybench list workloads`.")],
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:N or node.")] = "cpu",
    size: Annotated[str, typer.Option("--size", help="One of the workload's sizes.")] = "smoke",
    setting: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the workload (may be repeated).")] = None,
    repeats: Annotated[str, typer.Option("--repeats", help="A number, or auto: at least 8, until the scatter is small enough.")] = "auto",
    target_rel: Annotated[float, typer.Option("--target-rel", min=1e-6, help="Half-width of the scatter's 95 % interval to stop at.")] = TARGET_REL,
    max_repeats: Annotated[int, typer.Option("--max-repeats", min=1, help="Stop there in any case.")] = MAX_REPEATS,
    min_window: Annotated[
        float, typer.Option("--min-window", min=0.0, max=86400.0, help="Shortest repeat in seconds; shorter work is done several times over.")
    ] = MIN_WINDOW_S,
    idle: Annotated[float, typer.Option("--idle", min=0.0, max=86400.0, help="Seconds of idle power to measure first.")] = 5.0,
    label: str | None = common.LABEL,
    boundary: str = common.BOUNDARY,
    out: Path = common.OUT,
    collector: list[str] | None = common.COLLECTOR,
    root: Path = common.ROOT,
    replay: Path | None = common.REPLAY,
    json: bool = common.JSON,
) -> None:
    """Run and measure a workload: idle phase, warm-up, repeats with a check after each. Exit code 1 where a check failed."""
    from energybench.model import WorkloadRef
    from energybench.plugins import load, registered

    known = registered("workloads")
    if workload not in known:
        raise BadInput(f"workload {workload!r}", "no such workload", f"have: {', '.join(known) or 'none'}")
    sizes = load("workloads", workload).sizes
    if size not in sizes:
        raise BadInput(f"--size {size}", f"is no size of {workload}", ", ".join(sizes))
    settings = pairs(setting or [])
    plan = Plan(
        store=out,
        label=label or f"{workload} {device}",
        boundary=common.boundary(boundary),
        idle_s=idle,
        workload=WorkloadRef(name=workload, size=size, device=device, settings=dict(settings)),
        collectors=tuple(collector or ()),
        root=common.folder(root),
    )
    if replay is not None:
        directory, result, code = common.replayed(replay, plan)
    else:
        outcome, _ = execute(plan, Request(workload, size, device, settings, count(repeats), target_rel, max_repeats, min_window))
        directory, result, code = outcome.directory, outcome.measurement, outcome.code
    common.finish(directory, result, code, json, sys.stdout)


def execute(plan: Plan, request: Request) -> tuple[Outcome, bool]:
    """Run a workload under a progress bar; whether a signal came. A failure is one line and exit code 1, or 128 + N after signal N."""
    with Signals() as signals:
        from energybench.measuring.workload import WorkFailed, run_workload

        try:
            with common.progress() as update:
                outcome = run_workload(request, plan, signals, update)
        except WorkFailed as error:
            common.say(f"energybench: {plan.label}: {error}")
            raise typer.Exit(128 + signals.received if signals.received else 1) from None
    return outcome, signals.received is not None


def count(repeats: str) -> int | None:
    """A number of repeats, None for auto. Raises BadInput."""
    if repeats == "auto":
        return None
    if not repeats.isdigit() or int(repeats) < 1:
        raise BadInput(f"--repeats {repeats}", "is no number of repeats", "a whole number from 1, or auto")
    return int(repeats)


def pairs(settings: list[str]) -> dict[str, str]:
    """KEY=VALUE options as a mapping. Raises BadInput."""
    found: dict[str, str] = {}
    for entry in settings:
        key, equals, value = entry.partition("=")
        if not equals or not key.strip():
            raise BadInput(f"--set {entry}", "is not KEY=VALUE")
        if key in found:
            raise BadInput(f"--set {entry}", f"{key} was set already")
        found[key.strip()] = value
    return found
