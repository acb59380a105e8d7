"""A trace as a curve of energy over time, with the uncertainties of the points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.unwrap import Span
from energybench.model import Channel

# Largest relative distance from the value at which readings stop. A reading at this value differs
# only by rounding. A sample that a counter added up is as exact as the counter's period.
_READINGS_NEAR, _SAMPLES_NEAR = 1e-6, 0.02


class Curve(NamedTuple):
    """Cumulated energy of a channel.

    t_s, energy_j  shapes [n]: points at which the energy is known
    fuzz_s         shape [n]: half-widths of the uncertainties of the points' times
    power_w        shape [n], for a power sensor: the readings at the points, means over `window_s`
                   around the point; None for a counter, and for a power sensor whose readings are
                   means since the previous reading
    period_s       period of the sensor's updates, measured if bursts of readings show the period
    window_s       part of a period that the sensor sees; 0 for a counter that sees the whole
                   period, and for a power sensor that shows the power of a moment
    rough_w        root mean square of the changes of power within one update of a counter, if a
                   power sensor of the same device shows them
    wraps          number of wraps of the counter
    dropped        implausible readings that were dropped
    spans          gaps in which the energy is not certain
    inferred       True if period (and window) come from the samples of this run
    classified     False if the counter may only add up the samples of a part-time power sensor and
                   the load never changed, so that the two cases cannot be distinguished
    saturated_w    value at which the power readings of a moving load stop, or the readings that a
                   counter adds up; None if the readings do not stop
    limit_alone    True if only the power limit of the device shows that readings stop at the value
    late_s         for a power sensor: time by which the period may be longer than `period_s`
    may_add_up     for a counter that is not classified: the share of a period that the counter
                   would miss, times the root of the probability that the counter only adds up
                   samples
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
    classified: bool = True
    may_add_up: float = 0.0
    saturated_w: float | None = None
    limit_alone: bool = False
    late_s: float = 0.0

    @property
    def may_miss(self) -> float:
        """Share of a period that the sensor does not see, or may not see."""
        return 1 - self.window_s / self.period_s if self.part_time else self.may_add_up

    @property
    def part_time(self) -> bool:
        """Whether the sensor leaves a part of every period unseen."""
        return self.power_w is not None and self.window_s < self.period_s

    def segment(self, t: float) -> int:
        """Index i of the segment, from point i to i + 1, that contains t or is nearest to t."""
        i = int(np.searchsorted(self.t_s, t, side="right")) - 1
        return min(max(i, 0), self.t_s.size - 2)

    def mean_w(self, i: int) -> float:
        """Mean power of segment i, W."""
        return self.between_w(i, i + 1)

    def between_w(self, low: int, high: int) -> float:
        """Mean power between two points, W."""
        joules = self.energy_j[high] - self.energy_j[low]
        return float(joules / (self.t_s[high] - self.t_s[low]))

    def at_top_s(self, start_s: float, end_s: float) -> float:
        """Duration of power readings at the value `saturated_w` between two times, s."""
        if self.saturated_w is None:
            return 0.0
        watts, times = self.power_w, self.t_s
        if watts is None:
            watts, times = np.diff(self.energy_j) / np.diff(self.t_s), self.t_s[1:]
        within = (times >= start_s) & (times <= end_s)
        near = _SAMPLES_NEAR if self.channel.kind == "counter" else _READINGS_NEAR
        at_top = int(np.count_nonzero(watts[within] >= (1 - near) * self.saturated_w))
        count = int(np.count_nonzero(within))
        return (end_s - start_s) * at_top / count if count else 0.0

    def means_w(self, start_s: float, end_s: float) -> Floats:
        """Mean powers of the segments between two times, W; shape [k], k may be 0."""
        i = int(np.searchsorted(self.t_s, start_s))
        j = int(np.searchsorted(self.t_s, end_s, side="right"))
        return np.asarray(np.diff(self.energy_j[i:j]) / np.diff(self.t_s[i:j]))

    def power(self, t: float) -> float:
        """Power that the sensor shows at time t, W."""
        if self.power_w is None:
            return self.mean_w(self.segment(t))
        return float(np.interp(t, self.t_s, self.power_w))

    def at(self, t: float) -> float:
        """Energy at time t, J: linear between the points; the last power continues at the ends."""
        if t < self.t_s[0]:
            return float(self.energy_j[0] - self.power(t) * (self.t_s[0] - t))
        if t > self.t_s[-1]:
            return float(self.energy_j[-1] + self.power(t) * (t - self.t_s[-1]))
        return float(np.interp(t, self.t_s, self.energy_j))


def empty_curve(channel: Channel, dropped: int = 0) -> Curve:
    """A curve without points."""
    none = np.empty(0)
    return Curve(channel, none, none, none, None, 0.0, 0.0, 0.0, 0, dropped, ())


def rising(
    t: Floats, values: Floats, fuzz: Floats, apart_s: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Points in strictly rising time: two readings of a tick give a single point.

    apart_s  least time between two points. If ticks are closer together, at least one of the ticks
             is misplaced, and the power between the two would be without limit; a counter loses no
             energy without the second point
    """
    if t.size < 2:
        return t, values, fuzz
    rising = np.maximum.accumulate(t)
    if (np.diff(rising) > apart_s).all():
        return t, values, fuzz
    keep = np.concatenate(([True], np.diff(rising) > apart_s))
    return t[keep], values[keep], fuzz[keep]
