"""Places at which a function of one variable is 0 or changes sign: a scan over the range, then
Brent's method (scipy.optimize.brentq) between the points of the scan.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats

_POINTS = 4001  # of the scan
_BESIDE = 1e-7  # relative distance of the places beside a crossing that tell a root from a jump
# share of the values at both ends of a step of the scan: a value beside a root is far below it
_JUMP = 1e-3
_MOST_WHOLE = 20_000  # numbers of a scan over whole numbers
_ROUNDING = 1e-12  # share of the value at the next whole number
_POLE = 10.0  # and beside a pole far above it: the sign changes through infinity


class Crossings(NamedTuple):
    """first: None if there is no crossing; jumps: whether the function jumps over 0 there;
    everywhere: whether the function is 0 in the whole range, so that no place is a crossing.
    """

    first: float | None
    number: int
    jumps: bool
    everywhere: bool = False


def crossings(function: Callable[[Any], Any], low: float, high: float) -> Crossings:
    """The first crossing from `low`, exact to 1e-12 relative, and the number that the scan met. Two
    crossings within a step of the scan (1/4000 of the range; of a positive range by factors) cancel
    and are not met.

    function  of numbers and of arrays; where it is not finite, it has no crossing
    """
    places = _places(low, high)
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(function(places), dtype=float), places.shape)
    if not np.any(values):
        return Crossings(None, 0, jumps=False, everywhere=True)
    steps = _steps(values)
    for i, (start, end) in enumerate(steps):
        number = len(steps) - i
        if start == end:
            first = float(places[start])
            if start and math.isfinite(values[start - 1]):
                first = _first_zero(function, float(places[start - 1]), first)
            return Crossings(first, number, jumps=False)
        place = _root(function, float(places[start]), float(places[end]))
        scale = max(abs(float(values[start])), abs(float(values[end])))
        beside = _least_beside(function, place, low, high) / scale
        if beside < _POLE:
            return Crossings(place, number, jumps=beside > _JUMP)
    return Crossings(None, 0, jumps=False)


def whole_crossings(function: Callable[[Any], Any], low: float, high: float) -> Crossings:
    """As `crossings`, of a function of whole numbers: the first at which the function is 0, or,
    with `jumps`, the first behind a change of sign. Of more than `_MOST_WHOLE` numbers, about so
    many are scanned, by factors.
    """
    first, last = math.ceil(low), math.floor(high)
    if first > last:
        return Crossings(None, 0, jumps=False)
    if last - first < _MOST_WHOLE:
        places = np.arange(first, last + 1, dtype=float)
    else:
        spaced = np.geomspace(max(first, 1), last, _MOST_WHOLE)
        places = np.unique(np.concatenate(([first], np.rint(spaced), [last])))
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(function(places), dtype=float), places.shape)
    values = _without_rounding(values)
    if not np.any(values):
        return Crossings(None, 0, jumps=False, everywhere=True)
    steps = _steps(values)
    if not steps:
        return Crossings(None, 0, jumps=False)
    start, end = steps[0]
    if start == end:
        return Crossings(float(places[start]), len(steps), jumps=False)
    below, above = float(places[start]), float(places[end])
    sign = math.copysign(1.0, float(values[start]))
    while above - below > 1:
        middle = math.floor((below + above) / 2)
        if sign * float(function(float(middle))) > 0:
            below = middle
        else:
            above = middle
    return Crossings(above, len(steps), jumps=True)


def _without_rounding(values: Floats) -> Floats:
    """The values, 0 where they are as small beside their neighbours as binary rounding is."""
    sizes = np.abs(np.nan_to_num(values, posinf=0.0, neginf=0.0))
    beside = np.maximum(np.append(sizes[1:], 0.0), np.append(0.0, sizes[:-1]))
    return np.where(sizes <= _ROUNDING * beside, 0.0, values)


def _places(low: float, high: float) -> Floats:
    spaced = np.geomspace if low > 0 else np.linspace
    places: Floats = spaced(low, high, _POINTS)
    places[0], places[-1] = low, high  # exactly, for the ends may be the last permitted values
    return places


def _steps(values: Floats) -> list[tuple[int, int]]:
    """(number of a point, of the next) on both sides of a crossing; the same number twice for a
    point at which the function is 0, once for several such points in a row.
    """
    steps = []
    for i, value in enumerate(values.tolist()):
        before = float(values[i - 1]) if i else math.nan
        if not math.isfinite(value):
            continue
        if value == 0 and before != 0:
            steps.append((i, i))
        elif value * before < 0:
            steps.append((i - 1, i))
    return steps


def _first_zero(function: Callable[[Any], Any], start: float, end: float) -> float:
    """The first place between start, where the function is not 0, and end, where it is: whole nodes
    and machines make functions that stay 0 for a stretch.
    """
    while (middle := (start + end) / 2) not in (start, end):
        if float(function(middle)) == 0:
            end = middle
        else:
            start = middle
    return end


def _root(function: Callable[[Any], Any], start: float, end: float) -> float:
    from scipy.optimize import brentq

    def value(x: float) -> float:
        return float(function(x))

    tolerance = 1e-13 * max(abs(start), abs(end))
    return float(brentq(value, start, end, xtol=tolerance, rtol=1e-14, maxiter=500))


def _least_beside(function: Callable[[Any], Any], place: float, low: float, high: float) -> float:
    """The smaller of the absolute values on both sides of a place."""
    distance = _BESIDE * abs(place)
    beside = (max(place - distance, low), min(place + distance, high))
    return min(abs(float(function(x))) for x in beside)
