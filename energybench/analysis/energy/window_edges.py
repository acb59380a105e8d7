"""Energy at the edges of a window, which fall between two updates of the sensor.

The edge of a window is most often the begin or the end of the work, so that the load steps at the
edge. Linear interpolation would lose up to period·ΔP/4 of the window at either end, always to the
same side, and no repeat would show the loss. The functions below therefore estimate the time of the
step, and the error for a step at a different time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy import average_edges
from energybench.analysis.energy.edge import PLATEAU, SOFT, Edge, Side
from energybench.analysis.traces.curve import Curve

# Linear interpolation of a step is wrong by at most period·ΔP/4; as a rectangular distribution,
# 1/√3 of the maximum.
_LINEAR = 1 / (4 * math.sqrt(3.0))
# A wave of root mean square r within a period T changes the energy at an edge by at most r·T/4 (a
# square wave of period T), and by r·T/10 on average. A load in step with the sensor has the same
# effect in each repeat.
_ROUGH = 0.15
# Two updates further apart than this many periods enclose a gap, which may contain more than a
# single step. Below the second number, one update was missed.
_LONG, _TWO = 1.5, 2.5
# Fewer updates inside a window do not show the powers of the load.
_FEW = 3


def edges(curve: Curve, start_s: float, end_s: float) -> tuple[Edge, Edge]:
    """The two edges of a window."""
    if curve.power_w is None:
        inside_w = curve.means_w(start_s, end_s)
        return (
            _counter(curve, start_s, "start", inside_w),
            _counter(curve, end_s, "end", inside_w),
        )
    if curve.part_time or curve.window_s == 0:
        return _part_time(curve, start_s, "start"), _part_time(curve, end_s, "end")
    return average_edges.edge(curve, start_s, "start"), average_edges.edge(curve, end_s, "end")


# ---------------------------------------------------------------- counters


class _Segment(NamedTuple):
    """The segment between two ticks of a counter that contains an edge, and its neighbours.

    low_j, high_j                  energies at the two ticks
    low_fuzz_s, high_fuzz_s        half-widths of the uncertainty of the times of the ticks
    mean_w, before_w, after_w      mean power of the segment and of its neighbours
    rough_before_w, rough_after_w  change of the mean power beyond each neighbour
    neighbour_before, neighbour_after
                                   False if the curve has no segment before, or after: the power of
                                   the segment itself then stands in
    """

    low_s: float
    high_s: float
    low_j: float
    high_j: float
    low_fuzz_s: float
    high_fuzz_s: float
    mean_w: float
    before_w: float
    after_w: float
    rough_before_w: float
    rough_after_w: float
    neighbour_before: bool
    neighbour_after: bool

    @classmethod
    def at(cls, curve: Curve, t: float) -> _Segment:
        """The segment of the curve that contains t, or the nearest segment."""
        i, last = curve.segment(t), curve.t_s.size - 2
        before_w, after_w = curve.mean_w(max(i - 1, 0)), curve.mean_w(min(i + 1, last))
        return cls(
            low_s=float(curve.t_s[i]),
            high_s=float(curve.t_s[i + 1]),
            low_j=float(curve.energy_j[i]),
            high_j=float(curve.energy_j[i + 1]),
            low_fuzz_s=float(curve.fuzz_s[i]),
            high_fuzz_s=float(curve.fuzz_s[i + 1]),
            mean_w=curve.mean_w(i),
            before_w=before_w,
            after_w=after_w,
            rough_before_w=abs(before_w - curve.mean_w(max(i - 2, 0))),
            rough_after_w=abs(after_w - curve.mean_w(min(i + 2, last))),
            neighbour_before=i > 0,
            neighbour_after=i < last,
        )

    @property
    def length_s(self) -> float:
        return self.high_s - self.low_s

    @property
    def swing_w(self) -> float:
        powers = (self.before_w, self.mean_w, self.after_w)
        return max(powers) - min(powers)

    @property
    def fuzz_s(self) -> float:
        return max(self.low_fuzz_s, self.high_fuzz_s)

    def contains(self, t: float) -> bool:
        return self.low_s <= t <= self.high_s

    def from_low(self, t: float) -> float:
        """Energy at t if the power before the segment went on up to t."""
        return self.low_j + self.before_w * (t - self.low_s)

    def from_high(self, t: float) -> float:
        """Energy at t if the power after the segment began at t."""
        return self.high_j - self.after_w * (self.high_s - t)


class _Value(NamedTuple):
    """Energy at an edge, J, with three contributions to its uncertainty.

    watts, fuzz_s  power at the edge, and half-width of the uncertainty of the time of the tick
    shape_j        standard uncertainty from the shape of the load, J
    """

    energy_j: float
    watts: float
    fuzz_s: float
    shape_j: float


def _counter(curve: Curve, t: float, side: Side, inside_w: Floats) -> Edge:
    """The edge between two ticks of a counter.

    inside_w  mean powers of the segments inside the window
    """
    segment = _Segment.at(curve, t)
    value = _value(curve, segment, t, side, inside_w)
    # Power that varies within one update, and the resolution of the counter.
    rough_j = _ROUGH * curve.rough_w * segment.length_s + curve.channel.resolution / 2
    tick_w = value.watts
    if curve.channel.kind == "power":
        # The readings state the power, so that a misplaced tick moves only the step at the tick.
        tick_w = segment.swing_w
    tick_j = tick_w * value.fuzz_s / math.sqrt(3.0)
    return Edge(value.energy_j, math.sqrt(tick_j**2 + value.shape_j**2 + rough_j**2))


def _value(curve: Curve, segment: _Segment, t: float, side: Side, inside_w: Floats) -> _Value:
    """The energy at the edge under the strongest assumption that the neighbours support."""
    if not segment.contains(t):
        return _beyond(curve, segment, t, inside_w)
    outside_known = segment.neighbour_before if side == "start" else segment.neighbour_after
    if segment.length_s > _LONG * curve.period_s or not outside_known:
        return _in_gap(curve, segment, t)
    steady_outside = _outside_holds(segment, t, side, inside_w)
    if _returns(segment, side) and (steady_outside or _steady_beside(segment)):
        return _peak(segment, t, side)
    if steady_outside:
        return _steady_outside(segment, t, side)
    step_s = _single_step(segment)
    if step_s is not None:
        return _stepped(segment, t, step_s)
    return _interpolated(curve, segment, t)


def _interpolated(curve: Curve, segment: _Segment, t: float) -> _Value:
    """Linear interpolation: nothing is known about the shape of the load."""
    shape_j = segment.swing_w * segment.length_s * _LINEAR
    return _Value(curve.at(t), segment.mean_w, segment.fuzz_s, shape_j)


def _beyond(curve: Curve, segment: _Segment, t: float, inside_w: Floats) -> _Value:
    """Before the first tick or after the last one, the last power goes on.

    The true power in the time beyond may be any power seen inside the window or beside the edge.
    """
    beyond_s = max(segment.low_s - t, t - segment.high_s)
    powers = np.concatenate((inside_w, [segment.before_w, segment.mean_w, segment.after_w]))
    away_w = float(np.abs(powers - segment.mean_w).max())
    if inside_w.size < _FEW:
        # Too few updates to show the powers of the load.
        away_w = max(away_w, segment.mean_w)
    shape_j = away_w * beyond_s / math.sqrt(3.0) + segment.swing_w * segment.length_s * _LINEAR
    return _Value(curve.at(t), segment.mean_w, segment.fuzz_s, shape_j)


def _in_gap(curve: Curve, segment: _Segment, t: float) -> _Value:
    """In a gap the energy is known, but not its distribution in time. If a single update was missed
    between two steady powers, a single step is the best guess.
    """
    share = (t - segment.low_s) / segment.length_s
    shape_j = segment.mean_w * segment.length_s * math.sqrt(share * (1 - share) / 3.0)
    energy_j = curve.at(t)
    beside = segment.neighbour_before and segment.neighbour_after
    if beside and segment.length_s < _TWO * curve.period_s:
        step_s = _single_step(segment)
        if step_s is not None:
            energy_j = segment.from_low(t) if t <= step_s else segment.from_high(t)
    return _Value(energy_j, 0.0, 0.0, shape_j)


def _steady_outside(segment: _Segment, t: float, side: Side) -> _Value:
    """The steady power outside the window continued up to the edge."""
    if side == "start":
        energy_j, watts = segment.from_low(t), segment.before_w
        rough_w, fuzz_s = segment.rough_before_w, segment.low_fuzz_s
    else:
        energy_j, watts = segment.from_high(t), segment.after_w
        rough_w, fuzz_s = segment.rough_after_w, segment.high_fuzz_s
    shape_j = (rough_w + 2 * SOFT * segment.swing_w) * segment.length_s * _LINEAR
    return _Value(energy_j, watts, fuzz_s, shape_j)


def _returns(segment: _Segment, side: Side) -> bool:
    """Whether the power inside the window, next to the segment, is the steady power outside: the
    segment then contains a peak of the load, and not a step at the edge.
    """
    outside_w, inside_w = segment.before_w, segment.after_w
    if side == "end":
        outside_w, inside_w = inside_w, outside_w
    return abs(inside_w - outside_w) <= PLATEAU * abs(segment.mean_w - outside_w)


def _steady_beside(segment: _Segment) -> bool:
    """Whether the power is steady on both sides of the segment."""
    rough_w = max(segment.rough_before_w, segment.rough_after_w)
    return rough_w <= PLATEAU * abs(segment.mean_w - segment.before_w)


def _peak(segment: _Segment, t: float, side: Side) -> _Value:
    """A peak on a steady power: the energy of the peak is known, but not its side of the edge."""
    level_w = segment.before_w if side == "start" else segment.after_w
    share = (t - segment.low_s) / segment.length_s
    peak_j = (segment.mean_w - level_w) * segment.length_s
    energy_j = segment.low_j + level_w * (t - segment.low_s) + peak_j * share
    shape_j = abs(peak_j) * math.sqrt(share * (1 - share) / 3.0)
    return _Value(energy_j, level_w, segment.fuzz_s, shape_j)


def _stepped(segment: _Segment, t: float, step_s: float) -> _Value:
    """The load stepped once, at step_s, between two plateaus."""
    if t <= step_s:
        energy_j, watts, fuzz_s = segment.from_low(t), segment.before_w, segment.low_fuzz_s
    else:
        energy_j, watts, fuzz_s = segment.from_high(t), segment.after_w, segment.high_fuzz_s
    if abs(t - step_s) <= segment.fuzz_s:  # the step may lie on either side of the edge
        watts = max(segment.before_w, segment.after_w)
    rough_w = max(segment.rough_before_w, segment.rough_after_w)
    shape_j = (rough_w + SOFT * segment.swing_w) * segment.length_s * _LINEAR
    return _Value(energy_j, watts, fuzz_s, shape_j)


def _single_step(segment: _Segment) -> float | None:
    """Time of the single step between two plateaus; None without such a step."""
    jump_w = segment.after_w - segment.before_w
    rough_w = max(segment.rough_before_w, segment.rough_after_w)
    if not jump_w or rough_w > PLATEAU * abs(jump_w):
        return None
    # An error of the times of the ticks changes the mean power of the segment.
    slack_w = segment.mean_w * (segment.low_fuzz_s + segment.high_fuzz_s) / segment.length_s
    low_w, high_w = sorted((segment.before_w, segment.after_w))
    if not low_w - slack_w <= segment.mean_w <= high_w + slack_w:
        return None
    before_s = segment.length_s * (segment.mean_w - segment.before_w) / jump_w
    return min(max(segment.high_s - before_s, segment.low_s), segment.high_s)


def _outside_holds(segment: _Segment, t: float, side: Side, inside_w: Floats) -> bool:
    """Whether to assume that the power outside the window continued up to the edge.

    Accepted only if the power outside is steady, and if the remaining energy of the segment implies
    a power that was seen inside the window.
    """
    outside_w, rough_w, outside_s = (
        segment.after_w,
        segment.rough_after_w,
        segment.high_s - t,
    )
    if side == "start":
        outside_w, rough_w = segment.before_w, segment.rough_before_w
        outside_s = t - segment.low_s
    rest_s = segment.length_s - outside_s
    if rest_s <= 0 or rough_w > PLATEAU * abs(segment.mean_w - outside_w):
        return False
    if inside_w.size == 0:
        return True
    implied_w = (segment.mean_w * segment.length_s - outside_w * outside_s) / rest_s
    low_w, high_w = min(outside_w, float(inside_w.min())), max(outside_w, float(inside_w.max()))
    # a few percent for a soft step, and the error of the ticks' times
    slack_w = min(PLATEAU, SOFT + 2 * segment.fuzz_s / rest_s) * (high_w - low_w)
    return low_w - slack_w <= implied_w <= high_w + slack_w


# ---------------------------------------------------------------- power sensors


def _part_time(curve: Curve, t: float, side: Side) -> Edge:
    """The edge of a part-time sensor.

    The nearest reading whose averaging window lies inside the window stands for the unseen time up
    to the edge; the load may have stepped later.
    """
    times, watts = curve.t_s, curve.power_w
    assert watts is not None
    half_s = curve.window_s / 2
    if side == "start":
        inner = int(np.searchsorted(times, t + half_s))
        outer = int(np.searchsorted(times, t - half_s, side="right")) - 1
    else:
        inner = int(np.searchsorted(times, t - half_s, side="right")) - 1
        outer = int(np.searchsorted(times, t + half_s))
    inner = min(max(inner, 0), times.size - 1)
    energy_j = float(curve.energy_j[inner] - watts[inner] * (times[inner] - t))
    unseen_s = abs(float(times[inner]) - t)
    if not 0 <= outer < times.size:
        # No reading outside the window: until the edge, any power of this run is possible.
        change_w = float(np.abs(watts - watts[inner]).max())
        return Edge(energy_j, unseen_s * change_w / math.sqrt(3.0))
    jump_w = abs(float(watts[inner] - watts[outer]))
    gap_s = max(abs(float(times[inner] - times[outer])), unseen_s, 1e-9)
    # The step is equally likely anywhere in the gap. Only a step in the last `unseen_s` before the
    # reading changes the energy.
    step_s = math.sqrt(unseen_s**3 / (3 * gap_s))
    return Edge(energy_j, jump_w * (step_s + float(curve.fuzz_s[inner]) / math.sqrt(3.0)))
