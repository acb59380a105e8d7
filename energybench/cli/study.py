"""`energybench study WORKLOAD NAME`: a grid of cells with compared variants. An interrupted study
can be resumed.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, options
from energybench.cli.run import check_workload
from energybench.cli.variants import pairs
from energybench.errors import BadInput
from energybench.measuring.plan import SEED, Blocks, Plan
from energybench.units import counted

if TYPE_CHECKING:
    from energybench.measuring.plan import Progress
    from energybench.measuring.signals import Signals
    from energybench.measuring.study import Ended
    from energybench.model import StudyCell, StudyPlan

# shorter than in `run`: a grid has many cells, and the pairs cancel drift
MAX_WARM_UP_S, SETTLE_S = 2.0, 0.0

# for the estimate of a study's duration, beside the work: s of a variant for set-up, compilation,
# warm-up and memory; s of a repeat for edges and check
_VARIANT_S, _REPEAT_S = 4.0, 0.5


def study(
    workload: options.WorkloadName,
    name: Annotated[
        str | None,
        typer.Argument(
            help="One of the workload's studies: see `energybench list studies`. --resume does not "
            "need it."
        ),
    ] = None,
    device: options.StudyDevice = None,
    setting: options.Setting = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", help="Directory of a study that was cut off: measure the cells it lacks."
        ),
    ] = None,
    repeats: options.StudyRepeats = None,
    min_window: options.StudyMinWindow = None,
    max_warm_up: options.MaxWarmUp = MAX_WARM_UP_S,
    idle: options.StudyIdle = 5.0,
    seed: options.OrderSeed = SEED,
    settle: options.Settle = SETTLE_S,
    boundary: options.Boundary = "compute",
    out: options.StudyOut = options.STORE,
    collector: options.Collector = None,
    root: options.Root = Path("/"),
    json: options.Json = False,
) -> None:
    """Measure a workload over a grid of sizes and variants.

    In each cell of the grid the variants take turns in blocks of random order and are compared pair
    by pair. --set narrows or widens the grid with lists: --set batch=8,16. Exit code 1 if a check
    or a cell failed.

    The same command, or --resume, goes on with a study that was cut off.
    """
    from energybench.cluster.job_states import JobStates
    from energybench.measuring.study import StudyRequest, run_study

    # options
    check_workload(workload)
    settings = pairs(setting or [])
    if name is None and resume is None:
        raise BadInput(f"study {workload}", "does not name a study", _offered(workload))
    if resume is not None:
        _check_unplanned(resume, settings, repeats, min_window)
    request = StudyRequest(
        workload=workload,
        study=name,
        device=_one_device(device or ["cpu"]),
        settings=settings,
        repeats=options.repeat_count(repeats) if repeats is not None else None,
        min_window_s=min_window,
        max_warm_up_s=max_warm_up,
        resume=resume,
        job_state=JobStates(),
    )
    plan = Plan(
        store=out,
        label="",
        boundary=common.boundary(boundary),
        idle_s=idle,
        collectors=tuple(collector or ()),
        root=common.folder(root),
    )

    def measured(signals: Signals, update: Progress) -> Ended:
        blocks = Blocks(seed=seed, settle_s=settle)
        return run_study(request, plan, blocks, signals, update, _Lines())

    # measure and show
    ended, _ = common.watched("", measured)
    _show(ended, workload, json)
    raise typer.Exit(ended.code)


def _offered(workload: str) -> str:
    """The workload's studies, as a remedy."""
    from energybench.plugins import OffersStudies
    from energybench.registry import load

    plugin = load("workloads", workload)
    names = list(plugin.studies) if isinstance(plugin, OffersStudies) else []
    if not names:
        return f"{workload} does not offer any"
    return f"have: {', '.join(names)}; `energybench list studies` shows their questions"


def _check_unplanned(
    resume: Path, settings: dict[str, str], repeats: str | None, min_window: float | None
) -> None:
    """Raises BadInput for options that shape a plan, because the plan of a resumed study stands."""
    shaping = [f"--set {key}" for key in settings]
    shaping += ["--min-window"] if min_window is not None else []
    shaping += ["--repeats"] if repeats is not None else []
    if shaping:
        raise BadInput(
            ", ".join(shaping),
            f"the plan of {resume} stands",
            "leave it out, or begin another study",
        )


def _one_device(devices: list[str]) -> str:
    if len(devices) > 1:
        raise BadInput(
            " ".join(f"--device {name}" for name in devices),
            "a study runs on one device",
            "one study for each device",
        )
    return devices[0]


def _show(ended: Ended, workload: str, json: bool) -> None:
    """The study as a JSON document or as text, then the commands for resuming and rendering."""
    study, directory = ended.study, ended.directory
    if json:
        common.print_json(study)
    else:
        from energybench.registry import load
        from energybench.store.document import document

        rendered = load("reports", "terminal").render(document(study.label, [study], []))
        print(rendered.decode("utf-8"), end="")
    if ended.kept:
        common.say(
            f"  {ended.kept} of {counted(len(study.cells), 'cell')} were measured before, from "
            f"{study.created_utc}; another --out measures them again"
        )
    if not study.complete:
        common.say(
            f"  {len(study.cells)} of {counted(len(study.plan.cells), 'cell')}; go on with: "
            "energybench study "
            f"{workload} --resume {directory}"
        )
    common.say(
        f"  written to {directory}   "
        f"(energybench report {shlex.quote(str(directory))} --format html --out study.html)"
    )


class _Lines:
    """Lines on stderr: the amount of work ahead, and the result of every cell."""

    def planned(self, plan: StudyPlan, kept: int, directory: Path) -> None:
        runs = sum(len(cell.variants) for cell in plan.cells)
        left = 1 - kept / max(len(plan.cells), 1)
        variant_s = _VARIANT_S + plan.repeats * (_REPEAT_S + plan.min_window_s)
        already = f"; {kept} cells are measured already" if kept else ""
        common.say(
            f"energybench: {plan.title}: {counted(len(plan.cells), 'cell')}, "
            f"{counted(runs, 'run')}, about "
            f"{_duration(runs * left * variant_s)} on a quiet machine{already}"
        )
        common.say(f"  index: {directory}")
        for absent in plan.absent:
            where = f" ({absent.where})" if absent.where else ""
            common.say(f"  not here: {absent.variant}{where}: {absent.reason}")

    def cell(self, number: int, of: int, done: StudyCell) -> None:
        from energybench.units import show

        first, *rest = done.runs
        if first.time_s is not None:
            words = [f"{first.variant} {show(first.time_s, 's')}"]
        else:
            words = [f"{first.variant} {first.state.replace('-', ' ')}"]
        ratios = {ratio.variant: ratio for ratio in done.ratios}
        for run in rest:
            if run.variant in ratios:
                words.append(f"{run.variant} {show(ratios[run.variant].speedup)}x")
            elif run.state != "measured":
                words.append(f"{run.variant} {run.state.replace('-', ' ')}")
        common.say(f"  {number} of {of}  {done.cell.key}: {'; '.join(words)}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
