"""Counters that update more slowly than their documentation states.

A stated period is a prior. The virtual RAPL of a hypervisor updates once a second and states 1 ms;
such a counter stands still over many readings that lie further apart than its stated period. A
reading that comes a time g after the one before shows a new value with probability min(1, g/T) if
the counter updates every T, so that the number of readings with a new value tells T.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.analysis.traces.ticks import Ticks

# A period that is longer than stated by less than this factor is not told from the late readings of
# a busy machine; the spacings of the changes refine a stated period anyway.
_LONGER = 1.2
# Pairs of changes as far apart as stated, at most, that a slower counter shows by a glitch.
_AS_STATED = 2
# Updates that the stated period asks for and that did not come; fewer may be late or lost.
_LEAST = 3
# A stretch without a new value that is longer than this many periods is a counter that stopped, and
# says nothing of the period.
_STOPPED = 8.0
# The longest stretch without a new value beside a single change for which a counter counts as slow,
# s. The virtual RAPL of hypervisors updates once a second; beyond this length a counter stopped.
SLOWEST_S = 3.0
_ROUNDS = 3  # times that the period is estimated, each time without the stretches that stopped
_HALVINGS = 40
# A length this close to a whole number of periods is a whole number.
_WHOLE = 1e-3


def slower_period_s(
    t_s: Floats, values: Floats | npt.NDArray[np.int64], stated_s: float | None
) -> float | None:
    """The update period of a counter that stands still for longer than the stated period.

    values  what the counter showed, in any unit; shape of t_s
    None if the readings do not contradict the stated period, or too few of them do.
    """
    if t_s.size < 3 or stated_s is None:
        return None
    new = np.diff(values) != 0
    gaps = np.diff(t_s)
    changes = np.flatnonzero(new)
    if changes.size == 1:
        return _single_change_s(t_s, int(changes[0]), stated_s)
    if changes.size < 2 or changes.size == new.size:
        return None

    # Each change is an update: changes that follow each other as fast as stated contradict a longer
    # period. A reading in step with the updates may miss many of them.
    apart = t_s[changes[1:] + 1] - t_s[changes[:-1]]
    if np.count_nonzero(apart <= _LONGER * stated_s) >= _AS_STATED:
        return None

    # Only the time between the first and the last change counts: a counter may start or stop.
    gaps, new = gaps[changes[0] + 1 : changes[-1] + 1], new[changes[0] + 1 : changes[-1] + 1]
    stretch = np.concatenate(([0], np.cumsum(new)[:-1]))
    lengths = np.bincount(stretch, weights=gaps)
    period = stated_s
    for _ in range(_ROUNDS):
        going = (lengths <= _STOPPED * max(period, median(lengths)))[stretch]
        still = np.bincount(stretch, weights=np.where(new | ~going, 0.0, gaps))
        lacking = int(np.floor(still / stated_s).sum())
        if lacking < _LEAST or not new[going].any():
            return None
        period = _period_s(gaps[going], float(np.count_nonzero(new[going])))
    # Few readings lie close together; the period is taken at the upper end of its uncertainty, for
    # a period that is too short would place the updates too sharply.
    changed = float(np.count_nonzero(new[going])) - _u_changes(gaps[going], period)
    period = _period_s(gaps[going], max(changed, 0.5))
    return period if period > _LONGER * stated_s else None


def _single_change_s(t_s: Floats, change: int, stated_s: float) -> float | None:
    """The period of a counter with one new value in all readings; None if the readings do not
    contradict the stated period.

    change  index of the last reading before the new value

    The period is at least as long as the longer of the stretches before and after the change, and
    one update in the whole time of the readings is the best guess.
    """
    still_s = max(float(t_s[change] - t_s[0]), float(t_s[-1] - t_s[change + 1]))
    if not _LEAST * stated_s <= still_s <= SLOWEST_S:
        return None
    return float(t_s[-1] - t_s[0])


def single_update(updates: Ticks, energy_j: Floats, lag_s: float) -> tuple[Floats, Floats, Floats]:
    """Times, energies, and uncertainties of the times, of a counter with one new value in all
    readings: its energy was spent between this update and the one before, whose time is known to
    half a period only.
    """
    period_s = updates.period_s
    t = updates.t_s[0] - lag_s + np.array([-period_s, 0.0])
    return t, energy_j[[0, -1]], np.array([period_s / 2, float(updates.fuzz_s[0])])


def _u_changes(gaps: Floats, period_s: float) -> float:
    """Standard uncertainty of the number of changes of a counter with this period.

    In an unbroken run of readings closer together than the period, the number is one of the two
    integers beside length/period; a longer gap shows a change for certain.
    """
    close = gaps < period_s
    starts = close & np.concatenate(([True], ~close[:-1]))
    if not starts.any():
        return 0.0
    lengths = np.bincount(np.cumsum(starts)[close] - 1, weights=gaps[close])
    share = (lengths / period_s + _WHOLE) % 1 - _WHOLE
    return float(np.maximum(share * (1 - share), 0.0).sum() ** 0.5)


def _period_s(gaps: Floats, changes: float) -> float:
    """The period T at which Σ min(1, g/T) is the number of changes."""
    low, high = 0.0, float(gaps.sum()) / changes
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float(np.minimum(gaps, middle).sum()) > changes * middle:
            low = middle
        else:
            high = middle
    return high
