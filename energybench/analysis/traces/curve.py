"""A trace as a curve of energy over time, with the uncertainty of each point.

A counter that updates every T shows the energy at its last tick. A power sensor shows, at its tick
t, the mean power over [t − lag − window, t − lag]. If the window is shorter than the period, the
sensor never sees the rest of each period, and neither does a counter that only adds up such
readings.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median, quantiles_of_values
from energybench.analysis.traces.plausible import draws_power, implausible_above_w
from energybench.analysis.traces.publications import part_of_period_s, publications
from energybench.analysis.traces.saturation import saturated_w
from energybench.analysis.traces.slow_averages import (
    late_s,
    once_a_window,
    one_by_one,
    ramp_period_s,
)
from energybench.analysis.traces.slow_updates import single_update, slower_period_s
from energybench.analysis.traces.stopped_counters import without_stops
from energybench.analysis.traces.ticks import ticks
from energybench.analysis.traces.unwrap import Counter, Span, unwrap
from energybench.model import Channel, Trace

# A window counts as the whole spacing of the readings if the two differ by less than this share of
# the spacing: jitter of the readings makes such a difference.
_WHOLE = 0.1
# A sensor that updates faster than this share of the spacing of the readings needs no ticks: every
# reading is new.
_FAST = 0.5
# Ticks of a counter that were placed closer together than this share of its period are not both
# right: no sensor that was seen publishes so unevenly.
_APART = 0.1


class Curve(NamedTuple):
    """Cumulated energy of one channel.

    t_s, energy_j  shapes [n]: points at which the energy is known
    fuzz_s         shape [n]: half-width of the uncertainty of the time of each point
    power_w        shape [n], for a power sensor: the reading at each point, which is the mean over
                   `window_s` around the point; None for a counter, and for a power sensor whose
                   readings are each the mean since the reading before
    period_s       period of the sensor's updates, measured if bursts of readings show it
    window_s       part of each period that the sensor sees; 0 for a counter that sees the whole
                   period, and for a power sensor that shows the power of one moment
    rough_w        root mean square of the changes of power within one update of a counter, if a
                   power sensor of the same device shows them
    wraps          how often the counter wrapped
    dropped        implausible readings that were dropped
    spans          gaps in which the energy is not certain
    inferred       True if period (and window) come from the samples of this run
    classified     False if the counter may only add up the samples of a part-time power sensor and
                   the load never changed, so that the two cases cannot be distinguished
    saturated_w    value at which the power readings of a moving load stop; None if they do not
    late_s         of a power sensor: how much longer than `period_s` its period may be
    may_add_up     for a counter that is not classified: the share of each period that it would
                   miss, times the root of the probability that it only adds up samples
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
    late_s: float = 0.0

    @property
    def may_miss(self) -> float:
        """Share of each period that the sensor does not see, or may not see."""
        return 1 - self.window_s / self.period_s if self.part_time else self.may_add_up

    @property
    def part_time(self) -> bool:
        """Whether the sensor leaves a part of each period unseen."""
        return self.power_w is not None and self.window_s < self.period_s

    def segment(self, t: float) -> int:
        """Index i of the segment, between points i and i + 1, in which t lies or to which t is
        nearest.
        """
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
        """Time between two times in which the power readings stood at the value at which they stop,
        s.
        """
        if self.saturated_w is None:
            return 0.0
        watts, times = self.power_w, self.t_s
        if watts is None:
            watts, times = np.diff(self.energy_j) / np.diff(self.t_s), self.t_s[1:]
        within = (times >= start_s) & (times <= end_s)
        at_top = int(np.count_nonzero(np.isclose(watts[within], self.saturated_w, rtol=1e-6)))
        count = int(np.count_nonzero(within))
        return (end_s - start_s) * at_top / count if count else 0.0

    def means_w(self, start_s: float, end_s: float) -> Floats:
        """Mean powers of the segments between two times, W; shape [k], k may be 0."""
        i = int(np.searchsorted(self.t_s, start_s))
        j = int(np.searchsorted(self.t_s, end_s, side="right"))
        return np.asarray(np.diff(self.energy_j[i:j]) / np.diff(self.t_s[i:j]))

    def power(self, t: float) -> float:
        """Power at time t as the sensor shows it, W."""
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


def curve(trace: Trace) -> Curve | None:
    """The curve of a trace; None if fewer than two points are known: nothing was measured."""
    if trace.channel.stamped:
        energy_curve = _stamped(trace)
    elif trace.channel.kind == "counter":
        energy_curve = _counter(trace)
    else:
        energy_curve = _power(trace)
    return energy_curve if energy_curve.t_s.size >= 2 else None


def _empty(channel: Channel, dropped: int = 0) -> Curve:
    """A curve without points."""
    none = np.empty(0)
    return Curve(channel, none, none, none, None, 0.0, 0.0, 0.0, 0, dropped, ())


