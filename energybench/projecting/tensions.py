"""The unknowns that a published figure forces out of their plausible ranges, and the values of the
unknowns that the figure would need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from energybench.analysis.arrays import Floats
from energybench.model import Tension
from energybench.projecting.claim_system import ClaimSystem, Figure
from energybench.projecting.scenario import ScenarioUnknown
from energybench.units import show_figure, show_value

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
    unknown leaves its plausible range. The figure counts as published, without rounding.

    points  points at which the kept figures hold
    best    the point of the solution
    """
    together = (*kept, figure.exact)
    for one in sought:
        wide = system.widened(one.variable)
        wide_points = wide.points(together, points)
        if not len(wide_points):
            continue
        (needed,) = wide.extents(together, wide_points, [one.relation])
        nearest = None
        # the middle of a range would be no reason for a figure
        if kept or all(other is one or other.unknown.likely is not None for other in sought):
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
    below = needed[1] < unknown.low
    limit = "at most" if below else "at least"
    edge = needed[1] if below else needed[0]
    name = f"{unknown.label}, {one.of}," if one.of else unknown.label
    words = f"{name} {limit} {_value(edge, one, named=True)}"
    if nearest is not None:
        words += f"; {_value(nearest, one)} with the other quantities as in the solution"
    plausible = f"{show_figure(unknown.low)} to {show_figure(unknown.high, unknown.unit)}"
    return f"{words} (plausible: {plausible})"


def _value(value: float, one: Sought, *, named: bool = False) -> str:
    shown = show_value(value, one.unknown.unit, _DIGITS)
    if not one.whole:
        return shown
    share = f"{100 * value / one.whole:.0f} %"
    return f"{shown} ({share} of {one.whole_label})" if named else f"{shown} ({share})"
