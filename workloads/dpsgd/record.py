"""The record of a run beside its energy: privacy, loss and accuracy."""

from __future__ import annotations

import math
from typing import NamedTuple

from energybench.model import Doubt, Progress, Said, Series, WorkRecord
from energybench_workloads.dpsgd import doubts, privacy, statement
from energybench_workloads.dpsgd.data import Examples
from energybench_workloads.dpsgd.privacy import Spent
from energybench_workloads.dpsgd.spec import Spec
from energybench_workloads.dpsgd.training import Trained
from energybench_workloads.trainings import grown, numbers


class Privacy(NamedTuple):
    """The privacy of a run, stated, in figures, and doubted."""

    statement: dict[str, Said]
    figures: dict[str, float]
    doubts: tuple[Doubt, ...]


def record(
    spec: Spec,
    trained: Trained,
    accuracy: float,
    work_per_step: float,
    progress: Progress | None,
    data: Examples,
) -> WorkRecord:
    """The record of the last run.

    accuracy       on the held-out examples, of the weights at the end
    work_per_step  amount of work of one step
    """
    private = _privacy(spec, trained.steps, data)
    losses = numbers(trained.losses)
    figures = {
        "steps of all runs" if spec.checkpoint else "steps": float(trained.steps),
        "examples of the last run": float(trained.examples),
        **private.figures,
        "held-out accuracy": accuracy,
    }
    if losses and losses[-1] is not None:
        figures["loss of the last step"] = losses[-1]
    return WorkRecord(
        title="Differentially private training" if spec.private else "Training without privacy",
        notes=statement.NOTES if spec.private else (),
        statement=private.statement,
        figures=figures,
        series=_series(trained, losses, work_per_step),
        progress=progress,
        doubts=(*private.doubts, *grown(trained.losses), *doubts.of_data(spec, data)),
    )


def _privacy(spec: Spec, steps: int, data: Examples) -> Privacy:
    """The privacy spent by `steps` steps."""
    if spec.noise is None:
        return Privacy(dict(statement.PLAIN), {}, ())
    guaranteed = spec.guaranteed(steps)
    rate, times = spec.exposures(guaranteed)
    spent = privacy.spent(rate, spec.noise, times, spec.delta)
    amplified = None
    if spec.sampling == "shuffle":
        amplified = privacy.spent(spec.rate, spec.noise, guaranteed, spec.delta)
    return Privacy(
        statement.statement(spec, spent, steps, data.digest),
        _privacy_figures(spec, spent),
        doubts.of_privacy(spec, spent, amplified),
    )


def _privacy_figures(spec: Spec, spent: Spent) -> dict[str, float]:
    """An infinite ε is not a figure, and an ε that PLD did not compute is not named after PLD."""
    epsilons = {"epsilon": spent.of(spec.accountant), "epsilon by RDP": spent.rdp}
    if spent.by_pld:
        epsilons["epsilon by PLD"] = spent.pld
    return {
        **{name: value for name, value in epsilons.items() if math.isfinite(value)},
        "delta": spent.delta,
        "noise multiplier": spent.noise,
        "sampling rate": spent.rate,
        "compositions": float(spent.times),
    }


def _series(
    trained: Trained, losses: tuple[float | None, ...], work_per_step: float
) -> tuple[Series, ...]:
    """The loss of every step, and the held-out accuracy if evaluated more than once."""
    loss = Series(
        name="loss",
        x=tuple(float(step) for step in range(1, trained.steps + 1)),
        y=losses,
        x_title="step",
        y_title="training loss (nat)",
        work_per_x=work_per_step,
    )
    if len(trained.scores) < 2:
        return (loss,)
    steps, scores = zip(*trained.scores, strict=True)
    title = "held-out accuracy"
    accuracy = Series(
        name=title, x=steps, y=scores, x_title="step", y_title=title, work_per_x=work_per_step
    )
    return loss, accuracy