def _with_counter(counter: Counter, channel: Channel) -> Curve:
    """A curve without points, with the findings of unwrapping."""
    return _empty(channel, counter.dropped)._replace(
        wraps=counter.wraps, spans=counter.ambiguous + counter.resets + counter.stops
    )


# ---------------------------------------------------------------- counters


def _counter(trace: Trace) -> Curve:
    channel = trace.channel
    counter = unwrap(trace)
    stated_s, slower_s = channel.update_period_s, None
    if channel.timing == "prior":
        slower_s = slower_period_s(counter.t_s, counter.energy_j, stated_s)
    if channel.quality == "measured":
        counter = without_stops(counter, slower_s or stated_s or 0.0, channel.resolution)
    t, energy = counter.t_s, counter.energy_j / channel.gain.value
    changed = np.flatnonzero(np.diff(energy) > 0) + 1
    updates = ticks(t, changed, stated_s, slower_s, every_update_changes=True)
    spacings = np.diff(t)
    closest = float(quantiles_of_values(spacings, 0.1)[0]) if spacings.size else 0.0
    if slower_s is not None and changed.size == 1:
        points, joules, fuzz = single_update(updates, energy, channel.lag_s)
    elif updates.period_s <= _FAST * closest or changed.size < 2:
        # Every reading is new, or the counter was read too briefly to change.
        typical = median(spacings) if spacings.size else 0.0
        stale = min(updates.period_s, typical) / 2
        points, joules, fuzz = _rising(t - stale - channel.lag_s, energy, np.full(t.size, stale))
    else:
        points, joules, fuzz = _rising(
            updates.t_s - channel.lag_s,
            energy[changed],
            updates.fuzz_s,
            apart_s=_APART * updates.period_s,
        )
    energy_curve = _with_counter(counter, channel)._replace(
        t_s=points,
        energy_j=joules,
        fuzz_s=fuzz,
        period_s=updates.period_s,
        inferred=updates.measured and channel.timing == "prior",
    )
    if 0 < channel.window_s < updates.period_s and points.size >= 2:
        return as_samples(energy_curve, channel.window_s)
    return energy_curve


def as_samples(counter: Curve, window_s: float) -> Curve:
    """The curve of a counter that only adds up readings of `window_s`, each of which stands for the
    whole period that it ends: the curve of a power sensor.

    A reading stands for one half of a period on either side of its middle, and the counter added it
    as a whole at its tick. The energy between two readings is therefore the counter's own, less one
    half of the later reading and plus one half of the earlier one. An error of the time between two
    ticks does not change it.
    """
    period_s = counter.period_s
    lengths, joules = np.diff(counter.t_s), np.diff(counter.energy_j)
    whole = np.maximum(np.round(lengths / period_s), 1.0) * period_s
    fuzz = counter.fuzz_s[1:] + counter.fuzz_s[:-1]
    watts = np.asarray(joules / np.where(np.abs(lengths - whole) <= fuzz, whole, lengths))
    t, power, fuzz_s = counter.t_s[1:] - window_s / 2, watts, counter.fuzz_s[1:]
    energy = counter.energy_j[1:] - watts * period_s / 2
    return counter._replace(
        t_s=t,
        energy_j=np.maximum.accumulate(energy),
        fuzz_s=fuzz_s,
        power_w=power,
        window_s=window_s,
    )


# ---------------------------------------------------------------- power sensors


def _plausible_power(trace: Trace) -> tuple[Floats, Floats, int]:
    """Times and watts of the readings, and how many implausible readings were dropped.

    No sensor of a load shows power that flows back, and no device that is switched on draws 0 W: a
    driver that is polled too often answers 0 (zeus, monitor/power.py).
    """
    channel = trace.channel
    factor = channel.resolution / channel.gain.value
    t, watts = trace.t_s[trace.ok], np.asarray(trace.raw[trace.ok] * factor, dtype=np.float64)
    plausible = (watts >= 0) & (watts <= implausible_above_w(channel))
    if draws_power(channel):
        plausible &= watts > 0
    return t[plausible], watts[plausible], int(np.count_nonzero(~plausible))


