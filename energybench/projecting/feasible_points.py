"""Points of a box at which relations keep within their bands: many starts at once.

Method: Levenberg-Marquardt (Moré 1978, doi 10.1007/BFb0067700) on the violations of the bands, with
the steps cut at the box. All starts are rows of one array, so that a search of some hundred starts
costs little more than a single one. Starts are a fixed low-discrepancy sequence: the same system
always gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats

ITERATIONS = 40
EXACT = 1e-6  # a violation this small, relative to the scale of the relation, is rounding
_LOGARITHMIC = 3.0  # positive ranges that span more than this factor are searched by factors
_STEP = 1e-6  # of a forward difference, relative to the range
_UNDEFINED = 10.0  # residual where a relation has no finite value
_LEAST = 1e-9  # damping that keeps a step defined if variables can replace each other
_GIVE_UP = 1e5  # damping with which a step no longer moves a point
_STALL, _STALLS = 0.99, 3  # steps that better nothing by more than this, and how many to bear
_INSIDE = 1e-3  # of a band: aim at a point inside, so that rounding does not push it out


class Variable(NamedTuple):
    """A quantity to be found.

    likely  the value to stay near; None without a preference
    whole   whether the quantity counts whole things, and has whole numbers alone
    """

    name: str
    low: float
    high: float
    likely: float | None = None
    whole: bool = False

    @property
    def logarithmic(self) -> bool:
        return self.low > 0 and self.high / self.low > _LOGARITHMIC


class Relation(NamedTuple):
    """A quantity that depends on the variables.

    compute  columns of the variables by name, each of shape [points] → values of shape [points]
    scale    size of the quantity, by which its violations are divided: above 0
    """

    name: str
    compute: Callable[[Mapping[str, Any]], Any]
    scale: float


class Search(NamedTuple):
    """Rows of a search, each with a box and bands of its own.

    start              [rows, variables]
    box_low, box_high  [rows, variables]
    low, high          [rows, relations]: bands of the relations; infinite if free
    """

    start: Floats
    box_low: Floats
    box_high: Floats
    low: Floats
    high: Floats


class System:
    """Variables, and the relations between them."""

    def __init__(self, variables: Sequence[Variable], relations: Sequence[Relation]) -> None:
        self.variables, self.relations = tuple(variables), tuple(relations)
        self.names = tuple(variable.name for variable in variables)
        self._scale = np.array([relation.scale for relation in relations])
        self._logarithmic = np.array([variable.logarithmic for variable in variables])
        low, high = (self.inner(edge) for edge in self.box)
        self.width = np.maximum(high - low, 1e-12)
        self.wholes = tuple(i for i, variable in enumerate(variables) if variable.whole)

    @property
    def box(self) -> tuple[Floats, Floats]:
        """Low and high of the variables, each [variables]."""
        return (
            np.array([variable.low for variable in self.variables], dtype=float),
            np.array([variable.high for variable in self.variables], dtype=float),
        )

    def inner(self, x: Floats) -> Floats:
        """Coordinates of the search: logarithms of the variables that are searched by factors."""
        positive = np.where(self._logarithmic, np.maximum(x, 1e-300), 1.0)
        z: Floats = np.where(self._logarithmic, np.log(positive), x)
        return z

    def outer(self, z: Floats) -> Floats:
        point: Floats = np.where(self._logarithmic, np.exp(np.where(self._logarithmic, z, 0.0)), z)
        return point

    def values(self, x: Floats) -> Floats:
        """Values of the relations, [points, relations]; NaN or infinite where undefined."""
        columns = {name: x[:, i] for i, name in enumerate(self.names)}
        rows = len(x)
        values = [relation.compute(columns) for relation in self.relations]
        table = np.empty((rows, len(values)))
        for i, column in enumerate(values):
            table[:, i] = column
        return table

    def violations(self, x: Floats, search: Search) -> Floats:
        """Largest violation of a band at each point, relative to the scale of its relation;
        infinite if a whole variable is not a whole number.
        """
        counts = x[:, self.wholes]
        is_whole = np.all(counts == np.rint(counts), axis=1)
        return np.where(is_whole, self._largest_beyond(x, search), np.inf)

    def _largest_beyond(self, x: Floats, search: Search) -> Floats:
        beyond = self._beyond(self.values(x), search.low, search.high)
        largest: Floats = np.max(np.abs(beyond), axis=1, initial=0.0)
        return largest

    def spread(self, count: int) -> Floats:
        """`count` points all over the box, of the R-sequence (Roberts 2018), and the likely point
        first.
        """
        n = len(self.variables)
        # the root of x**(n+1) = x + 1
        phi = 2.0
        for _ in range(60):
            phi = (1 + phi) ** (1 / (n + 1))
        steps = phi ** -np.arange(1.0, n + 1)
        places = (0.5 + np.arange(count)[:, None] * steps) % 1.0
        points = self.outer(self.inner(self.box[0]) + places * self.width)
        points[0] = [
            points[0, i] if variable.likely is None else variable.likely
            for i, variable in enumerate(self.variables)
        ]
        return points

    def settle(self, search: Search) -> Floats:
        """Each start moved to the nearest point that the method finds within its bands,
        [rows, variables]. Whether a point is within its bands is told by `violations`.

        Whole variables are rounded one after the other, down and up, and the others moved again.
        """
        if not self.variables:
            return search.start
        settled = self._settled(search)
        for i in self.wholes:
            tried = [self._at_whole(i, settled, search, side) for side in (np.floor, np.ceil)]
            beyond = [self._largest_beyond(points, box) for points, box in tried]
            # the nearer whole number, unless only the other one keeps within the bands
            nearer = settled[:, i] - np.floor(settled[:, i]) > 0.5
            fits = [np.maximum(one, EXACT) for one in beyond]
            up = (fits[1] < fits[0]) | ((fits[1] == fits[0]) & nearer)
            settled = np.where(up[:, None], tried[1][0], tried[0][0])
            boxes = [box for _, box in tried]
            search = search._replace(
                box_low=np.where(up[:, None], boxes[1].box_low, boxes[0].box_low),
                box_high=np.where(up[:, None], boxes[1].box_high, boxes[0].box_high),
            )
        return settled

    def _at_whole(
        self, i: int, x: Floats, search: Search, side: Callable[[Floats], Floats]
    ) -> tuple[Floats, Search]:
        """The points with variable i at the whole number beside it, and their search. A box without
        a whole number leaves the variable where it is.
        """
        low, high = search.box_low.copy(), search.box_high.copy()
        least, most = np.ceil(low[:, i]), np.floor(high[:, i])
        whole = np.where(least <= most, np.clip(side(x[:, i]), least, most), x[:, i])
        low[:, i] = high[:, i] = whole
        start = x.copy()
        start[:, i] = whole
        fixed = search._replace(start=start, box_low=low, box_high=high)
        settled = self._settled(fixed)
        # without the rounding of logarithms
        settled[:, self.wholes] = np.where(
            low[:, self.wholes] == high[:, self.wholes],
            low[:, self.wholes],
            settled[:, self.wholes],
        )
        return settled, fixed

    def _settled(self, search: Search) -> Floats:
        """As `settle`, with all variables continuous."""
        low, high = self.inner(search.box_low), self.inner(search.box_high)
        z = np.clip(self.inner(search.start), low, high)
        margin = np.where(
            np.isfinite(search.high - search.low), _INSIDE * (search.high - search.low), 0.0
        )
        bands = search.low + margin, search.high - margin
        damping = np.full(len(z), 1e-3)
        values = self.values(self.outer(z))
        cost = np.sum(self._beyond(values, *bands) ** 2, axis=1)
        stalled = np.zeros(len(z), dtype=int)
        live = np.arange(len(z))
        for _ in range(ITERATIONS):
            # rows that violate nothing are done
            live = live[cost[live] > (EXACT / 10) ** 2]
            if not len(live):
                break
            some = low[live], high[live], bands[0][live], bands[1][live]
            step = self._step(z[live], values[live], damping[live], *some)
            trial = np.clip(z[live] + step, some[0], some[1])
            trial_values = self.values(self.outer(trial))
            trial_cost = np.sum(self._beyond(trial_values, some[2], some[3]) ** 2, axis=1)
            before = cost[live]
            better = trial_cost < before
            moved = live[better]
            z[moved], values[moved], cost[moved] = (
                trial[better],
                trial_values[better],
                trial_cost[better],
            )
            damping[live] = np.where(
                better, np.maximum(damping[live] / 5, _LEAST), damping[live] * 10
            )
            stalled[live] = np.where(better & (trial_cost > _STALL * before), stalled[live] + 1, 0)
            live = live[(damping[live] < _GIVE_UP) & (stalled[live] < _STALLS)]
        return self.outer(z)

    # ------------------------------------------------------------ one step

    def _beyond(self, values: Floats, low: Floats, high: Floats) -> Floats:
        free = np.isinf(low) & np.isinf(high)
        with np.errstate(invalid="ignore"):
            below, above = np.minimum(values - low, 0.0), np.maximum(values - high, 0.0)
            beyond = np.where(-below > above, below, above) / self._scale
        return np.where(free, 0.0, np.where(np.isfinite(values), beyond, _UNDEFINED))

    def _step(
        self,
        z: Floats,
        values: Floats,
        damping: Floats,
        low: Floats,
        high: Floats,
        band_low: Floats,
        band_high: Floats,
    ) -> Floats:
        """A step of Levenberg-Marquardt. Variables that press against the box stay there; relations
        within their bands resist a step, the more the less room they have.
        """
        n = z.shape[1]
        slopes = self._slopes(z, values, high)
        beyond = self._beyond(values, band_low, band_high)
        violated = np.where((beyond != 0)[:, :, None], slopes, 0.0)
        gradient = np.einsum("rmi,rm->ri", violated, beyond)
        pressed = ((z <= low) & (gradient > 0)) | ((z >= high) & (gradient < 0))
        gradient = np.where(pressed, 0.0, gradient)
        violated = np.where(pressed[:, None, :], 0.0, violated)
        room = self._room(values, beyond, band_low, band_high)
        resisting = np.where(pressed[:, None, :], 0.0, slopes / room[:, :, None])

        normal = np.einsum("rmi,rmj->rij", violated, violated)
        size = np.einsum("rii->ri", normal)
        most = np.max(size, axis=1, initial=0.0)[:, None] + 1e-30
        resistance = np.einsum("rmi,rmj->rij", resisting, resisting)
        normal += (damping[:, None] * most)[:, :, None] * resistance
        normal += (damping[:, None] * (size + most) + 1e-12 * most)[:, :, None] * np.eye(n)
        solved = np.linalg.solve(normal, -gradient[:, :, None])[:, :, 0]
        return np.where(np.isfinite(solved), solved, 0.0) * self.width

    def _slopes(self, z: Floats, values: Floats, high: Floats) -> Floats:
        """Derivatives of the relations relative to their scales, by the variables relative to their
        ranges, [rows, relations, variables]: forward differences, backward at the upper end.
        """
        rows, n = z.shape
        step = _STEP * self.width
        sign = np.where(z + step > high, -1.0, 1.0)
        moved = z[None] + np.eye(n)[:, None, :] * (sign * step)[None]
        shifted = self.values(self.outer(moved.reshape(n * rows, n))).reshape(n, rows, -1)
        with np.errstate(invalid="ignore"):
            change = (shifted - values[None]) / (sign.T[:, :, None] * _STEP * self._scale)
        return np.transpose(np.where(np.isfinite(change), change, 0.0), (1, 2, 0))

    def _room(self, values: Floats, beyond: Floats, low: Floats, high: Floats) -> Floats:
        """How far each relation may move within its band, relative to its scale; infinite if it is
        free or violated.
        """
        with np.errstate(invalid="ignore"):
            nearest = np.minimum(values - low, high - values) / self._scale
            half = np.where(np.isfinite(high - low), (high - low) / self._scale / 2, 0.0)
        room = np.maximum(np.maximum(nearest, half), EXACT)
        return np.where((beyond == 0) & np.isfinite(room), room, np.inf)
