"""The publications of a sensor: the times at which its value changed, and every publication with
its value.

Works on any trace, with or without a known load: a poller sees a new value first at the reading
after the publication.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.traces import update_period as search
from energybench.analysis.traces.update_period import UpdatePeriod
from energybench.model import Trace

Integers = npt.NDArray[np.int64]

# changes located four times worse than the median change fell into a stall of the poller
_SAME_RATE = 4.0
# of the period: a change located to this share, or a beat kept to this share, is sharp
_SHARP = 0.02
# if this share of readings repeats the time of the reading before, the sensor brings its own times
_STAMPED = 0.3
_LEAST = 5  # spacings below which no period is claimed


class Changes(NamedTuple):
    """Changes of the value.

    Shapes [n]: middle of the two readings around the change, half their distance, the new raw
    value.
    """

    t_s: Floats
    half_s: Floats
    raw: Integers


class Publications(NamedTuple):
    """All publications, including publications of an unchanged value.

    Shapes [n]; half_s: half-width of the interval around a publication, s.
    """

    t_s: Floats
    raw: Integers
    half_s: float


def changes(trace: Trace) -> Changes:
    """Failed reads are passed over; of several readings with the same time (the sensor's own stamp)
    the first counts.
    """
    t, raw = _readings(trace)
    at = np.flatnonzero(np.diff(raw) != 0) + 1
    return Changes((t[at] + t[at - 1]) / 2, (t[at] - t[at - 1]) / 2, raw[at])


def update_period(trace: Trace) -> UpdatePeriod | None:
    """The sensor's update period, from the times of changes of its value; needs no known load.

    None if too little changes, or if the readings lie too far apart. A stretch of fast polling over
    some ten updates is enough.
    """
    if not _stamped(trace):
        changed = changes(trace)
        return search.update_period(changed.t_s, changed.half_s)
    steps = np.diff(_readings(trace)[0])
    if steps.size < _LEAST:
        return None
    return UpdatePeriod(float(np.median(steps)), float(np.std(steps) / steps.size**0.5))


def publications(trace: Trace, period_s: float | None) -> Publications:
    """Every publication with a reading, with its value. If the period is unknown, or shorter than
    the polling, every reading counts as a publication.

    Between two changes several periods apart, the unchanged value was published again. A
    publication without a reading before the next publication is left out: its value is unknown.
    """
    t, raw = _readings(trace)
    spacing = float(np.median(np.diff(t))) if t.size > 1 else 0.0
    if _stamped(trace):
        return Publications(t, raw, 0.0)
    if period_s is None or period_s < 2 * spacing:
        return Publications(t, raw, spacing / 2)
    # number the well located changes
    changed = changes(trace)
    limit = max(_SAME_RATE * float(np.median(changed.half_s)), _SHARP * period_s)
    sharp = changed.half_s <= limit
    sharp_t, half_s = changed.t_s[sharp], float(np.median(changed.half_s[sharp]))
    steps = np.maximum(np.round(np.diff(sharp_t) / period_s), 1.0)
    numbers = np.concatenate(([0.0], np.cumsum(steps)))
    sharp_t = _on_line(numbers, sharp_t, max(half_s, _SHARP * period_s))
    # publications from the first reading to the last, including before and after all changes
    before = max(np.floor((sharp_t[0] - t[0]) / period_s), 0.0)
    after = max(np.floor((t[-1] - sharp_t[-1]) / period_s), 0.0)
    every = np.arange(-before, numbers[-1] + after + 1)
    times = _times(every, numbers, sharp_t, period_s)
    # the first reading that is surely after a publication, and before the next
    spare_s = min(limit, period_s / 4)
    reading = np.minimum(np.searchsorted(t, times + spare_s), t.size - 1)
    following = np.concatenate((times[1:], [times[-1] + period_s]))
    read = (t[reading] >= times + spare_s) & (t[reading] <= following - spare_s)
    return Publications(times[read], raw[reading][read], half_s)


def _on_line(numbers: Floats, t_s: Floats, tolerance_s: float) -> Floats:
    """Times on a straight line, if the beat was kept throughout: the line is sharper than a single
    change.
    """
    if t_s.size <= 2:
        return t_s
    slope, offset = np.polyfit(numbers, t_s, 1)
    line = np.asarray(slope * numbers + offset)
    return line if float(np.std(t_s - line)) <= tolerance_s else t_s


def _times(every: Floats, numbers: Floats, t_s: Floats, period_s: float) -> Floats:
    """Times of publications: between the numbered times linear, outside a period apart."""
    before = t_s[0] + (every - numbers[0]) * period_s
    after = t_s[-1] + (every - numbers[-1]) * period_s
    times = np.interp(every, numbers, t_s)
    times = np.where(every > numbers[-1], after, times)
    return np.asarray(np.where(every < numbers[0], before, times))


def _readings(trace: Trace) -> tuple[Floats, Integers]:
    t, raw = trace.t_s[trace.ok], trace.raw[trace.ok]
    new = np.concatenate(([True], np.diff(t) > 0)) if t.size else np.empty(0, dtype=np.bool_)
    return t[new], raw[new]


def _stamped(trace: Trace) -> bool:
    t = trace.t_s[trace.ok]
    return t.size > 1 and float(np.mean(np.diff(t) <= 0)) > _STAMPED
