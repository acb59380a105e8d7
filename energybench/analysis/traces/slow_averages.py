"""Power averages that are published once in each averaging time, although a shorter update period
is stated.

Such readings neither overlap nor leave gaps: each is the mean power since the reading before, as
in a counter. Readings of a shorter period overlap. A step of the load then passes through as many
readings as there are periods in the averaging time, and a change of the reading comes at any time
after the change before. With one reading in each averaging time, all changes lie whole averaging
times apart, and a step passes through two readings at most.
"""

from __future__ import annotations

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.publications import Publications

# Averages of which less than this share overlaps count as published once in each averaging time.
_APART = 0.85
# Mean cosine of the spacings' phases from which the changes lie whole averaging times apart (the
# Rayleigh statistic, Mardia & Jupp 2000). Ticks that jitter by 6 % of the time have 0.87; five
# spacings of random phase reach 0.7 in a percent of the cases.
_BEAT = 0.7
# Spacings that show the beat alone. With fewer spacings, a step has to show it as well: a short
# peak of power enters an overlapping average and leaves it one averaging time later.
_ENOUGH, _LEAST = 5, 2
# Changes in one direction that are a ramp of overlapping averages: fewer may be two short peaks.
_RAMP = 4
# Changes that are all further apart than this many stated periods do not support the stated period.
_LONGER = 1.5
# Changes further apart than this share of the averaging time are not one ramp.
_ONE_RAMP = 0.5


def once_a_window(
    changed_s: Floats, fuzz_s: Floats, values_w: Floats, window_s: float, stated_s: float | None
) -> bool:
    """Whether a power average over `window_s` was published once in each averaging time.

    changed_s, fuzz_s  shapes [n]: when the reading changed, and half-widths of the uncertainty
    values_w           shape [n + 1]: the readings before, between and after the changes
    """
    if stated_s is None or window_s <= stated_s / _APART or changed_s.size <= _LEAST:
        return False
    spacings = np.diff(changed_s)
    known_s = fuzz_s[1:] + fuzz_s[:-1]
    if (spacings + known_s < _APART * window_s).any():
        return False
    if float(np.cos(2 * np.pi * spacings / window_s).mean()) < _BEAT:
        return False
    changes = np.diff(values_w)
    single = np.round(spacings / window_s) == 1
    steps = single & (changes[1:] * changes[:-1] > 0)
    return bool(spacings.size >= _ENOUGH or steps.any())


def ramp_period_s(t_s: Floats, values_w: Floats, window_s: float) -> float | None:
    """The update period of overlapping averages, from the ramps that steps of the load make of
    them; None without a ramp.

    t_s, values_w  shapes [n]: all readings

    Within a ramp each publication shows a new value, so that the changes are one period apart, or
    one reading apart if the sensor publishes faster than it is read.
    """
    changed = np.flatnonzero(np.diff(values_w) != 0) + 1
    if changed.size < _RAMP:
        return None
    times, rises = t_s[changed], (values_w[changed] > values_w[changed - 1])
    spacings = np.diff(times)
    joined = (rises[1:] == rises[:-1]) & (spacings < _ONE_RAMP * window_s)
    ends = np.flatnonzero(np.diff(np.concatenate(([False], joined, [False]))))
    ramps = [(first, last) for first, last in ends.reshape(-1, 2) if last - first >= _RAMP - 1]
    if not ramps:
        return None
    length_s = sum(float(times[last] - times[first]) for first, last in ramps)
    return length_s / sum(int(last - first) for first, last in ramps)


def late_s(changed_s: Floats, period_s: float) -> float:
    """Time by which the readings may come later than their period allows, if only the stated period
    is known: as long as the closest changes are apart, the period may be.
    """
    if changed_s.size < 2:
        return 0.0
    closest_s = float(np.diff(changed_s).min())
    return closest_s if closest_s > _LONGER * period_s else 0.0


def one_by_one(
    changed_s: Floats, fuzz_s: Floats, values_w: Floats, read_s: Floats, window_s: float
) -> Publications:
    """All publications, those of an unchanged value included: whole averaging times apart, counted
    from the changes. The beginning of the readings is not a publication. A stretch without readings
    stays a gap.

    changed_s, fuzz_s, values_w  as in `once_a_window`
    read_s                       times of the readings, shape [m]
    """
    before = np.arange(int((changed_s[0] - read_s[0]) / window_s), 0, -1)
    after = np.arange(1, int((read_s[-1] - changed_s[-1]) / window_s) + 1)
    numbers = np.maximum(np.round(np.diff(changed_s) / window_s), 1.0)
    between = [
        start + (end - start) / number * np.arange(1, number)
        for start, end, number in zip(changed_s[:-1], changed_s[1:], numbers, strict=True)
    ]
    repeated = np.concatenate(
        (changed_s[0] - before * window_s, *between, changed_s[-1] + after * window_s)
    )
    polled = np.searchsorted(read_s, repeated + window_s) > np.searchsorted(read_s, repeated)
    repeated = repeated[polled]
    t = np.concatenate((changed_s, repeated))
    fuzz = np.concatenate((fuzz_s, np.full(repeated.size, float(fuzz_s.max()))))
    order = np.argsort(t, kind="stable")
    t, fuzz = t[order], fuzz[order]
    return Publications(t, values_w[np.searchsorted(changed_s, t, side="right")], fuzz)
