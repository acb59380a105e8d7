"""`energybench run WORKLOAD`"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common
from energybench.cli.variants import choices, pairs
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

if TYPE_CHECKING:
    from energybench.measuring.plan import Progress
    from energybench.measuring.signals import Signals
    from energybench.measuring.workload import Outcome


def run(
    context: typer.Context,
    workload: Annotated[
        str, typer.Argument(help="Name of a workload: see `energybench list workloads`.")
    ],
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            help="cpu (default), cuda, cuda:N or node; several are interleaved and compared.",
        ),
    ] = None,
    size: Annotated[str, typer.Option("--size", help="One of the workload's sizes.")] = "smoke",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE of the workload (may be repeated).")
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", help="Of a training: --set steps=N.")
    ] = None,
    to_iou: Annotated[
        str | None,
        typer.Option("--to-iou", help="Of deepcam, train to this held-out IoU: --set iou=X."),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            help="KEY=VALUE,… on top of --set; several are interleaved in random blocks and "
            "compared with the first.",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            help="One of the workload's studies: a grid of cells; --set narrows or widens it with "
            "lists.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Directory of a study that was cut off: go on with it."),
    ] = None,
    repeats: Annotated[
        str,
        typer.Option(
            "--repeats", help="A number, or auto: at least 8, until the scatter is small enough."
        ),
    ] = "auto",
    target_rel: Annotated[
        float,
        typer.Option(
            "--target-rel", min=1e-6, help="Half-width of the scatter's 95 % interval to stop at."
        ),
    ] = TARGET_REL,
    max_repeats: Annotated[
        int, typer.Option("--max-repeats", min=1, help="Stop there in any case.")
    ] = MAX_REPEATS,
    min_window: Annotated[
        float,
        typer.Option(
            "--min-window",
            min=0.0,
            max=86400.0,
            help="Shortest repeat in seconds; shorter work is done several times over.",
        ),
    ] = MIN_WINDOW_S,
    max_warm_up: Annotated[
        float,
        typer.Option(
            "--max-warm-up",
            min=1.0,
            max=86400.0,
            help="Warm up until the power has settled; no further run that would end beyond so many "
            "seconds.",
        ),
    ] = MAX_WARM_UP_S,
    idle: Annotated[
        float,
        typer.Option(
            "--idle",
            min=0.0,
            max=86400.0,
            help="Seconds of idle power to measure before and again after the work.",
        ),
    ] = 5.0,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, help="Of the order in which interleaved variants take turns."
        ),
    ] = SEED,
    settle: Annotated[
        float,
        typer.Option(
            "--settle",
            min=0.0,
            max=3600.0,
            help="Seconds between two interleaved runs, up to three times that until the power has "
            "settled.",
        ),
    ] = SETTLE_S,
    label: str | None = common.LABEL,
    boundary: str = common.BOUNDARY,
    out: Path = common.OUT,
    collector: list[str] | None = common.COLLECTOR,
    root: Path = common.ROOT,
    replay: Path | None = common.REPLAY,
    json: bool = common.JSON,
) -> None:
    """Run and measure a workload: idle, warm-up, repeats with a check after each, idle again. Exit
    code 1 where a check failed.

    Several devices or variants take turns in blocks, in random order, and are compared as pairs. A
    study does so in each of its cells.
    """
    from energybench.model import WorkloadRef
    from energybench.plugins import load, registered

    known = registered("workloads")
    if workload not in known:
        raise BadInput(
            f"workload {workload!r}", "no such workload", f"have: {', '.join(known) or 'none'}"
        )
    sizes = load("workloads", workload).sizes
    if size not in sizes:
        raise BadInput(f"--size {size}", f"is no size of {workload}", ", ".join(sizes))
    settings, typed = own_settings(
        setting or [], {"steps": ("--steps", steps), "iou": ("--to-iou", to_iou)}
    )
    plan = Plan(
        store=out,
        label="",
        boundary=common.boundary(boundary),
        idle_s=idle,
        collectors=tuple(collector or ()),
        root=common.folder(root),
    )
    if study is not None or resume is not None:
        from energybench.cli import study as studies
        from energybench.measuring.study import Asked

        sources = {
            name: context.get_parameter_source(name)
            for name in ("size", "repeats", "min_window", "max_warm_up", "settle")
        }
        own = {
            name
            for name, source in sources.items()
            if source is not None and source.name != "DEFAULT"
        }
        planned = [f"--set {key}" for key in settings] + [
            f"--{name.replace('_', '-')}" for name in sorted(own & {"repeats", "min_window"})
        ]
        asked = Asked(
            workload=workload,
            study=study,
            device=studies.check(
                variant, device, replay, size if "size" in own else None, resume, planned
            ),
            settings=settings,
            repeats=count(repeats) if "repeats" in own else None,
            min_window_s=min_window if "min_window" in own else None,
            max_warm_up_s=max_warm_up if "max_warm_up" in own else studies.MAX_WARM_UP_S,
            resume=resume,
        )
        studies.run(
            asked, plan, Blocks(seed, settle if "settle" in own else studies.SETTLE_S), json
        )
    chosen = choices(device or ["cpu"], settings, variant or [])
    several = len(chosen) > 1
    made = []
    for one in chosen:
        plain = f"{workload} {one.words if several else one.device}"
        name = f"{label} {one.words}" if label and several else label or plain
        reference = WorkloadRef(
            name=workload, size=size, device=one.device, settings=dict(one.settings)
        )
        request = Request(
            workload,
            size,
            one.device,
            one.settings,
            count(repeats),
            target_rel,
            max_repeats,
            min_window,
            max_warm_up,
            {**typed, **one.typed},
        )
        made.append((plan._replace(label=name, workload=reference), request))
    if several:
        if replay is not None:
            raise BadInput("--replay", "is one recording", "one --device and at most one --variant")
        _together(made, Blocks(seed, settle), f"{label or workload}: {len(made)} variants", json)
    if replay is not None:
        common.say(f"energybench: replaying {replay}; {workload} is not run")
        directory, result, code = common.replayed(replay, made[0][0]._replace(label=label or ""))
    else:
        outcome, _ = execute(*made[0])
        directory, result, code = outcome.directory, outcome.measurement, outcome.code
    common.finish(directory, result, code, json, sys.stdout)


def _together(made: list[tuple[Plan, Request]], blocks: Blocks, title: str, json: bool) -> None:
    """Run variants interleaved, show them, and end."""
    from energybench.cli.variants import execute as execute_together
    from energybench.cli.variants import show

    together, _ = execute_together(made, blocks)
    show(title, together, json)


def execute(plan: Plan, request: Request) -> tuple[Outcome, bool]:
    """Run a workload; whether a signal came."""

    def alone(signals: Signals, update: Progress) -> Outcome:
        from energybench.measuring.workload import run_workload

        return run_workload(request, plan, signals, update)

    return common.watched(f"{plan.label}: ", alone)


def own_settings(
    given: Sequence[str], options: Mapping[str, tuple[str, str | None]]
) -> tuple[dict[str, str], dict[str, str]]:
    """What `--set` and the options that stand for settings say, and how each of the latter was
    typed. Raises BadInput for what is said twice.
    """
    settings, typed = pairs(given), {}
    for key, (option, value) in options.items():
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


def count(repeats: str) -> int | None:
    """A number of repeats, None for auto. Raises BadInput."""
    if repeats == "auto":
        return None
    if not repeats.isdigit() or int(repeats) < 1:
        raise BadInput(
            f"--repeats {repeats}", "is no number of repeats", "a whole number from 1, or auto"
        )
    return int(repeats)
