"""When a sensor publishes: the times its value changes, the period they keep, and each publication
with its value.

Works on any trace, with or without a known load: a poller sees a new value first at the reading
after its publication.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.model import Trace

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# changes located four times worse than the best tenth were polled at another rate (bursts: 1:20)
_SAME_RATE = 4.0
_LOCATED = 0.4  # a spacing is told where both its ends are known to this share of it
_SHARP = 0.02  # of the period: a change located so well, or a beat kept so well, is
_LEAST = 5  # spacings below which no period is claimed
_JITTER = 0.05  # of the period: timers of drivers and firmware keep their beat to a few percent
_IN_STEP = (
    0.9  # share of spacings that must be multiples of the period; the rest are stalls of the poller
)
# equal values hide publications: up to so many periods between two changes still tell the period
_MULTIPLES = 6
_STAMPED = (
    0.3  # this share of readings with the time of the one before: the sensor brings its own times
)


class Changes(NamedTuple):
    """Where the value changed.

    Shapes [n]: middle of the two readings around it, half their distance, the new raw value.
    """

    t_s: Floats
    half_s: Floats
    raw: Integers


class Publications(NamedTuple):
    """Every publication that was seen or must have been.

    Shapes [n]; half_s: how well their times are known, s.
    """

    t_s: Floats
    raw: Integers
    half_s: float


def changes(trace: Trace) -> Changes:
    """Failed reads are passed over; of several readings with one time (the sensor's own stamp) the
    first stands.
    """
    t, raw = _readings(trace)
    at = np.flatnonzero(np.diff(raw) != 0) + 1
    return Changes((t[at] + t[at - 1]) / 2, (t[at] - t[at - 1]) / 2, raw[at])


def update_period(trace: Trace) -> tuple[float, float] | None:
    """The sensor's update period and its standard uncertainty, s, from the times at which its value
    changes.

    None where nothing (or too little) changes, and where the readings lie too far apart to tell.
    Needs no known load; a stretch of fast polling that covers some ten updates will do.
    """
    if _stamped(trace):
        steps = np.diff(_readings(trace)[0])
        return (
            (float(np.median(steps)), float(np.std(steps) / steps.size**0.5))
            if steps.size >= _LEAST
            else None
        )
    found = changes(trace)
    if found.t_s.size <= _LEAST:
        return None
    steps, fuzz = np.diff(found.t_s), found.half_s[1:] + found.half_s[:-1]
    dense = fuzz <= _SAME_RATE * np.percentile(fuzz, 10)
    typical = float(np.median(steps[dense]))
    dense &= fuzz <= _LOCATED * typical
    steps, fuzz = steps[dense], fuzz[dense]
    if steps.size < _LEAST:
        return None
    period = _beat(steps, fuzz)
    if period is None:
        low, middle, high = np.percentile(steps, (25, 50, 75))
        return (
            (float(middle), float(np.std(steps) / steps.size**0.5))
            if high - low <= middle / 2
            else None
        )
    counts, near = _counts(steps, period)
    off = (steps[near] - counts[near] * period) / np.sqrt(counts[near])
    return period, float(
        np.std(off) / np.sqrt(counts[near].sum())
    )  # a timer that wanders: its steps are independent, their sum is not sharper


def _beat(steps: Floats, fuzz: Floats) -> float | None:
    """The longest period that the spacings are multiples of; None where they keep no beat."""
    smallest = np.sort(steps)[:: max(1, steps.size // 60)]
    candidates = np.unique(np.concatenate([smallest / k for k in range(1, _MULTIPLES + 1)]))[::-1]
    for candidate in candidates[candidates > 2 * np.median(fuzz)]:
        period = float(candidate)
        if _in_step(steps, fuzz, period) < _IN_STEP:
            continue
        for _ in range(3):  # a candidate is one spacing, the refined one the mean of all
            counts, near = _counts(steps, period)
            period = float(steps[near].sum() / counts[near].sum())
        return period
    return None


def _in_step(steps: Floats, fuzz: Floats, period: float) -> float:
    counts, near = _counts(steps, period)
    if near.sum() < _LEAST:
        return 0.0
    off = np.abs(steps - counts * period)[near]
    return float(np.mean(off <= fuzz[near] + _JITTER * period))


def _counts(steps: Floats, period: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """How many periods each spacing is, and which are near enough for that to be sure."""
    counts = np.maximum(np.round(steps / period), 1.0)
    return counts, steps <= (_MULTIPLES + 0.5) * period


def publications(trace: Trace, period_s: float | None) -> Publications:
    """Each publication with its value. Where the period is not known, or shorter than the polling,
    every reading is one.

    Between two changes that lie several periods apart the value was published anew without
    changing.
    """
    t, raw = _readings(trace)
    spacing = float(np.median(np.diff(t))) if t.size > 1 else 0.0
    if _stamped(trace):
        return Publications(t, raw, 0.0)
    if period_s is None or period_s < 2 * spacing:
        return Publications(t, raw, spacing / 2)
    found = changes(trace)
    sure = found.half_s <= max(
        _SAME_RATE * float(np.median(found.half_s)), _SHARP * period_s
    )  # the poller stalled around the others
    index = _numbers(found.t_s, sure, period_s)
    known, at = index[sure], found.t_s[sure]
    half_s = float(np.median(found.half_s[sure]))
    if at.size > 2:
        slope, offset = np.polyfit(known, at, 1)
        line = slope * known + offset
        if float(np.std(at - line)) <= max(
            half_s, _SHARP * period_s
        ):  # the beat was kept throughout: its line is sharper than each change
            at = line
    first, last = min(index[0], known[0]), max(index[-1], known[-1])
    edges = at[0] + (first - known[0]) * period_s, at[-1] + (last - known[-1]) * period_s
    before, after = np.floor((edges[0] - t[0]) / period_s), np.floor((t[-1] - edges[1]) / period_s)
    every = np.arange(first - max(before, 0.0), last + max(after, 0.0) + 1)
    times = np.interp(every, known, at)
    times = np.where(
        every < known[0],
        at[0] + (every - known[0]) * period_s,
        np.where(every > known[-1], at[-1] + (every - known[-1]) * period_s, times),
    )
    values = np.concatenate((raw[:1], found.raw))[np.searchsorted(index, every, side="right")]
    return Publications(times, values, half_s)


def _numbers(t_s: Floats, sure: npt.NDArray[np.bool_], period_s: float) -> Floats:
    """Which publication each change is, counted from the first one that was located well; others
    lie between their neighbours of that kind.
    """
    at = np.flatnonzero(sure)
    known = np.concatenate(
        ([0.0], np.cumsum(np.maximum(np.round(np.diff(t_s[at]) / period_s), 1.0)))
    )
    place = np.clip(
        np.searchsorted(at, np.arange(t_s.size), side="right") - 1, 0, None
    )  # the last of them at or before a change; before all, the first
    number = known[place] + np.round((t_s - t_s[at][place]) / period_s)
    number[at] = known
    following = np.concatenate((known[1:], [np.inf]))[place]
    between = ~sure & (np.arange(t_s.size) > at[0])
    number[between] = np.clip(
        number[between],
        known[place][between] + 1,
        np.maximum(following[between] - 1, known[place][between]),
    )
    ordered: Floats = np.maximum.accumulate(number)
    return ordered


def _readings(trace: Trace) -> tuple[Floats, Integers]:
    t, raw = trace.t_s[trace.ok], trace.raw[trace.ok]
    new = np.concatenate(([True], np.diff(t) > 0)) if t.size else np.empty(0, dtype=np.bool_)
    return t[new], raw[new]


def _stamped(trace: Trace) -> bool:
    t = trace.t_s[trace.ok]
    return t.size > 1 and float(np.mean(np.diff(t) <= 0)) > _STAMPED
