"""The end of a range of a quantity, as a search approaches it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from energybench.analysis.arrays import Floats

_PUSHES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 1e3)  # first guesses of the distance to the end of a range
_SPLITS = 12
STARTS_OF_A_GOAL = 2  # points from which each guess is tried


class Extreme:
    """The largest value of a quantity so far, and the next goals of the search beyond the value."""

    def __init__(self, values: Floats, points: Floats, edge: float) -> None:
        finite = values[np.isfinite(values)]
        order = np.argsort(-np.where(np.isfinite(values), values, -math.inf), kind="stable")
        self.value = min(float(values[order[0]]), edge)
        self.limit = self.edge = edge
        self.starts = points[np.resize(order, STARTS_OF_A_GOAL)]
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
            self.starts = np.vstack([points[best][None], self.starts[: STARTS_OF_A_GOAL - 1]])
        beyond = [float(goal) for goal, row in zip(goals, holds, strict=True) if not row.any()]
        self.limit = min([self.limit, *(goal for goal in beyond if goal > self.value)])
