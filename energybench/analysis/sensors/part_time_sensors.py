"""The unseen energy of sensors that see only a part of each period.

The power reading of an A100 is the mean over 25 of every 100 ms (arXiv 2312.02741). If two readings
differ by ΔP, the load may have stepped anywhere in the unseen part between them. A load whose
period is a multiple of the sensor's period hides every step in the same place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.analysis.traces.curve import Curve

# Possible deviation of the mean power in the unseen part of each period from the mean power,
# relative to the mean power (a load that is off for a fifth of the time).
_HIDDEN = 0.5
# Share of loads that keep exactly in step with the sensor through a window of any length: loops
# with a timer of 0.1 or 1 s.
_LOCKED = 0.02
_FEW = 8  # least number of readings for recognising a pattern
_MOST = 4096  # largest number of readings in which a pattern is searched
_PEAK = 0.5  # autocorrelation above which the readings repeat
_APART = 0.3  # two readings differ if they are this share of the readings' range apart
_SELDOM = 1.5  # periods between two readings of a sensor that publishes faster than it is read
_NEARLY = 0.9  # autocorrelation, relative to the highest, of a repetition that fits equally well
# rises of the power in a repetition, above which the repetition holds several waves
_ONE_WAVE = 1.5
_GAP = 2.5  # periods between two points, above which the stretch is a gap


def unseen_j(curve: Curve, start: int, end: int) -> float:
    """Standard uncertainty of the energy between two points of a part-time sensor's curve, J.

    Independent steps add in quadrature. If the readings repeat, and their period slips by less than
    one period of the sensor over the window, the steps hide alike in each of the K repetitions and
    add linearly: √K times as much.

    start, end  indices of the two points
    """
    if curve.power_w is None or end - start < 1:
        return 0.0
    watts, times = curve.power_w[start : end + 1], curve.t_s[start : end + 1]
    independent = _independent_j2(curve, start, end)
    grid = np.arange(times[0], times[-1], max(curve.period_s, (times[-1] - times[0]) / _MOST))
    factor = _pattern(np.interp(grid, times, watts)).in_step
    return math.sqrt(independent * (1 + factor**2))


def unseen_alike_j(curve: Curve, windows: Sequence[tuple[int, int]]) -> float:
    """Standard uncertainty of the mean energy of several windows, J, if the readings repeat in step
    with the sensor, or with the times of the reads, from the first window to the last window. The
    steps of the load then hide alike in all windows, invisible in the scatter of the windows. 0
    without such a repetition.

    windows  indices of the first and the last point in each window
    """
    ends = [(start, end) for start, end in windows if end - start >= 1]
    if curve.power_w is None or len(ends) < 2:
        return 0.0
    times = curve.t_s[ends[0][0] : ends[-1][1] + 1]
    watts = curve.power_w[ends[0][0] : ends[-1][1] + 1]
    spacing_s, gaps = curve.period_s, np.diff(times)
    if median(gaps) > _SELDOM * spacing_s:
        # The sensor publishes faster than it is read: the load may keep step with the readings.
        spacing_s = float(gaps[gaps > _SELDOM * spacing_s].mean())
    grid = np.arange(times[0], times[-1], max(spacing_s, (times[-1] - times[0]) / _MOST))
    shown_w = np.interp(grid, times, watts)
    pattern = _pattern(shown_w)
    high = shown_w > (shown_w.min() + shown_w.max()) / 2
    rises = int(np.count_nonzero(high[1:] & ~high[:-1]))
    if not pattern.in_step or rises * pattern.length > _ONE_WAVE * shown_w.size:
        # The steps of several waves in a pattern stand at different places, spread over the unseen
        # time, and cancel.
        return 0.0
    factor = pattern.in_step
    inside_s = sum(float(curve.t_s[end] - curve.t_s[start]) for start, end in ends)
    factor *= math.sqrt(inside_s / float(times[-1] - times[0]))
    independent = sum(_independent_j2(curve, start, end) for start, end in ends)
    return math.sqrt(independent) * factor / len(ends)


def _independent_j2(curve: Curve, start: int, end: int) -> float:
    """Variance of the energy between two points by steps that hide independently, J²."""
    assert curve.power_w is not None
    watts, gaps = curve.power_w[start : end + 1], np.diff(curve.t_s[start : end + 1])
    blind = np.maximum(gaps - curve.window_s, 0.0)
    change = np.abs(np.diff(watts))
    # A gap may contain any power in the range of the readings.
    spread = float(watts.std()) if watts.size > 2 else 0.0
    change = np.where(gaps > _GAP * curve.period_s, np.maximum(change, spread), change)
    return float(((blind * change) ** 2 * blind / gaps).sum() / 12)


def in_step_j(curve: Curve, start_s: float, end_s: float) -> float:
    """Standard uncertainty of a single window's energy from a load in step with a part-time sensor,
    J.

    Such a load looks constant, and no reading shows the load: single runs were wrong by up to 39 %
    (arXiv 2312.02741). The power in the unseen part of each period may differ from the power in the
    seen part by `_HIDDEN`. Only a load in step throughout the window is missed throughout, with a
    probability that falls with the length of the window. The periods therefore add like independent
    periods, except for the few loads that keep exactly in step. The scatter of repeats with other
    phases contains the effect.
    """
    length_s = end_s - start_s
    periods = max(length_s / curve.period_s, 1.0) if curve.period_s > 0 else 1.0
    # The share of a counter that may add up samples is a probability; exact locks are not added.
    locked = _LOCKED if curve.part_time else 0.0
    share = _HIDDEN * curve.may_miss * math.sqrt(1 / periods + locked)
    return share * (curve.at(end_s) - curve.at(start_s))


class _Pattern(NamedTuple):
    """Readings that repeat.

    length   readings in the shortest repetition; 0 if the readings do not repeat
    in_step  √K if the readings repeat K times in step with the sensor, less if the repetitions
             slip, and 0 if the readings do not repeat
    """

    length: int
    in_step: float


def _pattern(watts: Floats) -> _Pattern:
    """The pattern with which the readings repeat."""
    n = watts.size
    span = float(np.ptp(watts))
    if n < _FEW or span == 0:
        return _Pattern(0, 0.0)

    # The first maximum of the autocorrelation after its first fall is the period of the load.
    centred = watts - watts.mean()
    spectrum = np.fft.rfft(centred, 2 * n)
    r = np.fft.irfft(spectrum * np.conj(spectrum))[: n // 2 + 1] / np.arange(n, n - n // 2 - 1, -1)
    r = r / max(float(r[0]), 1e-30)
    below = np.flatnonzero(r < _PEAK)
    if not below.size:
        return _Pattern(0, 0.0)
    lag = int(below[0] + np.argmax(r[below[0] :]))
    if r[lag] < _PEAK:
        return _Pattern(0, 0.0)

    # Slip: steps that moved by one reading over the window, for each step of a period.
    periods = n / lag
    differ = float(np.mean(np.abs(watts[lag:] - watts[:-lag]) > _APART * span))
    steps = float(np.mean(np.abs(np.diff(watts)) > _APART * span))
    slip = n * differ / max(steps * lag, 1.0) if steps else 0.0
    # Several repetitions may fit about equally well.
    shortest = int(below[0] + np.argmax(r[below[0] :] >= _NEARLY * r[lag]))
    return _Pattern(shortest, math.sqrt(periods) / max(1.0, slip))
