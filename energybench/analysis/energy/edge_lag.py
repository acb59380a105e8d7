"""The effect of a lag that is not known exactly, and the lag that the edges of a window show.

A counter that lags by δ shows at t the energy of t − δ. A window from s to e is then off by
δ·(P(e) − P(s)), with the powers just before the edges for δ > 0 and just after them for δ < 0.
"""

from __future__ import annotations

import numpy as np

from energybench.analysis.traces.curve import Curve

# Time after an edge in which a late step is looked for, s: the largest lag of a board that was seen
# is below 0.1 s (calibrating/window_fit.py), and the bursts end 0.22 s after an edge.
_REACH_S = 0.2
# The levels before and after a step are flat if they change by less than this share of the step.
_FLAT = 0.2
# Updates on either side whose mean power is a level.
_LEVEL = 2


def step_between_edges_w(curve: Curve, start_s: float, end_s: float) -> float:
    """P(end) − P(start), W, just before the edges or just after them: the larger of the two."""
    if curve.power_w is not None:
        return curve.power(end_s) - curve.power(start_s)
    first, last = curve.segment(start_s), curve.segment(end_s)
    largest = curve.t_s.size - 2

    def beside_w(segment: int, side: int) -> float:
        return curve.mean_w(min(max(segment + side, 0), largest))

    # A lag that is too large by δ and one that is too small have opposite signs.
    before_w = beside_w(last, -1) - beside_w(first, -1)
    after_w = beside_w(first, 1) - beside_w(last, 1)
    return max(before_w, -after_w, key=abs)


def apparent_lag_s(curve: Curve, start_s: float, end_s: float) -> float:
    """The time by which a counter shows both edges of the work late, s; 0 if it does not.

    Work may begin some time after its window, and power may last some time beyond it. Only a delay
    at both edges is a sign of a lag, and the smaller of the two is taken.
    """
    delays_s = (_delay_s(curve, start_s), _delay_s(curve, end_s))
    return max(min(delays_s), 0.0)


def _delay_s(curve: Curve, edge_s: float) -> float:
    """Time after the edge at which the load stepped from one level to another; 0 if no such step is
    seen.

    The energy between a tick before the edge and a tick beyond the reach is that of the first level
    up to the step and of the second level from there on.
    """
    times = curve.t_s
    low = int(np.searchsorted(times, edge_s, side="right")) - 1
    high = int(np.searchsorted(times, edge_s + _REACH_S))
    if low < _LEVEL or high + _LEVEL >= times.size:
        return 0.0
    watts = np.diff(curve.energy_j[low - _LEVEL : high + _LEVEL + 1]) / np.diff(
        times[low - _LEVEL : high + _LEVEL + 1]
    )
    before, after = watts[:_LEVEL], watts[-_LEVEL:]
    before_w, after_w = float(before.mean()), float(after.mean())
    step_w = after_w - before_w
    if not step_w or max(float(np.ptp(before)), float(np.ptp(after))) > _FLAT * abs(step_w):
        return 0.0
    joules = float(curve.energy_j[high] - curve.energy_j[low])
    at_once_j = before_w * (edge_s - times[low]) + after_w * (times[high] - edge_s)
    return float((at_once_j - joules) / step_w)
