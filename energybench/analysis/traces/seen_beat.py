"""The beat of a counter, from all of its readings: readings with a new value, and readings that
repeat the value before.

Two bursts of readings, at the start and at the end of a window, locate a few ticks well. How many
ticks lie between the bursts is told by the readings between them: a beat is right if it has a tick
between two readings exactly where the value changed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats

# of the period: how far it may be from the first guess, and how far the last tick of a beat may be
# from its place for the beat to count as known
_NEAR, _KNOWN = 0.15, 0.2
# readings that may contradict a beat: stamps and ticks are a little off
_WRONG = 0.03
_MOST_PERIODS, _MOST_READINGS = 80, 1000  # of a longer window the edges are a small part
_LEAST_PERIODS = 5
_STEPS_PER_READING = 5  # of the search, in the shortest spacing of the readings
_MOST_TRIALS = 3_000_000  # beats times readings


class SeenBeat(NamedTuple):
    """A beat that agrees with the readings.

    first_s              time of tick 0
    u_first_s, u_period_s  half-widths of what the readings allow
    alone                False if several beats agree with the readings, and this is their mean
    """

    first_s: float
    period_s: float
    u_first_s: float
    u_period_s: float
    alone: bool = True

    def ticks(self, read_s: Floats, gaps_s: Floats) -> Floats:
        """The tick that each change shows. It is the last tick before the first reading of the new
        value. The tick after it is taken instead if the last tick lies before the previous reading,
        by more than the tick after it lies behind its reading. Each change has a tick of its own.

        read_s  first reading after each change, shape [n]
        gaps_s  time since the reading before, shape [n]
        """
        numbers = np.floor((read_s - self.first_s) / self.period_s)
        last_s = self.first_s + numbers * self.period_s
        numbers += read_s - gaps_s - last_s > np.maximum(last_s + self.period_s - read_s, 0.0)
        order = np.arange(numbers.size)
        numbers = np.maximum.accumulate(numbers - order) + order
        return np.asarray(self.first_s + numbers * self.period_s)


def seen_beat(
    t_s: Floats,
    changed: npt.NDArray[np.intp],
    located: npt.NDArray[np.bool_],
    guess_s: float,
    stated_s: float | None = None,
) -> SeenBeat | None:
    """The beat that agrees with the readings; None if none does.

    t_s      times of all readings, shape [m]
    changed  indices of the first reading after each change, shape [n]
    located  which of the changes are located well, shape [n]
    guess_s  the period, right to some percent
    stated_s the period in the documentation: if the readings allow for it, it is the period
    """
    sharp = np.flatnonzero(located)
    if sharp.size < 2 or not _LEAST_PERIODS <= (t_s[-1] - t_s[0]) / guess_s <= _MOST_PERIODS:
        return None
    if t_s.size > _MOST_READINGS:
        return None
    gaps = np.diff(t_s)[changed - 1]
    best = int(sharp[np.argmin(gaps[sharp])])
    end_s, gap_s = float(t_s[changed[best]]), float(gaps[best])
    new = np.zeros(t_s.size - 1, dtype=np.bool_)
    new[changed - 1] = True
    reach_s = max(float(t_s[-1]) - end_s, end_s - float(t_s[0]))
    step_s = gap_s / _STEPS_PER_READING * guess_s / reach_s
    count = 2 * math.ceil(_NEAR * guess_s / step_s) + 1
    if count * _STEPS_PER_READING * t_s.size > _MOST_TRIALS:
        return None
    periods = guess_s + step_s * (np.arange(count) - count // 2)
    if stated_s is not None and abs(stated_s - guess_s) <= _NEAR * guess_s:
        periods[int(np.argmin(np.abs(periods - stated_s)))] = stated_s
    wrong = np.empty((_STEPS_PER_READING, count), dtype=np.intp)
    offsets = gap_s * (np.arange(_STEPS_PER_READING) + 0.5) / _STEPS_PER_READING
    for row, offset in enumerate(offsets.tolist()):
        ticks = np.floor((t_s - (end_s - offset))[:, None] / periods)
        wrong[row] = np.count_nonzero((np.diff(ticks, axis=0) > 0) != new[:, None], axis=0)
    least = int(wrong.min())
    if least > _WRONG * t_s.size:
        return None
    rows, columns = np.nonzero(wrong == least)
    fitting = periods[columns]
    u_period = float(np.ptp(fitting) + step_s) / 2
    if stated_s is not None and (as_stated := fitting == stated_s).any():
        rows, fitting, u_period = rows[as_stated], fitting[as_stated], step_s / 2
    first = end_s - offsets[rows]
    return SeenBeat(
        float(first.mean()),
        float(fitting.mean()),
        float(np.ptp(first)) / 2 + gap_s / 10,
        u_period,
        alone=u_period * reach_s / guess_s <= _KNOWN * guess_s,
    )
