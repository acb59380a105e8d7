"""Find the largest set of published figures that hold together, and the values of the variables at
which the figures hold.

Each figure is a band for a relation. The answers rest on a search with fixed starts
(`feasible_points`). Every point of the search is checked, but a search without a point does not
prove a contradiction between the figures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.projecting.feasible_points import EXACT, Relation, Search, System, Variable
from energybench.projecting.preferred_point import farthest, preferred_point

STARTS = 64
_SUBSET_STARTS = 24
_MOST_ROWS = 4000  # rows of one search over subsets
_LEFT_OUT = 2  # figures left out together, before the figures are added one by one
_PUSHES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 1e3)  # first guesses of the distance to the end of a range
_SPLITS = 12
_ROUNDS = 1
_FROM = 2  # points from which each guess is tried
_BEYOND = 100.0  # factor beyond a plausible range, up to which a tension is sought


class Figure(NamedTuple):
    """A published figure: the band of a relation, and the published value as `aim` (None for an
    inequality).
    """

    name: str
    relation: int
    low: float
    high: float
    aim: float | None

    @property
    def exact(self) -> Figure:
        """The figure without its rounding."""
        return self if self.aim is None else self._replace(low=self.aim, high=self.aim)


class ClaimSystem:
    """Published figures, each a band for a relation between the variables of a system."""

    def __init__(self, system: System, figures: Sequence[Figure]) -> None:
        self.system, self.figures = system, tuple(figures)

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
        return self._within(self.system.settle(rows), rows)

    def largest(self) -> tuple[Figure, ...]:
        """The largest set of figures that hold together. Of several sets of that size, the set that
        leaves out the last figures.
        """
        if len(self.points(self.figures)):
            return self.figures
        for count in range(1, min(_LEFT_OUT, len(self.figures)) + 1):
            left_out = list(itertools.combinations(reversed(range(len(self.figures))), count))
            if len(left_out) * _SUBSET_STARTS > _MOST_ROWS:
                break
            if (kept := self._first_that_holds(left_out)) is not None:
                return kept
        kept = ()
        for figure in self.figures:
            if len(self.points((*kept, figure))):
                kept = (*kept, figure)
        return kept

    def _first_that_holds(self, left_out: Sequence[tuple[int, ...]]) -> tuple[Figure, ...] | None:
        """The first subset that holds, after one search over all subsets."""
        subsets = [
            tuple(figure for i, figure in enumerate(self.figures) if i not in out)
            for out in left_out
        ]
        start = self.system.spread(_SUBSET_STARTS)
        bands = [self._bands(subset) for subset in subsets]
        rows = self._rows(
            np.tile(start, (len(subsets), 1)),
            np.repeat([low for low, _ in bands], len(start), axis=0),
            np.repeat([high for _, high in bands], len(start), axis=0),
        )
        holds = self.system.violations(self.system.settle(rows), rows) <= EXACT
        for i, subset in enumerate(subsets):
            if holds[i * len(start) : (i + 1) * len(start)].any():
                return subset
        return None

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
            _Extreme(values[:, relation] * side, points, self._edge(relation, side, low, high))
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
                size = len(tried) * _FROM
                chosen = slice(place, place + size)
                place += size
                extreme.learn(
                    tried,
                    holds[chosen].reshape(len(tried), _FROM),
                    side * reached_values[chosen, relation].reshape(len(tried), _FROM),
                    reached[chosen],
                )
        ends = {(relation, side): side * math.inf for relation in relations for side in (-1.0, 1.0)}
        for (relation, side), extreme in zip(sides, extremes, strict=True):
            if extreme.value < extreme.edge:
                value = farthest(self.system, low, high, relation, side, extreme.starts[0])
                extreme.value = min(max(extreme.value, value), extreme.edge)
            ends[relation, side] = side * extreme.value
        return [(ends[relation, -1.0], ends[relation, 1.0]) for relation in relations]

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
        extremes: Sequence[_Extreme],
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


class _Extreme:
    """The largest value of a quantity so far, and the next goals of the search beyond the value."""

    def __init__(self, values: Floats, points: Floats, edge: float) -> None:
        finite = values[np.isfinite(values)]
        order = np.argsort(-np.where(np.isfinite(values), values, -math.inf), kind="stable")
        self.value = min(float(values[order[0]]), edge)
        self.limit = self.edge = edge
        self.starts = points[np.resize(order, _FROM)]
        spread = float(np.ptp(finite)) if finite.size else 0.0
        self._size = max(spread, 1e-3 * abs(self.value), 1e-12)

    def goals(self, *, first: bool) -> Floats:
        if first:
            guesses = self.value + self._size * np.array(_PUSHES)
            inside = guesses[guesses < self.edge]
            return inside if math.isinf(self.edge) else np.append(inside, self.edge)
        if math.isinf(self.limit):
            return self.value + self._size * np.array(_PUSHES) * 1e3
        share = np.arange(1.0, _SPLITS + 1) / (_SPLITS + 1)
        return self.value + (self.limit - self.value) * share

    def learn(self, goals: Floats, holds: Any, values: Floats, points: Floats) -> None:
        """Take over the farthest reached value, and the nearest goal beyond reach."""
        # a goal counts as reached within the rounding of the search
        values = np.maximum(values, np.where(holds, goals[:, None], -math.inf))
        reached = np.where(holds, values, -math.inf)
        best = int(np.argmax(reached))
        if reached.flat[best] > self.value:
            self.value = min(float(reached.flat[best]), self.edge)
            self.starts = np.vstack([points[best][None], self.starts[: _FROM - 1]])
        beyond = [float(goal) for goal, row in zip(goals, holds, strict=True) if not row.any()]
        self.limit = min([self.limit, *(goal for goal in beyond if goal > self.value)])


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
