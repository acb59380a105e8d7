"""Evidence in the updates of an energy counter for the kind of the counter.

The updates of a run are evidence for three hypotheses:

- *all*: an update is the mean power of the whole period;
- *readings*: an update is the power reading at the tick of the counter;
- *samples*: an update is a sample of the counter's own, taken between power readings.

If the ticks of both sensors coincide, *readings* and *samples* are equal. A step of the load
distinguishes *all* from the two others: with *all*, the update with the step lies between the
levels before and after. With *readings* and *samples*, the update mostly equals a level.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.analysis.traces.curve import Curve

Flags = npt.NDArray[np.bool_]

FEW = 8  # least number of readings of each sensor
REGULAR = 1.5  # longest update that counts as a single update, in periods
# An update counts if the times of its two ticks together are known to this share of the period.
_LOCATED = 0.3
# Relative error of the period over many updates.
_DRIFT = 0.001
# Number of equally distant steps that count.
_ALIKE = 2
# Ticks this close together, relative to the period, may be one tick.
_TOGETHER = 0.06
# Least share of coinciding ticks with which the ticks of both sensors coincide: mostly they are
# apart by chance.
_COINCIDE = 0.8
_SAME = 0.1  # greatest difference of an equal update and reading, as a share of the change
# Relative error of the mean power of an update: a real timer jitters.
_KNOWN = 0.01
# A change of the readings counts if the change is this many times the error of an update.
_CLEAR = 6.0
# The same for a change of the counter alone: its updates are equal by chance more often if their
# error is larger beside the change.
_CLEAR_ALONE = 20.0
# A step is sharp if the step is this many times as large as the neighbouring changes in the same
# direction. Only a sharp step shows that an update equals a reading: with *all*, a slow change of
# power looks alike if there is a small lag between the sensors.
_SHARP = 4.0
# Probability of an update equal to a level beside the step. all: the load stepped at the end of an
# update. readings: always, except for a wrongly assigned reading. samples: the step fell into the
# sample (25 of 100 ms, arXiv 2312.02741) or took some milliseconds.
_EQUAL_ALL, _EQUAL_READINGS, _EQUAL_SAMPLES = 0.2, 0.95, 0.6
# Probability before any step: nobody has published the kind of each board (zeus issue 181).
PRIOR_ALL = 0.5
# Share of *samples* among counters that add up samples, if the ticks do not coincide. Such a board
# would sample its power at two times in each period, and nobody has reported a board like this.
_PRIOR_OWN = 0.03
# A counter adds up readings if its updates equal the readings at this many steps and at this share
# of the steps. By chance, one counter in six hundred is mistaken (0.2^4).
_STEPS, _NEARLY_ALL = 4, 0.9
# The same number for steps whose reading is not known: equal to one of several readings by chance.
_STEPS_UNKNOWN = 6


class Evidence(NamedTuple):
    """Steps of the load that distinguish the three hypotheses.

    together              True if the ticks of both sensors coincide
    equal, between        steps with updates equal to the readings, or not equal
    own_equal, own_between  steps with the update on a level of the counter, or between two levels
    enough                True if the equal steps with a known reading, or the equal steps without,
                          are enough alone: both may be the same moment of a repeated load
    """

    together: bool
    equal: int
    between: int
    own_equal: int
    own_between: int
    enough: bool

    @property
    def adds_up(self) -> bool:
        """Whether the counter was seen to show the readings again, step by step."""
        all_steps = self.equal + self.between
        return self.enough and self.equal > _NEARLY_ALL * all_steps

    @property
    def probability(self) -> float:
        """Probability that the counter only adds up samples, by Bayes' rule."""
        odds_readings = _odds(_EQUAL_READINGS, self.equal, self.between)
        if self.together:
            odds = odds_readings * (1 - PRIOR_ALL) / PRIOR_ALL
        else:
            odds_samples = _odds(_EQUAL_SAMPLES, self.own_equal, self.own_between)
            odds = (1 - _PRIOR_OWN) * odds_readings + _PRIOR_OWN * odds_samples
            odds *= (1 - PRIOR_ALL) / PRIOR_ALL
        return odds / (1 + odds)


def _odds(equal_rate: float, equal: int, between: int) -> float:
    """Odds of a hypothesis against *all*."""
    logarithm = equal * math.log(equal_rate / _EQUAL_ALL)
    logarithm += between * math.log((1 - equal_rate) / (1 - _EQUAL_ALL))
    return math.exp(min(max(logarithm, -50.0), 50.0))


