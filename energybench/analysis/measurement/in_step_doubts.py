"""Doubts about a load that keeps step with a power sensor, or with the times of its reads,
throughout all windows: every window then misses the same energy, and the scatter of the windows is
small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.analysis.sensors.part_time_sensors import unseen_alike_j
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.coverage_factors import Z95, student_quantile
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.analysis.uncertainty.repeats import arithmetic_mean, scatter_effect
from energybench.model import Doubt, Window

# Share of the energy that may hide alike in all windows, above which a doubt is due: one half of
# the target of `sensor_doubts`.
_HIDDEN = 0.01
# A sensor that publishes this many times between two readings is read too seldom to be seen whole.
_SELDOM = 1.5
# Readings at most this many periods apart miss no value of the sensor.
_CLOSE = 1.5
# Least number of bursts of close readings, and of readings at the common rate, for a comparison of
# mean powers.
_BURSTS, _READINGS = 3, 8
# Standard errors by which the two mean powers differ: chance is below 0.3 %.
_APART = 3.0
# Least number of peaks that come and go within the bursts. A step at the start or the end of the
# work does not come back.
_RETURNS = 3


def of_in_step(curve: Curve, windows: Sequence[Window]) -> list[Doubt]:
    """The doubt about several windows of a power sensor that a load in step may change alike."""
    if curve.power_w is None or not curve.part_time or len(windows) < 2:
        return []
    hidden_rel = _repeats_rel(curve, windows)
    if hidden_rel <= scatter_rel(curve, windows):
        hidden_rel = 0.0
    hidden_rel = max(hidden_rel, _read_seldom_rel(curve, windows))
    if hidden_rel <= _HIDDEN:
        return []
    name = place_of(curve.channel).words
    return [
        Doubt(
            code="in-step-unseen",
            message=f"the load keeps step with {name}, or with the times at which it is read, in "
            f"all {len(windows)} windows: each may be off alike by about {hidden_rel:.1%}, and "
            "their scatter does not show it",
            remedy="an energy counter or a node meter; or work whose waves do not follow a clock",
            subject=name,
        )
    ]


def scatter_rel(curve: Curve, windows: Sequence[Window]) -> float:
    """Half-width of the mean energy of several windows from their scatter, relative to the mean."""
    joules = [curve.at(window.end_s) - curve.at(window.start_s) for window in windows]
    scatter, mean_j = scatter_effect(joules), arithmetic_mean(joules)
    if scatter is None or mean_j <= 0:
        return 0.0
    return student_quantile(scatter.dof or 1.0) * scatter.u / mean_j


def _repeats_rel(curve: Curve, windows: Sequence[Window]) -> float:
    """Half-width of the energy hidden alike by readings that repeat in step, relative to the
    energy.
    """
    joules = sum(curve.at(window.end_s) - curve.at(window.start_s) for window in windows)
    if joules <= 0:
        return 0.0
    points = [_points(curve, window) for window in windows]
    return Z95 * unseen_alike_j(curve, points) * len(windows) / joules


def _points(curve: Curve, window: Window) -> tuple[int, int]:
    """Indices of the first and the last point of the curve in a window."""
    first = int(np.searchsorted(curve.t_s, window.start_s))
    return first, int(np.searchsorted(curve.t_s, window.end_s)) - 1


class _Readings(NamedTuple):
    """Readings within a window.

    close   in bursts with every value of the sensor
    others  at the common rate, with missing values
    """

    close: list[Floats]
    others: Floats


def _read_seldom_rel(curve: Curve, windows: Sequence[Window]) -> float:
    """Difference between the mean power in bursts of close readings and at the common rate,
    relative to the power, of a sensor that publishes faster than it is read; 0 if no peaks of the
    load come and go within a burst, or if chance explains the difference.
    """
    readings = [_readings(curve, window) for window in windows]
    bursts = [burst for window in readings for burst in window.close if burst.size >= 2]
    others = np.concatenate([window.others for window in readings])
    if len(bursts) < _BURSTS or others.size < _READINGS:
        return 0.0
    powers = np.concatenate((*bursts, others))
    level_w = float(powers.min() + powers.max()) / 2
    if sum(_returns(burst > level_w) for burst in bursts) < _RETURNS:
        return 0.0
    means_w = np.array([float(burst.mean()) for burst in bursts])
    apart_w = abs(float(means_w.mean() - others.mean()))
    u_bursts_w = float(means_w.std(ddof=1)) / math.sqrt(means_w.size)
    u_others_w = float(others.std(ddof=1)) / math.sqrt(others.size)
    if apart_w <= _APART * math.hypot(u_bursts_w, u_others_w):
        return 0.0
    return apart_w / float(others.mean())


def _readings(curve: Curve, window: Window) -> _Readings:
    assert curve.power_w is not None
    first, last = _points(curve, window)
    times, watts = curve.t_s[first : last + 1], curve.power_w[first : last + 1]
    gaps = np.diff(times)
    if gaps.size < 2 or median(gaps) <= _SELDOM * curve.period_s:
        return _Readings([], np.empty(0))
    near = gaps <= _CLOSE * curve.period_s
    joined = np.concatenate((near, [False])) | np.concatenate(([False], near))
    breaks = np.flatnonzero(np.diff(joined.astype(np.int8))) + 1
    parts = np.split(watts, breaks)
    close = [part for part, is_burst in zip(parts, _flags(joined, breaks), strict=True) if is_burst]
    return _Readings(close, watts[~joined])


def _flags(joined: npt.NDArray[np.bool_], breaks: npt.NDArray[np.intp]) -> list[bool]:
    """Whether each part between the breaks is a burst."""
    return [bool(joined[i]) for i in (0, *breaks.tolist())]


def _returns(above: npt.NDArray[np.bool_]) -> int:
    """Peaks of high power, or of low power, that begin and end within a burst."""
    return max(int(np.count_nonzero(np.diff(above.astype(np.int8)))) - 1, 0)
