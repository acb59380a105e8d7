"""Counters that stand still although the device draws power.

A package, a board or a memory that is switched on draws at least a watt. If a counter shows no new
value for many update periods, the counter is no longer read from the hardware. The time of the stop
is a time without readings, and never a power of 0 W.

A counter of whole joules shows no new value for a second at 1 W. The power before and after the
stretch decides whether a counter of whole joules stopped (counts_at_rest.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.counts_at_rest import longest_rest_s, too_few_counts
from energybench.analysis.traces.unwrap import Counter, Span

# A counter stopped if no new value comes for this number of periods and for at least this time.
_PERIODS, _LEAST_S = 8.0, 0.5
# Number of periods for a counter without any new value in the trace: longer than the time in which
# the fast polls see two updates (measuring/sampler.py). The true period of the counter may be
# longer than the trace.
_PERIODS_WITHOUT_ANY = 2.2
# A counter that showed _IN_A_ROW new values at consecutive readings updates at least as often as
# these values came. The counter stopped if no new value comes for _SEEN_PERIODS of these periods,
# independent of the stated period.
_IN_A_ROW, _SEEN_PERIODS = (6, 12), 1.8
# The same for a slower counter, with readings without a new value between the new values. The
# duration of a value is then known only to the spacing of the readings.
_SLOWER_VALUES, _SLOWER_PERIODS = (2, 6, 12), 2.5
_LEAST_SEEN_S = 0.09  # a stretch without a new value between two readings at 10 Hz
# The counted power over a stretch is compared with the least power over _BESIDE new values before
# and after the stretch. A new value of a slower counter holds the energy of a longer time:
# _SLOWER_BESIDE new values are enough.
_BESIDE, _SLOWER_BESIDE, _CAUGHT_UP_BESIDE = 3, 2, 0.7
# A counter whose updates were only late catches up: the mean power over the stretch is then at
# least this share of the mean power over the rest of the trace.
_CAUGHT_UP = 0.5


def without_stops(counter: Counter, period_s: float, resolution_j: float) -> Counter:
    """The counter without the readings of stretches in which the counter stood still.

    The readings of a stretch at the start or the end, or over the whole trace, are removed. A
    stretch in between is a gap. The energy of the gap is known if the counter caught up; if not, a
    span with unknown energy marks the gap.
    """
    t_s, energy_j = counter.t_s, counter.energy_j
    if t_s.size < 2:
        return counter
    changes = np.flatnonzero(np.diff(energy_j) > 0)
    longest_s = max(_PERIODS * period_s, _LEAST_S)
    if not changes.size:
        longest_s = _PERIODS_WITHOUT_ANY * period_s
    first, last = _stretches(changes, t_s.size)
    rest_s = longest_rest_s(t_s, energy_j, first, last, resolution_j, period_s)
    stopped = np.flatnonzero(t_s[last] - t_s[first] > np.maximum(longest_s, rest_s))
    if not stopped.size:
        return counter
    keep = np.ones(t_s.size, dtype=np.bool_)
    spans = []
    for i in stopped.tolist():
        at_start, at_end = i == 0, i == first.size - 1
        keep[first[i] + 1 : last[i] + 1] = False
        if at_start:
            keep[first[i]] = False
        if not at_start and not at_end:
            keep[last[i]] = False
            after = int(last[i]) + 1
            if not _caught_up(t_s, energy_j, int(first[i]), after):
                spans.append(Span(float(t_s[first[i]]), float(t_s[after]), None, "stuck-sensor"))
    return counter._replace(t_s=t_s[keep], energy_j=energy_j[keep], stops=(*counter.stops, *spans))


def without_short_stops(counter: Counter, resolution_j: float) -> Counter:
    """The counter with spans for short stretches in which the counter stood still and did not catch
    up, although the readings show frequent updates.

    These stretches are too short for `without_stops`, which knows only the stated period. The
    counter of a slow virtual machine catches up, and stays unchanged.
    """
    t_s, energy_j = counter.t_s, counter.energy_j
    changes = np.flatnonzero(np.diff(energy_j) > 0)
    if not changes.size:
        return counter
    first, last = _stretches(changes, t_s.size)
    lengths_s = t_s[last] - t_s[first]
    seen_s = _seen_period_s(t_s, energy_j)
    if seen_s is not None:
        beside, most_w = _BESIDE, np.inf
        short = np.flatnonzero(lengths_s > max(_SEEN_PERIODS * seen_s, _LEAST_SEEN_S))
    else:
        seen_s = _shortest_s(t_s[changes + 1])
        if seen_s is None:
            return counter
        short = np.flatnonzero(lengths_s > _SLOWER_PERIODS * seen_s)
        beside, most_w = _SLOWER_BESIDE, _lowest_w(t_s, energy_j, first, short)
    behind = np.array(
        [i for i in short.tolist() if _falls_behind(t_s, energy_j, first, i, beside, most_w)],
        dtype=np.intp,
    )
    rest_s = longest_rest_s(t_s, energy_j, first, last, resolution_j, seen_s)[behind]
    stopped = behind[lengths_s[behind] > rest_s]
    until_new_s = t_s[first[behind + 1]] - t_s[first[behind]]
    if too_few_counts(energy_j, until_new_s, resolution_j):
        stopped = behind
    keep = np.ones(t_s.size, dtype=np.bool_)
    spans = []
    for i in stopped.tolist():
        # the stop began between the last reading before the stretch and its first reading
        start_s, end_s = float(t_s[first[i] - 1]), float(t_s[first[i + 1]])
        keep[first[i] : last[i] + 1] = False
        spans.append(Span(start_s, end_s, None, "stuck-sensor"))
    if not spans:
        return counter
    return counter._replace(t_s=t_s[keep], energy_j=energy_j[keep], stops=(*counter.stops, *spans))


def _falls_behind(
    t_s: Floats, energy_j: Floats, first: npt.NDArray[np.intp], i: int, beside: int, most_w: float
) -> bool:
    """Whether the counter shows far less energy over a stretch than the power before and after
    would give.

    first   index of the first reading of every stretch
    beside  number of new values before and after the stretch, for the power
    most_w  power of the load over the stretch is taken to be at most this, W
    """
    if not beside <= i < first.size - 1 - beside:
        return False
    after = int(first[i + 1])
    expected_w = min(
        _power_w(t_s, energy_j, int(first[i - beside]), int(first[i - 1])),
        _power_w(t_s, energy_j, after, int(first[i + 1 + beside])),
        most_w,
    )
    return _power_w(t_s, energy_j, int(first[i]) - 1, after) < _CAUGHT_UP_BESIDE * expected_w


def _lowest_w(
    t_s: Floats, energy_j: Floats, first: npt.NDArray[np.intp], short: npt.NDArray[np.intp]
) -> float:
    """The lowest power in intervals without a suspected stop, W. The intervals have the length of
    the shortest suspected stop. If the load falls as low without a suspected stop, a late update
    with a low power may be real. Infinite if no interval is without a suspected stop.
    """
    inner = short[short + 1 < first.size]
    if not inner.size:
        return np.inf
    at_s, at_j = t_s[first], energy_j[first]
    length_s = float(np.min(at_s[inner + 1] - at_s[inner]))
    ends = np.searchsorted(at_s, at_s + length_s)
    suspects = np.concatenate(([0], np.cumsum(np.isin(np.arange(first.size), short))))
    starts = np.flatnonzero(ends < first.size)
    ends = ends[starts]
    # the last stretch of an interval begins with the value before the end of the interval
    clear = (suspects[ends] == suspects[starts]) & (starts > 0)
    powers_w = (at_j[ends] - at_j[starts])[clear] / (at_s[ends] - at_s[starts])[clear]
    return float(powers_w.min()) if powers_w.size else np.inf


def _stretches(
    changes: npt.NDArray[np.intp], size: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Indices of the first and of the last reading of every stretch of equal values.

    changes  indices of the last readings before new values
    """
    return np.concatenate(([0], changes + 1)), np.concatenate((changes, [size - 1]))


