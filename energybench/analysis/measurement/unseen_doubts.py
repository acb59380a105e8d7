"""Doubts about power that no reading shows: loads in step with a sensor, waves hidden by an
average, and readings with an unknown publishing period.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.analysis.energy.average_edges import steps_from_plateau
from energybench.analysis.energy.edge import Side
from energybench.analysis.energy.edge_lag import (
    edge_delays_s,
    lag_u_s,
    longest_period_s,
    shows_lag,
    step_between_edges_w,
)
from energybench.analysis.measurement.in_step_doubts import of_in_step, scatter_rel
from energybench.analysis.quantiles import quantiles_of_values
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.coverage_factors import Z95
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.model import Doubt, Window
from energybench.units import counted

# Possibly missed share of each period above which the miss dominates the interval.
_MATTERS = 0.1
# The same share for a counter that adds up samples of a quarter of each period with a probability
# of one half.
_LIKELY = 0.5
# Least number of windows whose scatter shows a load in step: fewer windows may agree by chance.
_SEVERAL = 4
# Readings of a part-time sensor that show a peak of power with a duty of one thirtieth: (1 -
# 1/30)^100 = 3 %.
_MANY = 100
# Peaks with a duty of 3/n are missed by all n readings in 5 % of the cases: (1 - 3/n)^n (the rule
# of three). Peaks of twice the power are then 3/n of the energy.
_RULE_OF_THREE = 3.0
# Least number of readings in all windows with which the scatter of several windows shows a load in
# step.
_SCATTERED = 50
# A load looks constant if four fifths of the updates differ by at most this share.
_CONSTANT = 0.1
# Share of a window's energy that readings may hide at the edges, above which a doubt is due: one
# half of the target of `sensor_doubts`.
_HIDDEN = 0.01
# The same for a lag, which is judged by itself: a quarter of that target, because a counter over a
# long window is this accurate.
_SHIFTED = 0.005
# Tried lags, s. The longest lag seen on a board is below 0.1 s (calibrating/window_fit.py); half as
# much again is plausible for a board without a calibration.
_LAGS_S = (0.05, 0.1, 0.15)


def of_unseen(curve: Curve, windows: Sequence[Window]) -> list[Doubt]:
    """Doubts about power that no reading of this sensor shows in these windows."""
    return [
        *(_few_windows(curve, windows) or of_in_step(curve, windows)),
        *_period_unknown(curve, windows),
        *_lag_unseen(curve, windows),
    ]


def _few_windows(curve: Curve, windows: Sequence[Window]) -> list[Doubt]:
    """Doubts that more windows, or a calibration, can settle."""
    name = place_of(curve.channel).words
    if _phase_unseen(curve, windows):
        return [
            Doubt(
                code="in-step-unseen",
                message=f"{name} averages over {curve.window_s:.3g} s: a load that repeats within "
                f"that time looks constant, and the run ({counted(len(windows), 'window')}) does "
                "not show where in its wave the work began and ended",
                remedy="longer work, or several repeats (`run`, or `measure --repeats 8`)",
                subject=name,
            )
        ]
    updates = math.inf
    if curve.period_s:
        edges = [(window.start_s, window.end_s) for window in windows]
        updates = sum(end - start for start, end in edges) / longest_period_s(curve, edges)
    if curve.part_time and _may_look_alike(curve, windows, updates):
        seen = curve.window_s / curve.period_s
        return [
            Doubt(
                code="in-step-unseen",
                message=f"{counted(len(windows), 'window')}, and {name} is seen for {seen:.0%} of "
                f"the time: a load in step with its {curve.period_s * 1e3:.3g} ms is not seen",
                remedy="several repeats with spread starts (`run`, or `measure --repeats 8`)",
                subject=name,
            )
        ]
    if curve.classified or curve.may_add_up < _MATTERS:
        return []
    # The scatter of several windows shows the energy of a moving load that a counter of samples
    # misses. If the counter is as likely as not to add up samples, two or three windows may miss
    # the same share of a load in step, however many updates the windows hold.
    few = len(windows) < _SEVERAL and curve.may_add_up > _LIKELY
    if not few and not _may_look_alike(curve, windows, updates):
        return []
    return [
        Doubt(
            code="counter-kind",
            message=f"the run ({counted(len(windows), 'window')}) does not show whether the energy "
            f"counter of {name} sees all power or adds up samples, which may miss peaks of the "
            "power",
            remedy="`energybench calibrate` settles it",
            subject=name,
        )
    ]


def _may_look_alike(curve: Curve, windows: Sequence[Window], readings: float) -> bool:
    """Whether a load in step with a part-time sensor may look alike in all windows, or all readings
    may miss rare peaks of a load that looks constant.
    """
    if len(windows) == 1:
        return True
    constant = _looks_constant(curve, windows)
    if len(windows) < _SEVERAL:
        return readings < _MANY or constant
    if not constant:
        return readings < _SCATTERED
    return _RULE_OF_THREE / readings > max(_HIDDEN, scatter_rel(curve, windows))


def _looks_constant(curve: Curve, windows: Sequence[Window]) -> bool:
    """Whether nearly all readings of a power sensor, or updates of a counter, within the windows
    show the same power.
    """
    if curve.power_w is not None:
        values, from_s, to_s = curve.power_w, curve.t_s, curve.t_s
    else:
        # The times of the updates are uncertain, but the number of updates is certain.
        updates = np.maximum(np.round(np.diff(curve.t_s) / curve.period_s), 1.0)
        values = np.asarray(np.diff(curve.energy_j) / updates)
        from_s, to_s = curve.t_s[:-1], curve.t_s[1:]
    within = np.zeros(values.size, dtype=np.bool_)
    for window in windows:
        within |= (from_s >= window.start_s) & (to_s <= window.end_s)
    if not within.any():
        return True
    low, high = quantiles_of_values(values[within], 0.1, 0.9)
    return bool(high - low <= _CONSTANT * values[within].mean())


def _period_unknown(curve: Curve, windows: Sequence[Window]) -> list[Doubt]:
    """Readings of a part-time sensor that change too seldom to show the publishing period, if the
    period matters.
    """
    if not (curve.part_time and curve.late_s) or curve.power_w is None:
        return []
    seconds = sum(window.duration_s for window in windows) / len(windows)
    step_j = float(np.ptp(curve.power_w)) * min(curve.late_s, seconds) / 2
    if step_j <= _HIDDEN * float(curve.power_w.mean()) * seconds:
        return []
    name = place_of(curve.channel).words
    return [
        Doubt(
            code="period-unknown",
            message=f"the readings of {name} change too seldom to show how often it publishes: "
            f"they may come up to {curve.late_s:.2g} s late",
            remedy="`energybench calibrate` measures the update period of this sensor",
            subject=name,
        )
    ]


def _lag_unseen(curve: Curve, windows: Sequence[Window]) -> list[Doubt]:
    """A lag without a step of the load to show the lag, if a long lag matters more than the
    interval says.
    """
    channel = curve.channel
    if channel.timing != "prior" or not channel.lag_u_s or channel.sort == "meter":
        return []
    if not shows_lag(curve):
        return []
    edges = [(window.start_s, window.end_s) for window in windows]
    delays_s = [delay for start, end in edges for delay in edge_delays_s(curve, start, end)]
    # If steps are seen at most edges, the lag is not longer than the typical delay. At a few edges
    # a wave of the load steps by chance.
    longest_s = float(np.median(delays_s)) if len(delays_s) > len(edges) else math.inf
    joules = sum(curve.at(end) - curve.at(start) for start, end in edges)
    shifts_j = [
        abs(sum(curve.at(end + lag_s) - curve.at(start + lag_s) for start, end in edges) - joules)
        for lag_s in _LAGS_S
        if lag_s <= longest_s
    ]
    allowed_j = Z95 * abs(
        sum(lag_u_s(curve, *edge) * step_between_edges_w(curve, *edge) for edge in edges)
    )
    if max(shifts_j, default=0.0) <= max(allowed_j, _SHIFTED * joules):
        return []
    name = place_of(channel).words
    return [
        Doubt(
            code="lag-unseen",
            message=f"no step of the load at the edges of the work shows how late {name} is: a lag "
            f"of up to {_LAGS_S[-1]:.2g} s would change the energy by up to "
            f"{max(shifts_j) / joules:.1%}",
            remedy="`energybench calibrate` measures the lag of this sensor",
            subject=name,
        )
    ]


def _phase_unseen(curve: Curve, windows: Sequence[Window]) -> bool:
    """Whether a wave of the load that a power average hides may matter at the edges.

    A wave between 0 and twice the mean power P, as slow as the averaging time W, changes the energy
    at an edge by up to P·W/4. The edges of several windows fall anywhere in the wave, but the
    scatter of the windows does not show the wave: every window reads as if the load were constant.
    """
    if curve.power_w is None or curve.part_time or curve.window_s == 0:
        return False
    edges_s = curve.window_s / 2 / math.sqrt(len(windows))
    brief = [window for window in windows if edges_s > _HIDDEN * window.duration_s]
    return any(
        not steps_from_plateau(curve, t, side) for window in brief for t, side in _sides(window)
    )


def _sides(window: Window) -> tuple[tuple[float, Side], tuple[float, Side]]:
    return (window.start_s, "start"), (window.end_s, "end")
