"""`energybench run WORKLOAD --study NAME`: a grid of cells, each with its variants compared; cut
off, it is gone on with.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from energybench.cli import common
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.measuring.plan import Blocks, Plan, Progress
    from energybench.measuring.signals import Signals
    from energybench.measuring.study import Asked, Ended
    from energybench.model import StudyCell, StudyPlan

MAX_WARM_UP_S, SETTLE_S = (
    2.0,
    0.0,
)  # in place of a run's own: a grid has many cells, and what drifts is cancelled by the pairs

_RUN_S, _REPEAT_S = (
    4.0,
    0.5,
)  # beside the work itself: set-up, compilation, warm-up, memory; edges and check of a repeat


def run(asked: Asked, plan: Plan, blocks: Blocks, json: bool) -> NoReturn:
    """Run the study, show it, and end with its exit code."""

    def measured(signals: Signals, update: Progress) -> Ended:
        from energybench.measuring.study import run_study

        return run_study(asked, plan, blocks, signals, update, _Told())

    ended, _ = common.watched("", measured)
    study = ended.study
    if json:
        common.print_json(study)
    else:
        from energybench.plugins import load
        from energybench.store.document import document

        sys.stdout.buffer.write(
            load("reports", "terminal").render(document(study.label, [study], []))
        )
    if ended.kept:
        common.say(
            f"  {ended.kept} of {len(study.cells)} cells were there already, from "
            f"{study.created_utc}; another --out measures them anew"
        )
    if not study.complete:
        common.say(
            f"  {len(study.cells)} of {len(study.plan.cells)} cells; go on with: energybench run "
            f"{asked.workload} --resume {ended.directory}"
        )
    common.say(
        f"  written to {ended.directory}   (energybench report {ended.directory} --format html "
        "--out study.html)"
    )
    raise typer.Exit(ended.code)


class _Told:
    """Lines for the person: how much there is to do, and each cell as it is done."""

    def planned(self, plan: StudyPlan, kept: int, directory: Path) -> None:
        runs = sum(len(cell.variants) for cell in plan.cells)
        about_s = (
            runs
            * (1 - kept / max(len(plan.cells), 1))
            * (_RUN_S + plan.repeats * (_REPEAT_S + plan.min_window_s))
        )
        left = f"; {kept} cells are there" if kept else ""
        common.say(
            f"energybench: {plan.title}: {len(plan.cells)} cells, {runs} runs, about "
            f"{_lasts(about_s)} on a quiet machine{left}"
        )
        common.say(f"  index: {directory}")
        for absent in plan.absent:
            common.say(
                f"  not here: {absent.variant}"
                + (f" ({absent.where})" if absent.where else "")
                + f": {absent.reason}"
            )

    def cell(self, number: int, of: int, done: StudyCell) -> None:
        from energybench.units import show

        ratios = {ratio.variant: ratio for ratio in done.ratios}
        said = [
            f"{run.variant} {show(ratios[run.variant].speedup)}x"
            if run.variant in ratios
            else f"{run.variant} {run.state.replace('-', ' ')}"
            for run in done.runs[1:]
            if run.variant in ratios or run.state != "measured"
        ]
        first = done.runs[0]
        head = (
            f"{first.variant} {show(first.time_s, 's')}"
            if first.time_s is not None
            else f"{first.variant} {first.state.replace('-', ' ')}"
        )
        common.say(f"  {number} of {of}  {done.cell.key}: {'; '.join([head, *said])}")


def _lasts(seconds: float) -> str:
    return (
        f"{seconds / 60:.0f} min"
        if 90 <= seconds < 7200
        else f"{seconds / 3600:.1f} h"
        if seconds >= 7200
        else f"{seconds:.0f} s"
    )


def check(
    variant: list[str] | None,
    device: list[str] | None,
    replay: Path | None,
    size: str | None,
    resume: Path | None,
    planned: Sequence[str],
) -> str:
    """The one device of a study.

    Raises BadInput for options that a study has no use for; `planned`: those that made the plan of
    one that is gone on with.
    """
    useless = (
        ("--variant", variant, "a study has its own variants", "leave it out"),
        ("--replay", replay, "a study is no recording", "leave it out"),
        (
            f"--size {size}",
            size,
            "a study has its own sizes",
            "leave it out; --set narrows and widens the grid",
        ),
        (
            ", ".join(planned),
            resume is not None and planned,
            f"the plan of {resume} stands",
            "leave it out, or begin another study",
        ),
    )
    for option, given, why, remedy in useless:
        if given:
            raise BadInput(option, why, remedy)
    devices = device or ["cpu"]
    if len(devices) > 1:
        raise BadInput(
            " ".join(f"--device {name}" for name in devices),
            "a study is of one device",
            "one study a device",
        )
    return devices[0]
