"""Find the largest set of published figures that hold together, and the values of the variables at
which the figures hold.

Each figure is a band for a relation. The answers rest on a search with fixed starts
(`feasible_points`). Every point of the search is checked, but a search without a point does not
prove a contradiction between the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.projecting.extreme import STARTS_OF_A_GOAL, Extreme
from energybench.projecting.feasible_points import EXACT, Relation, Search, System, Variable
from energybench.projecting.largest_sets import largest_sets, smallest_conflict
from energybench.projecting.preferred_point import farthest, preferred_point

STARTS = 64
_MOST_COUNTS = 512  # greatest number of whole numbers of nodes that the search tries
_COUNT_STARTS = 4  # points from which the search tries each whole number
_ROUNDS = 1
_BEYOND = 100.0  # factor beyond a plausible range, up to which a tension is sought


class Figure(NamedTuple):
    """A published figure: the band of a relation, and the published value as `aim` (None for an
    inequality).

    decides    whether the figure has a part in the decision which figures hold together
    secondary  whether the figure decides only between sets of equally many other figures
    """

    name: str
    relation: int
    low: float
    high: float
    aim: float | None
    decides: bool = True
    secondary: bool = False

    @property
    def exact(self) -> Figure:
        """The figure without its rounding."""
        return self if self.aim is None else self._replace(low=self.aim, high=self.aim)


class FigureSets(NamedTuple):
    """kept: figures in every largest set of figures that hold together; without: name of each other
    figure that decides → a largest set without it.
    """

    kept: tuple[Figure, ...]
    without: dict[str, tuple[Figure, ...]]


class ClaimSystem:
    """Published figures, each a band for a relation between the variables of a system."""

    def __init__(self, system: System, figures: Sequence[Figure]) -> None:
        self.system, self.figures = system, tuple(figures)
        self._tested = dict[frozenset[str], bool]()

    # ------------------------------------------------------------ which figures hold together

    def points(self, figures: Sequence[Figure], more: Floats | None = None) -> Floats:
        """Points at which the figures hold together, [points, variables]. The array is empty if the
        search gives no point.

        more  further points from which to start
        """
        start = self.system.spread(STARTS)
        if more is not None:
            start = np.vstack([start, more])
        rows = self._rows(start, *self._bands(figures))
        points = self._within(self.system.settle(rows), rows)
        if not len(points) and self.system.wholes:
            return self._counted_points(figures)
        return points

    def _counted_points(self, figures: Sequence[Figure]) -> Floats:
        """As `points`, from every whole number at which the figures could hold, of one whole
        variable after the other.
        """
        continuous = self.fractional(*(variable.name for variable in self.system.variables))
        points = continuous.points(figures)
        if not len(points):
            return points
        for i in self.system.wholes:
            name = self.system.variables[i].name
            relations = [relation.name for relation in self.system.relations]
            if name not in relations:
                continue
            ((low, high),) = continuous.extents(figures, points, [relations.index(name)])
            # the ends of a range are those of a search: a little is missing
            room = EXACT * max(abs(low), abs(high)) + 1e-3 * (high - low)
            counts = np.arange(math.ceil(low - room), math.floor(high + room) + 1, dtype=float)
            counts = counts[:: math.ceil(len(counts) / _MOST_COUNTS) or 1]
            starts = np.repeat(points[:_COUNT_STARTS], len(counts), axis=0)
            starts[:, i] = np.tile(counts, len(starts) // max(len(counts), 1))
            rows = self._rows(starts, *self._bands(figures))
            rows.box_low[:, i] = rows.box_high[:, i] = starts[:, i]
            within = self._within(self.system.settle(rows), rows)
            if len(within):
                return within
        return points[:0]

    def holds(self, figures: Sequence[Figure]) -> bool:
        """Whether the search gives a point at which the figures hold together."""
        key = frozenset(figure.name for figure in figures)
        if key not in self._tested:
            self._tested[key] = bool(len(self.points(figures)))
        return self._tested[key]

    def sets(self) -> FigureSets:
        """The figures that decide and hold in every largest set, and the others with a largest set
        each. The order of the figures decides nothing: they are tested by name.
        """
        deciding = sorted(
            (figure for figure in self.figures if figure.decides), key=lambda figure: figure.name
        )

        def holds(numbers: frozenset[int]) -> bool:
            return self.holds([deciding[i] for i in sorted(numbers)])

        secondary = frozenset(i for i, figure in enumerate(deciding) if figure.secondary)
        largest = largest_sets(len(deciding), holds, secondary)
        kept = {deciding[i].name for i in largest.common}
        return FigureSets(
            tuple(figure for figure in self.figures if figure.name in kept),
            {
                deciding[i].name: tuple(deciding[one] for one in sorted(others))
                for i, others in largest.without.items()
            },
        )

    def excluding(self, figure: Figure, others: Sequence[Figure]) -> tuple[str, ...]:
        """Names of the deciding figures each of which excludes a figure; if none does alone, of
        some of the other figures that do so together, none of which could be left out.
        """
        if not self.holds([figure]):
            return ()
        alone = [
            other.name
            for other in self.figures
            if other.decides
            and other != figure
            and self.holds([other])
            and not self.holds([other, figure])
        ]
        if alone:
            return tuple(alone)
        together = [*sorted(others, key=lambda other: other.name), figure]

        def holds(numbers: frozenset[int]) -> bool:
            return self.holds([together[i] for i in sorted(numbers)])

        last = len(others)
        return tuple(together[i].name for i in smallest_conflict(range(last), holds, (last,)))

    # ------------------------------------------------------------ where they hold

    def preferred(self, figures: Sequence[Figure], points: Floats) -> Floats:
        """The preferred point of the solution, [variables]: every figure at its published value if
        possible, else the first figures; then the variables near their likely values.
        """
        exact = tuple(figure.exact for figure in figures)
        if not len(kept := self.points(exact)):
            exact, kept = tuple(figures), points
            for i, figure in enumerate(figures):
                trial = (*exact[:i], figure.exact, *exact[i + 1 :])
                if len(trial_points := self.points(trial)):
                    exact, kept = trial, trial_points
        return preferred_point(self.system, *self._bands(exact), kept)

    def extents(
        self, figures: Sequence[Figure], points: Floats, relations: Sequence[int]
    ) -> list[tuple[float, float]]:
        """Least and largest value of each relation while the figures hold; infinite for a relation
        without a finite value at any point.

        points  points at which the figures hold, one or more
        """
        low, high = self._bands(figures)
        with np.errstate(all="ignore"):
            values = self.system.values(points)
        finite: Any = np.isfinite(values).any(axis=0)
        sides = [
            (relation, side) for relation in relations if finite[relation] for side in (-1.0, 1.0)
        ]
        # the extreme so far with its point, and the nearest goal that the search did not reach
        extremes = [
            Extreme(values[:, relation] * side, points, self._edge(relation, side, low, high))
            for relation, side in sides
        ]
        for round_ in range(_ROUNDS + 1):
            goals = [extreme.goals(first=round_ == 0) for extreme in extremes]
            rows = self._pushed(sides, extremes, goals, low, high)
            reached = self.system.settle(rows)
            holds = self.system.violations(reached, rows) <= EXACT
            reached_values = self.system.values(reached)
            place = 0
            for (relation, side), extreme, tried in zip(sides, extremes, goals, strict=True):
                size = len(tried) * STARTS_OF_A_GOAL
                chosen = slice(place, place + size)
                place += size
                extreme.learn(
                    tried,
                    holds[chosen].reshape(len(tried), STARTS_OF_A_GOAL),
                    side * reached_values[chosen, relation].reshape(len(tried), STARTS_OF_A_GOAL),
                    reached[chosen],
                )
        ends = {(relation, side): side * math.inf for relation in relations for side in (-1.0, 1.0)}
        for (relation, side), extreme in zip(sides, extremes, strict=True):
            if extreme.value < extreme.edge:
                value = farthest(self.system, low, high, relation, side, extreme.starts[0])
                extreme.value = min(max(extreme.value, value), extreme.edge)
            ends[relation, side] = side * extreme.value
        return [
            self._whole_ends(relation, ends[relation, -1.0], ends[relation, 1.0])
            for relation in relations
        ]

    def _whole_ends(self, relation: int, low: float, high: float) -> tuple[float, float]:
        """The ends of an extent; of a whole variable the whole numbers inside."""
        name, _, scale = self.system.relations[relation]
        counted = any(self.system.variables[i].name == name for i in self.system.wholes)
        if not counted or not math.isfinite(low + high):
            return low, high
        rounding = 10 * EXACT * scale
        return float(math.ceil(low - rounding)), float(math.floor(high + rounding))

    def _edge(self, relation: int, side: float, low: Floats, high: Floats) -> float:
        """The limit of a relation on one side, times the side; infinite without a known limit."""
        least, most = low[relation], high[relation]
        for variable in self.system.variables:
            if variable.name == self.system.relations[relation].name:
                least, most = max(least, variable.low), min(most, variable.high)
        return float(most if side > 0 else -least)

    def _pushed(
        self,
        sides: Sequence[tuple[int, float]],
        extremes: Sequence[Extreme],
        goals: Sequence[Floats],
        low: Floats,
        high: Floats,
    ) -> Search:
        """Rows that must take a relation to a goal, from the extreme point and its neighbours."""
        starts, lows, highs = [], [], []
        for (relation, side), extreme, tried in zip(sides, extremes, goals, strict=True):
            for goal in tried:
                for start in extreme.starts:
                    pushed_low, pushed_high = low.copy(), high.copy()
                    if side > 0:
                        pushed_low[relation] = max(low[relation], goal)
                    else:
                        pushed_high[relation] = min(high[relation], -goal)
                    starts.append(start)
                    lows.append(pushed_low)
                    highs.append(pushed_high)
        return self._rows(np.array(starts), np.array(lows), np.array(highs))

    # ------------------------------------------------------------ beyond a plausible range

    def widened(self, *names: str) -> ClaimSystem:
        """The same figures, with variables that may leave their plausible ranges."""
        variables = [
            _widened(variable) if variable.name in names else variable
            for variable in self.system.variables
        ]
        return ClaimSystem(System(variables, self.system.relations), self.figures)

    def fractional(self, *names: str) -> ClaimSystem:
        """The same figures, with whole variables that may be any number."""
        variables = [
            variable._replace(whole=False) if variable.name in names else variable
            for variable in self.system.variables
        ]
        return ClaimSystem(System(variables, self.system.relations), self.figures)

    def fixed(self, point: Floats, free: str) -> ClaimSystem:
        """The same figures, with all variables but `free` at the values of a point."""
        variables = [
            variable
            if variable.name == free
            else Variable(variable.name, float(value), float(value), float(value))
            for variable, value in zip(self.system.variables, point, strict=True)
        ]
        return ClaimSystem(System(variables, self.system.relations), self.figures)

    # ------------------------------------------------------------ rows of a search

    def _bands(self, figures: Sequence[Figure]) -> tuple[Floats, Floats]:
        count = len(self.system.relations)
        low, high = np.full(count, -math.inf), np.full(count, math.inf)
        for figure in figures:
            low[figure.relation] = max(low[figure.relation], figure.low)
            high[figure.relation] = min(high[figure.relation], figure.high)
        return low, high

    def _rows(self, start: Floats, low: Floats, high: Floats) -> Search:
        """A row for each start. low, high: bands of each row, or the bands of all rows."""
        rows = len(start)
        least, most = (np.tile(edge, (rows, 1)) for edge in self.system.box)
        if low.ndim == 1:
            low, high = np.tile(low, (rows, 1)), np.tile(high, (rows, 1))
        return Search(start, least, most, low, high)

    def _within(self, points: Floats, rows: Search) -> Floats:
        return points[self.system.violations(points, rows) <= EXACT]


def _widened(variable: Variable) -> Variable:
    low, high = variable.low, variable.high
    if low > 0:
        return variable._replace(low=low / _BEYOND, high=high * _BEYOND)
    if low == 0:
        return variable._replace(high=high * _BEYOND)
    room = _BEYOND * (high - low)
    return variable._replace(low=low - room, high=high + room)


def identity(variable: Variable) -> Relation:
    """A variable as a relation, for the range of the variable from `extents`."""
    scale = max(abs(variable.low), abs(variable.high), 1e-12)
    return Relation(variable.name, lambda columns: columns[variable.name], scale)
