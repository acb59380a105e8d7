"""The values that a power sensor published: changes of its readings, and values published again.

A value is valid from the publication to one period before the next change. A value that stays for
longer was published again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.ticks import Ticks
from energybench.model import Channel

# A power reading that stays for more than this number of periods was published again with an equal
# value.
_REPEATED = 1.5


class Publications(NamedTuple):
    """Values of a power sensor in the order of publication; shapes [n].

    fuzz_s  half-width of the uncertainty of the publication times
    """

    t_s: Floats
    watts: Floats
    fuzz_s: Floats


def publications(t: Floats, watts: Floats, updates: Ticks, half_s: float) -> Publications:
    """The changes of the readings, and the values that were published again.

    half_s  half-width of the time of a publication without a change of the value
    """
    starts = np.concatenate(([t[0] - half_s], updates.t_s))
    ends = np.concatenate((updates.t_s, [t[-1] + half_s]))
    repeated = _repetitions(starts, ends, t, updates.period_s)
    del ends
    points = np.concatenate((starts, repeated.t_s))
    del starts
    order = np.argsort(points, kind="stable")
    points = points[order]
    values = watts[np.concatenate(([0], updates.at))]
    values = np.concatenate((values, values[repeated.of]))[order]
    fuzz = np.concatenate(([half_s], updates.fuzz_s, np.full(repeated.of.size, half_s)))[order]
    return Publications(points, values, fuzz)


def part_of_period_s(channel: Channel, period_s: float) -> float:
    """The averaging window of a power sensor with the period `period_s`, s.

    If a part-time sensor publishes again before the end of the stated window, the stated window is
    wrong for this sensor. The window is then the share of the period that is stated for the kind of
    sensor.
    """
    stated_s, window_s = channel.update_period_s, channel.window_s
    if channel.timing != "prior" or stated_s is None or not period_s < window_s < stated_s:
        return window_s
    return window_s / stated_s * period_s


class _Repetitions(NamedTuple):
    """Repeated publications of a value.

    t_s  times of the repeated publications, shape [k]
    of   index of the value, shape [k]
    """

    t_s: Floats
    of: npt.NDArray[np.intp]


def _repetitions(starts: Floats, ends: Floats, read_s: Floats, period: float) -> _Repetitions:
    """Repeated publications between two changes: one publication in every period with readings.

    A stretch without readings stays a gap.
    """
    long = np.flatnonzero(ends - starts > _REPEATED * period)
    count = np.maximum(np.ceil((ends[long] - starts[long]) / period - 1.5).astype(np.intp), 0)
    of = np.repeat(long, count)
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + 1
    published = starts[of] + number * period
    read = np.searchsorted(read_s, published + period) > np.searchsorted(read_s, published)
    return _Repetitions(published[read], of[read])
