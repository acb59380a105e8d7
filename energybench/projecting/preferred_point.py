"""Of the points within all bands, the point that comes nearest to the likely values of the
variables, and the point that is farthest in one relation. Method: sequential quadratic programming
(scipy's SLSQP).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.projecting.feasible_points import EXACT, Search, System

_MIDDLE = 1e-4  # weight of the middle of a range, if no value of it is likely
_NARROW = 1e-9  # a band this narrow, relative to its scale, is an equation
_STEP = 1e-7  # of a forward difference, relative to the range
_STARTS = 3


def preferred_point(system: System, low: Floats, high: Floats, within: Floats) -> Floats:
    """The preferred point, [variables].

    low, high  [relations]: the bands
    within     [points, variables]: points within all bands, one or more
    """
    from scipy.optimize import minimize

    problem = _Problem(system, low, high)
    distances = np.array([problem.distance(problem.scaled(point)) for point in within])
    order = np.argsort(distances, kind="stable")
    best: Floats = within[order[0]]
    least = distances[order[0]]
    edges = [problem.scaled(edge) for edge in system.box]
    for start in within[order[:_STARTS]]:
        minimum = minimize(
            problem.distance,
            problem.scaled(start),
            jac=problem.slope,
            bounds=_bounds(edges),
            constraints=problem.constraints(),
            method="SLSQP",
            options={"maxiter": 100, "ftol": 1e-12},
        )
        scaled = np.clip(minimum.x, *edges)
        point = problem.point(scaled)
        if problem.distance(scaled) < least and _is_within(system, point, low, high):
            best, least = point, problem.distance(scaled)
    return best


def farthest(
    system: System, low: Floats, high: Floats, relation: int, side: float, start: Floats
) -> float:
    """The largest value of a relation times `side` (1 or -1) within the bands, from a point within
    them; the value at this point if none is farther.
    """
    from scipy.optimize import minimize

    problem = _Problem(system, low, high)
    edges = [problem.scaled(edge) for edge in system.box]

    def cost(scaled: Floats) -> float:
        return -side * problem.size(relation, scaled)

    def slope(scaled: Floats) -> Floats:
        return -side * problem.size_slope(relation, scaled)

    minimum = minimize(
        cost,
        problem.scaled(start),
        jac=slope,
        bounds=_bounds(edges),
        constraints=problem.constraints(),
        method="SLSQP",
        options={"maxiter": 60, "ftol": 1e-9},
    )
    point = problem.point(np.clip(minimum.x, *edges))
    reached = [start]
    if _is_within(system, point, low, high):
        reached.append(point)
    return float(np.max(side * system.values(np.array(reached))[:, relation]))


def _bounds(edges: Sequence[Floats]) -> list[tuple[float, float]]:
    return [(float(low), float(high)) for low, high in zip(*edges, strict=True)]


def _is_within(system: System, point: Floats, low: Floats, high: Floats) -> bool:
    least, most = system.box
    rows = Search(point[None], least[None], most[None], low[None], high[None])
    return bool(system.violations(point[None], rows)[0] <= EXACT)


class _Problem:
    """Distance from the likely values, and the bands as constraints, with their slopes.

    All take a point in coordinates of the search divided by their ranges, [variables].
    """

    def __init__(self, system: System, low: Floats, high: Floats) -> None:
        self._system, self._low, self._high = system, low, high
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

    def scaled(self, point: Floats) -> Floats:
        return self._system.inner(point) / self._system.width

    def point(self, scaled: Floats) -> Floats:
        return self._system.outer(scaled * self._system.width)

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

    def constraints(self) -> Any:
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
            values = self._system.values(self.point(shifted))
            self._last = key, values[0], ((values[1:] - values[0]) / _STEP).T
        return self._last[1], self._last[2]
