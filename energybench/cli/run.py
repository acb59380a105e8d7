"""`energybench run WORKLOAD`"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from energybench.cli import common, options
from energybench.cli.variants import VariantChoice, choices, pairs
from energybench.errors import BadInput
from energybench.measuring.plan import (
    MAX_REPEATS,
    MAX_WARM_UP_S,
    MIN_WINDOW_S,
    SEED,
    SETTLE_S,
    TARGET_REL,
    Blocks,
    Plan,
    Request,
)
from energybench.units import counted

if TYPE_CHECKING:
    from energybench.measuring.plan import Progress
    from energybench.measuring.run_outcome import RunOutcome
    from energybench.measuring.signals import Signals


def run(
    workload: options.WorkloadName,
    device: options.Devices = None,
    size: Annotated[str, typer.Option("--size", help="One of the workload's sizes.")] = "smoke",
    setting: options.Setting = None,
    steps: Annotated[
        str | None,
        typer.Option(
            "--steps", metavar="N", help="Train for N optimiser steps (short for --set steps=N)."
        ),
    ] = None,
    to_iou: Annotated[
        str | None,
        typer.Option(
            "--to-iou",
            metavar="X",
            help="Train deepcam until its held-out IoU reaches X (short for --set iou=X).",
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            help="KEY=VALUE,… on top of --set (may be repeated): variants are interleaved in "
            "random blocks and compared with the first.",
        ),
    ] = None,
    repeats: options.Repeats = "auto",
    target_rel: options.TargetRel = TARGET_REL,
    max_repeats: options.MaxRepeats = MAX_REPEATS,
    min_window: options.MinWindow = MIN_WINDOW_S,
    max_warm_up: options.MaxWarmUp = MAX_WARM_UP_S,
    idle: options.Idle = 5.0,
    seed: options.OrderSeed = SEED,
    settle: options.Settle = SETTLE_S,
    copies: options.Copies = False,
    label: options.Label = None,
    boundary: options.Boundary = "compute",
    out: options.Out = options.STORE,
    collector: options.Collector = None,
    root: options.Root = Path("/"),
    replay: options.Replay = None,
    json: options.Json = False,
) -> None:
    """Measure the energy of a workload that verifies its result.

    Idle power, warm-up, repeats with a check after each, idle power again. Exit code 1 if a check
    failed.

    Several devices or variants take turns in blocks of random order and are compared pair by pair.
    """
    from energybench.registry import secret_settings

    # options
    check_size(workload, size)
    settings, typed = merged_settings(
        setting or [], {"steps": ("--steps", steps), "iou": ("--to-iou", to_iou)}
    )
    plan = Plan(
        store=out,
        label="",
        boundary=common.boundary(boundary),
        idle_s=idle,
        collectors=tuple(collector or ()),
        root=common.folder(root),
        repeats=options.repeat_count(repeats),
    )
    request = Request(
        workload=workload,
        size=size,
        device="cpu",
        settings=settings,
        repeats=options.repeat_count(repeats),
        target_rel=target_rel,
        max_repeats=max_repeats,
        min_window_s=min_window,
        max_warm_up_s=max_warm_up,
        typed=typed,
        copies=copies,
    )
    chosen = choices(device or ["cpu"], settings, variant or [], secret_settings(workload))
    runs = [_of_choice(choice, plan, request, label, len(chosen) > 1) for choice in chosen]

    # a replay, several variants in turns, or a single run
    if replay is not None:
        _replay(replay, runs, label, json)
    if len(runs) > 1:
        title = f"{label or workload}: {counted(len(runs), 'variant')}"
        _run_in_turns(runs, Blocks(seed=seed, settle_s=settle), title, json)
    outcome = _execute(*runs[0])
    if outcome.part:
        common.say(f"energybench: measured this node for {outcome.directory.parent}")
        raise typer.Exit(outcome.code)
    common.finish(outcome.directory, outcome.measurement, outcome.code, json, sys.stdout)


def check_workload(workload: str) -> None:
    """Raises BadInput for an unknown workload."""
    from energybench.registry import registered

    installed = registered("workloads")
    if workload not in installed:
        raise BadInput(
            f"workload {workload!r}", "no such workload", f"have: {', '.join(installed) or 'none'}"
        )


def check_size(workload: str, size: str) -> None:
    """Raises BadInput for an unknown workload or size."""
    from energybench.registry import load

    check_workload(workload)
    sizes = load("workloads", workload).sizes
    if size not in sizes:
        raise BadInput(f"--size {size}", f"is not a size of {workload}", ", ".join(sizes))


def _of_choice(
    choice: VariantChoice, plan: Plan, request: Request, label: str | None, several: bool
) -> tuple[Plan, Request]:
    """Plan and request of a variant; with several variants, the variant's words are part of the
    label.
    """
    from energybench.model import WorkloadRef

    if several:
        name = f"{label or request.workload} {choice.words}"
    else:
        name = label or f"{request.workload} {choice.device}"
    reference = WorkloadRef(
        name=request.workload,
        size=request.size,
        device=choice.device,
        settings=dict(choice.settings),
    )
    return (
        replace(plan, label=name, workload=reference),
        replace(
            request,
            device=choice.device,
            settings=choice.settings,
            typed={**request.typed, **choice.typed},
        ),
    )


def _replay(
    replay: Path, runs: Sequence[tuple[Plan, Request]], label: str | None, json: bool
) -> NoReturn:
    """Replay a recording in place of the workload, show the result, and end."""
    if len(runs) > 1:
        raise BadInput("--replay", "is one recording", "one --device and at most one --variant")
    plan, request = runs[0]
    common.say(f"energybench: replaying {replay}; {request.workload} is not run")
    directory, result, code = common.replayed(replay, replace(plan, label=label or ""))
    common.finish(directory, result, code, json, sys.stdout)


def _run_in_turns(
    runs: Sequence[tuple[Plan, Request]], blocks: Blocks, title: str, json: bool
) -> NoReturn:
    """Run variants interleaved, show the results, and end."""
    from energybench.cli.variants import execute as execute_in_turns
    from energybench.cli.variants import show

    together, _ = execute_in_turns(runs, blocks)
    show(title, together, json)


def execute(plan: Plan, request: Request) -> tuple[RunOutcome, bool]:
    """Run a workload; whether a signal came."""

    def alone(signals: Signals, update: Progress) -> RunOutcome:
        from energybench.measuring.workload import run_workload

        return run_workload(request, plan, signals, update)

    return common.watched(f"{plan.label}: ", alone)


def _execute(plan: Plan, request: Request) -> RunOutcome:
    """Run a workload: on all nodes of the launch if it can and has one task on each, else here."""
    from energybench.meeting_place import meeting_place
    from energybench.own_step import own_environment
    from energybench.registry import spans_nodes

    place = meeting_place(own_environment())
    if place is None or request.copies or not spans_nodes(request.workload):
        return execute(plan, request)[0]

    def together(signals: Signals, update: Progress) -> RunOutcome:
        from energybench.cluster.workload_run import run_on_all_nodes

        return run_on_all_nodes(request, plan, place, signals, update)

    return common.watched(f"{plan.label}: ", together)[0]


def merged_settings(
    setting: Sequence[str], shorthands: Mapping[str, tuple[str, str | None]]
) -> tuple[dict[str, str], dict[str, str]]:
    """Settings from `--set` and from shorthand options (key → option and value); and, by key, the
    typed shorthands.

    Raises BadInput for a setting stated twice.
    """
    settings, typed = pairs(setting), {}
    for key, (option, value) in shorthands.items():
        if value is None:
            continue
        if key in settings:
            raise BadInput(
                f"{option} {value}",
                f"--set {key}={settings[key]} says so already",
                "leave one of them out",
            )
        settings[key], typed[key] = value, f"{option} {value}"
    return settings, typed
