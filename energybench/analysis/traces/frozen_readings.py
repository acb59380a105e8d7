"""Power readings that show exactly one value for a while, although the other readings differ.

The last digits of a reading change with the noise of the sensor and of the load. A driver or a
firmware that does not update a reading any more shows one value for many publications. The time is
a time without readings.

One value for long is not a fault of a sensor of coarse steps, of an idle device, and of a load
without noise. The other readings at a similar power therefore decide: for how long they show one
value, and whether they go up and down as noise does. If few readings are at that power, readings
below and above it decide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.model import Window

# A value that stays for so many times as long as the others, and for as many readings, is frozen.
# If neighbours are equal by chance in a share p of the cases, half of the time is spent in values
# that stay for log(1/2)/log(p) publications or more; so many times as long is a chance of 2^-15,
# and less for shares below a half.
_TIMES = 15
# Readings at a similar power lie within this share of the value.
_SIMILAR = 0.05
# Noise goes up and down in steps of at most this share of the reading. Of two white steps in a row,
# two thirds change direction; on a ramp none does.
_STEP, _TURNS = 0.1, 1 / 3
# Turns that show noise at a similar power, and the share of the pairs of values that may be equal:
# this share by chance and so many times the share of noise, and never more than the first share.
# Sensors of coarse steps, and loads without noise, toggle between two or three values for a while,
# and rest at one of them afterwards.
_LEAST_TURNS, _RECURRING, _BY_CHANCE, _MORE_THAN_NOISE = 4, 0.25, 0.02, 3
# So many values before and after are close in time, and have to show noise by themselves.
_CLOSE = 20
# If the readings at all powers show so many turns, few are enough at a similar power, or so many
# values both below and above. An idle device has no lower values.
_FEW_TURNS, _TURNS_ANYWHERE, _LEAST_BESIDE = 2, 8, 5
# The values of a load in a beat with the readings nearly come back up to so many values later: they
# change by less than this share of the change from one value to the next. Noise changes alike, but
# the medians of few pairs of values differ by chance, which fewer lags give less occasion.
_LAGS, _FEW_LAGS, _COMES_BACK = 20, 3, 0.4
_MANY_PAIRS, _LEAST_PAIRS = 16, 3
# A value that hides so many repeats has to stay for so many times as long as the others.
_HIDDEN, _REPEAT_TIMES = 2, 50
# A value this close to the power limit may stand at the limit (saturation.py).
_AT_LIMIT = 0.02
# Values that are looked at, the longest first: a day of a coarse sensor has very many.
_MOST = 1000


class Frozen(NamedTuple):
    """A time in which the readings showed one value, s: from its first reading to the first reading
    of another value, or to the last reading of all.
    """

    start_s: float
    end_s: float


class _Rows(NamedTuple):
    """Rows of equal readings, shapes [n].

    first, last  index of the first and of the last reading
    watts        value
    stays_s      time for which the value was shown
    turns        whether the value is a small step above, or below, both of its neighbours
    goes         whether the value is a small step from both of its neighbours
    """

    first: npt.NDArray[np.intp]
    last: npt.NDArray[np.intp]
    watts: Floats
    stays_s: Floats
    turns: npt.NDArray[np.bool_]
    goes: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, t_s: Floats, watts: Floats) -> _Rows:
        changes = np.flatnonzero(np.diff(watts) != 0)
        first = np.concatenate(([0], changes + 1))
        last = np.concatenate((changes, [watts.size - 1]))
        values = watts[first]
        steps = np.diff(values)
        small = np.abs(steps) <= _STEP * np.minimum(values[1:], values[:-1])
        goes = np.zeros(first.size, dtype=np.bool_)
        goes[1:-1] = small[1:] & small[:-1]
        turns = goes.copy()
        turns[1:-1] &= steps[1:] * steps[:-1] < 0
        ends_s = np.concatenate((t_s[first[1:]], t_s[-1:]))
        return cls(first, last, values, ends_s - t_s[first], turns, goes)


def without_frozen(
    t_s: Floats, watts: Floats, power_limit_w: float | None, work: Sequence[Window] = ()
) -> tuple[Floats, Floats, tuple[Frozen, ...]]:
    """The readings without those that repeat a frozen value, and the times of these values.

    The first reading of a frozen value may be true and stays, but not if the readings begin with
    the value.

    work  the repeats
    """
    if watts.size <= 2 * _TIMES or watts.min() == watts.max() or _longest_row(watts) < _TIMES:
        return t_s, watts, ()
    rows = _Rows.of(t_s, watts)
    counts = rows.last - rows.first + 1
    long = np.flatnonzero(counts >= _TIMES)
    long = long[np.argsort(-rows.stays_s[long], kind="stable")][:_MOST]
    keep = np.ones(watts.size, dtype=np.bool_)
    times = []
    for row in sorted(long.tolist()):
        value_w = float(rows.watts[row])
        if value_w <= 0 or _at_limit(value_w, power_limit_w):
            continue
        if not _is_frozen(t_s, rows, row) and not _hides_repeats(t_s, watts, rows, row, work):
            continue
        first, last = int(rows.first[row]), int(rows.last[row])
        keep[first + (row > 0) : last + 1] = False
        times.append(Frozen(float(t_s[first]), float(t_s[min(last + 1, t_s.size - 1)])))
    return t_s[keep], watts[keep], tuple(times)


def _longest_row(watts: Floats) -> int:
    """The largest number of equal readings in a row."""
    starts = np.flatnonzero(np.diff(watts, prepend=np.nan, append=np.nan) != 0)
    return int(np.diff(starts).max())


def _is_frozen(t_s: Floats, rows: _Rows, row: int) -> bool:
    """Whether the other readings make it implausible that a value stays for so long. The largest
    value may be the end of the sensor's range (saturation.py).
    """
    value_w = float(rows.watts[row])
    if value_w >= float(rows.watts.max()):
        return False
    others = np.ones(rows.first.size, dtype=np.bool_)
    others[row] = False
    similar = others & (np.abs(rows.watts - value_w) <= _SIMILAR * value_w)
    groups = [similar]
    if not _noisy(rows, similar, _LEAST_TURNS):
        if not _noisy(rows, others, _TURNS_ANYWHERE):
            return False
        below, above = others & (rows.watts <= value_w), others & (rows.watts >= value_w)
        if not _noisy(rows, similar, _FEW_TURNS):
            groups = [below, above]
            if min(np.count_nonzero(below), np.count_nonzero(above)) < _LEAST_BESIDE:
                return False
    close = similar & (np.abs(np.arange(others.size) - row) <= _CLOSE)
    if _recurs(rows, close):
        return False
    groups = [group for group in (close, similar, *groups) if group.any()]
    shown_s = float(t_s[rows.last[row]] - t_s[rows.first[row]])
    usual_s = max(_usual_s(rows.stays_s[group]) for group in groups)
    return shown_s >= (_TIMES - 1) * usual_s


def _hides_repeats(
    t_s: Floats, watts: Floats, rows: _Rows, row: int, work: Sequence[Window]
) -> bool:
    """Whether a value stays from before two repeats until after them, although the power moves
    within another repeat of the same work. All other values have to differ, and none of them stays.
    """
    others = np.arange(rows.first.size) != row
    start_s, end_s = float(t_s[rows.first[row]]), float(t_s[rows.last[row]])
    hidden = [start_s < window.start_s and window.end_s < end_s for window in work]
    if sum(hidden) < _HIDDEN:
        return False
    longest_s = (end_s - start_s) / (_REPEAT_TIMES - 1)
    if not others.any() or _usual_s(rows.stays_s[others]) > longest_s or _recurs(rows, others):
        return False
    for window in work:
        within = slice(*np.searchsorted(t_s, (window.start_s, min(window.end_s, start_s))))
        if window.start_s > end_s:
            within = slice(*np.searchsorted(t_s, (window.start_s, window.end_s)))
        if _moves(t_s[within], watts[within], longest_s):
            return True
    return False


def _moves(t_s: Floats, watts: Floats, longest_s: float) -> bool:
    """Whether readings show many values, none of them for long, and not only noise."""
    if not watts.size or np.ptp(watts) <= _STEP * watts.max():
        return False
    stays_s = _Rows.of(t_s, watts).stays_s
    return stays_s.size >= _LEAST_BESIDE and _usual_s(stays_s) <= longest_s


def _at_limit(value_w: float, power_limit_w: float | None) -> bool:
    """Whether a value may be the power limit of the device (saturation.py)."""
    return power_limit_w is not None and abs(value_w / power_limit_w - 1) <= _AT_LIMIT


def _noisy(rows: _Rows, group: npt.NDArray[np.bool_], least_turns: int) -> bool:
    """Whether the values of a group go up and down as noise does."""
    turns = np.count_nonzero(rows.turns & group)
    if turns < max(least_turns, _TURNS * np.count_nonzero(rows.goes & group)):
        return False
    return not _recurs(rows, group) and not _beats(rows.watts, group)


def _recurs(rows: _Rows, group: npt.NDArray[np.bool_]) -> bool:
    """Whether two values of a group are equal more often than those of noise on the sensor's steps.

    Two values of normal noise, d apart at the median, are equal in a share of 0.27 · step/d.
    """
    _, counts = np.unique(rows.watts[group], return_counts=True)
    total = max(int(counts.sum()), 1)
    share = float(np.sum(counts * (counts - 1))) / total**2
    apart_w = _typical_change_w(rows.watts, np.flatnonzero(group), 1)
    expected = 0.27 * float(np.diff(np.unique(rows.watts)).min()) / apart_w
    return share > min(_RECURRING, _BY_CHANCE + _MORE_THAN_NOISE * expected)


def _beats(watts: Floats, group: npt.NDArray[np.bool_]) -> bool:
    """Whether the values of a group nearly come back some values later: a fast load in a beat with
    the readings, and not noise.
    """
    places = np.flatnonzero(group)
    lags = _LAGS if places.size >= _MANY_PAIRS else _FEW_LAGS
    neighbours_w = _typical_change_w(watts, places, 1)
    return any(
        _typical_change_w(watts, places, lag) < _COMES_BACK * neighbours_w
        for lag in range(2, lags + 1)
    )


def _typical_change_w(watts: Floats, places: npt.NDArray[np.intp], lag: int) -> float:
    """The median change from the values at these places to those so many values later, W."""
    start = places[places + lag < watts.size]
    if start.size < _LEAST_PAIRS:
        return math.inf
    return median(np.abs(watts[start + lag] - watts[start]))


def _usual_s(stays_s: Floats) -> float:
    """The time for which a value stays at the least in one half of all the time, s."""
    ordered = np.sort(stays_s)
    passed_s = np.cumsum(ordered)
    return float(ordered[int(np.searchsorted(passed_s, passed_s[-1] / 2))])
