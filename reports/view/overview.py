"""Tables with a row for every result of a document: comparisons on one axis with their means, the
power of the nodes beside the limits of the power, and runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from energybench.analysis.comparison.means import means, no_mean
from energybench.model import (
    ARITHMETIC_MEAN,
    ENERGY_WEIGHTED_MEAN,
    GEOMETRIC_MEAN,
    TIME_X_ASSUMED_POWER,
    Comparison,
    Document,
    Estimate,
    Measurement,
    Projection,
)
from energybench_reports.view import comparison as words
from energybench_reports.view import measurement as runs
from energybench_reports.view.layout import Table, ratio_axis
from energybench_reports.view.node_power import node_power
from energybench_reports.view.wording import TableCell, Tone, counted, known, or_dash, plain, value

Names = Mapping[str, str]
# Relative difference up to which two means are equal. A quotient of means and a mean of quotients
# over the repeats differ a little.
_SAME = 0.02
_ENERGY_WEIGHTED = "energy-weighted mean"
_EQUAL_SHARES = "energy-weighted mean, equal node-hours"
MANY = 3  # number of rows above which a column of equal cells becomes a sentence
_GEOMETRIC = "The geometric mean is the mean for normalised scores."
_WEIGHTED = (
    "The energy-weighted mean is total energy over total energy, each application with the same "
    f"node-hours on the baseline: it alone gives the energy saved. {_GEOMETRIC}"
)
_OTHER_SHARES = (
    "The energy-weighted mean is total energy over total energy, here with the same node-hours on "
    "the baseline for each application. The projection of these comparisons has other shares: its "
    f"own energy-weighted mean gives the energy saved. {_GEOMETRIC}"
)


def overview(document: Document, names: Names) -> tuple[Table, ...]:
    """The tables of an overview; none for a document with one result to show.

    names  label of each measurement, by id
    """
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    tables = []
    if len(comparisons) > 1:
        projections: tuple[Projection, ...] = document.of(Projection)
        by_id = {m.id: m for m in measurements}
        tables.append(_comparisons(comparisons, by_id, projections))
        tables.append(node_power(document))
    compared = {run for pair in comparisons for run in (pair.baseline, pair.candidate)}
    others = [m for m in measurements if m.id not in compared]
    if len(others) > 1:
        tables.append(_runs(others, names))
    return tuple(table for table in tables if table.rows)


# ---------------------------------------------------------------- comparisons


def _comparisons(
    comparisons: Sequence[Comparison],
    measurements: Mapping[str, Measurement],
    projections: Sequence[Projection],
) -> Table:
    """A row for each comparison and each mean; energy ratios and speedups on one axis."""
    tones: list[Tone] = [words.tone_of(comparison) for comparison in comparisons]
    averages = _means(comparisons, projections)
    energies = [comparison.energy_ratio for comparison in comparisons]
    energies += [estimate for _, estimate in averages]
    speedups: list[Estimate | None] = [comparison.speedup for comparison in comparisons]
    speedups += [None] * len(averages)
    margins = {comparison.margin for comparison in comparisons}
    axis, marks = ratio_axis(
        "energy ratio above, speedup below (1: equal)",
        [*energies, *speedups],
        margins.pop() if len(margins) == 1 else 0.0,
        tones,
    )
    rows = [_row(comparison, measurements) for comparison in comparisons]
    weak = words.weaknesses(comparisons)
    rows += [_mean_row(name, estimate, weak) for name, estimate in averages]
    about = "Baseline / candidate: a value above 1 is in the candidate's favour. "
    head = ["comparison", "energy ratio", "speedup", "verdict", "time x nodes", "boundary"]
    boundaries = {comparison.boundary for comparison in comparisons}
    if len(comparisons) > MANY and len(boundaries) == 1:
        about = f"All {len(comparisons)} comparisons: boundary {boundaries.pop()}. {about}"
        head, rows = head[:-1], [row[:-1] for row in rows]
    reason = no_mean(comparisons)
    if reason:
        about += f"The ratios have no common mean, because {reason}."
    else:
        about += _OTHER_SHARES if _has_other_shares(comparisons, projections) else _WEIGHTED
    return Table(
        f"{counted(len(comparisons), 'comparison')} on one axis",
        tuple(head),
        tuple(rows),
        about,
        axis=axis,
        marks=marks[: len(energies)],
        second_marks=marks[len(energies) :],
    )


def _row(comparison: Comparison, measurements: Mapping[str, Measurement]) -> tuple[TableCell, ...]:
    energy = or_dash(comparison.energy_ratio)
    if words.assumed(comparison):
        energy = energy._replace(note=f"{energy.note}; {TIME_X_ASSUMED_POWER}", tone="warn")
    return (
        TableCell(" → ".join(words.pair(comparison))),
        energy,
        value(comparison.speedup),
        words.verdict_cell(comparison),
        words.node_time(comparison, measurements),
        TableCell(comparison.boundary),
    )


def _means(
    comparisons: Sequence[Comparison], projections: Sequence[Projection]
) -> list[tuple[str, Estimate]]:
    """The means with their names. If a projection of the same comparisons states a mean, the mean
    has the value and the interval of the projection, so that a page shows one value of a mean.
    """
    averages = means(comparisons)
    if averages is None:
        return []
    named = {"arithmetic mean": averages.arithmetic, "geometric mean": averages.geometric}
    if averages.energy_weighted is not None:
        other = _has_other_shares(comparisons, projections)
        named[_EQUAL_SHARES if other else _ENERGY_WEIGHTED] = averages.energy_weighted
    for projection in _of(comparisons, projections):
        stated = _means_of(projection)
        return [
            (name, stated[name] if name in stated and _same(stated[name], own) else own)
            for name, own in named.items()
        ]
    return list(named.items())


def _of(
    comparisons: Sequence[Comparison], projections: Sequence[Projection]
) -> Iterator[Projection]:
    """The projections of exactly the given comparisons."""
    pairs = {(comparison.baseline, comparison.candidate) for comparison in comparisons}
    return (projection for projection in projections if {*projection.comparisons} == pairs)


def _has_other_shares(comparisons: Sequence[Comparison], projections: Sequence[Projection]) -> bool:
    """Whether a projection of the comparisons weights the applications by unequal node-hours."""
    return any(len(_shares(projection)) > 1 for projection in _of(comparisons, projections))


def _shares(projection: Projection) -> set[float]:
    """The different shares of the applications in a mix."""
    return {
        entry.value.value
        for entry in projection.base_inputs
        if re.fullmatch(r"share_\d+", entry.name)
    }


def _same(stated: Estimate, own: Estimate) -> bool:
    """Whether two means are means of the same ratios. A projection may compute the ratios as
    R = S · P_b / P_c, and has a doubt (`ratio-inconsistent`) if R differs from the measured ratio.
    """
    return math.isclose(stated.value, own.value, rel_tol=_SAME)


def _means_of(projection: Projection) -> dict[str, Estimate]:
    """The means of a projection by name. The energy-weighted mean is included only if all
    applications have the same share, as in an overview.
    """
    lines = {line.name: line.value for line in projection.lines}
    names = {"arithmetic mean": ARITHMETIC_MEAN, "geometric mean": GEOMETRIC_MEAN}
    if len(_shares(projection)) == 1:
        names[_ENERGY_WEIGHTED] = ENERGY_WEIGHTED_MEAN
    return {words: lines[name] for words, name in names.items() if name in lines}


def _mean_row(name: str, estimate: Estimate, weak: str) -> tuple[TableCell, ...]:
    return (TableCell(name, weak), value(estimate), *(known(None) for _ in range(4)))


# ---------------------------------------------------------------- runs


def _name(measurement: Measurement, names: Names) -> TableCell:
    return TableCell(names[measurement.id], "; ".join(stamp.words for stamp in measurement.stamps))


def _runs(measurements: Sequence[Measurement], names: Names) -> Table:
    """A row for each run. If there are many runs, a column of equal cells becomes a sentence below
    the table, and stamps that all runs have stand in the title of the table.
    """
    unit = runs.common_unit(measurements)
    head = (
        "run",
        f"energy per {plain(unit) if unit else 'work'}",
        *("energy of a repeat", "mean power", "time", "boundary", "check"),
    )
    rows = [(_name(m, names), *runs.overview_row(m, unit)) for m in measurements]
    title = f"{counted(len(measurements), 'run')} without a comparison"
    alike: list[int] = []
    if len(rows) > MANY:
        stamps = {row[0].note for row in rows}
        if len(stamps) == 1 and stamps != {""}:
            title += f", each: {stamps.pop()}"
            rows = [(row[0]._replace(note=""), *row[1:]) for row in rows]
        alike = [place for place in range(1, len(head)) if len({row[place] for row in rows}) == 1]
    alike_words = [f"{head[place]} {rows[0][place].line}" for place in alike]
    shown = [place for place in range(len(head)) if place not in alike]
    return Table(
        title,
        tuple(head[place] for place in shown),
        tuple(tuple(row[place] for place in shown) for row in rows),
        (f"All {len(rows)} runs: {'; '.join(alike_words)}. " if alike_words else "")
        + "Gross energy; power is that of one node. For the ratio of two runs of the same work, "
        "with its interval: energybench compare BASELINE CANDIDATE.",
    )