def _seen_period_s(t_s: Floats, energy_j: Floats) -> float | None:
    """The longest possible period of a counter with new values at consecutive readings, from the
    fastest readings; None if the trace has too few consecutive new values.
    """
    new = np.concatenate(([0], np.cumsum(np.diff(energy_j) > 0)))
    periods = [
        float(lengths.min()) / (count - 1)
        for count in _IN_A_ROW
        if count < t_s.size
        and (lengths := (t_s[count:] - t_s[:-count])[new[count:] - new[:-count] == count]).size
    ]
    return min(periods, default=None)


def _shortest_s(changed_s: Floats) -> float | None:
    """The shortest mean time between new values, over the numbers of values in _SLOWER_VALUES; None
    if the trace has fewer new values.
    """
    means = [
        float((changed_s[count:] - changed_s[:-count]).min()) / count
        for count in _SLOWER_VALUES
        if count < changed_s.size
    ]
    return min(means, default=None)


def _power_w(t_s: Floats, energy_j: Floats, start: int, end: int) -> float:
    return float((energy_j[end] - energy_j[start]) / (t_s[end] - t_s[start]))


def _caught_up(t_s: Floats, energy_j: Floats, first: int, after: int) -> bool:
    """Whether the first new value after a stretch contains the energy of the stretch."""
    stretch_s, stretch_j = t_s[after] - t_s[first], energy_j[after] - energy_j[first]
    other_s = t_s[-1] - t_s[0] - stretch_s
    other_j = energy_j[-1] - energy_j[0] - stretch_j
    return bool(other_s <= 0 or stretch_j / stretch_s >= _CAUGHT_UP * other_j / other_s)
