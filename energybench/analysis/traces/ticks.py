"""The times at which a sensor published (ticks): from the readings at which the value changed,
shifted onto the beat of the sensor.

A changed value was published some time between two readings. Only readings close together (a burst)
locate the tick well. A tick between bursts is shifted onto the beat of the located ticks, if the
sensor keeps a beat.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.analysis.traces.seen_beat import SeenBeat, seen_beat
from energybench.analysis.traces.update_period import counted_period, is_confirmed, update_period

# a tick is located if the readings around it lie closer than this share of the update period
LOCATED = 0.3
# Up to _BEATS periods away, a located tick determines the time of a second tick on the beat; over
# _FADING more periods the confidence fades.
_BEATS, _FADING = 4, 10
# Share of a period: if the error of the period makes the place of a distant tick more uncertain,
# the tick cannot be numbered.
_COUNTED = 0.25
# Factor of the spacing of the readings: changes further apart belong to a slower sensor.
_SLOWER = 1.1
# The timer of the sensor is at best exact to this share of the spacing of the readings, even if
# many ticks agree on the beat.
_SNAP = 0.2
# A sensor that updates faster than this share of the spacing of the readings needs no ticks: every
# reading is new.
NO_TICKS_BELOW = 0.5


class Ticks(NamedTuple):
    """Shapes [n]: `at`, index of the first reading after the tick; `t_s`, time of the tick;
    `fuzz_s`, half-width of the interval of possible times of the tick.
    """

    at: npt.NDArray[np.intp]
    t_s: Floats
    fuzz_s: Floats
    period_s: float
    measured: bool  # True: the period was measured here, not only stated


class _Beat(NamedTuple):
    """A strict beat.

    origin_s    time of the first fitted tick
    half_s      half-width of the uncertainty of a fitted tick
    u_period_s  standard uncertainty of the period: ticks further away are known less well
    last        number of the last fitted tick
    """

    origin_s: float
    period_s: float
    half_s: float
    u_period_s: float
    last: float


def ticks(
    t_s: Floats,
    changed: npt.NDArray[np.intp],
    stated_s: float | None,
    guess_s: float | None = None,
    *,
    every_update_changes: bool = False,
) -> Ticks:
    """Ticks from the readings (shape [m]) at which the value differs from the previous value.

    guess_s               a period that the readings show roughly, if they contradict the stated
                          period
    every_update_changes  True for a counter: every update of at least one count shows a new value
    """
    gaps = np.diff(t_s)[changed - 1] if changed.size else np.empty(0)
    period, measured = _period(t_s[changed], gaps, guess_s or stated_s)
    counted = counted_period(t_s, changed) if every_update_changes else None
    if counted is not None:
        period, measured = counted.value_s, True
    located = gaps <= LOCATED * period
    half = np.where(located, gaps, np.minimum(gaps, period)) / 2
    if every_update_changes and period > 0 and not (measured and period == stated_s):
        beat = _seen(t_s, changed, located, period, stated_s)
        if beat is not None:
            return _as_seen(changed, t_s[changed], gaps, half, beat)
    points, fuzz, period = _placed(t_s[changed] - half, half, located, period, stated_s)
    return Ticks(changed, points, fuzz, period, measured)


def _seen(
    t_s: Floats,
    changed: npt.NDArray[np.intp],
    located: npt.NDArray[np.bool_],
    period: float,
    stated_s: float | None,
) -> SeenBeat | None:
    """The only beat that agrees with the readings. The period is searched near three values in
    turn: the period known before; the spacing of neighbouring located ticks, of which a burst has
    one or two; and the mean spacing of the changes, if the sensor updates more slowly than the
    readings come, and few updates are missed.
    """
    steps = np.diff(t_s[changed])
    beside, apart = steps[located[1:] & located[:-1]], np.diff(t_s)[changed - 1][~located]
    guesses = [period]
    if beside.size:
        guesses.append(float(beside.mean()))
    if apart.size and steps.mean() > _SLOWER * median(apart):
        guesses.append(float(steps.mean()))
    for guess_s in guesses:
        beat = seen_beat(t_s, changed, located, guess_s, stated_s)
        if beat is not None:
            return beat if beat.alone else None
    return None


def _as_seen(
    changed: npt.NDArray[np.intp], read_s: Floats, gaps: Floats, half: Floats, beat: SeenBeat
) -> Ticks:
    """Ticks on a beat that agrees with nearly every reading."""
    points = np.clip(beat.ticks(read_s, gaps), read_s - 2 * half, read_s)
    away = np.abs(points - beat.first_s) / beat.period_s
    fuzz = np.minimum(beat.u_first_s + away * beat.u_period_s, half)
    return Ticks(changed, points, fuzz, beat.period_s, measured=True)


def _period(t_s: Floats, gaps: Floats, stated_s: float | None) -> tuple[float, bool]:
    """The update period, and whether the period was measured. A period that was not measured is the
    stated period or the spacing of the changes.

    t_s, gaps: shapes [n], time of the first reading after a change, and time since the previous
    reading.
    """
    guess = stated_s
    if guess is None:
        guess = median(np.diff(t_s)) if t_s.size > 1 else 0.0
    if guess <= 0:
        return guess, False
    if guess == stated_s and is_confirmed(t_s - gaps / 2, gaps / 2, gaps <= LOCATED * guess, guess):
        return guess, True
    measured = update_period(t_s - gaps / 2, gaps / 2, guess)
    return (measured.value_s, True) if measured is not None else (guess, False)


def _placed(
    points: Floats,
    fuzz: Floats,
    located: npt.NDArray[np.bool_],
    period: float,
    stated_s: float | None,
) -> tuple[Floats, Floats, float]:
    """Ticks shifted onto the beat of the located ticks, as far as the beat is known to hold; and an
    improved period.

    points, fuzz: shapes [n], middle and half-width of the intervals of the ticks. Ticks of a sensor
    without a beat (located ticks off by more than a tenth of the period) are not shifted.
    """
    sharp_t, sharp = points[located], fuzz[located]
    steps = np.diff(sharp_t)
    steps = steps[steps < 1.5 * period]
    widest = 0.1 * period + 2 * float(sharp.max()) if sharp.size else 0.0
    if steps.size < 2 or float(np.abs(steps - period).max()) > widest:
        return points, fuzz, period
    beat = _strict_beat(sharp_t, sharp, period, stated_s)
    if beat is not None:
        return (*_on_strict_beat(points, fuzz, located, beat, float(sharp.max())), beat.period_s)
    return (*_on_nearest(points, fuzz, located, period), period)


def _on_strict_beat(
    points: Floats,
    fuzz: Floats,
    located: npt.NDArray[np.bool_],
    beat: _Beat,
    sharpest: float,
) -> tuple[Floats, Floats]:
    """Ticks for a beat through the whole trace: a tick is shifted onto the beat if the beat lies in
    the interval of the tick.

    A few located ticks close together determine the period too badly to number distant ticks.
    Distant ticks are then not shifted.
    """
    period = beat.period_s
    numbers = _numbers(points - beat.origin_s, fuzz, period)
    nearest = _nearest_located(points, located)
    numbers = np.where(
        _one_by_one(numbers, located), numbers[nearest] + np.arange(points.size) - nearest, numbers
    )
    on_beat = beat.origin_s + numbers * period
    beyond = np.maximum(np.maximum(-numbers, numbers - beat.last), 0.0)
    drift_s = beyond * beat.u_period_s
    agree = np.abs(on_beat - points) <= fuzz + 1.5 * sharpest
    agree &= drift_s <= _COUNTED * period
    agree &= _alone(on_beat, fuzz, period)
    return (
        np.where(agree, np.clip(on_beat, points - fuzz, points + fuzz), points),
        np.where(agree, np.minimum(beat.half_s + drift_s, fuzz), fuzz),
    )


def _numbers(points: Floats, fuzz: Floats, period: float) -> Floats:
    """Numbers of the ticks that the changes show: the tick nearest to the middle of the interval,
    or the last tick in the interval, because a reading shows the last update.
    """
    return np.maximum(np.round(points / period), np.floor((points + fuzz) / period))


def _one_by_one(numbers: Floats, located: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Mask of the ticks to number in sequence: if the number of changes between two located ticks
    equals the number of periods, every change is the next tick. If readings are about as far apart
    as ticks, the time of a reading does not determine the number of the tick.

    numbers  numbers of the ticks according to the times
    """
    anchors = np.flatnonzero(located)
    counted = np.diff(numbers[anchors]) == np.diff(anchors)
    before = np.searchsorted(anchors, np.arange(numbers.size), side="right") - 1
    within = (before >= 0) & (before < counted.size)
    within[within] = counted[before[within]]
    return np.asarray(within, dtype=np.bool_)


