"""Sensors that see only a part of each period: the energy that they miss, and counters that add up
their readings.

The power reading of an A100 is the mean over 25 of every 100 ms (arXiv 2312.02741). If two readings
differ by ΔP, the load may have stepped anywhere in the unseen part between them. A load whose
period is a multiple of the sensor's period hides every step in the same place.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.curve import Curve, as_samples

# How far the mean power in the unseen part of each period may be from the mean power, relative to
# the mean power (a load that is off for a fifth of the time).
_HIDDEN = 0.5
# Root mean square of the changes of power within one update of a counter without a power sensor
# beside it, relative to the mean power, as `energybench simulate` finds it over all its loads.
_ALONE = 0.35
_SAME = 0.1  # an increment and a reading closer than this share of the change are equal
_FEW = 8  # least number of readings from which a pattern can be recognised
# Least number of changes of the readings from which the two kinds of counter can be distinguished:
# one counter in a thousand is then mistaken (0.2^4).
_STEPS = 4
# A change of the readings counts if it is this many times as large as the change of an increment
# that comes from the uncertainty of the ticks.
_CLEAR = 6.0
# Share of the changes after which the increment equals the reading: for a counter that adds up
# readings, and by chance for a counter that sees all power (the load stepped where an update
# ended).
_NEARLY_ALL = 0.9
_BY_CHANCE = 0.2
_MOST = 4096  # largest number of readings in which a pattern is searched
_PEAK = 0.5  # autocorrelation above which the readings repeat
_APART = 0.3  # two readings differ if they are this share of the range of the readings apart
_REGULAR = 1.5  # periods that an update of a counter may last to count as one update
_GAP = 2.5  # periods between two points, above which the stretch is a gap


# ---------------------------------------------------------------- energy that was not seen


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
    gaps = np.diff(times)
    blind = np.maximum(gaps - curve.window_s, 0.0)
    change = np.abs(np.diff(watts))
    # A gap may contain any power that the rest of the readings contains.
    spread = float(watts.std()) if watts.size > 2 else 0.0
    change = np.where(gaps > _GAP * curve.period_s, np.maximum(change, spread), change)
    independent = float(((blind * change) ** 2 * blind / gaps).sum() / 12)
    grid = np.arange(times[0], times[-1], max(curve.period_s, (times[-1] - times[0]) / _MOST))
    factor = _in_step_factor(np.interp(grid, times, watts))
    return math.sqrt(independent * (1 + factor**2))


def in_step_j(curve: Curve, start_s: float, end_s: float) -> float:
    """Standard uncertainty of the energy of a single window that comes from a load in step with a
    part-time sensor, J.

    Such a load looks constant, and no reading shows it: single runs were wrong by up to 39 %
    (arXiv 2312.02741). The power in the unseen part of each period may differ from the power in the
    seen part by `_HIDDEN`. Only a load that keeps in step throughout the window is missed
    throughout, which is the less likely the longer the window; the periods therefore add like
    independent ones. The scatter of repeats with other phases contains the effect.
    """
    length_s = end_s - start_s
    periods = max(length_s / curve.period_s, 1.0) if curve.period_s > 0 else 1.0
    return _HIDDEN * curve.may_miss * (curve.at(end_s) - curve.at(start_s)) / math.sqrt(periods)


def _in_step_factor(watts: Floats) -> float:
    """√K if the readings repeat K times in step with the sensor, less if the repetitions slip, and
    0 if the readings do not repeat.
    """
    n = watts.size
    span = float(np.ptp(watts))
    if n < _FEW or span == 0:
        return 0.0

    # The first maximum of the autocorrelation after its first fall is the period of the load.
    centred = watts - watts.mean()
    spectrum = np.fft.rfft(centred, 2 * n)
    r = np.fft.irfft(spectrum * np.conj(spectrum))[: n // 2 + 1] / np.arange(n, n - n // 2 - 1, -1)
    r = r / max(float(r[0]), 1e-30)
    below = np.flatnonzero(r < _PEAK)
    if not below.size:
        return 0.0
    lag = int(below[0] + np.argmax(r[below[0] :]))
    if r[lag] < _PEAK:
        return 0.0

    # Slip: steps that moved by one reading over the window, for each step of one period.
    periods = n / lag
    differ = float(np.mean(np.abs(watts[lag:] - watts[:-lag]) > _APART * span))
    steps = float(np.mean(np.abs(np.diff(watts)) > _APART * span))
    slip = n * differ / max(steps * lag, 1.0) if steps else 0.0
    return math.sqrt(periods) / max(1.0, slip)


# ---------------------------------------------------------------- kinds of counters


def informed(counter: Curve, power: Curve | None) -> Curve:
    """Decide, from the power sensor of the same board, whether this energy counter integrates all
    power or only adds up the sensor's samples, and estimate how much power varies within one
    counter update.

    A curve that is not a counter, and a counter with too few readings, are returned unchanged.
    """
    if power is None and counter.power_w is None:
        return counter._replace(rough_w=_ALONE * _mean_power_w(counter))
    if power is None or power.power_w is None or counter.power_w is not None:
        return counter
    if counter.t_s.size < _FEW or power.t_s.size < _FEW:
        return counter

    counter = counter._replace(rough_w=_rough_w(counter, power))
    certain = counter.channel.timing == "profile" or not power.part_time
    if certain:
        return counter._replace(classified=True, may_add_up=0.0)
    blind = 1 - power.window_s / power.period_s
    pairs = _pairs(counter, power)
    if int(pairs.regular.sum()) < _FEW:
        return counter._replace(classified=False, may_add_up=blind * math.sqrt(0.5))
    evidence = _evidence(pairs)
    if evidence.adds_up:
        return as_samples(counter, power.window_s)._replace(inferred=True)
    classified = evidence.steps >= _STEPS
    may_add_up = 0.0 if classified else blind * math.sqrt(evidence.probability)
    return counter._replace(classified=classified, may_add_up=may_add_up)


def _mean_power_w(counter: Curve) -> float:
    joules = max(float(counter.energy_j[-1] - counter.energy_j[0]), 0.0)
    return joules / float(counter.t_s[-1] - counter.t_s[0])


class _Pairs(NamedTuple):
    """Each update of a counter beside the reading of the power sensor that ends with the update.

    All shapes [n]: mean power of the update, W; the reading, W; the uncertainty of the mean power
    from the times of the ticks, W; whether the update and the reading belong together.
    """

    means: Floats
    readings: Floats
    slack: Floats
    regular: npt.NDArray[np.bool_]


def _pairs(counter: Curve, power: Curve) -> _Pairs:
    assert power.power_w is not None
    ends, lengths = counter.t_s[1:], np.diff(counter.t_s)
    means = np.diff(counter.energy_j) / lengths
    # Middle of the averaging window of the reading that was published with the update.
    centres = ends - power.window_s / 2 - power.channel.lag_s + counter.channel.lag_s
    right = np.clip(np.searchsorted(power.t_s, centres), 1, power.t_s.size - 1)
    closer = np.abs(power.t_s[right] - centres) < np.abs(power.t_s[right - 1] - centres)
    nearest = np.where(closer, right, right - 1)
    regular = (lengths < _REGULAR * counter.period_s) & (
        np.abs(power.t_s[nearest] - centres) < 0.2 * counter.period_s
    )
    slack = means * (counter.fuzz_s[1:] + counter.fuzz_s[:-1]) / lengths
    return _Pairs(means, power.power_w[nearest], slack, regular)


def _rough_w(counter: Curve, power: Curve) -> float:
    """Root mean square of the differences between the readings and the mean power of the update in
    which they fall, W.
    """
    assert power.power_w is not None
    within = (power.t_s > counter.t_s[0]) & (power.t_s < counter.t_s[-1])
    update = np.searchsorted(counter.t_s, power.t_s[within]) - 1
    lengths = np.diff(counter.t_s)
    apart = power.power_w[within] - (np.diff(counter.energy_j) / lengths)[update]
    regular = lengths[update] < _REGULAR * counter.period_s
    return float(np.sqrt(np.mean(apart[regular] ** 2))) if regular.any() else 0.0


class _Evidence(NamedTuple):
    """Changes of the readings that can distinguish the two kinds of counter.

    steps  number of such changes
    same   number of them after which the increment of the counter equals the reading
    """

    steps: int
    same: int

    @property
    def adds_up(self) -> bool:
        return self.steps >= _STEPS and self.same > _NEARLY_ALL * self.steps

    @property
    def probability(self) -> float:
        """Probability that the counter only adds up readings.

        1/2 before any change (zeus issue 181). A counter that adds up readings equals the reading
        after almost every change; the increment of a counter that sees all power lies between two
        readings in four of five cases.
        """
        equal = (_NEARLY_ALL / _BY_CHANCE) ** self.same
        different = ((1 - _NEARLY_ALL) / (1 - _BY_CHANCE)) ** (self.steps - self.same)
        odds = equal * different
        return odds / (1 + odds)


def _evidence(pairs: _Pairs) -> _Evidence:
    """Compare each increment with the reading that ends it, wherever the readings change.

    A counter that saw the load step between two readings shows, in most cases, a power between the
    two.
    """
    change = np.abs(np.diff(pairs.readings, prepend=pairs.readings[:1]))
    clear = pairs.regular & (change > _CLEAR * pairs.slack) & (change > 0)
    apart = np.abs(pairs.means - pairs.readings)
    same = apart[clear] <= _SAME * change[clear] + pairs.slack[clear]
    return _Evidence(int(clear.sum()), int(same.sum()))
