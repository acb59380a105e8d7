"""The solution of published claims in words: the quantities that a publication leaves open, and the
claims that need a quantity outside its plausible range.
"""

from __future__ import annotations

from energybench.model import Solution, Unknown
from energybench.units import show_figure, show_value
from energybench_reports.view.layout import Table
from energybench_reports.view.wording import TableCell, plain

_DIGITS = 3


def tables(solution: Solution, title: str) -> tuple[Table, ...]:
    """Unknowns and lines in the solution, then the tensions."""
    rows = [_unknown(unknown) for unknown in solution.unknowns]
    rows += [
        (
            TableCell(plain(entry.label or entry.name), plain(entry.note)),
            TableCell(_number(entry.best, entry.unit)),
            TableCell(_span(entry.solution, entry.unit)),
            TableCell("", tone="muted"),
            TableCell(plain(entry.formula), tone="code"),
        )
        for entry in solution.implied
    ]
    about = f"These claims hold together: {plain('; '.join(solution.holds))}."
    if not solution.holds:
        about = "No claim holds with values in the plausible ranges."
    if solution.fails:
        about += (
            " No values in the plausible ranges satisfy "
            f"{'together with them' if solution.holds else 'these'}: "
            f"{plain('; '.join(solution.fails))}."
        )
    tensions = tuple(
        (TableCell(plain(tension.claim)), TableCell(plain(tension.why)))
        for tension in solution.tensions
    )
    head = ("quantity", "in the solution", "range of all solutions", "plausible", "source")
    return (
        Table(title, head, tuple(rows), about),
        Table(f"Tensions of {title}", ("claim", "needs one of"), tensions),
    )


def _unknown(unknown: Unknown) -> tuple[TableCell, ...]:
    name = plain(f"{unknown.label}, {unknown.of}" if unknown.of else unknown.label)
    best, reach = TableCell("open", tone="warn"), TableCell("none", tone="warn")
    if unknown.best is not None and unknown.solution is not None:
        share = ""
        if unknown.whole:
            share = f"{100 * unknown.best / unknown.whole:.0f} % of {plain(unknown.whole_label)}"
        best = TableCell(_number(unknown.best, unknown.unit), share)
        reach = TableCell(_span(unknown.solution, unknown.unit))
    return (
        TableCell(plain(name)),
        best,
        reach,
        TableCell(
            f"{show_figure(unknown.plausible[0])} to "
            f"{show_figure(unknown.plausible[1], plain(unknown.unit))}"
        ),
        TableCell(plain(unknown.source)),
    )


def _number(x: float, unit: str) -> str:
    return show_value(x, plain(unit), _DIGITS)


def _span(ends: tuple[float, float], unit: str) -> str:
    """'846 to 1 490 W', without a prefix of the unit."""
    low, high = (show_value(end, "", _DIGITS) for end in ends)
    return f"{low} to {high} {plain(unit)}".strip()
