"""Trainings that went over several runs by a checkpoint: which steps were whose, and the energy of
all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.model import Estimate, Measurement, Progress
from energybench_reports.view.layout import Table
from energybench_reports.view.wording import NOT_MEASURED, Cell, plain, value

_HEAD = ("run", "from", "to", "energy of these, gross")
_ABOUT = (
    "Energy of a run's steps: their work at the run's own energy per work; rehearsals in its "
    "warm-up are not in it. "
    "Together: ends of the intervals added, as if all erred alike. "
    "What a repeat that was cut off had done is done again, and its energy is not in this sum; "
    "where it was saved already, it is a gap."
)


class Leg(NamedTuple):
    """One run's part of a training."""

    name: str
    progress: Progress
    energy_j: Estimate | None


def tables(measurements: Sequence[Measurement], names: Mapping[str, str]) -> tuple[Table, ...]:
    """One for each training of which a run began, or ended, in the middle."""
    found: dict[str, list[Leg]] = defaultdict(list)
    for m in measurements:
        if m.record is not None and m.record.progress is not None:
            found[m.record.progress.training].append(
                Leg(names[m.id], m.record.progress, _energy(m, m.record.progress))
            )
    return tuple(
        _table(sorted(legs, key=lambda leg: (leg.progress.first, leg.progress.last)))
        for legs in found.values()
    )


def _energy(m: Measurement, progress: Progress) -> Estimate | None:
    each, work = m.energy_per_work_j, progress.work_per_unit * (progress.last - progress.first)
    return (
        None
        if each is None
        else Estimate(value=each.value * work, low=each.low * work, high=each.high * work)
    )


def _table(legs: Sequence[Leg]) -> Table:
    unit = plain(legs[0].progress.unit)
    rows: list[tuple[Cell, ...]] = []
    at, whole, overlap = 0.0, True, False
    for leg in legs:
        first, last = leg.progress.first, leg.progress.last
        if first > at:
            whole = False
            rows.append(
                (
                    Cell("in no repeat given here", tone="muted"),
                    Cell(f"{at:g}"),
                    Cell(f"{first:g}"),
                    Cell(NOT_MEASURED),
                )
            )
        overlap = overlap or first < at
        rows.append(
            (Cell(leg.name), Cell(f"{first:g}"), Cell(f"{last:g}"), value(leg.energy_j, "J"))
        )
        at = max(at, last)
    rows.append(_together(legs, at, whole, overlap))
    return Table(
        f"The training's energy, over {unit}s",
        _HEAD,
        tuple(rows),
        _ABOUT,
        right=frozenset(_HEAD[1:3]),
    )


def _together(legs: Sequence[Leg], at: float, whole: bool, overlap: bool) -> tuple[Cell, ...]:
    energies = [leg.energy_j for leg in legs if leg.energy_j is not None]
    if overlap:
        return (
            Cell("together"),
            Cell(""),
            Cell(""),
            Cell("no sum: runs did the same steps", tone="warn"),
        )
    if len(energies) < len(legs):
        return (Cell("together"), Cell("0"), Cell(f"{at:g}"), Cell(NOT_MEASURED))
    total = Estimate(
        value=sum(e.value for e in energies),
        low=sum(e.low for e in energies),
        high=sum(e.high for e in energies),
    )
    if not whole:
        steps = sum(leg.progress.last - leg.progress.first for leg in legs)
        return (
            Cell(f"together, {steps:g} {plain(legs[0].progress.unit)}s of the runs given"),
            Cell(""),
            Cell(""),
            value(total, "J"),
        )
    return (
        Cell("together"),
        Cell(f"{legs[0].progress.first:g}"),
        Cell(f"{at:g}"),
        value(total, "J"),
    )
