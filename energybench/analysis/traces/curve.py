"""A trace as a curve of energy over time, with what is known about each point.

A counter that updates every T shows the energy at its last tick. A power sensor shows the mean over
[t − lag − window, t − lag] of its tick t; where the window is shorter than the period it never sees
the rest, and so does a counter that adds up such readings.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.traces.ticks import Floats, ticks
from energybench.analysis.traces.unwrap import Span, unwrap
from energybench.model import Channel, Trace

# a window that differs from the readings' spacing by less than this share of it is that spacing,
# for what jitter allows
_WHOLE = 0.1
# a counter that changes faster than this share of the readings' spacing needs no ticks: every
# reading is new
_FAST = 0.5
_HELD = (
    1.5  # a power reading that stays for so many periods was published again with the same value
)


class Curve(NamedTuple):
    """Cumulated energy of one channel.

    t_s, energy_j   shapes [n]: points the energy is known at
    fuzz_s          shape [n]: half-width of what is not known about the point's time
    power_w         shape [n]: of a power sensor, its reading at each point (the mean over
                    `window_s` around it); None: a counter
    period_s        spacing of the sensor's own updates, measured where bursts show it
    window_s        what of each period the sensor sees; 0: a counter that sees all of it, or a
                    power sensor of one moment
    rough_w         how much power moves between two ticks of a counter, where a power sensor beside
                    it tells
    inferred        period (and window) come from this run's own samples
    told            False: a counter beside a part-time power sensor that may be adding up its
                    readings; nothing changed that would tell
    missed          of a counter that may be adding up such readings: what share of each period it
                    would miss, by how likely that is
    wraps, dropped  what unwrapping did; spans: gaps it cannot vouch for
    """

    channel: Channel
    t_s: Floats
    energy_j: Floats
    fuzz_s: Floats
    power_w: Floats | None
    period_s: float
    window_s: float
    rough_w: float
    wraps: int
    dropped: int
    spans: tuple[Span, ...]
    inferred: bool = False
    told: bool = True
    missed: float = 0.0

    @property
    def may_miss(self) -> float:
        """Share of each period that goes unseen, or may do so."""
        return 1 - self.window_s / self.period_s if self.part_time else self.missed

    @property
    def part_time(self) -> bool:
        """Whether the sensor leaves a part of each period unseen."""
        return self.power_w is not None and self.window_s < self.period_s

    def segment(self, t: float) -> int:
        """Index of the segment (between points i and i + 1) that t lies in, or the nearest one."""
        return min(max(int(np.searchsorted(self.t_s, t, side="right")) - 1, 0), self.t_s.size - 2)

    def mean_w(self, i: int) -> float:
        """Mean watts of segment i."""
        return float((self.energy_j[i + 1] - self.energy_j[i]) / (self.t_s[i + 1] - self.t_s[i]))

    def means_w(self, start_s: float, end_s: float) -> Floats:
        """Mean watts of the segments that lie wholly between two times; shape [k], perhaps empty."""
        i, j = (
            int(np.searchsorted(self.t_s, start_s)),
            int(np.searchsorted(self.t_s, end_s, side="right")),
        )
        return np.asarray(np.diff(self.energy_j[i:j]) / np.diff(self.t_s[i:j]))

    def power(self, t: float) -> float:
        """Watts at t, as far as the sensor tells."""
        return (
            self.mean_w(self.segment(t))
            if self.power_w is None
            else float(np.interp(t, self.t_s, self.power_w))
        )

    def at(self, t: float) -> float:
        """Joules at time t, linear between the points; beyond the ends the last known power goes
        on.
        """
        if t < self.t_s[0]:
            return float(self.energy_j[0] - self.power(t) * (self.t_s[0] - t))
        if t > self.t_s[-1]:
            return float(self.energy_j[-1] + self.power(t) * (t - self.t_s[-1]))
        return float(np.interp(t, self.t_s, self.energy_j))


def curve(trace: Trace) -> Curve | None:
    """None where fewer than two points are known: then nothing was measured."""
    made = (
        _stamped(trace)
        if trace.channel.stamped
        else _counter(trace)
        if trace.channel.kind == "counter"
        else _power(trace)
    )
    return made if made.t_s.size >= 2 else None


def _counter(trace: Trace) -> Curve:
    channel = trace.channel
    found = unwrap(trace)
    spans = found.ambiguous + found.resets
    t, energy = found.t_s, found.energy_j / channel.gain.value
    changed = np.flatnonzero(np.diff(energy) > 0) + 1
    seen = ticks(t, changed, channel.update_period_s)
    steps = np.diff(t)
    closest = float(np.percentile(steps, 10)) if steps.size else 0.0
    if (
        seen.period_s <= _FAST * closest or changed.size < 2
    ):  # every reading is fresh (or nothing ever changed: a flat line is known too)
        stale = min(seen.period_s, float(np.median(steps)) if steps.size else 0.0) / 2
        points, joules, fuzz = _rising(t - stale - channel.lag_s, energy, np.full(t.size, stale))
    else:
        points, joules, fuzz = _rising(seen.t_s - channel.lag_s, energy[changed], seen.fuzz_s)
    told = seen.found and channel.timing == "prior"
    whole = Curve(
        channel,
        points,
        joules,
        fuzz,
        None,
        seen.period_s,
        0.0,
        0.0,
        found.wraps,
        found.dropped,
        spans,
        told,
    )
    return (
        as_samples(whole, channel.window_s)
        if 0 < channel.window_s < seen.period_s and points.size >= 2
        else whole
    )


def as_samples(counter: Curve, window_s: float) -> Curve:
    """A counter that adds up readings of `window_s` only, each standing for the whole period that
    it ends: a power sensor's curve.
    """
    periods = np.maximum(np.round(np.diff(counter.t_s) / counter.period_s), 1.0)
    watts = np.asarray(np.diff(counter.energy_j) / (periods * counter.period_s), dtype=np.float64)
    return _integral(
        counter, counter.t_s[1:], watts, counter.fuzz_s[1:], counter.period_s, window_s
    )


def _power(trace: Trace) -> Curve:
    channel = trace.channel
    t = trace.t_s[trace.ok]
    watts = np.asarray(
        trace.raw[trace.ok] * (channel.resolution / channel.gain.value), dtype=np.float64
    )
    implausible = watts < 0  # no meter of ours sees power flow back
    if channel.max_power_w is not None:
        implausible |= watts > channel.max_power_w
    t, watts = t[~implausible], watts[~implausible]
    empty = Curve(
        channel,
        np.empty(0),
        np.empty(0),
        np.empty(0),
        np.empty(0),
        0.0,
        0.0,
        0.0,
        0,
        int(implausible.sum()),
        (),
    )
    if t.size < 2:
        return empty
    seen = ticks(t, np.flatnonzero(np.diff(watts) != 0) + 1, channel.update_period_s)
    spacing = float(np.median(np.diff(t)))
    if seen.period_s <= _FAST * float(np.percentile(np.diff(t), 10)):  # every reading is fresh
        stale = min(seen.period_s, spacing) / 2
        return _integral(
            empty,
            t - stale,
            watts,
            np.full(t.size, stale),
            seen.period_s or spacing,
            channel.window_s,
        )
    # A value that stays was published again: it holds until one period before the next change.
    period = seen.period_s
    empty = empty._replace(inferred=seen.found and channel.timing == "prior")
    half = min(period, spacing) / 2
    starts = np.concatenate(([t[0] - half], seen.t_s))
    fuzz = np.concatenate(([half], seen.fuzz_s))
    values = watts[np.concatenate(([0], seen.at))]
    again = _again(starts, np.concatenate((seen.t_s, [t[-1] + half])), t, period)
    points = np.concatenate((starts, again.t_s))
    order = np.argsort(points, kind="stable")
    all_watts: Floats
    all_watts, all_fuzz = (
        np.concatenate((values, values[again.of])),
        np.concatenate((fuzz, np.full(again.of.size, half))),
    )
    return _integral(
        empty, points[order], all_watts[order], all_fuzz[order], period, channel.window_s
    )


class _Again(NamedTuple):
    """Publications of a value that was there already: when, and which value."""

    t_s: Floats
    of: npt.NDArray[np.intp]


def _again(starts: Floats, nexts: Floats, read_s: Floats, period: float) -> _Again:
    """Between two changes, one publication a period as far as there were readings; a stretch
    without readings stays a hole.
    """
    held = np.flatnonzero(nexts - starts > _HELD * period)
    count = np.maximum(np.ceil((nexts[held] - starts[held]) / period - 1.5).astype(np.intp), 0)
    of = np.repeat(held, count)
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + 1
    made = starts[of] + number * period
    read = np.searchsorted(read_s, made + period) > np.searchsorted(read_s, made)
    return _Again(made[read], of[read])


def _integral(
    like: Curve, published_s: Floats, watts: Floats, fuzz: Floats, period_s: float, window_s: float
) -> Curve:
    """Readings as a curve: each stands for the middle of what it averaged; trapezoids between them."""
    t, power, known = _rising(published_s - like.channel.lag_s - window_s / 2, watts, fuzz)
    energy = (
        np.concatenate(([0.0], np.cumsum((power[1:] + power[:-1]) / 2 * np.diff(t))))
        if t.size
        else np.empty(0)
    )
    return like._replace(
        t_s=t, energy_j=energy, fuzz_s=known, power_w=power, period_s=period_s, window_s=window_s
    )


def _stamped(trace: Trace) -> Curve:
    """A sensor that says when it published.

    A power reading that averages over all of its spacing is a counter's step: its energy is known
    at its stamps.
    """
    channel = trace.channel
    empty = Curve(channel, np.empty(0), np.empty(0), np.empty(0), None, 0.0, 0.0, 0.0, 0, 0, ())
    if channel.kind == "counter":
        found = unwrap(trace)
        t, energy = found.t_s, found.energy_j / channel.gain.value
        empty = empty._replace(
            wraps=found.wraps, dropped=found.dropped, spans=found.ambiguous + found.resets
        )
    else:
        t, watts = (
            trace.t_s[trace.ok],
            np.asarray(
                trace.raw[trace.ok] * (channel.resolution / channel.gain.value), dtype=np.float64
            ),
        )
        good = (watts >= 0) & (watts <= (channel.max_power_w or np.inf))
        t, watts, empty = t[good], watts[good], empty._replace(dropped=int(np.count_nonzero(~good)))
        energy = (
            np.concatenate(([0.0], np.cumsum(watts[1:] * np.diff(t)))) if t.size else np.empty(0)
        )
    period = channel.update_period_s or (float(np.median(np.diff(t))) if t.size > 1 else 0.0)
    if channel.kind == "power" and abs(channel.window_s - period) > _WHOLE * period:
        return _integral(empty, t, watts, np.zeros(t.size), period, channel.window_s)
    points, joules, fuzz = _rising(t - channel.lag_s, energy, np.zeros(t.size))
    return empty._replace(t_s=points, energy_j=joules, fuzz_s=fuzz, period_s=period)


def _rising(t: Floats, values: Floats, fuzz: Floats) -> tuple[Floats, Floats, Floats]:
    """Points in strictly rising time (two readings of one tick give one point)."""
    if t.size < 2:
        return t, values, fuzz
    keep = np.concatenate(([True], np.diff(np.maximum.accumulate(t)) > 0))
    return t[keep], values[keep], fuzz[keep]
