"""Counters that stand still although the device draws power.

A package, a board or a memory that is switched on draws at least a watt, so that a counter that
shows no new value for many of its updates is not read from the hardware any more. The time is a
time without readings, and never a power of 0 W.

A counter of whole joules shows nothing new for a second at 1 W. Whether such a counter stopped is
told by the power beside the stretch (counts_at_rest.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.counts_at_rest import longest_rest_s, too_few_counts
from energybench.analysis.traces.unwrap import Counter, Span

# A counter stopped if it shows no new value for so many of its periods, and for so long at least.
_PERIODS, _LEAST_S = 8.0, 0.5
# A counter without any new value tells nothing, after the time in which its fast polls see two
# updates (measuring/sampler.py): its true period may be longer than all the readings last.
_PERIODS_WITHOUT_ANY = 2.2
# A counter that showed so many new values in a row updates at least as often as they came; it
# stopped if it then shows none for so many of these periods, whatever period is stated.
_IN_A_ROW, _SEEN_PERIODS = (6, 12), 1.8
# A slower counter shows so many new values with readings between them that show none. How long each
# of its values stays is then known to a reading only.
_SLOWER_VALUES, _SLOWER_PERIODS = (2, 6, 12), 2.5
_LEAST_SEEN_S = 0.09  # a stretch without a new value between two readings at 10 Hz
# Such a counter shows a new value at each reading, so that the power beside a stretch tells what
# the stretch had to count: the least of the powers over so many new values before and after; over
# fewer of a slower counter, each of which holds the energy of a longer time.
_BESIDE, _SLOWER_BESIDE, _CAUGHT_UP_BESIDE = 3, 2, 0.7
# A counter that was only not updated for a while catches up: the energy of the stretch is then at
# least this share of what the mean power of the other time makes.
_CAUGHT_UP = 0.5


def without_stops(counter: Counter, period_s: float, resolution_j: float) -> Counter:
    """The counter without the readings of the stretches in which it stood still.

    A stretch at the start or at the end, or over the whole trace, leaves no readings. A stretch in
    between is a gap: its energy is known if the counter caught up, and else a span whose energy
    nobody knows.
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
    """The counter with the short stretches as spans in which a counter, seen to update often, stood
    still and did not catch up.

    Such a stretch is shorter than `without_stops` looks for, which knows only the stated period. A
    counter of a slow virtual machine catches up, and is left as it is.
    """
    t_s, energy_j = counter.t_s, counter.energy_j
    changes = np.flatnonzero(np.diff(energy_j) > 0)
    if not changes.size:
        return counter
    first, last = _stretches(changes, t_s.size)
    lengths_s = t_s[last] - t_s[first]
    seen_s = _seen_period_s(t_s, energy_j)
    if seen_s is not None:
        beside, longest_s = _BESIDE, max(_SEEN_PERIODS * seen_s, _LEAST_SEEN_S)
    else:
        seen_s = _shortest_s(t_s[changes + 1])
        if seen_s is None:
            return counter
        beside, longest_s = _SLOWER_BESIDE, _SLOWER_PERIODS * seen_s
    short = np.flatnonzero(lengths_s > longest_s)
    lowest_w = _lowest_w(t_s, energy_j, first, short) if beside == _SLOWER_BESIDE else np.inf
    behind = np.array(
        [
            i
            for i in short.tolist()
            if _falls_behind(t_s, energy_j, first, i, beside)
            and _shown_w(t_s, energy_j, first, i) < _CAUGHT_UP_BESIDE * lowest_w
        ],
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
    t_s: Floats, energy_j: Floats, first: npt.NDArray[np.intp], i: int, beside: int
) -> bool:
    """Whether the energy shown over a stretch is far less than the power beside it makes.

    first   index of the first reading of each stretch
    beside  new values before and after the stretch that tell the power
    """
    if not beside <= i < first.size - 1 - beside:
        return False
    after = int(first[i + 1])
    beside_w = min(
        _power_w(t_s, energy_j, int(first[i - beside]), int(first[i - 1])),
        _power_w(t_s, energy_j, after, int(first[i + 1 + beside])),
    )
    return _shown_w(t_s, energy_j, first, i) < _CAUGHT_UP_BESIDE * beside_w


def _shown_w(t_s: Floats, energy_j: Floats, first: npt.NDArray[np.intp], i: int) -> float:
    """The power that a counter shows over a stretch of equal values, W."""
    return _power_w(t_s, energy_j, int(first[i]) - 1, int(first[i + 1]))


def _lowest_w(
    t_s: Floats, energy_j: Floats, first: npt.NDArray[np.intp], short: npt.NDArray[np.intp]
) -> float:
    """The lowest power over the time of the shortest stretch that may be a stop, W, among all times
    without such a stretch: a real fall of the power over a late update is no stop if the load falls
    as low elsewhere. Infinite without such a time.
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
    # the last stretch of a time begins with the value before its end
    clear = (suspects[ends] == suspects[starts]) & (starts > 0)
    powers_w = (at_j[ends] - at_j[starts])[clear] / (at_s[ends] - at_s[starts])[clear]
    return float(powers_w.min()) if powers_w.size else np.inf


def _stretches(
    changes: npt.NDArray[np.intp], size: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Index of the first and of the last reading of each stretch of equal values.

    changes  index of the last reading before each new value
    """
    return np.concatenate(([0], changes + 1)), np.concatenate((changes, [size - 1]))


def _seen_period_s(t_s: Floats, energy_j: Floats) -> float | None:
    """The longest period that a counter can have which shows so many new values in a row, as it
    does where it was read fastest; None if it never does.
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
    """The shortest mean time between new values over so many of them; None if there are fewer."""
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
