"""Energy at an edge of a window, from a power sensor that averages over more than its period."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.edge import SOFT, Edge, Side
from energybench.analysis.traces.curve import Curve

# A step between two plateaus is at least this share of the mean power. A wave of the load within W
# leaves only a ripple, which would pass as a step.
_STEP = 0.2

# The power outside is a plateau if its averages range over less than this share of the step. The
# crest of a wave of 3 s ranges over more at most phases, though over less than a fifth.
_PLATEAU = 0.1


class _Outside(NamedTuple):
    """The readings outside an edge.

    at       the reading at which the integral begins or ends; None if no reading shows the smeared
             power
    rough_w  range of the readings outside
    swing_w  range of all readings around the edge
    steady   whether the power outside is a plateau and the load stepped from it
    """

    at: int | None
    rough_w: float
    swing_w: float
    steady: bool


def edge(curve: Curve, t: float, side: Side) -> Edge:
    """The edge of a sensor that averages over its window W, so that a step is smeared over W.

    If the power outside is steady, all power smeared out of the window lies within W/2 of the
    window, plus the unknown lag: the integral is extended to a reading further away, and the energy
    of the steady outside is subtracted. A reading at W/2 would do only if it stood exactly there:
    between two readings the smeared step begins to bend, and a straight line between the two is not
    the power outside.
    """
    times, watts = curve.t_s, curve.power_w
    assert watts is not None
    half_s, outside = curve.window_s / 2, _outside(curve, t, side)
    if outside.at is None:
        # The smeared power may be any power of this run.
        return Edge(curve.at(t), float(np.ptp(watts)) * half_s / 4)
    if outside.steady:
        i = outside.at
        energy_j = float(curve.energy_j[i] + watts[i] * (t - times[i]))
        # Power that falls off slowly beyond the edge is taken for power of the window. The first
        # reading beyond W/2 may come a period later, after a part of the power has gone.
        shape_j = outside.rough_w * (half_s + curve.period_s) / math.sqrt(3.0)
        shape_j += SOFT * outside.swing_w * curve.period_s
        return Edge(energy_j, math.hypot(shape_j, _times_j(curve, t)))
    # Of a wave faster than W only a ripple is left, smaller than the wave by the factor W/τ.
    return Edge(curve.at(t), outside.swing_w * half_s / 2)


def steps_from_plateau(curve: Curve, t: float, side: Side) -> bool:
    """Whether the load stepped at the edge from a steady power outside."""
    return _outside(curve, t, side).steady


def reading_times_j(curve: Curve, start_s: float, end_s: float) -> float:
    """Standard uncertainty of the energy between the edges of a window from the reading times of an
    average, J: a change of the reading, misplaced by δ, changes the energy by the change times δ.

    The polls of a sensor slip slowly against its updates, so that the changes within a rise of the
    readings, or within a fall, are misplaced alike. Successive rises are independent.
    """
    assert curve.power_w is not None
    # The uncertainty of each edge contains the changes within this distance.
    reach_s = curve.window_s / 2 + curve.period_s
    within = (curve.t_s >= start_s + reach_s) & (curve.t_s <= end_s - reach_s)
    changes_w, fuzz_s = np.diff(curve.power_w[within]), curve.fuzz_s[within]
    joules = changes_w * (fuzz_s[1:] + fuzz_s[:-1]) / 2
    joules = joules[changes_w != 0]
    if not joules.size:
        return 0.0
    turns = np.flatnonzero(np.diff(np.sign(joules))) + 1
    runs_j = np.add.reduceat(joules, np.concatenate(([0], turns)))
    return float(np.linalg.norm(runs_j)) / math.sqrt(3.0)


def _times_j(curve: Curve, t: float) -> float:
    """Standard uncertainty of the energy at an edge from the times of the readings of the smeared
    step, J.

    The times of the changes have independent errors. Readings that do not show their period may
    come late alike: by at most the distance of the closest changes, and at most one averaging time.
    """
    assert curve.power_w is not None
    reach_s = curve.window_s / 2 + curve.period_s
    near = (curve.t_s >= t - reach_s) & (curve.t_s <= t + reach_s)
    changes_w, fuzz_s = np.diff(curve.power_w[near]), curve.fuzz_s[near]
    each_j = float(np.linalg.norm(changes_w * (fuzz_s[1:] + fuzz_s[:-1]) / 2))
    alike_j = float(abs(changes_w.sum())) * min(curve.late_s, curve.window_s) / 2
    return math.hypot(each_j, alike_j) / math.sqrt(3.0)


def _outside(curve: Curve, t: float, side: Side) -> _Outside:
    times, watts = curve.t_s, curve.power_w
    assert watts is not None
    half_s, sign = curve.window_s / 2, 1 if side == "start" else -1
    near = watts[(times >= t - curve.window_s) & (times <= t + curve.window_s)]
    swing_w = _range(near)
    outward_s = sign * (t - sign * half_s - times)
    beyond_s = max(half_s, curve.period_s)
    margin_s = max(curve.period_s, math.sqrt(3.0) * curve.channel.lag_u_s)
    outer = _reading_beyond(times, t - sign * (half_s + margin_s), side)
    if outer is None:
        outer = _reading_beyond(times, t - sign * half_s, side)
    # Distances outward from W/2: the power has to be steady there and some way beyond.
    outside_w = watts[(outward_s >= 0) & (outward_s <= margin_s + beyond_s)]
    rough_w = _range(outside_w)
    if outside_w.size == 1:
        # A sensor with few periods in W gives a single reading of the outside alone.
        rough_w = SOFT * swing_w
    # Inside the window, from W/2 up to W or a period on: a wave comes back to the power outside,
    # and a step does not.
    inside_w = watts[(outward_s <= -2 * half_s) & (outward_s >= -2 * half_s - beyond_s)]
    steady = (
        outer is not None
        and outside_w.size > 0
        and inside_w.size > 0
        and rough_w <= _PLATEAU * swing_w
        and abs(float(inside_w.mean() - outside_w.mean())) >= _STEP * float(near.mean())
    )
    return _Outside(outer, rough_w, swing_w, steady)


def _reading_beyond(times: Floats, far_s: float, side: Side) -> int | None:
    """Index of the first reading at `far_s` or further outside; None without such a reading."""
    if side == "start":
        i = int(np.searchsorted(times, far_s, side="right")) - 1
    else:
        i = int(np.searchsorted(times, far_s))
    return i if 0 <= i < times.size else None


def _range(watts: Floats) -> float:
    return float(np.ptp(watts)) if watts.size else 0.0
