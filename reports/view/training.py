"""Trainings that continue over several runs by checkpoints: the steps and the energy of every run,
and the energy of the whole training.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.model import Estimate, Measurement, Progress
from energybench_reports.view import statement_facts as facts
from energybench_reports.view.layout import Table
from energybench_reports.view.wording import NOT_MEASURED, TableCell, counted, plain, value

_HEAD = ("run", "from", "to", "gross energy")
_ABOUT = (
    "Energy of a run: the work of its steps x the energy per work of that run, without the steps "
    "of its warm-up. Together: the ends of the intervals are added, as if all runs had the same "
    "relative error. A repeat that was cut off is done again, and the energy of the first attempt "
    "is not in this sum; if its steps had already been saved, they are a gap in the table."
)

_AI_ACT = (
    "Regulation (EU) 2024/1689 (AI Act), Annex XI, section 1, point 2 (e), asks for the known or "
    "estimated energy consumption of a general-purpose model. Whether these runs are the whole "
    "training of such a model is the provider's statement."
)
_OTHER_WORK = "attempts that were given up, search for settings, preparation of data"


class Leg(NamedTuple):
    """The part of a run in a training."""

    name: str
    progress: Progress
    energy_j: Estimate | None


class _Coverage(NamedTuple):
    """Coverage of the training by runs: last step, skipped steps, steps done twice."""

    last: float
    gap: bool
    overlap: bool


def tables(measurements: Sequence[Measurement], names: Mapping[str, str]) -> tuple[Table, ...]:
    """A table for every training that was continued, or left unfinished, by a run."""
    trainings: dict[str, list[Leg]] = defaultdict(list)
    runs: dict[str, list[Measurement]] = defaultdict(list)
    for m in measurements:
        if m.record is not None and m.record.progress is not None:
            progress = m.record.progress
            trainings[progress.training].append(Leg(names[m.id], progress, _energy(m, progress)))
            runs[progress.training].append(m)
    new: list[Table] = []
    for name, legs in trainings.items():
        table = _table(sorted(legs, key=lambda leg: (leg.progress.first, leg.progress.last)))
        new += [table, _for_documentation(table, runs[name])]
    return tuple(new)


def _for_documentation(table: Table, runs: Sequence[Measurement]) -> Table:
    """What the documentation of a model says about the energy of its training, and how the energy
    is known.
    """
    total = table.rows[-1]
    figure = total[-1]
    # the whole training; if a gap lies between the runs, their own steps; if none fits, nothing
    over = total[0].text.partition(", ")[2] or "not known"
    if total[2].text:
        over = f"{table.title.rpartition('over ')[2]} {total[1].text} to {total[2].text}"
    boundaries = dict.fromkeys(run.boundary.name for run in runs)
    omitted = [facts.left_out(name)[0] for name in boundaries]
    nodes = sorted({run.nodes for run in runs})
    rows = (
        ("energy of the training", figure),
        ("over", TableCell(over)),
        ("known or estimated", TableCell(f"{_known(runs)}: {facts.named_quality(runs)}")),
        (
            "how",
            TableCell(
                f"read by {facts.meters(runs) or 'no sensor'}; {facts.accuracy(runs)}; boundary "
                f"{'; '.join(facts.boundary_words(name) for name in boundaries)}; "
                f"{counted(len(runs), 'run')} on {' or '.join(map(str, nodes))} "
                f"node{'s' if nodes != [1] else ''}, {facts.dates(runs) or 'date not known'}"
            ),
        ),
        ("left out", TableCell("; ".join((*omitted, facts.ALWAYS_LEFT_OUT, _OTHER_WORK)))),
    )
    return Table(
        "The energy of the training, for the documentation of a model",
        ("question", "answer"),
        tuple((TableCell(question), answer) for question, answer in rows),
        _AI_ACT,
    )


def _known(runs: Sequence[Measurement]) -> str:
    """Whether the energy of all runs is known by measurement, or estimated."""
    qualities = {run.quality for run in runs}
    if qualities == {"measured"}:
        return "known"
    if None in qualities:
        return "not known for every run"
    return "estimated" if qualities == {"estimated"} else "partly known, partly estimated"


def _energy(measurement: Measurement, progress: Progress) -> Estimate | None:
    per_work = measurement.energy_per_work_j
    if per_work is None:
        return None
    work = progress.work_per_unit * (progress.last - progress.first)
    return Estimate(value=per_work.value * work, low=per_work.low * work, high=per_work.high * work)


def _table(legs: Sequence[Leg]) -> Table:
    """A row for every run and for every gap between runs, and the sum."""
    rows: list[tuple[TableCell, ...]] = []
    at, gap, overlap = 0.0, False, False
    for leg in legs:
        first, last = leg.progress.first, leg.progress.last
        if first > at:
            gap = True
            missing = TableCell("not in a run of this report", tone="muted")
            rows.append(
                (missing, TableCell(f"{at:g}"), TableCell(f"{first:g}"), TableCell(NOT_MEASURED))
            )
        overlap = overlap or first < at
        rows.append(
            (
                TableCell(leg.name),
                TableCell(f"{first:g}"),
                TableCell(f"{last:g}"),
                value(leg.energy_j, "J"),
            )
        )
        at = max(at, last)
    rows.append(_sum(legs, _Coverage(at, gap, overlap)))
    unit = plain(legs[0].progress.unit)
    title = f"The training's energy, over {unit}s"
    return Table(title, _HEAD, tuple(rows), _ABOUT, right=frozenset(_HEAD[1:3]))


def _sum(legs: Sequence[Leg], coverage: _Coverage) -> tuple[TableCell, ...]:
    energies = [leg.energy_j for leg in legs if leg.energy_j is not None]
    if coverage.overlap:
        reason = TableCell("no sum: several runs did the same steps", tone="warn")
        return TableCell("together"), TableCell(""), TableCell(""), reason
    if len(energies) < len(legs):
        return (
            TableCell("together"),
            TableCell("0"),
            TableCell(f"{coverage.last:g}"),
            TableCell(NOT_MEASURED),
        )
    total = Estimate(
        value=sum(energy.value for energy in energies),
        low=sum(energy.low for energy in energies),
        high=sum(energy.high for energy in energies),
    )
    if coverage.gap:
        steps = sum(leg.progress.last - leg.progress.first for leg in legs)
        title = f"together, {steps:g} {plain(legs[0].progress.unit)}s of the runs in this report"
        return TableCell(title), TableCell(""), TableCell(""), value(total, "J")
    first = legs[0].progress.first
    return (
        TableCell("together"),
        TableCell(f"{first:g}"),
        TableCell(f"{coverage.last:g}"),
        value(total, "J"),
    )