def _power(trace: Trace) -> Curve:
    channel = trace.channel
    t, watts, dropped = _plausible_power(trace)
    empty = _empty(channel, dropped)._replace(power_w=np.empty(0))
    if t.size < 2:
        return empty
    stated_s, ramp_s = channel.update_period_s, None
    if channel.timing == "prior" and stated_s is not None and channel.window_s > stated_s:
        ramp_s = ramp_period_s(t, watts, channel.window_s)
    slower_s = ramp_s if stated_s is not None and ramp_s is not None and ramp_s > stated_s else None
    updates = ticks(t, np.flatnonzero(np.diff(watts) != 0) + 1, stated_s, slower_s)
    period = updates.period_s
    spacing = median(np.diff(t))
    if period <= _FAST * quantiles_of_values(np.diff(t), 0.1)[0]:
        # Every reading is new.
        stale = min(period, spacing) / 2
        fuzz = np.full(t.size, stale)
        return _integral(empty, t - stale, watts, fuzz, period or spacing, channel.window_s)

    values = watts[np.concatenate(([0], updates.at))]
    if channel.timing == "prior" and once_a_window(
        updates.t_s, updates.fuzz_s, values, channel.window_s, channel.update_period_s
    ):
        published = one_by_one(updates.t_s, updates.fuzz_s, values, t, channel.window_s)
        top_w = saturated_w(published.watts, channel.power_limit_w)
        slow = empty._replace(inferred=True, saturated_w=top_w)
        return _whole_means(slow, *published, channel.window_s)

    # A value is valid from its publication to one period before the next change. If a value stays
    # for longer, it was published again.
    empty = empty._replace(inferred=updates.measured and channel.timing == "prior")
    if channel.timing == "prior" and not updates.measured and ramp_s is None:
        empty = empty._replace(late_s=late_s(updates.t_s, period))
    published = publications(t, watts, updates, min(period, spacing) / 2)
    del t, watts, updates  # of a long run much memory, which the integral needs
    empty = empty._replace(saturated_w=saturated_w(published.watts, channel.power_limit_w))
    return _integral(empty, *published, period, part_of_period_s(channel, period))


def _integral(
    like: Curve, published_s: Floats, watts: Floats, fuzz: Floats, period_s: float, window_s: float
) -> Curve:
    """The integral of power readings by trapezoids.

    Each reading stands at the middle of the time over which the sensor averaged.
    """
    middles = published_s - like.channel.lag_s - window_s / 2
    t, power, fuzz_s = _rising(middles, watts, fuzz)
    energy = np.empty(0)
    if t.size:
        energy = np.concatenate(([0.0], np.cumsum((power[1:] + power[:-1]) / 2 * np.diff(t))))
    return like._replace(
        t_s=t, energy_j=energy, fuzz_s=fuzz_s, power_w=power, period_s=period_s, window_s=window_s
    )


def _whole_means(
    like: Curve, published_s: Floats, watts: Floats, fuzz: Floats, period_s: float
) -> Curve:
    """Readings that are each the mean power since the reading before, as in a counter: the energy
    is known at the times of publication.
    """
    t, power, fuzz_s = _rising(published_s - like.channel.lag_s, watts, fuzz)
    energy = np.empty(0)
    if t.size:
        energy = np.concatenate(([0.0], np.cumsum(power[1:] * np.diff(t))))
    return like._replace(
        t_s=t, energy_j=energy, fuzz_s=fuzz_s, power_w=None, period_s=period_s, window_s=0.0
    )


# ---------------------------------------------------------------- sensors with time stamps


def _stamped(trace: Trace) -> Curve:
    """The curve of a sensor that states when it published."""
    channel = trace.channel
    if channel.kind == "power":
        t, watts, dropped = _plausible_power(trace)
        empty, fuzz, period = (
            _empty(channel, dropped),
            np.zeros(t.size),
            _stamped_period_s(trace, t),
        )
        if abs(channel.window_s - period) > _WHOLE * period:
            return _integral(empty, t, watts, fuzz, period, channel.window_s)
        return _whole_means(empty, t, watts, fuzz, period)
    counter = unwrap(trace)
    counter = without_stops(counter, channel.update_period_s or 0.0, channel.resolution)
    t, energy = counter.t_s, counter.energy_j / channel.gain.value
    points, joules, fuzz = _rising(t - channel.lag_s, energy, np.zeros(t.size))
    return _with_counter(counter, channel)._replace(
        t_s=points, energy_j=joules, fuzz_s=fuzz, period_s=_stamped_period_s(trace, t)
    )


def _stamped_period_s(trace: Trace, t_s: Floats) -> float:
    stated_s = trace.channel.update_period_s
    return stated_s or (median(np.diff(t_s)) if t_s.size > 1 else 0.0)


def _rising(
    t: Floats, values: Floats, fuzz: Floats, apart_s: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Points in strictly rising time: two readings of one tick give one point.

    apart_s  least time between two points. Of ticks that were placed closer together at least one
             is misplaced, and the power between the two would be without limit; a counter loses
             nothing by a point less
    """
    if t.size < 2:
        return t, values, fuzz
    rising = np.maximum.accumulate(t)
    if (np.diff(rising) > apart_s).all():
        return t, values, fuzz
    keep = np.concatenate(([True], np.diff(rising) > apart_s))
    return t[keep], values[keep], fuzz[keep]
