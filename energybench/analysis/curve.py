"""A trace as a curve of energy over time, with what is known about each point.

A reading does not stand for the moment it was read at. A counter that updates every T shows the energy at its last tick; only
readings close together (a burst) tell when that tick was. A power sensor shows the mean over [t − lag − window, t − lag].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.unwrap import Span, unwrap
from energybench.model import Channel, Trace

Floats = npt.NDArray[np.float64]

_LOCATED = 0.3  # a tick is located where the readings around it lie closer than this share of the update period
_BEATS = 4  # how many periods away a located tick still tells where another one fell,
_FADING = 10  # and over how many more that knowledge fades
_FAST = 0.5  # a counter that changes faster than this share of the readings' spacing needs no ticks: every reading is new


class Curve(NamedTuple):
    """Cumulated energy of one channel.

    t_s, energy_j   shapes [n]: points the energy is known at; linear between them
    fuzz_s          shape [n]: half-width of what is not known about the point's time
    period_s        spacing of the sensor's own updates, measured where bursts show it
    wraps, dropped  what unwrapping did; spans: gaps it cannot vouch for
    """

    channel: Channel
    t_s: Floats
    energy_j: Floats
    fuzz_s: Floats
    period_s: float
    wraps: int
    dropped: int
    spans: tuple[Span, ...]

    def at(self, t: float) -> float:
        """Joules at time t; beyond the ends the last known power goes on."""
        if t < self.t_s[0]:
            return float(self.energy_j[0] - self.power(t) * (self.t_s[0] - t))
        if t > self.t_s[-1]:
            return float(self.energy_j[-1] + self.power(t) * (t - self.t_s[-1]))
        return float(np.interp(t, self.t_s, self.energy_j))

    def segment(self, t: float) -> int:
        """Index of the segment (between points i and i + 1) that t lies in, or the nearest one."""
        return int(np.clip(np.searchsorted(self.t_s, t, side="right") - 1, 0, self.t_s.size - 2))

    def power(self, t: float) -> float:
        """Mean watts of the segment around t."""
        i = self.segment(t)
        return float((self.energy_j[i + 1] - self.energy_j[i]) / (self.t_s[i + 1] - self.t_s[i]))

    def powers(self, start: float, end: float) -> Floats:
        """Mean watts of the segments that touch [start, end], in order."""
        i, j = self.segment(start), self.segment(end) + 1
        steps = slice(i, j + 1)
        return np.asarray(np.diff(self.energy_j[steps]) / np.diff(self.t_s[steps]))


def curve(trace: Trace) -> Curve | None:
    """None where fewer than two points are known: then nothing was measured."""
    made = _counter(trace) if trace.channel.kind == "counter" else _power(trace)
    return made if made.t_s.size >= 2 else None


def _counter(trace: Trace) -> Curve:
    channel = trace.channel
    found = unwrap(trace)
    spans = found.ambiguous + found.resets
    t, energy = found.t_s, found.energy_j / channel.gain.value
    changed = np.flatnonzero(np.diff(energy) > 0) + 1
    gaps = np.diff(t)[changed - 1] if changed.size else np.empty(0)
    period = _period(channel.update_period_s, t[changed], gaps)
    spacing = float(np.median(np.diff(t))) if t.size > 1 else 0.0
    closest = float(np.percentile(np.diff(t), 10)) if t.size > 1 else 0.0
    if period <= _FAST * closest or changed.size < 2:  # every reading is fresh (or nothing ever changed: a flat line is known too)
        stale = min(period, spacing) / 2
        return Curve(channel, *_rising(t - stale - channel.lag_s, energy, np.full(t.size, stale)), period, found.wraps, found.dropped, spans)
    located = gaps <= _LOCATED * period
    half = np.where(located, gaps, np.minimum(gaps, period)) / 2
    points, fuzz = _placed(t[changed] - half, half, located, period)
    return Curve(channel, *_rising(points - channel.lag_s, energy[changed], fuzz), period, found.wraps, found.dropped, spans)


def _period(stated_s: float | None, ticks: Floats, gaps: Floats) -> float:
    """The counter's update period: from located ticks that follow each other, else as stated, else the spacing of changes."""
    guess = stated_s if stated_s is not None else (float(np.median(np.diff(ticks))) if ticks.size > 1 else 0.0)
    if ticks.size < 2 or guess <= 0:
        return guess
    sharp = gaps <= _LOCATED * guess
    steps = np.diff(ticks)[sharp[1:] & sharp[:-1]]
    steps = steps[steps < 3 * guess] if steps.size else steps
    return float(np.median(steps)) if steps.size >= 3 else guess


def _placed(points: Floats, fuzz: Floats, located: npt.NDArray[np.bool_], period: float) -> tuple[Floats, Floats]:
    """Ticks that no burst located, put onto the beat of the nearest located one, where that agrees with when they were seen.

    points, fuzz: shapes [n], middle and half-width of where each tick can be. A sensor whose located ticks do not keep a beat
    (spread over a tenth of the period) is left as it is.
    """
    known = points[located]
    steps = np.diff(known)
    steps = steps[steps < 1.5 * period]
    if steps.size < 2 or float(np.abs(steps - period).max()) > 0.1 * period + 2 * float(fuzz[located].max()):
        return points, fuzz
    index = np.arange(points.size)
    anchors = index[located]
    right = np.minimum(np.searchsorted(anchors, index), anchors.size - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(anchors[right] - index) < np.abs(anchors[left] - index), anchors[right], anchors[left])
    away = points - points[nearest]
    sharp = float(fuzz[located].mean())
    beats = index - nearest  # polled at least once a period, the next change is the next tick; else the nearest beat
    beats = np.where(np.abs(beats * period - away) <= fuzz + sharp, beats, np.round(away / period))
    beat = np.clip(points[nearest] + beats * period, points - fuzz, points + fuzz)
    trust = np.exp(-np.maximum(np.abs(away) / period - _BEATS, 0) / _FADING)  # the period is known to a few percent only
    return np.where(located, points, points + trust * (beat - points)), np.where(located, fuzz, sharp + (1 - trust) * np.maximum(fuzz - sharp, 0))


def _power(trace: Trace) -> Curve:
    channel = trace.channel
    t = trace.t_s[trace.ok]
    watts = trace.raw[trace.ok] * (channel.resolution / channel.gain.value)
    implausible = watts < 0  # no meter of ours sees power flow back
    if channel.max_power_w is not None:
        implausible |= watts > channel.max_power_w
    t, watts = t[~implausible], watts[~implausible]
    period = channel.update_period_s or (float(np.median(np.diff(t))) if t.size > 1 else 0.0)
    spacing = float(np.median(np.diff(t))) if t.size > 1 else 0.0
    stale = min(period, spacing) / 2
    shift = channel.lag_s + channel.window_s / 2 + stale
    energy = np.concatenate(([0.0], np.cumsum((watts[1:] + watts[:-1]) / 2 * np.diff(t)))) if t.size else np.empty(0)
    fuzz = np.full(t.size, stale + channel.window_s / 2)
    return Curve(channel, *_rising(t - shift, energy, fuzz), period, 0, int(implausible.sum()), ())


def _rising(t: Floats, energy: Floats, fuzz: Floats) -> tuple[Floats, Floats, Floats]:
    """Points in strictly rising time (two readings of one tick give one point)."""
    if t.size < 2:
        return t, energy, fuzz
    keep = np.concatenate(([True], np.diff(np.maximum.accumulate(t)) > 0))
    return t[keep], energy[keep], fuzz[keep]
