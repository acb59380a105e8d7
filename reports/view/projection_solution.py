"""The solution of published claims in words: the quantities that a publication leaves open, and the
claims that need a quantity outside its plausible range.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import Solution, Unknown
from energybench.value_ranges import show_range, show_stated, show_within
from energybench_reports.view.layout import Table
from energybench_reports.view.wording import TableCell, plain

_AS_PRINTED = (
    "What lets a claim hold exactly as it is printed, without its rounding, together with the "
    "claims above."
)


def tables(solution: Solution, title: str, partly: Sequence[str]) -> tuple[Table, ...]:
    """Unknowns and lines in the solution, then the tensions.

    partly  names of claims that were tested over a part of their applications
    """
    rows = [_unknown(unknown) for unknown in solution.unknowns]
    rows += [
        (
            TableCell(plain(entry.label or entry.name), plain(entry.note)),
            TableCell(show_range(*entry.solution, plain(entry.unit))),
            _nearest(entry.best, entry.solution, entry.unit),
            TableCell("", tone="muted"),
            TableCell(plain(entry.formula), tone="code"),
        )
        for entry in solution.implied
    ]
    about = f"These claims hold together: {plain('; '.join(solution.holds))}."
    if not solution.holds:
        about = "No claim decides the values of the open quantities."
    if of_a_part := [name for name in solution.holds if name in partly]:
        about += f" Tested over a part of the applications: {plain('; '.join(of_a_part))}."
    if solution.fails:
        about += (
            " No values in the plausible ranges satisfy "
            f"{'together with them' if solution.holds else 'these'}: "
            f"{plain('; '.join(solution.fails))}."
        )
    if solution.contested:
        about += (
            " Each of these holds alone, but not together with all others of them, and nothing "
            f"decides which of them hold: {plain('; '.join(solution.contested))}."
        )
    tensions = tuple(
        (TableCell(plain(tension.claim)), TableCell(plain(tension.why)))
        for tension in solution.tensions
    )
    head = ("quantity", "over all solutions", "nearest to likely values", "plausible", "source")
    return (
        Table(title, head, tuple(rows), about),
        Table(f"Tensions of {title}", ("claim", "needs one of"), tensions, _AS_PRINTED),
    )


def _unknown(unknown: Unknown) -> tuple[TableCell, ...]:
    name = plain(f"{unknown.label}, {unknown.of}" if unknown.of else unknown.label)
    best, reach = TableCell("open", tone="warn"), TableCell("none", tone="warn")
    if unknown.best is not None and unknown.solution is not None:
        share = ""
        if unknown.whole:
            low, high = (100 * end / unknown.whole for end in unknown.solution)
            share = f"{show_range(low, high, '%')} of {plain(unknown.whole_label)}"
        best = _nearest(unknown.best, unknown.solution, unknown.unit)
        reach = TableCell(show_range(*unknown.solution, plain(unknown.unit)), share)
    return (
        TableCell(plain(name)),
        reach,
        best,
        TableCell(show_stated(*unknown.plausible, plain(unknown.unit))),
        TableCell(_source(unknown)),
    )


def _source(unknown: Unknown) -> str:
    """How the plausible range is known, and its source."""
    source = plain(unknown.source)
    return source if unknown.evidence == "unstated" else f"{unknown.evidence}: {source}"


def _nearest(best: float, reach: tuple[float, float], unit: str) -> TableCell:
    """The value in the solution that is nearest to the likely values; a value that the claims fix
    is all there is.
    """
    value = show_within(best, *reach, plain(unit))
    if show_range(*reach, plain(unit)) == value:
        return TableCell("the same", tone="muted")
    return TableCell(value)
