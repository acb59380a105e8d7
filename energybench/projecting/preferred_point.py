"""Of the points within all bands, the point that comes nearest to the likely values of the
variables, and the point that is farthest in one relation. Method: sequential quadratic programming
(scipy's SLSQP).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.projecting.feasible_points import EXACT, Search, System

_MIDDLE = 1e-4  # weight of the middle of a range, if no value of it is likely
_NARROW = 1e-9  # a band this narrow, relative to its scale, is an equation
_STEP = 1e-7  # of a forward difference, relative to the range
_STARTS = 3
_MOST_BOXES = 16  # choices of whole numbers beside a point


def preferred_point(system: System, low: Floats, high: Floats, within: Floats) -> Floats:
    """The preferred point, [variables].

    low, high  [relations]: the bands
    within     [points, variables]: points within all bands, one or more
    """
    problem = _Problem(system, low, high)
    distances = np.array([problem.distance(problem.scaled(point)) for point in within])
    order = np.argsort(distances, kind="stable")
    best: Floats = within[order[0]]
    least = distances[order[0]]
    for start in within[order[:_STARTS]]:
        for point in _minima(problem, problem.distance, problem.slope, start, (100, 1e-12)):
            if (distance := problem.distance(problem.scaled(point))) < least:
                best, least = point, distance
    return best


def farthest(
    system: System, low: Floats, high: Floats, relation: int, side: float, start: Floats
) -> float:
    """The largest value of a relation times `side` (1 or -1) within the bands, from a point within
    them; the value at this point if none is farther.
    """
    problem = _Problem(system, low, high)

    def cost(scaled: Floats) -> float:
        return -side * problem.size(relation, scaled)

    def slope(scaled: Floats) -> Floats:
        return -side * problem.size_slope(relation, scaled)

    reached = [start, *_minima(problem, cost, slope, start, (60, 1e-9))]
    return float(np.max(side * system.values(np.array(reached))[:, relation]))


def _minima(
    problem: _Problem, cost: Any, slope: Any, start: Floats, effort: tuple[int, float]
) -> Iterator[Floats]:
    """Points within the bands at which a cost is least: one, or, with whole variables, one for each
    choice of whole numbers beside the least cost of all numbers.

    start   a point within the bands
    effort  most iterations, and the tolerance of the cost
    """
    system = problem.system
    least = problem.minimum(cost, slope, start, system.box, effort)
    if not system.wholes:
        if problem.is_within(least):
            yield least
        return
    for low, high in _whole_boxes(system, least, start):
        row = Search(
            np.clip(least, low, high)[None],
            low[None],
            high[None],
            *(b[None] for b in problem.bands),
        )
        place = system.settle(row)[0]
        if problem.is_within(place):
            yield place
            point = problem.minimum(cost, slope, place, (low, high), effort)
            point[list(system.wholes)] = low[list(system.wholes)]
            if problem.is_within(point):
                yield point


def _whole_boxes(system: System, *points: Floats) -> list[tuple[Floats, Floats]]:
    """Boxes with the whole variables at the whole numbers beside a point, the nearest first."""
    low, high = system.box
    boxes = dict[tuple[float, ...], None]()
    for point in points:
        sides = []
        for i in system.wholes:
            least, most = np.ceil(low[i]), np.floor(high[i])
            beside = {float(np.clip(side(point[i]), least, most)) for side in (np.floor, np.ceil)}
            by_distance = sorted((abs(whole - float(point[i])), whole) for whole in beside)
            sides.append([whole for _, whole in by_distance])
        boxes.update(dict.fromkeys(itertools.islice(itertools.product(*sides), _MOST_BOXES)))
    wholes = list(system.wholes)
    fixed = []
    for counts in boxes:
        least, most = low.copy(), high.copy()
        least[wholes] = most[wholes] = counts
        fixed.append((least, most))
    return fixed


class _Problem:
    """Distance from the likely values, and the bands as constraints, with their slopes.

    All take a point in coordinates of the search divided by their ranges, [variables].
    """

    def __init__(self, system: System, low: Floats, high: Floats) -> None:
        self.system, self.bands = system, (low, high)
        self._low, self._high = low, high
        likely = [variable.likely is not None for variable in system.variables]
        self._weight = np.where(likely, 1.0, _MIDDLE)
        least, most = (system.inner(edge) for edge in system.box)
        middle = system.outer((least + most) / 2)
        place = [
            middle[i] if variable.likely is None else variable.likely
            for i, variable in enumerate(system.variables)
        ]
        self._place = self.scaled(np.array(place))
        self._scale = np.array([relation.scale for relation in system.relations])
        self._last: tuple[bytes, Floats, Floats] | None = None

    def minimum(
        self,
        cost: Any,
        slope: Any,
        start: Floats,
        box: tuple[Floats, Floats],
        effort: tuple[int, float],
    ) -> Floats:
        """The point of a box at which the search for the least cost within the bands ends."""
        from scipy.optimize import minimize

        low, high = (self.scaled(edge) for edge in box)
        minimum = minimize(
            cost,
            np.clip(self.scaled(start), low, high),
            jac=slope,
            bounds=[(float(least), float(most)) for least, most in zip(low, high, strict=True)],
            constraints=self._constraints(),
            method="SLSQP",
            options={"maxiter": effort[0], "ftol": effort[1]},
        )
        return self.point(np.clip(minimum.x, low, high))

    def is_within(self, point: Floats) -> bool:
        least, most = self.system.box
        rows = Search(point[None], least[None], most[None], *(band[None] for band in self.bands))
        return bool(self.system.violations(point[None], rows)[0] <= EXACT)

    def scaled(self, point: Floats) -> Floats:
        return self.system.inner(point) / self.system.width

    def point(self, scaled: Floats) -> Floats:
        return self.system.outer(scaled * self.system.width)

    def distance(self, scaled: Floats) -> float:
        return float(np.sum(self._weight * (scaled - self._place) ** 2))

    def slope(self, scaled: Floats) -> Floats:
        slope: Floats = 2 * self._weight * (scaled - self._place)
        return slope

    def size(self, relation: int, scaled: Floats) -> float:
        """The value of a relation, relative to its scale."""
        return float(self._at(scaled)[0][relation] / self._scale[relation])

    def size_slope(self, relation: int, scaled: Floats) -> Floats:
        slope: Floats = self._at(scaled)[1][relation] / self._scale[relation]
        return slope

    def _constraints(self) -> Any:
        """The bands in scipy's form."""
        equal = self._high - self._low < _NARROW * self._scale
        rows = []
        for kind, chosen, sign, edge in (
            ("eq", equal, 1.0, self._low),
            ("ineq", ~equal & np.isfinite(self._low), 1.0, self._low),
            ("ineq", ~equal & np.isfinite(self._high), -1.0, self._high),
        ):
            places = np.flatnonzero(chosen)
            if len(places):
                rows.append(self._constraint(kind, places, sign, edge[places]))
        return rows

    def _constraint(self, kind: str, places: Any, sign: float, edge: Floats) -> dict[str, Any]:
        scale = self._scale[places]
        return {
            "type": kind,
            "fun": lambda scaled: sign * (self._at(scaled)[0][places] - edge) / scale,
            "jac": lambda scaled: sign * self._at(scaled)[1][places] / scale[:, None],
        }

    def _at(self, scaled: Floats) -> tuple[Floats, Floats]:
        """Values of the relations, and their slopes [relations, variables]."""
        key = scaled.tobytes()
        if self._last is None or self._last[0] != key:
            shifted = np.vstack([scaled, scaled + _STEP * np.eye(len(scaled))])
            values = self.system.values(self.point(shifted))
            self._last = key, values[0], ((values[1:] - values[0]) / _STEP).T
        return self._last[1], self._last[2]