def _on_nearest(
    points: Floats, fuzz: Floats, located: npt.NDArray[np.bool_], period: float
) -> tuple[Floats, Floats]:
    """Ticks for a beat that wanders: a tick lies whole periods from the nearest located tick. The
    confidence falls with the distance.
    """
    nearest = _nearest_located(points, located)
    away = points - points[nearest]
    numbers = _numbers(points - points[located][0], fuzz, period)
    steps = np.where(
        _one_by_one(numbers, located),
        np.arange(points.size) - nearest,
        _numbers(away, fuzz, period),
    )
    on_beat = points[nearest] + steps * period
    del nearest, numbers, steps  # of a long run much memory
    on_beat = np.clip(on_beat, points - fuzz, points + fuzz)
    # the period is known to a few percent only
    trust = np.exp(-np.maximum(np.abs(away) / period - _BEATS, 0) / _FADING)
    typical = float(fuzz[located].mean())
    return (
        np.where(located, points, points + trust * (on_beat - points)),
        np.where(located, fuzz, typical + (1 - trust) * np.maximum(fuzz - typical, 0)),
    )


def _nearest_located(points: Floats, located: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """For every tick, the index of the nearest located tick; of two equally near the earlier."""
    anchors = np.flatnonzero(located)
    right = np.minimum(np.searchsorted(anchors, np.arange(points.size)), anchors.size - 1)
    before, after = anchors[np.maximum(right - 1, 0)], anchors[right]
    closer = np.abs(points[after] - points) < np.abs(points[before] - points)
    return np.where(closer, after, before)


def _alone(on_beat: Floats, fuzz: Floats, period: float) -> npt.NDArray[np.bool_]:
    """Mask of the ticks that may be shifted. If two changes would be shifted onto one tick, the
    change with the larger uncertainty is not shifted, because every change is a separate tick.
    """
    alone = np.ones(on_beat.size, dtype=np.bool_)
    for i in np.flatnonzero(np.diff(on_beat) < period / 2).tolist():
        alone[i if fuzz[i] > fuzz[i + 1] else i + 1] = False
    return alone


def _strict_beat(
    t_s: Floats, half_s: Floats, period: float, stated_s: float | None
) -> _Beat | None:
    """The beat that agrees with every located tick (t_s ± half_s); None if no beat agrees.

    The fit grows outward: nearer ticks determine the period well enough to number ticks further
    away.
    """
    away = t_s - t_s[0]
    reach, typical = 3.5 * period, float(half_s.mean())
    while True:
        near = away <= reach
        numbers = np.round(away[near] / period)
        if numbers[-1] < 2:
            return None
        period, start = (float(value) for value in np.polyfit(numbers, away[near], 1))
        if bool((np.abs(start + numbers * period - away[near]) > 1.2 * half_s[near]).any()):
            return None
        last = float(numbers[-1])
        # uncertainty of the slope of a line through evenly spread points
        u_period = typical / math.sqrt(3.0) * math.sqrt(12.0 / numbers.size) / last
        if near.all():
            sharper = max(2.0 / math.sqrt(numbers.size), _SNAP)
            if stated_s is not None and abs(period - stated_s) <= u_period:
                # The located ticks confirm the stated period. The stated period is then more exact.
                period, u_period = stated_s, 0.0
                start = float(np.mean(away - numbers * period))
            return _Beat(float(t_s[0]) + start, period, typical * sharper, u_period, last)
        reach = _COUNTED * period / u_period * period
        if reach < float(away[~near][0]):
            return None