def evidence(counter: Curve, power: Curve) -> Evidence:
    shown = _shown(counter, power)
    updates = _Updates.of(counter)
    known = updates.single & shown.certain
    readings = shown.watts * _common_ratio(updates.mean_w, shown.watts, known)
    equal, between = _beside_readings(updates, readings, known)
    steps = _sharp_steps(updates)
    own_equal, own_between = _count(steps)
    # steps at ticks whose reading is not known
    more_equal, more_between = _count(_among_readings(steps, readings, known))
    return Evidence(
        shown.together,
        equal + more_equal,
        between + more_between,
        own_equal,
        own_between,
        equal >= _STEPS or more_equal >= _STEPS_UNKNOWN,
    )


class _Updates(NamedTuple):
    """Updates of a counter; shapes [n].

    mean_w   mean power of the update, W
    added_w  added power if the counter adds up readings of one period each, W
    error_w  uncertainty of the mean power, W
    single   True for one update between two located ticks
    """

    mean_w: Floats
    added_w: Floats
    error_w: Floats
    single: Flags

    @classmethod
    def of(cls, counter: Curve) -> _Updates:
        lengths = np.diff(counter.t_s)
        fuzz = counter.fuzz_s[1:] + counter.fuzz_s[:-1]
        joules = np.diff(counter.energy_j)
        period = counter.period_s
        counted = _counted(counter)
        single = (lengths < REGULAR * period) & (fuzz <= _LOCATED * period) | counted
        # The length of an update is the period, unless its ticks show another length.
        length = np.where((np.abs(lengths - period) <= fuzz) | counted, period, lengths)
        mean_w = joules / length
        spread = np.where(counted, 0.0, np.minimum(fuzz, np.abs(lengths - period)) / period)
        resolution_w = counter.channel.resolution / period
        error_w = mean_w * (_KNOWN + spread) + resolution_w
        return cls(mean_w, joules / period, error_w, single)


def _counted(counter: Curve) -> Flags:
    """Updates between two located ticks that are as many as the periods between these ticks: none
    of the updates then holds two, although the times of the ticks are not known.
    """
    located = np.flatnonzero(counter.fuzz_s <= _LOCATED / 2 * counter.period_s)
    counted = np.zeros(counter.t_s.size - 1, dtype=np.bool_)
    if located.size < 2:
        return counted
    updates = np.diff(located)
    spans_s = np.diff(counter.t_s[located])
    apart_s = np.abs(spans_s - updates * counter.period_s)
    whole = apart_s <= np.maximum(_LOCATED * counter.period_s, _DRIFT * spans_s)
    counted[located[0] : located[-1]] = np.repeat(whole, updates)
    return counted


class _Shown(NamedTuple):
    """Reading of the power sensor at the end of each update; shapes [n].

    certain   True if the reading is known: power was constant around the tick, or the ticks of both
              sensors coincide
    together  True if the ticks of both sensors coincide
    """

    watts: Floats
    certain: Flags
    together: bool


def _shown(counter: Curve, power: Curve) -> _Shown:
    """Only changes of the reading show when the power sensor published: an equal reading may hide a
    publication.
    """
    watts = power.power_w
    assert watts is not None
    changed = np.concatenate(([0], np.flatnonzero(np.diff(watts)) + 1))
    published = (power.t_s + power.channel.lag_s + power.window_s / 2)[changed]
    values, fuzz = watts[changed], power.fuzz_s[changed]
    ticks, ticks_fuzz = counter.t_s + counter.channel.lag_s, counter.fuzz_s
    together = _together(published[1:], fuzz[1:], ticks, ticks_fuzz, counter.period_s)

    ticks, ticks_fuzz = ticks[1:], ticks_fuzz[1:]
    nearest = _nearest(published, ticks)
    known = fuzz[nearest] + ticks_fuzz
    away = np.abs(published[nearest] - ticks)
    near = away <= np.maximum(known, _TOGETHER * counter.period_s)
    located = known <= _LOCATED * counter.period_s
    last = np.searchsorted(published, ticks, side="right") - 1
    certain = ~near
    if together:
        last = np.where(near & located, nearest, last)
        # A publication that seems to lie between two ticks belongs to one of them.
        certain = (near & located) | (away > counter.period_s / 2)
    return _Shown(values[np.maximum(last, 0)], certain & (last >= 0), together)


def _nearest(times: Floats, wanted: Floats) -> npt.NDArray[np.intp]:
    """Index of the nearest of some ascending times."""
    right = np.minimum(np.searchsorted(times, wanted), times.size - 1)
    left = np.maximum(right - 1, 0)
    closer = np.abs(times[left] - wanted) <= np.abs(times[right] - wanted)
    return np.asarray(np.where(closer, left, right))


def _together(
    published: Floats, fuzz: Floats, ticks: Floats, ticks_fuzz: Floats, period_s: float
) -> bool:
    """Whether the readings of the power sensor change at ticks of the counter."""
    if not published.size:
        return False
    nearest = _nearest(ticks, published)
    known = fuzz + ticks_fuzz[nearest]
    located = known <= _LOCATED * period_s
    near = np.abs(ticks[nearest] - published) <= np.maximum(known, _TOGETHER * period_s)
    return bool(located.any()) and float(np.mean(near[located])) >= _COINCIDE


