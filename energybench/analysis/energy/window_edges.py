"""Energy at a window's edge, which falls between two updates of the sensor: where did the load
step, and what if it did elsewhere?

A window's edge is most often where the work begins or ends, so the load steps there. Linear
interpolation would lose up to period·ΔP/4 of the window at either end, every time to the same side,
and no repeat would show it.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.ticks import Floats

Side = Literal["start", "end"]

_PLATEAU = 0.2  # a step stands between plateaus whose own roughness is below this share of it
# of a step: how far it may be from sharp (a load's ramp of some milliseconds, against a period of
# 100)
_SOFT = 0.05
_LINEAR = 1 / (
    4 * math.sqrt(3.0)
)  # linear interpolation of a step is off by at most period·ΔP/4; a third of it is rectangular
# A wave of rms r within the period T puts an edge off by at most r·T/4 (a square of that period),
# by r·T/10 in the mean; a load in step does so alike at each repeat.
_ROUGH = 0.15
# updates further apart than this many periods are a gap: what happened in it is not a single step
_LONG = 1.5


class Edge(NamedTuple):
    """Cumulated energy at an edge, and the standard uncertainty of it that belongs to this edge
    alone.
    """

    energy_j: float
    u_j: float


def edges(curve: Curve, start_s: float, end_s: float) -> tuple[Edge, Edge]:
    """The two edges of a window."""
    if curve.power_w is None:
        inside = curve.means_w(start_s, end_s)
        return _counter(curve, start_s, "start", inside), _counter(curve, end_s, "end", inside)
    one = _part_time if curve.part_time or curve.window_s == 0 else _average
    return one(curve, start_s, "start"), one(curve, end_s, "end")


class _Around(NamedTuple):
    """The segment between two ticks that holds an edge, and the mean powers of its neighbours."""

    low_s: float
    high_s: float
    mean_w: float
    before_w: float
    after_w: float
    rough_before_w: float
    rough_after_w: float

    @property
    def length_s(self) -> float:
        return self.high_s - self.low_s


def _counter(curve: Curve, t: float, side: Side, inside: Floats) -> Edge:
    """Between two ticks: the mean power between them says where the load stepped, if it stepped
    once between two plateaus. Where only the power outside the window is steady, it went on until
    the edge, if what is then left for the inside is possible there.
    """
    i, last = curve.segment(t), curve.t_s.size - 2
    here = _Around(
        float(curve.t_s[i]),
        float(curve.t_s[i + 1]),
        curve.mean_w(i),
        before := curve.mean_w(max(i - 1, 0)),
        after := curve.mean_w(min(i + 1, last)),
        abs(before - curve.mean_w(max(i - 2, 0))),
        abs(after - curve.mean_w(min(i + 2, last))),
    )
    first, second = float(curve.energy_j[i]), float(curve.energy_j[i + 1])
    loose = float(curve.fuzz_s[i]), float(curve.fuzz_s[i + 1])
    swing = max(before, here.mean_w, after) - min(before, here.mean_w, after)
    hidden = _ROUGH * curve.rough_w * here.length_s + curve.channel.resolution / 2
    near = here.low_s <= t <= here.high_s and here.length_s <= _LONG * curve.period_s
    if near and _outside_holds(here, t, side, inside):
        watts, rough, fuzz = (
            (before, here.rough_before_w, loose[0])
            if side == "start"
            else (after, here.rough_after_w, loose[1])
        )
        value = (
            first + before * (t - here.low_s)
            if side == "start"
            else second - after * (here.high_s - t)
        )
        shape = (rough + 2 * _SOFT * swing) * here.length_s * _LINEAR
    elif near and (step_s := _single_step(here, sum(loose))) is not None:
        watts = (
            max(before, after)
            if abs(t - step_s) <= max(loose)
            else before
            if t <= step_s
            else after
        )
        value, fuzz = (
            (first + before * (t - here.low_s), loose[0])
            if t <= step_s
            else (second - after * (here.high_s - t), loose[1])
        )
        shape = (
            (max(here.rough_before_w, here.rough_after_w) + _SOFT * swing) * here.length_s * _LINEAR
        )
    elif (
        here.low_s <= t <= here.high_s and not near
    ):  # a hole: its energy is known, not when it was spent
        share = (t - here.low_s) / here.length_s
        value, watts, fuzz = curve.at(t), 0.0, 0.0
        shape = here.mean_w * here.length_s * math.sqrt(share * (1 - share) / 3.0)
    else:
        reach = max(here.length_s, here.low_s - t, t - here.high_s)
        value, watts, fuzz, shape = curve.at(t), here.mean_w, max(loose), swing * reach * _LINEAR
    return Edge(value, math.sqrt((watts * fuzz) ** 2 / 3 + shape**2 + hidden**2))


def _single_step(here: _Around, loose_s: float) -> float | None:
    """Where the one step between two plateaus was; None where there is none."""
    jump = here.after_w - here.before_w
    slack = here.mean_w * loose_s / here.length_s  # a tick that fell elsewhere changes the mean
    between = (
        min(here.before_w, here.after_w) - slack
        <= here.mean_w
        <= max(here.before_w, here.after_w) + slack
    )
    if (
        not between
        or not jump
        or max(here.rough_before_w, here.rough_after_w) > _PLATEAU * abs(jump)
    ):
        return None
    return min(
        max(here.high_s - here.length_s * (here.mean_w - here.before_w) / jump, here.low_s),
        here.high_s,
    )


def _outside_holds(here: _Around, t: float, side: Side, inside: Floats) -> bool:
    """Whether a steady outside may be taken up to the edge: the rest of the segment's energy must
    be a power seen inside the window.
    """
    outside, rough = (
        (here.before_w, here.rough_before_w)
        if side == "start"
        else (here.after_w, here.rough_after_w)
    )
    out_s = t - here.low_s if side == "start" else here.high_s - t
    rest_s = here.length_s - out_s
    step = abs(here.mean_w - outside)
    if rest_s <= 0 or rough > _PLATEAU * step:
        return False
    implied = (here.mean_w * here.length_s - outside * out_s) / rest_s
    if inside.size == 0:
        return True
    low, high = min(outside, float(inside.min())), max(outside, float(inside.max()))
    slack = _PLATEAU * (high - low)
    return low - slack <= implied <= high + slack


def _part_time(curve: Curve, t: float, side: Side) -> Edge:
    """The reading nearest to the edge whose whole window lies inside stands for what no reading
    saw; the load may have stepped later.
    """
    times, watts = curve.t_s, curve.power_w
    assert watts is not None
    half, sign = curve.window_s / 2, 1 if side == "start" else -1
    if side == "start":
        k = int(np.searchsorted(times, t + half))
        out = int(np.searchsorted(times, t - half, side="right")) - 1
    else:
        k = int(np.searchsorted(times, t - half, side="right")) - 1
        out = int(np.searchsorted(times, t + half))
    k = min(max(k, 0), times.size - 1)
    value = float(curve.energy_j[k] - watts[k] * (times[k] - t))
    unseen = abs(float(times[k]) - t)
    if not 0 <= out < times.size:
        return Edge(
            value,
            unseen
            * abs(float(watts[k] - watts[k - sign if 0 <= k - sign < times.size else k]))
            / math.sqrt(3.0),
        )
    jump, gap = (
        abs(float(watts[k] - watts[out])),
        max(abs(float(times[k] - times[out])), unseen, 1e-9),
    )
    # A step anywhere in the gap, equally likely: only one that came `unseen` or less before the
    # reading counts.
    return Edge(
        value, jump * (math.sqrt(unseen**3 / (3 * gap)) + float(curve.fuzz_s[k]) / math.sqrt(3.0))
    )


def _average(curve: Curve, t: float, side: Side) -> Edge:
    """A sensor that averages over its window W smears a step over W. Where the power outside is
    steady, all that was smeared out of the window is found within W/2 of it: the integral is taken
    out to there, less what the outside drew.
    """
    times, watts = curve.t_s, curve.power_w
    assert watts is not None
    half, sign = curve.window_s / 2, 1 if side == "start" else -1
    far = t - sign * half
    outside = float(np.interp(far, times, watts))
    reach = (far - half, far) if side == "start" else (far, far + half)
    own = watts[(times >= reach[0]) & (times <= reach[1])]
    rough = float(np.ptp(own)) if own.size else 0.0
    near = watts[(times >= t - curve.window_s) & (times <= t + curve.window_s)]
    swing = float(np.ptp(near)) if near.size else 0.0
    if (
        not times[0] <= far <= times[-1]
    ):  # nobody saw what was smeared out: anything that this run has shown
        return Edge(curve.at(t), float(np.ptp(watts)) * half / 4)
    if rough <= _PLATEAU * swing:
        return Edge(
            curve.at(far) + sign * outside * half,
            rough * half / math.sqrt(3.0) + _SOFT * swing * curve.period_s,
        )
    return Edge(
        curve.at(t), swing * half / 2
    )  # of faster waves only a ripple is left: swing is W/τ times less than what it was
