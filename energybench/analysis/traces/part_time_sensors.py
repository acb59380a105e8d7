"""What a part-time sensor never saw, and what the samples themselves tell about the sensor.

An A100's power reading is the mean of 25 of every 100 ms (arXiv 2312.02741). Between two readings
that differ by ΔP the load may have stepped anywhere in the unseen part. Loads whose period is a
multiple of the sensor's hide every step in the same place.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.traces.curve import Curve, as_samples
from energybench.analysis.traces.ticks import Floats

# of its mean: how far power may be off in what a sensor never sees (a load that is off for a fifth
# of the time)
_HIDDEN = 0.5
# of its mean: how much power moves within an update of a counter beside which no sensor tells, as
# `energybench simulate` finds it for all loads
_ALONE = 0.35
_SAME = 0.1  # of a change: an increment and a reading this close are one and the same
_FEW = 8  # readings from which a pattern can be told
# changes of the readings from which the two kinds of counter can be told: one in a thousand is
# mistaken then (0.2^4)
_STEPS = 4
_CLEAR = 6.0  # times what a tick's fuzz moves an increment by: a change that tells
_NEARLY_ALL = 0.9
# of the changes after which a counter that sees all shows the reading too: the load stepped where
# one update ended
_BY_CHANCE = 0.2
_MOST = 4096  # readings that a pattern is looked for in
_PEAK = 0.5  # autocorrelation above which the readings repeat themselves
_APART = 0.3  # of the readings' range: two of them differ


def unseen_j(curve: Curve, start: int, end: int) -> float:
    """Standard uncertainty of the energy between points start and end of a part-time sensor's
    curve, J.

    Independent steps add in squares. Where the readings repeat with a period that slips by less
    than one sensor period over the window, the steps hide alike in each of its K periods, and add
    up linearly: √K times as much.
    """
    if curve.power_w is None or end - start < 1:
        return 0.0
    watts, times = curve.power_w[start : end + 1], curve.t_s[start : end + 1]
    gaps = np.diff(times)
    blind = np.maximum(gaps - curve.window_s, 0.0)
    spread = float(watts.std()) if watts.size > 2 else 0.0
    change = np.abs(np.diff(watts))
    change = np.where(
        gaps > 2.5 * curve.period_s, np.maximum(change, spread), change
    )  # a hole may hold whatever the rest held
    alone = float(((blind * change) ** 2 * blind / gaps).sum() / 12)
    grid = np.arange(times[0], times[-1], max(curve.period_s, (times[-1] - times[0]) / _MOST))
    return math.sqrt(alone * (1 + _together(np.interp(grid, times, watts)) ** 2))


def in_step_j(curve: Curve, start_s: float, end_s: float) -> float:
    """Standard uncertainty of a single window's energy from a load in step with a sensor that sees
    a part of each period, J.

    Such a load looks constant, and no reading shows it: naive single runs were off by up to 39 %
    (arXiv 2312.02741). Of each period the unseen part may differ from the seen one by as much as
    `_HIDDEN` allows. A load must keep in step throughout to be missed throughout, the less likely
    the longer the window: periods add up as independent ones do. Repeats with other phases hold it
    in their scatter.
    """
    length_s = end_s - start_s
    periods = max(length_s / curve.period_s, 1.0) if curve.period_s > 0 else 1.0
    return _HIDDEN * curve.may_miss * (curve.at(end_s) - curve.at(start_s)) / math.sqrt(periods)


def _together(watts: Floats) -> float:
    """√K where the readings repeat themselves in step with the sensor, less as they slip, 0 where
    they do not repeat.
    """
    n = watts.size
    span = float(np.ptp(watts))
    if n < _FEW or span == 0:
        return 0.0
    centred = watts - watts.mean()
    spectrum = np.fft.rfft(centred, 2 * n)
    r = np.fft.irfft(spectrum * np.conj(spectrum))[: n // 2 + 1] / np.arange(n, n - n // 2 - 1, -1)
    r = r / max(float(r[0]), 1e-30)
    below = np.flatnonzero(r < _PEAK)
    if not below.size:
        return 0.0
    lag = int(below[0] + np.argmax(r[below[0] :]))
    if r[lag] < _PEAK:
        return 0.0
    periods = n / lag
    differ = float(np.mean(np.abs(watts[lag:] - watts[:-lag]) > _APART * span))
    steps = float(np.mean(np.abs(np.diff(watts)) > _APART * span))
    slip = (
        n * differ / max(steps * lag, 1.0) / 1.0 if steps else 0.0
    )  # steps that moved by a reading, per step of one period, over the window
    return math.sqrt(periods) / max(1.0, slip)


def informed(counter: Curve, power: Curve | None) -> Curve:
    """A counter, told by the power sensor of the same board what it is: does it add up that
    sensor's readings, and what does it smooth over?
    """
    if power is None and counter.power_w is None:
        return counter._replace(
            rough_w=_ALONE
            * max(float(counter.energy_j[-1] - counter.energy_j[0]), 0.0)
            / float(counter.t_s[-1] - counter.t_s[0])
        )
    if (
        power is None
        or power.power_w is None
        or counter.power_w is not None
        or counter.t_s.size < _FEW
        or power.t_s.size < _FEW
    ):
        return counter
    ends, lengths = counter.t_s[1:], np.diff(counter.t_s)
    means = np.diff(counter.energy_j) / lengths
    centres = ends - power.window_s / 2 - power.channel.lag_s + counter.channel.lag_s
    place = np.clip(np.searchsorted(power.t_s, centres), 1, power.t_s.size - 1)
    nearer = np.where(
        np.abs(power.t_s[place] - centres) < np.abs(power.t_s[place - 1] - centres),
        place,
        place - 1,
    )
    regular = (lengths < 1.5 * counter.period_s) & (
        np.abs(power.t_s[nearer] - centres) < 0.2 * counter.period_s
    )
    apart = np.abs(means - power.power_w[nearer])
    known = counter.channel.timing == "profile" or not power.part_time
    blind = 1 - power.window_s / power.period_s
    counter = counter._replace(rough_w=_rough(counter, power))
    if int(regular.sum()) < _FEW:
        return counter._replace(told=known, missed=0.0 if known else blind * math.sqrt(0.5))
    slack = means * (counter.fuzz_s[1:] + counter.fuzz_s[:-1]) / lengths
    seen = _Telling(0, 0) if known else _telling(apart, power.power_w[nearer], slack, regular)
    if seen.adds_up:
        return as_samples(counter, power.window_s)._replace(inferred=True)
    told = known or seen.steps >= _STEPS
    return counter._replace(told=told, missed=0.0 if told else blind * math.sqrt(seen.likely))


def _rough(counter: Curve, power: Curve) -> float:
    """How far the readings are from the mean power of the update that they fall into, rms: what
    moves within an update of the counter.
    """
    assert power.power_w is not None
    within = (power.t_s > counter.t_s[0]) & (power.t_s < counter.t_s[-1])
    at = np.searchsorted(counter.t_s, power.t_s[within]) - 1
    lengths = np.diff(counter.t_s)
    apart = power.power_w[within] - (np.diff(counter.energy_j) / lengths)[at]
    whole = lengths[at] < 1.5 * counter.period_s
    return float(np.sqrt(np.mean(apart[whole] ** 2))) if whole.any() else 0.0


class _Telling(NamedTuple):
    """How many changes of the readings could tell what the counter is, and after how many of them
    its increment was the reading itself.
    """

    steps: int
    same: int

    @property
    def adds_up(self) -> bool:
        return self.steps >= _STEPS and self.same > _NEARLY_ALL * self.steps

    @property
    def likely(self) -> float:
        """How likely the counter adds up readings: before anything changed as likely as not (zeus
        issue 181). One that does shows the reading at almost every change; one that sees all lies
        between two readings in four of five.
        """
        odds = (_NEARLY_ALL / _BY_CHANCE) ** self.same * ((1 - _NEARLY_ALL) / (1 - _BY_CHANCE)) ** (
            self.steps - self.same
        )
        return odds / (1 + odds)


def _telling(
    apart: Floats, readings: Floats, slack: Floats, regular: npt.NDArray[np.bool_]
) -> _Telling:
    """Each increment against the reading that ends it, wherever the readings change: a counter that
    saw the load step on its way from one reading to the next would lie between the two in most
    cases.
    """
    change = np.abs(np.diff(readings, prepend=readings[:1]))
    telling = regular & (change > _CLEAR * slack) & (change > 0)
    same = apart[telling] <= _SAME * change[telling] + slack[telling]
    return _Telling(int(telling.sum()), int(same.sum()))
