"""The unknowns that a published figure forces out of their plausible ranges, and the values of the
unknowns that the figure would need.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from energybench.analysis.arrays import Floats
from energybench.model import Tension
from energybench.projecting.claim_system import ClaimSystem, Figure
from energybench.projecting.scenario import ScenarioUnknown
from energybench.units import WHOLE, show_figure, show_value
from energybench.value_ranges import show_range

_DIGITS = 3


class Sought(NamedTuple):
    """An unknown of a claim.

    variable, relation  name of the variable, and number of the relation that is the variable
    of                  application to which the unknown belongs; "" for all applications
    whole, whole_label  value of which the unknown is shown as a share, and words for the value
    """

    variable: str
    relation: int
    unknown: ScenarioUnknown
    of: str
    whole: float | None
    whole_label: str


def of_claim(
    system: ClaimSystem,
    kept: Sequence[Figure],
    figure: Figure,
    points: Floats,
    best: Floats,
    sought: Sequence[Sought],
) -> Iterable[Tension]:
    """A tension for every unknown that makes the figure hold with the kept figures if only this
    unknown leaves its plausible range, or, of whole things, is not a whole number. The figure
    counts as published, without rounding; with its rounding if only a rounded figure has whole
    numbers.

    points  points at which the kept figures hold
    best    the point of the solution
    """
    for one in sought:
        for wide in _freed(system, one):
            if (needed := _needed(wide, kept, figure, points, one)) is None:
                continue
            nearest = None
            # the middle of a range would be no reason for a figure
            likely = all(other is one or other.unknown.likely is not None for other in sought)
            if (kept or likely) and not _is_fractional(one, needed):
                nearest = _nearest(wide, figure, best, one)
            yield Tension(
                claim=figure.name,
                unknown=one.unknown.name,
                label=one.unknown.label,
                unit=one.unknown.unit,
                of=one.of,
                plausible=(one.unknown.low, one.unknown.high),
                needed=needed,
                nearest=nearest,
                whole=one.whole,
                whole_label=one.whole_label,
                why=_words(one, needed, nearest),
            )
            break


def _freed(system: ClaimSystem, one: Sought) -> Iterator[ClaimSystem]:
    """The system with the unknown beyond its plausible range; of whole things then between whole
    numbers, inside the range and beyond.
    """
    wide = system.widened(one.variable)
    yield wide
    if one.unknown.unit in WHOLE:
        yield system.fractional(one.variable)
        yield wide.fractional(one.variable)


def _needed(
    wide: ClaimSystem, kept: Sequence[Figure], figure: Figure, points: Floats, one: Sought
) -> tuple[float, float] | None:
    """The range of the unknown with which the figures hold; None if they do not."""
    whole = one.unknown.unit in WHOLE
    for published in (figure, figure.exact) if whole else (figure.exact,):
        together = (*kept, published)
        wide_points = wide.points(together, points)
        if len(wide_points):
            return wide.extents(together, wide_points, [one.relation])[0]
    return None


def _is_fractional(one: Sought, needed: tuple[float, float]) -> bool:
    """Whether a number of whole things would have to lie between two whole numbers."""
    return one.unknown.unit in WHOLE and math.floor(needed[1]) < math.ceil(needed[0])


def _nearest(wide: ClaimSystem, figure: Figure, best: Floats, one: Sought) -> float | None:
    """The needed value that is nearest to the plausible range, with all further unknowns as in the
    solution; None if the figure holds at no value.
    """
    alone = wide.fixed(best, one.variable)
    figure_points = alone.points((figure.exact,))
    if not len(figure_points):
        return None
    (reach,) = alone.extents((figure.exact,), figure_points, [one.relation])
    return reach[1] if reach[1] < one.unknown.low else reach[0]


def _words(one: Sought, needed: tuple[float, float], nearest: float | None) -> str:
    """'power of a GPU node at most 686 W (36 % of component TDP); 524 W (28 %) with …'"""
    unknown = one.unknown
    name = f"{unknown.label}, {one.of}," if one.of else unknown.label
    plausible = f"{show_figure(unknown.low)} to {show_figure(unknown.high, unknown.unit)}"
    if _is_fractional(one, needed):
        low, high = needed
        between = f"{math.floor(low)} and {math.ceil(high)} {unknown.unit}"
        return f"{name} {show_range(low, high)}, between {between} (plausible: {plausible})"
    below = needed[1] < unknown.low
    limit = "at most" if below else "at least"
    edge = needed[1] if below else needed[0]
    words = f"{name} {limit} {_value(edge, one, named=True)}"
    if nearest is not None:
        words += f"; {_value(nearest, one)} with the other quantities as in the solution"
    return f"{words} (plausible: {plausible})"


def _value(value: float, one: Sought, *, named: bool = False) -> str:
    shown = show_value(value, one.unknown.unit, _DIGITS, prefixed=False)
    if not one.whole:
        return shown
    share = f"{100 * value / one.whole:.0f} %"
    return f"{shown} ({share} of {one.whole_label})" if named else f"{shown} ({share})"
