"""When a sensor published: from the readings at which its value changed, put on a beat.

A reading does not stand for the moment it was read at. Only readings close together (a burst) tell
when a tick was; ticks between bursts are put on the beat of the located ones, where the sensor
keeps one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# a tick is located where the readings around it lie closer than this share of the update period
LOCATED = 0.3
_BEATS = 4  # how many periods away a located tick still tells where another one fell,
_FADING = 10  # and over how many more that knowledge fades
# of a period: a tick further away than the period's error makes uncertain by this cannot be
# numbered
_COUNTED = 0.25
# however many ticks agree on the beat, the sensor's own timer is not better than this share of a
# reading's spacing
_SNAP = 0.2


class Ticks(NamedTuple):
    """Shapes [n]: `at`, index of the first reading after each tick, `t_s` where it fell, `fuzz_s`
    half-width of what is not known of that.
    """

    at: npt.NDArray[np.intp]
    t_s: Floats
    fuzz_s: Floats
    period_s: float
    found: bool  # the period was measured here, not only stated


def ticks(t_s: Floats, changed: npt.NDArray[np.intp], stated_s: float | None) -> Ticks:
    """Ticks from the readings (shape [m]) at which the value differs from the one before."""
    gaps = np.diff(t_s)[changed - 1] if changed.size else np.empty(0)
    period, found = _period(stated_s, t_s[changed], gaps)
    located = gaps <= LOCATED * period
    half = np.where(located, gaps, np.minimum(gaps, period)) / 2
    points, fuzz, period = _placed(t_s[changed] - half, half, located, period)
    return Ticks(changed, points, fuzz, period, found)


def _period(stated_s: float | None, t_s: Floats, gaps: Floats) -> tuple[float, bool]:
    """The update period: from located ticks that follow each other, else as stated, else the
    spacing of changes.
    """
    guess = (
        stated_s
        if stated_s is not None
        else (float(np.median(np.diff(t_s))) if t_s.size > 1 else 0.0)
    )
    if t_s.size < 2 or guess <= 0:
        return guess, False
    sharp = gaps <= LOCATED * guess
    steps = np.diff(t_s)[sharp[1:] & sharp[:-1]]
    steps = steps[steps < 3 * guess] if steps.size else steps
    return (float(np.median(steps)), True) if steps.size >= 3 else (guess, False)


def _placed(
    points: Floats, fuzz: Floats, located: npt.NDArray[np.bool_], period: float
) -> tuple[Floats, Floats, float]:
    """Ticks put onto the beat of the located ones, as far as that beat is known to hold; and the
    period, better known then.

    points, fuzz: shapes [n], middle and half-width of where each tick can be. A sensor whose
    located ticks do not keep a beat (spread over a tenth of the period) is left as it is.
    """
    known, sharp = points[located], fuzz[located]
    steps = np.diff(known)
    steps = steps[steps < 1.5 * period]
    if steps.size < 2 or float(np.abs(steps - period).max()) > 0.1 * period + 2 * float(
        sharp.max()
    ):
        return points, fuzz, period
    fitted = _beat(known, sharp, period)
    if fitted is not None:  # one strict beat through the whole trace: every tick lies on it
        origin, period, u_s = fitted
        beat = origin + np.round((points - origin) / period) * period
        agree = (np.abs(beat - points) <= fuzz + 1.5 * float(sharp.max())) & _alone(
            beat, fuzz, period
        )
        return (
            np.where(agree, np.clip(beat, points - fuzz, points + fuzz), points),
            np.where(agree, np.minimum(u_s, fuzz), fuzz),
            period,
        )
    index = np.arange(points.size)
    anchors = index[located]
    right = np.minimum(np.searchsorted(anchors, index), anchors.size - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(
        np.abs(points[anchors[right]] - points) < np.abs(points[anchors[left]] - points),
        anchors[right],
        anchors[left],
    )
    away = points - points[nearest]
    typical = float(sharp.mean())
    beats = np.round(away / period)
    beat = np.clip(points[nearest] + beats * period, points - fuzz, points + fuzz)
    trust = np.exp(
        -np.maximum(np.abs(away) / period - _BEATS, 0) / _FADING
    )  # the period is known to a few percent only
    placed = np.where(located, points, points + trust * (beat - points))
    return (
        placed,
        np.where(located, fuzz, typical + (1 - trust) * np.maximum(fuzz - typical, 0)),
        period,
    )


def _alone(beat: Floats, fuzz: Floats, period: float) -> npt.NDArray[np.bool_]:
    """Every change is a tick of its own: of two that were put on one beat, the less well known one
    stays where it was.
    """
    alone = np.ones(beat.size, dtype=np.bool_)
    for i in np.flatnonzero(np.diff(beat) < period / 2).tolist():
        alone[i if fuzz[i] > fuzz[i + 1] else i + 1] = False
    return alone


def _beat(known: Floats, sharp: Floats, period: float) -> tuple[float, float, float] | None:
    """(origin, period, half-width) of the one beat that every located tick agrees with; None where
    there is none.

    The fit grows outward: ticks further away are numbered with a period that the nearer ones have
    made good enough for it.
    """
    away = known - known[0]
    reach, typical = 3.5 * period, float(sharp.mean())
    while True:
        near = away <= reach
        beats = np.round(away[near] / period)
        if beats[-1] < 2:
            return None
        period, start = (float(value) for value in np.polyfit(beats, away[near], 1))
        if bool((np.abs(start + beats * period - away[near]) > 1.2 * sharp[near]).any()):
            return None
        if near.all():
            return (
                float(known[0]) + start,
                period,
                typical * max(2.0 / math.sqrt(beats.size), _SNAP),
            )
        u_period = (
            typical / math.sqrt(3.0) * math.sqrt(12.0 / beats.size) / float(beats[-1])
        )  # of a line through evenly spread points
        reach = _COUNTED * period / u_period * period
        if reach < float(away[~near][0]):
            return None
