"""The effect of a lag with an uncertainty, and the lag that the edges of a window show.

A counter that lags by δ shows at t the energy of t − δ. A window from s to e is then wrong by
δ·(P(e) − P(s)), with the powers just before the edges for δ > 0 and just after the edges for δ < 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.curve import Curve

# Time after an edge for the search of a late step, s: the largest lag seen on a board is below 0.1
# s (calibrating/window_fit.py), and the bursts end 0.22 s after an edge.
_REACH_S = 0.2
# The levels before and after a step are flat if they change by less than this share of the step.
_FLAT = 0.2
# A smaller change than this share of the power is noise or a drift, not a step.
_STEP = 0.2
# Updates on either side whose mean power is a level: two updates, and for a fast counter the
# updates within this time, s, because polls every 5 ms place its ticks badly.
_LEVEL, _LEVEL_S = 2, 0.1


def step_between_edges_w(curve: Curve, start_s: float, end_s: float) -> float:
    """P(end) − P(start), W, just before the edges or just after them: the larger of the two."""
    if curve.power_w is not None:
        return curve.power(end_s) - curve.power(start_s)
    first, last = curve.segment(start_s), curve.segment(end_s)
    largest = curve.t_s.size - 2

    def beside_w(segment: int, side: int) -> float:
        """Mean over at least half a period: ticks placed close together give no reliable power."""
        low = min(max(segment + side, 0), largest)
        high = low + 1
        while curve.t_s[high] - curve.t_s[low] < curve.period_s / 2:
            if side < 0 and low > 0:
                low -= 1
            elif side > 0 and high <= largest:
                high += 1
            else:
                break
        return curve.between_w(low, high)

    # Too large and too small a lag have errors of opposite sign.
    before_w = beside_w(last, -1) - beside_w(first, -1)
    after_w = beside_w(first, 1) - beside_w(last, 1)
    return max(before_w, -after_w, key=abs)


def lag_u_s(curve: Curve, start_s: float, end_s: float) -> float:
    """Standard uncertainty of the lag of a sensor in this window, s.

    The prior is half a period on either side, and grows with a period that is longer than stated. A
    counter or a part-time sensor that shows both edges of the work later than the prior allows has
    a lag of this size.
    """
    channel = curve.channel
    if channel.timing != "prior" or not shows_lag(curve):
        return channel.lag_u_s
    prior_s = channel.lag_u_s
    if channel.update_period_s:
        longest_s = longest_period_s(curve, [(start_s, end_s)])
        prior_s *= max(1.0, longest_s / channel.update_period_s)
    return max(prior_s, apparent_lag_s(curve, start_s, end_s))


def longest_period_s(curve: Curve, edges: Sequence[tuple[float, float]]) -> float:
    """The longest update period that the readings allow, s. If the readings do not show their
    period, the delays of steps at the edges of the work limit the period, because a step waits for
    half a period on average.

    edges  starts and ends of windows
    """
    if not curve.late_s:
        return curve.period_s
    delays_s = [delay for start, end in edges for delay in edge_delays_s(curve, start, end)]
    if not delays_s:
        return curve.period_s + curve.late_s
    waited_s = max(2 * math.fsum(delays_s) / len(delays_s), 0.0)
    return curve.period_s + min(curve.late_s, waited_s)


def shows_lag(curve: Curve) -> bool:
    """Whether a step at an edge of the work shows the lag of this sensor. An average smears a step
    out.
    """
    return curve.power_w is None or (curve.channel.kind == "power" and curve.part_time)


def apparent_lag_s(curve: Curve, start_s: float, end_s: float) -> float:
    """The time by which a sensor shows both edges of the work late, s; 0 without such a delay.

    Work may begin some time after its window, and power may last some time beyond the window. Only
    a delay at both edges is a sign of a lag, and the smaller delay is taken.
    """
    delays_s = edge_delays_s(curve, start_s, end_s)
    if len(delays_s) < 2:
        return 0.0
    # A step may have come anywhere between two readings of a part-time sensor.
    slack_s = curve.period_s / 2 if curve.part_time else 0.0
    return max(min(delays_s) - slack_s, 0.0)


def edge_delays_s(curve: Curve, start_s: float, end_s: float) -> tuple[float, ...]:
    """Delays of the load's steps after the edges of the window, s; only of edges with a visible
    step.
    """
    half = 1
    if curve.period_s:
        half = max(_LEVEL, math.ceil(_LEVEL_S / curve.period_s)) // 2
    steps_s = (
        (_start_step_s(curve, start_s, half), start_s),
        (_end_step_s(curve, end_s, half), end_s),
    )
    return tuple(step_s - edge_s for step_s, edge_s in steps_s if step_s is not None)


def _start_step_s(curve: Curve, start_s: float, half: int) -> float | None:
    """Time of the step from the level before the work; None without a visible step."""
    step_s = _between_levels_s(curve, start_s, half)
    if step_s is None:
        step_s = _departure_s(curve.t_s, curve.energy_j, start_s, start_s + _REACH_S, half)
    return step_s


def _end_step_s(curve: Curve, end_s: float, half: int) -> float | None:
    """Time of the step to the level after the work; None without a visible step."""
    step_s = _between_levels_s(curve, end_s, half)
    if step_s is None:
        # Backward in time, the load departs from the level after the work.
        times, joules = -curve.t_s[::-1], -curve.energy_j[::-1]
        backward_s = _departure_s(times, joules, -end_s - _REACH_S, -end_s, half)
        step_s = None if backward_s is None else -backward_s
    if step_s is None:
        # The readings may end before the level after the work.
        step_s = _departure_s(curve.t_s, curve.energy_j, end_s, end_s + _REACH_S, half)
    return step_s


def _between_levels_s(curve: Curve, edge_s: float, half: int) -> float | None:
    """Time at which the load stepped from one level to another near an edge; None without a visible
    step.

    The energy between a tick before the edge and a tick beyond the reach is the energy of the first
    level up to the step, plus the energy of the second level from the step on.

    half  number of updates in each half of a level
    """
    times, joules = curve.t_s, curve.energy_j
    low = int(np.searchsorted(times, edge_s, side="right")) - 1
    high = int(np.searchsorted(times, edge_s + _REACH_S))
    if low < 2 * half or high + 2 * half >= times.size:
        return None
    # Check each level in two halves, which differ by little if the level is flat.
    before = _mean_powers_w(times, joules, (low - 2 * half, low - half, low))
    after = _mean_powers_w(times, joules, (high, high + half, high + 2 * half))
    before_w, after_w = float(before.mean()), float(after.mean())
    step_w = after_w - before_w
    if not step_w or max(float(np.ptp(before)), float(np.ptp(after))) > _FLAT * abs(step_w):
        return None
    energy_j = float(joules[high] - joules[low])
    at_once_j = before_w * (edge_s - times[low]) + after_w * (times[high] - edge_s)
    return edge_s + float((at_once_j - energy_j) / step_w)


def _departure_s(
    times: Floats, joules: Floats, from_s: float, until_s: float, half: int
) -> float | None:
    """Time between two limits at which the load left a flat level; None if the load stayed, or if
    the level before is not flat. The later load is arbitrary.

    half  number of updates in each half of the level
    """
    first = max(int(np.searchsorted(times, from_s, side="right")) - 1, 2 * half)
    last = min(int(np.searchsorted(times, until_s)) + half, times.size - 1)
    points = range(first, last + 1, half)
    if len(points) < 2 or times[first] >= until_s:
        return None
    level = _mean_powers_w(times, joules, (first - 2 * half, first - half, first))
    level_w = float(level.mean())
    away_w = _mean_powers_w(times, joules, points) - level_w
    step_w = float(np.abs(away_w).max())
    if not step_w:
        return None
    j = int(np.argmax(np.abs(away_w) > _FLAT * step_w))
    if times[points[j]] >= until_s:
        return None
    # The whole step is the power of the next updates, if the load did not step back by then.
    whole_w = float(away_w[j])
    if j + 1 < away_w.size and abs(away_w[j + 1]) > abs(whole_w):
        whole_w = float(away_w[j + 1])
    if abs(whole_w) < max(_STEP * level_w, float(np.ptp(level)) / _FLAT):
        return None
    low, high = points[0], points[j + 1]
    excess_j = float(joules[high] - joules[low]) - level_w * float(times[high] - times[low])
    departed_s = float(times[high]) - excess_j / whole_w
    return min(max(departed_s, float(times[points[j]])), float(times[high]))


def _mean_powers_w(times: Floats, joules: Floats, at: Sequence[int]) -> Floats:
    """Mean powers between these points of a curve, W."""
    points = list(at)
    return np.asarray(np.diff(joules[points]) / np.diff(times[points]))
