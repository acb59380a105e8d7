"""The uncertainty budget as an instruction: the effects that widen an interval most, and their
remedies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.analysis.uncertainty.budget import Contribution, budget, words
from energybench.model import Comparison, Estimate, Measurement
from energybench.units import show, show_value
from energybench_reports.view.comparison import MEASURED_TITLE, pair, runs_of
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import TableCell, percent, plain, signed

# A reader acts on one or two lines; all effects stand in the section Uncertainty budgets.
LINES = 6
HEAD = ("effect", "u", "share of the variance", "without it", "what would shrink it")
_NAMES = {
    "normal": "normal",
    "student": "Student t",
    "rectangular": "rectangular",
    "bound": "one-sided bound",
}


def section(
    measurements: Sequence[Measurement], comparisons: Sequence[Comparison], names: Mapping[str, str]
) -> Section:
    """A table for each comparison and each measurement; a brief format shows its first line."""
    tables: list[Table] = []
    brief: list[str] = []
    without_shares = False
    for title, estimate, unit, runs in _values(measurements, comparisons, names):
        lines = budget(estimate, LINES, ratio=not unit, runs=runs)
        if lines:
            tables.append(_table(title, estimate, unit, lines))
            without_shares |= any(
                line.share is None and line.distribution != "bound" for line in lines
            )
            brief.append(f"{title}: {plain(words(lines[0], estimate, unit))}")
    about = (
        'Each line is one effect, or the same kind of effect on several devices. "Without it" is '
        "the half-width of the interval recombined without the effect: the most that a perfect "
        "remedy could gain. A bound is not a probability and has no share of the variance."
    )
    if without_shares:
        about += (
            " With few repeats no line has a share: the interval of their scatter is much wider "
            "than its u."
        )
    return Section(
        "shrink", "What would shrink this interval most", about, tuple(tables), brief=tuple(brief)
    )


def _values(
    measurements: Sequence[Measurement], comparisons: Sequence[Comparison], names: Mapping[str, str]
) -> list[tuple[str, Estimate, str, tuple[Measurement, ...]]]:
    """(title, value, unit, known runs behind it) of each value with an interval; a ratio has no
    unit.
    """
    ratios = [
        (
            f"{' → '.join(pair(comparison))}: {plain(comparison.title) or MEASURED_TITLE}",
            comparison.energy_ratio,
            "",
            runs_of(comparison, measurements),
        )
        for comparison in comparisons
        if comparison.energy_ratio is not None
    ]
    return ratios + [
        (f"{names[m.id]}: energy, gross", m.energy_j, "J", (m,))
        for m in measurements
        if m.energy_j is not None
    ]


def _table(title: str, estimate: Estimate, unit: str, lines: Sequence[Contribution]) -> Table:
    now = show_value(estimate.half_width, unit)
    if estimate.value:
        now += f" ({percent(estimate.half_width / abs(estimate.value))})"
    return Table(
        title,
        HEAD,
        tuple(_row(line, estimate, unit) for line in lines),
        f"{show(estimate, unit)}, half-width now ±{now}.",
        right=frozenset(("u", "without it")),
    )


def _uncertainty(line: Contribution, unit: str) -> TableCell:
    """The standard uncertainty, with a sign only for a bound, which lies on one side."""
    u = signed(line.u, unit) if line.distribution == "bound" else show_value(abs(line.u), unit)
    return TableCell(u, percent(abs(line.u_rel)) if line.u_rel is not None else "")


def _row(line: Contribution, estimate: Estimate, unit: str) -> tuple[TableCell, ...]:
    distribution = _NAMES[line.distribution]
    if line.devices > 1:
        distribution += f", {line.devices} together"
    share = TableCell("–", tone="muted")
    if line.distribution == "bound":
        share = TableCell("a bound", tone="muted")
    elif line.share is not None:
        share = TableCell(percent(line.share), bar=min(line.share, 1.0))
    width = line.half_width_without
    return (
        TableCell(plain(line.effect), distribution),
        _uncertainty(line, unit),
        share,
        TableCell(
            f"±{show_value(width, unit)}",
            percent(width / abs(estimate.value)) if estimate.value else "",
        ),
        TableCell(line.remedy, tone="prose") if line.remedy else TableCell("–", tone="muted"),
    )