def _beside_readings(updates: _Updates, readings: Floats, known: Flags) -> tuple[int, int]:
    """Times of load steps with updates equal to the readings, and times of load steps without: a
    step between two readings, or an update that no neighbouring reading explains.
    """
    change = np.diff(readings)
    step = np.abs(change)
    away = np.minimum(np.abs(updates.mean_w - readings), np.abs(updates.added_w - readings))
    error = np.maximum(updates.error_w[1:], updates.error_w[:-1])
    clear = known[1:] & known[:-1] & (step > _CLEAR * error)
    limit = _SAME * step + error
    same = (away[1:] <= limit) & (away[:-1] <= limit)
    del readings, error, limit  # of a long run much memory
    before, after = np.concatenate(([0.0], step)), np.concatenate((step, [0.0]))
    # A change back is no part of a slow change.
    onward = np.where(change[1:] * change[:-1] > 0, 1.0, 0.0)
    beside = np.maximum(
        before[:-1] * np.concatenate(([0.0], onward)), after[1:] * np.concatenate((onward, [0.0]))
    )
    sharp = step > _SHARP * beside
    # A peak that no reading shows belongs to a counter that integrates all power.
    quiet = known & (np.maximum(before, after) <= updates.error_w)
    unexplained = quiet & (away > _CLEAR * updates.error_w)
    between = np.count_nonzero(clear & ~same) + np.count_nonzero(unexplained)
    return int(np.count_nonzero(clear & same & sharp)), int(between)


def _common_ratio(means: Floats, readings: Floats, known: Flags) -> float:
    """Ratio of the two scales: the counter and the power reading may have different gains."""
    usable = known & (readings > 0)
    if np.count_nonzero(usable) < FEW:
        return 1.0
    return median(means[usable] / readings[usable])


class _Steps(NamedTuple):
    """Sharp steps between two levels of the counter, of two updates each; shapes [n].

    middle   number of the update at the step
    mean_w   mean power of that update, W
    near_w   greatest difference of an equal power, W
    equal    True if the update is on one of the two levels, False if it lies between them
    """

    middle: npt.NDArray[np.intp]
    mean_w: Floats
    near_w: Floats
    equal: Flags


def _sharp_steps(updates: _Updates) -> _Steps:
    means, single = updates.mean_w, updates.single
    if means.size < 5:
        return _Steps(np.empty(0, np.intp), np.empty(0), np.empty(0), np.empty(0, np.bool_))
    first, before, middle, after, last = (means[i : means.size - 4 + i] for i in range(5))
    known = np.all([single[i : single.size - 4 + i] for i in range(5)], axis=0)
    error = updates.error_w[2:-2]
    step = np.abs(after - before)
    level = np.maximum(np.abs(before - first), np.abs(last - after))
    sharp = known & (step > _CLEAR_ALONE * error) & (step > _SHARP * level)
    nearer = np.minimum(np.abs(middle - before), np.abs(middle - after))
    near_w = _SAME * step + error
    equal = sharp & (nearer <= near_w)
    # A step without an update between its levels is found from both sides.
    sharp[1:] &= ~(equal[1:] & equal[:-1])
    places = np.flatnonzero(sharp)
    return _Steps(places + 2, middle[places], near_w[places], equal[places])


def _among_readings(steps: _Steps, readings: Floats, known: Flags) -> _Steps:
    """The steps at updates whose reading is not known; an update on a reading before or after the
    tick, such as a reading across the step, is equal to the reading.
    """
    unknown = ~(known[steps.middle] & known[steps.middle - 1])
    steps = _Steps(
        steps.middle[unknown], steps.mean_w[unknown], steps.near_w[unknown], steps.equal[unknown]
    )
    around = np.array([readings[steps.middle + i] for i in (-1, 0, 1)])
    shown = np.any(np.abs(around - steps.mean_w) <= steps.near_w, axis=0)
    return steps._replace(equal=steps.equal | shown)


def _count(steps: _Steps) -> tuple[int, int]:
    """Numbers of the steps with an equal update, and of the steps with an update between.

    The steps of a load whose period is a multiple of the counter's period fall on the same moment
    of an update every time, and many of them tell no more than one. Such steps are equally far
    apart, so no more steps count than there are different distances, and _ALIKE.
    """
    equal = int(np.count_nonzero(steps.equal))
    most = _ALIKE + np.unique(np.diff(steps.middle)).size
    if steps.equal.size <= most:
        return equal, steps.equal.size - equal
    equal = round(equal * most / steps.equal.size)
    return equal, most - equal
