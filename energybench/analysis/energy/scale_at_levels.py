"""Scale of an energy counter against the power readings of the same device, from stretches of
constant power at several levels.

A part-time power sensor does not see a load in step with its period. Over a stretch of constant
power there is nothing to overlook, and the ratio of the counter's mean power to the readings is the
ratio of the two scales. A load in step with the sensor also leaves constant readings, but its ratio
depends on the load: only a wrong scale gives the same ratio at a low and at a high power.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.analysis.traces.curve import Curve

# Longest delay of a counter, s: readings this long before an update have to be constant as well.
_DELAY_S = 0.1
# Relative differences within which updates and readings are constant.
_EQUAL_UPDATES, _EQUAL_READINGS = 0.02, 0.05
_FEWEST_READINGS = 3
# Longest update that counts, in periods, and the jitter of its ticks, as a share of a period.
_LONGEST, _JITTER = 3, 0.05
# A low and a high level differ by at least this factor, and each has at least so many stretches.
_APART, _FEWEST = 1.3, 3
# Of more stretches, so many are looked at: a long run shows its levels again and again.
_MOST_STRETCHES = 400
# Two levels have the same ratio within this relative difference, or within their scatter.
_SAME_RATIO = 0.01
# Least share of the stretches whose ratio lies near the common ratio.
_MOST, _NEAR = 0.7, 0.03
# Least share of the readings, and of the updates, that lie within _EXTREME of the largest and of
# the smallest one: a load of two levels that are shorter than a stretch.
_READINGS_AT, _UPDATES_AT, _EXTREME = 0.2, 0.1, 0.01
_SIGMAS = 3.0
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_MEDIAN_LOSS = 1.2533  # standard error of a median against the one of a mean


class Scale(NamedTuple):
    """Ratio of the counter to the power readings.

    ratio  counter / power readings
    u      standard uncertainty of the ratio
    """

    ratio: float
    u: float


def scale_at_levels(counter: Curve, power: Curve) -> Scale | None:
    """The ratio of the two scales; None if the run shows no constant power at two levels, or if the
    ratio depends on the level.
    """
    if power.power_w is None or counter.power_w is not None or counter.t_s.size < 2 * _FEWEST:
        return None
    if power.window_s > power.period_s or not counter.period_s > 0:
        return None
    updates_w, regular = _updates(counter)
    return _of_stretches(*_stretches(counter, power, updates_w, regular)) or _of_extremes(
        updates_w[regular], power.power_w
    )


def _of_stretches(levels_w: Floats, ratios: Floats) -> Scale | None:
    """The common ratio of stretches at a low and at a high level."""
    if levels_w.size < 2 * _FEWEST:
        return None
    lowest_w, highest_w = float(levels_w.min()), float(levels_w.max())
    if highest_w < _APART * lowest_w:
        return None
    high = levels_w > math.sqrt(lowest_w * highest_w)
    if min(int(np.count_nonzero(high)), int(np.count_nonzero(~high))) < _FEWEST:
        return None
    upper, lower, common = _scale(ratios[high]), _scale(ratios[~high]), _scale(ratios)
    apart = abs(upper.ratio - lower.ratio)
    if apart > max(_SAME_RATIO * lower.ratio, _SIGMAS * math.hypot(upper.u, lower.u)):
        return None
    near = np.abs(ratios / common.ratio - 1) <= _NEAR
    return common if float(np.mean(near)) >= _MOST else None


def _of_extremes(updates_w: Floats, readings_w: Floats) -> Scale | None:
    """The common ratio of the largest and of the smallest values, if each of them returns: an
    update that lies within one level of the load shows the level, whatever the delay of the
    sensors.
    """
    extremes = []
    for sign in (1.0, -1.0):
        shown_w = _returning(sign * readings_w, _READINGS_AT)
        update_w = _returning(sign * updates_w, _UPDATES_AT)
        if shown_w is None or update_w is None or not sign * shown_w > 0:
            return None
        extremes.append((sign * shown_w, update_w / shown_w))
    (highest_w, upper), (lowest_w, lower) = extremes
    if highest_w < _APART * lowest_w or abs(upper - lower) > _SAME_RATIO * lower:
        return None
    return Scale((upper + lower) / 2, abs(upper - lower) / 2)


def _returning(values: Floats, share: float) -> float | None:
    """Median of the values close to the largest one; None if fewer than `share` are close."""
    if values.size < _FEWEST:
        return None
    top = float(values.max())
    near = values[values >= top - _EXTREME * abs(top)]
    return median(near) if near.size >= max(_FEWEST, share * values.size) else None


def _scale(ratios: Floats) -> Scale:
    if not ratios.size:
        return Scale(math.nan, math.nan)
    middle = median(ratios)
    scatter = _MAD_TO_SIGMA * median(np.abs(ratios - middle))
    return Scale(middle, _MEDIAN_LOSS * scatter / math.sqrt(ratios.size))


def _updates(counter: Curve) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Mean power of each update, W, and whether the update takes a whole number of periods."""
    lengths = np.diff(counter.t_s)
    periods = np.rint(lengths / counter.period_s)
    fuzz = counter.fuzz_s[1:] + counter.fuzz_s[:-1]
    regular = (periods >= 1) & (periods <= _LONGEST)
    regular &= np.abs(lengths - periods * counter.period_s) <= fuzz + _JITTER * counter.period_s
    means_w = np.diff(counter.energy_j) / (np.maximum(periods, 1) * counter.period_s)
    return means_w, regular


def _stretches(
    counter: Curve, power: Curve, updates_w: Floats, regular: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Mean readings of the stretches of constant power, W, and the counter's ratio to them.

    A stretch is a pair of equal updates one after the other, with equal readings from a delay
    before the first update on.
    """
    watts = power.power_w
    assert watts is not None
    first, second = updates_w[:-1], updates_w[1:]
    equal = regular[1:] & regular[:-1] & (first > 0)
    equal &= np.abs(second - first) <= _EQUAL_UPDATES * np.maximum(first, second)
    pairs = np.flatnonzero(equal)
    pairs = pairs[:: math.ceil(pairs.size / _MOST_STRETCHES) or 1]
    begins = counter.t_s[pairs] - counter.fuzz_s[pairs] - _DELAY_S
    ends = counter.t_s[pairs + 2] + counter.fuzz_s[pairs + 2]
    levels_w, ratios = [], []
    lows = np.searchsorted(power.t_s, begins)
    highs = np.searchsorted(power.t_s, ends, side="right")
    for pair, low, high in zip(pairs.tolist(), lows.tolist(), highs.tolist(), strict=True):
        shown = watts[low:high]
        if shown.size < _FEWEST_READINGS or not shown.min() > 0:
            continue
        if shown.max() - shown.min() > _EQUAL_READINGS * shown.max():
            continue
        level_w = float(shown.mean())
        levels_w.append(level_w)
        ratios.append(float(first[pair] + second[pair]) / 2 / level_w)
    return np.array(levels_w), np.array(ratios)
