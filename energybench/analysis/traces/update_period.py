"""A sensor's update period, from the times at which its value changed.

A poller sees a new value at the first reading after the update, so a change is known to an interval
only. Equal values hide updates, and late polls place a change badly: the spacings of changes are
multiples of the period, some of them far off. The period is the longest time whose multiples fit
the spacings.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median, quantiles_of_values

# a spacing tells of the period only if both of its ends together are known to this share of it
_LOCATED = 0.4
# without a stated period: changes located four times worse than the best tenth were polled at
# another rate (bursts: 1:20)
_SAME_RATE = 4.0
# spacings below which no period is claimed; fewer are enough to correct a stated period
_LEAST, _LEAST_STATED = 5, 3
# equal values hide updates: up to so many periods between two changes still tell the period
_MULTIPLES = 6
# spacings that the search looks at, and candidates taken from them: enough for a percent
_SEARCHED, _CANDIDATES = 2000, 60
# mean cosine of the spacings' phases from which they keep a beat. Spacings whose ends are known to
# 0.4 periods, the worst that are used, have 0.57; jitter of a sixth of the period has 0.4
_IN_STEP = 0.35
# below this share of the shortest spacings, a period claims that nearly no spacing is a single one.
# It has to fit better than chance: of n spacings of random phase, a mean cosine above
# 1 - 1.2·exp(-21/n) comes up in a percent of the searches (volume of the ball Σφ² in n - 1
# dimensions, times some hundred candidates)
_SINGLE = 0.75
_CHANCE, _CHANCE_SPACINGS = 1.2, 21.0
# fractions of a period fit nearly as well: the longest candidate this near to the best is taken
_NEARLY = 0.9
# changes whose number tells the period, and how much longer than the spacing of the readings the
# period has to be: of a faster sensor every reading is new, and updates are missed
_COUNTED, _SLOWER = 20, 1.05
# two changes or more located to this share of a counted period, and closer together than this share
_SHARP, _FEW, _FASTER = 0.1, 2, 0.9
# a spacing located three times worse than the typical one does not enter the period's mean
_TYPICAL = 3.0
# shares of the spacings, from the best located ones, that the period's mean may be taken of
_SHARES = (0.25, 0.5, 0.75)


class UpdatePeriod(NamedTuple):
    """An update period and its standard uncertainty, s."""

    value_s: float
    u_s: float


class _Spacings(NamedTuple):
    """Times between changes, and the sum of the half-widths that both ends are known to.

    Shapes [n]. chains: unbroken sequences of changes, whose spacings add up to the time between the
    first and the last change.
    """

    steps_s: Floats
    fuzz_s: Floats
    chains: int

    def where(self, mask: npt.NDArray[np.bool_]) -> _Spacings:
        breaks = int(np.count_nonzero(np.diff(np.flatnonzero(mask)) > 1))
        return _Spacings(self.steps_s[mask], self.fuzz_s[mask], self.chains + breaks)


def update_period(
    t_s: Floats, half_s: Floats, stated_s: float | None = None
) -> UpdatePeriod | None:
    """The period of changes within t_s ± half_s (shapes [n], ascending).

    None if too few changes are located well, or if the spacings keep no beat and scatter widely.
    stated_s: the period in the sensor's documentation, right to a factor of three.
    """
    if t_s.size < 2:
        return None
    spacings = _Spacings(np.diff(t_s), half_s[1:] + half_s[:-1], 1)
    spacings = spacings.where(_located(spacings, stated_s))
    if spacings.steps_s.size < (_LEAST if stated_s is None else _LEAST_STATED):
        return None
    period = _beat(spacings)
    if period is None:
        return _middle(spacings.steps_s, scatter_allowed=stated_s is not None)
    refined = _refined(spacings, period)
    # each change is an update, so that all of them together bound the period
    longest_s = float(t_s[-1] - t_s[0] + half_s[0] + half_s[-1]) / (t_s.size - 1)
    return refined._replace(value_s=min(refined.value_s, longest_s))


def counted_period(t_s: Floats, changed: npt.NDArray[np.intp]) -> UpdatePeriod | None:
    """The period of a sensor that publishes more slowly than it is read, from the number of its
    changes: every update is then seen, and the time of each is known to one reading.

    t_s      times of all readings, shape [m]
    changed  indices of the first reading after each change, shape [n]

    None if the sensor publishes about as fast as it is read, or if the changes do not follow their
    number: equal values hid an update, readings are lacking, or the timer of the sensor wanders.
    """
    if changed.size < _COUNTED:
        return None
    gaps = np.diff(t_s)[changed - 1]
    widest_s = float(np.diff(t_s[changed[0] - 1 : changed[-1] + 1]).max())
    # The least squares of a line, from both means: a general fit takes a fifth of all the time of
    # an analysis, and its linear algebra starts threads.
    middles, number = t_s[changed] - gaps / 2, np.arange(changed.size) - (changed.size - 1) / 2
    middles -= middles.mean()
    period = float((number * middles).sum() / (number * number).sum())
    if period < _SLOWER * widest_s:
        return None
    if float(np.abs(number * period - middles).max()) > period / 2:
        return None
    # changes that are located well follow each other faster: between others, updates were missed
    sharp = np.maximum(gaps[1:], gaps[:-1]) <= _SHARP * period
    apart_s = np.diff(middles)[sharp]
    if apart_s.size >= _FEW and float(apart_s.mean()) < _FASTER * period:
        return None
    u_s = float(gaps.max()) / math.sqrt(12.0) * math.sqrt(12.0 / changed.size) / changed.size
    return UpdatePeriod(period, u_s)


def is_confirmed(
    t_s: Floats, half_s: Floats, located: npt.NDArray[np.bool_], stated_s: float
) -> bool:
    """Whether located ticks are as far apart as a stated period says, and as many changes came
    between the first and the last of them: with one more or one less, the period would be another.
    """
    places = np.flatnonzero(located)
    if places.size < _LEAST_STATED or places[-1] - places[0] < _LEAST:
        return False
    beside = places[:-1][np.diff(places) == 1]
    for first, last in ((beside, beside + 1), (places[:1], places[-1:])):
        off_s = np.abs(t_s[last] - t_s[first] - (last - first) * stated_s)
        if first.size == 0 or (off_s > half_s[first] + half_s[last]).any():
            return False
    return True


def _located(spacings: _Spacings, stated_s: float | None) -> npt.NDArray[np.bool_]:
    """Mask of the spacings whose ends are known well, against the stated or the typical period."""
    steps, fuzz, _ = spacings
    if stated_s is not None:
        return (fuzz <= _LOCATED * stated_s) & (steps < 3 * stated_s)
    same_rate = fuzz <= _SAME_RATE * quantiles_of_values(fuzz, 0.1)[0]
    return np.asarray(same_rate & (fuzz <= _LOCATED * median(steps[same_rate])))


def _beat(spacings: _Spacings) -> float | None:
    """The longest period that the spacings are multiples of; None if they keep no beat."""
    # candidates: spacings and their fractions
    steps = spacings.steps_s[:: max(1, spacings.steps_s.size // _SEARCHED)]
    fuzz = median(spacings.fuzz_s)
    some = np.sort(steps)[:: max(1, steps.size // _CANDIDATES)]
    fractions = [some / k for k in range(1, _MULTIPLES + 1)]
    candidates = np.unique(np.concatenate(fractions))[::-1]
    candidates = candidates[candidates > 2 * fuzz]
    cosines, counted = _mean_cosines(steps, candidates)
    # a single spacing is the usual case; a shorter period needs more evidence than chance, and than
    # polls on a grid: blur is the mean cosine of a phase whose ends are known to ± fuzz / 2
    single = candidates >= _SINGLE * quantiles_of_values(steps, 0.1)[0]
    best_single = float(cosines[single].max(initial=0.0))
    chance = 1 - _CHANCE * np.exp(-_CHANCE_SPACINGS / counted)
    blur = np.sinc(fuzz / candidates) ** 2
    shorter_fits = cosines * blur >= np.maximum(chance, (1 + best_single) / 2)
    fits = np.where(single, cosines >= _IN_STEP, shorter_fits)
    if not fits.any():
        return None
    return float(candidates[fits & (cosines >= _NEARLY * cosines[fits].max())][0])


def _mean_cosines(steps: Floats, candidates: Floats) -> tuple[Floats, Floats]:
    """How well the spacings are multiples of every candidate: 1 exactly, 0 at random (the Rayleigh
    statistic of their phases, Mardia & Jupp 2000); and the number of spacings short enough to tell.

    A spacing below half a period counts as -1.
    """
    cosines, counted = np.full(candidates.size, -1.0), np.ones(candidates.size)
    for i, period in enumerate(candidates.tolist()):
        near = steps[steps <= (_MULTIPLES + 0.5) * period]
        if near.size >= _LEAST_STATED:
            phases = np.where(near < period / 2, -1.0, np.cos(2 * np.pi * near / period))
            cosines[i], counted[i] = phases.mean(), near.size
    return cosines, counted


def _refined(spacings: _Spacings, period: float) -> UpdatePeriod:
    """The mean of all spacings, in place of the single spacing that a candidate is.

    The mean is the time between the first and the last change of every chain over the number of
    periods, known as well as these changes are. Within that the median is as likely, and exact if
    the polls keep step with the sensor.
    """
    spacings = _best_known(spacings, period)
    for _ in range(3):
        near = spacings.where(spacings.steps_s <= (_MULTIPLES + 0.5) * period)
        counts = np.maximum(np.round(near.steps_s / period), 1.0)
        period = float(near.steps_s.sum() / counts.sum())
    off = (near.steps_s - counts * period) / np.sqrt(counts)
    # a timer that wanders: its steps are independent, and their sum is not sharper
    u = float(np.std(off) / np.sqrt(counts.sum()))
    middle = median(near.steps_s / counts)
    ends = median(near.fuzz_s) * near.chains**0.5 / counts.sum()
    return UpdatePeriod(middle if abs(middle - period) <= ends else period, u)


def _best_known(spacings: _Spacings, period: float) -> _Spacings:
    """The spacings whose mean is known best: many that are located badly, as the readings between
    two bursts locate them, or a few that are located well.
    """
    chosen = spacings.where(spacings.fuzz_s <= _TYPICAL * median(spacings.fuzz_s))
    least = _mean_u(chosen, period)
    for limit in quantiles_of_values(spacings.fuzz_s, *_SHARES):
        few = spacings.where(spacings.fuzz_s <= limit)
        if (u := _mean_u(few, period)) < least:
            chosen, least = few, u
    return chosen


def _mean_u(spacings: _Spacings, period: float) -> float:
    """How well the mean of spacings is known, s: only the ends of the chains enter the sum."""
    periods = float(np.maximum(np.round(spacings.steps_s / period), 1.0).sum())
    return float(spacings.fuzz_s.max()) * math.sqrt(spacings.chains) / periods


def _middle(steps: Floats, scatter_allowed: bool) -> UpdatePeriod | None:
    """The median of spacings without a beat. None if half of the spacings lie further apart than
    half of the median, unless a stated period supports the claim that there is a period at all.
    """
    low, middle, high = quantiles_of_values(steps, 0.25, 0.5, 0.75)
    if high - low > middle / 2 and not scatter_allowed:
        return None
    return UpdatePeriod(float(middle), float(np.std(steps) / steps.size**0.5))
