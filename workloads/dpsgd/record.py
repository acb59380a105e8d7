"""What a run says of itself beside its energy: its privacy, its loss and its accuracy."""

from __future__ import annotations

import math

from energybench.model import Doubt, Progress, Said, Series, WorkRecord
from energybench_workloads.dpsgd import privacy, statement
from energybench_workloads.dpsgd.data import Examples
from energybench_workloads.dpsgd.spec import Spec
from energybench_workloads.dpsgd.training import Trained
from energybench_workloads.trainings import grown, numbers


def record(
    spec: Spec,
    trained: Trained,
    accuracy: float,
    work_per_step: float,
    progress: Progress | None,
    held: Examples,
) -> WorkRecord:
    """Of the last run.

    `accuracy`: held-out, of the weights as they are. `work_per_step`: the work's amount that a step
    stands for.
    """
    said: dict[str, Said] = dict(statement.PLAIN)
    figures = {
        "steps of all runs" if spec.checkpoint else "steps": float(trained.steps),
        "examples of the last run": float(trained.examples),
    }
    doubts: tuple[Doubt, ...] = ()
    if spec.noise is not None:
        guaranteed = spec.guaranteed(trained.steps)
        spent = privacy.spent(*_composed(spec, guaranteed))
        amplified = (
            privacy.spent(spec.rate, spec.noise, guaranteed, spec.delta)
            if spec.sampling == "shuffle"
            else None
        )
        said = statement.statement(spec, spent, trained.steps, held.digest)
        doubts = statement.doubts(spec, spent, amplified)
        figures |= (
            {"epsilon": spent.of(spec.accountant)}
            if math.isfinite(spent.of(spec.accountant))
            else {}
        )
        by = {"epsilon by RDP": spent.rdp} | ({"epsilon by PLD": spent.pld} if spent.by_pld else {})
        figures |= {name: value for name, value in by.items() if math.isfinite(value)}
        figures |= {
            "delta": spent.delta,
            "noise multiplier": spent.noise,
            "sampling rate": spent.rate,
            "compositions": float(spent.times),
        }
    figures["held-out accuracy"] = accuracy
    losses = numbers(trained.losses)
    if losses and losses[-1] is not None:
        figures["loss of the last step"] = losses[-1]
    steps = tuple(float(step) for step in range(1, trained.steps + 1))
    series = [
        Series(
            name="loss",
            x=steps,
            y=losses,
            x_title="step",
            y_title="training loss (nat)",
            work_per_x=work_per_step,
        )
    ]
    if len(trained.scores) > 1:
        at, scores = zip(*trained.scores, strict=True)
        title = "held-out accuracy"
        series.append(
            Series(
                name=title, x=at, y=scores, x_title="step", y_title=title, work_per_x=work_per_step
            )
        )
    return WorkRecord(
        title="Differentially private training" if spec.private else "Training without privacy",
        notes=statement.NOTES if spec.private else (),
        statement=said,
        figures=figures,
        series=tuple(series),
        progress=progress,
        doubts=(*doubts, *grown(trained.losses), *statement.of_data(spec, held)),
    )


def _composed(spec: Spec, steps: int) -> tuple[float, float, int, float]:
    """(sampling rate, noise, compositions, δ) of so many steps."""
    rate, times = spec.exposures(steps)
    assert spec.noise is not None  # asked of private runs only
    return rate, spec.noise, times, spec.delta
