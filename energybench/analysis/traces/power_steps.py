"""Power over time for a chart: readings of a curve, and steps that keep the lowest and the highest
reading of a long run.

A step's mean is the energy of the step divided by its length, so that the line of a chart contains
the joules of the result.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.analysis.traces.curve import Curve

# A counter that updates faster than this share of the spacing of its readings is known at each of
# them. A slower counter is read over two of its updates: the time of an update is known to within
# the spacing of the readings.
_FAST = 0.5
_UPDATES = 2
# Readings of a burst, closer together than this share of the usual spacing, are one reading.
_BURST = 0.5
# A distance of readings of more than so many usual ones is a gap.
_GAP = 10.0
_ENOUGH = 4096  # spacings that show the usual one


class Readings(NamedTuple):
    """Power of a device over time.

    edges_s  shape [n + 1]: points in time, rising
    joules   shape [n]: energy between two points; NaN across a gap
    t_s      shape [n]: time of each reading, between its two points or at the second one
    watts    shape [n]: the reading; NaN across a gap
    """

    edges_s: Floats
    joules: Floats
    t_s: Floats
    watts: Floats


class Together(NamedTuple):
    """Energy of several devices.

    edges_s  shape [n + 1]: points in time, rising
    joules   shape [n]: energy between two points; NaN if one of the devices was not read
    """

    edges_s: Floats
    joules: Floats

    def readings(self) -> Readings:
        """The mean power between the points."""
        middles_s = (self.edges_s[1:] + self.edges_s[:-1]) / 2
        watts = self.joules / np.diff(self.edges_s)
        return Readings(self.edges_s, self.joules, middles_s, watts)


class PowerSteps(NamedTuple):
    """Power in steps of time.

    t_s            shape [m]: middle of each step
    mean_w         shape [m]: energy of the step by its length; NaN for a step with a gap
    low_w, high_w  shape [m]: lowest and highest reading of each step, NaN without a reading; None
                   if every step is a single reading
    """

    t_s: Floats
    mean_w: Floats
    low_w: Floats | None
    high_w: Floats | None


def readings(energy: Curve) -> Readings:
    """The readings of a power sensor as published, or the mean power between readings of a counter
    that are far enough apart to be known.
    """
    kept = _points(energy)
    edges_s, joules = energy.t_s[kept], np.diff(energy.energy_j[kept])
    if energy.power_w is None:
        t_s, watts = (edges_s[1:] + edges_s[:-1]) / 2, joules / np.diff(edges_s)
    else:
        t_s, watts = edges_s[1:], energy.power_w[kept][1:]
    watts, gaps = np.array(watts), _gaps(edges_s)
    joules[gaps] = watts[gaps] = np.nan
    return Readings(edges_s, joules, t_s, watts)


def added(total: Together, energy: Curve) -> Together:
    """The energy of one more device added to that of the others, between the same points."""
    edges_s = total.edges_s
    known_j = np.interp(edges_s, energy.t_s, energy.energy_j, left=np.nan, right=np.nan)
    joules = total.joules + np.diff(known_j)
    joules[_over_gap(edges_s, energy.t_s)] = np.nan
    return Together(edges_s, joules)


def in_steps(read: Readings, most: int) -> PowerSteps:
    """At most `most` steps of equal length. Times without a reading at the two ends are left out.

    Readings that are no more than `most` are the steps themselves.
    """
    known = np.flatnonzero(~np.isnan(read.watts))
    if not known.size:
        return PowerSteps(np.empty(0), np.empty(0), None, None)
    first, last = int(known[0]), int(known[-1]) + 1
    edges_s, joules = read.edges_s[first : last + 1], read.joules[first:last]
    t_s, watts = read.t_s[first:last], read.watts[first:last]
    if watts.size <= most:
        return PowerSteps(t_s, watts, None, None)
    bounds_s = np.linspace(edges_s[0], edges_s[-1], most + 1)[:-1]
    # a step without a point in it is part of the step before
    starts = np.unique(np.searchsorted(edges_s[:-1], bounds_s))
    starts = starts[starts < watts.size]
    ends_s = edges_s[np.append(starts[1:], watts.size)]
    return PowerSteps(
        (edges_s[starts] + ends_s) / 2,
        np.add.reduceat(joules, starts) / (ends_s - edges_s[starts]),
        np.fmin.reduceat(watts, starts),
        np.fmax.reduceat(watts, starts),
    )


def _points(energy: Curve) -> slice | np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Which points of the curve to take readings between."""
    if energy.channel.kind == "power" or energy.power_w is not None:
        return slice(None)
    spacings_s = np.diff(energy.t_s)
    usual_s = _usual(spacings_s)
    apart = np.flatnonzero(np.concatenate(([True], spacings_s >= _BURST * usual_s)))
    if energy.period_s <= _FAST * usual_s:
        return apart
    every = min(math.ceil(_UPDATES * energy.period_s / usual_s), apart.size - 1)
    return apart[:: max(every, 1)]


def _usual(spacings_s: Floats) -> float:
    """The median of up to a few thousand spacings, spread over the run."""
    return median(spacings_s[:: max(spacings_s.size // _ENOUGH, 1)])


def _gaps(edges_s: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    lengths_s = np.diff(edges_s)
    return np.asarray(lengths_s > _GAP * _usual(lengths_s))


def _over_gap(edges_s: Floats, t_s: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """For each pair of edges, whether a gap of the curve with points at t_s reaches in between."""
    starts = np.flatnonzero(_gaps(t_s))
    over = np.zeros(edges_s.size - 1, dtype=np.bool_)
    for start in starts.tolist():
        first, last = np.searchsorted(edges_s, (t_s[start], t_s[start + 1]))
        over[max(int(first) - 1, 0) : int(last)] = True
    return over
