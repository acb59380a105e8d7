"""The curve of a power sensor.

A power sensor shows, at its tick t, the mean power over [t − lag − window, t − lag]. If the window
is shorter than the period, the sensor never sees the rest of each period.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median, quantiles_of_values
from energybench.analysis.traces.curve import Curve, empty_curve, rising
from energybench.analysis.traces.frozen_readings import Frozen, without_frozen
from energybench.analysis.traces.plausible import draws_power, implausible_above_w
from energybench.analysis.traces.publications import part_of_period_s, publications
from energybench.analysis.traces.saturation import saturated_w
from energybench.analysis.traces.slow_averages import (
    late_s,
    once_a_window,
    one_by_one,
    ramp_period_s,
)
from energybench.analysis.traces.ticks import NO_TICKS_BELOW, ticks
from energybench.analysis.traces.unwrap import Span
from energybench.model import Channel, Trace, Window


def plausible_power(trace: Trace) -> tuple[Floats, Floats, int]:
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


def power_curve(trace: Trace, work: Sequence[Window] = ()) -> Curve:
    """The curve of a power sensor, without points if there are fewer than two readings.

    work  the repeats
    """
    channel = trace.channel
    t, watts, dropped = plausible_power(trace)
    t, watts, frozen = without_frozen(t, watts, channel.power_limit_w, work)
    empty = empty_curve(channel, dropped)._replace(
        power_w=np.empty(0), spans=frozen_spans(frozen, channel)
    )
    if t.size < 2:
        return empty
    stated_s, ramp_s = channel.update_period_s, None
    if channel.timing == "prior" and stated_s is not None and channel.window_s > stated_s:
        ramp_s = ramp_period_s(t, watts, channel.window_s)
    slower_s = ramp_s if stated_s is not None and ramp_s is not None and ramp_s > stated_s else None
    updates = ticks(t, np.flatnonzero(np.diff(watts) != 0) + 1, stated_s, slower_s)
    period = updates.period_s
    spacing = median(np.diff(t))
    if period <= NO_TICKS_BELOW * quantiles_of_values(np.diff(t), 0.1)[0]:
        # Every reading is new.
        stale = min(period, spacing) / 2
        fuzz = np.full(t.size, stale)
        # such a sensor shows a level at the power limit as its noise, which a coarse step repeats
        top_w = saturated_w(watts, None, t - stale - channel.lag_s - channel.window_s / 2, work)
        empty = empty._replace(saturated_w=top_w)
        return integral(empty, t - stale, watts, fuzz, period or spacing, channel.window_s)

    values = watts[np.concatenate(([0], updates.at))]
    if channel.timing == "prior" and once_a_window(
        updates.t_s, updates.fuzz_s, values, channel.window_s, channel.update_period_s
    ):
        published = one_by_one(updates.t_s, updates.fuzz_s, values, t, channel.window_s)
        slow = _with_top(empty._replace(inferred=True), published.t_s, published.watts, work)
        return whole_means(slow, *published, channel.window_s)

    # A value is valid from its publication to one period before the next change. If a value stays
    # for longer, it was published again.
    empty = empty._replace(inferred=updates.measured and channel.timing == "prior")
    if channel.timing == "prior" and not updates.measured and ramp_s is None:
        empty = empty._replace(late_s=late_s(updates.t_s, period))
    published = publications(t, watts, updates, min(period, spacing) / 2)
    del t, watts, updates  # of a long run much memory, which the integral needs
    empty = _with_top(empty, published.t_s, published.watts, work)
    return integral(empty, *published, period, part_of_period_s(channel, period))


def frozen_spans(frozen: Sequence[Frozen], channel: Channel) -> tuple[Span, ...]:
    """The times whose power frozen readings do not tell, as times of the load."""
    late_s = channel.lag_s + channel.window_s / 2
    return tuple(
        Span(start_s - late_s, end_s - late_s, None, "stuck-sensor") for start_s, end_s in frozen
    )


def _with_top(like: Curve, published_s: Floats, watts: Floats, work: Sequence[Window]) -> Curve:
    """A curve with the value at which its readings stop."""
    channel = like.channel
    middles = published_s - channel.lag_s - channel.window_s / 2
    top_w = saturated_w(watts, None, middles, work)
    if top_w is not None:
        return like._replace(saturated_w=top_w)
    top_w = saturated_w(watts, channel.power_limit_w, middles, work)
    return like._replace(saturated_w=top_w, limit_alone=top_w is not None)


def integral(
    like: Curve, published_s: Floats, watts: Floats, fuzz: Floats, period_s: float, window_s: float
) -> Curve:
    """The integral of power readings by trapezoids.

    Each reading stands at the middle of the time over which the sensor averaged.
    """
    middles = published_s - like.channel.lag_s - window_s / 2
    t, power, fuzz_s = rising(middles, watts, fuzz)
    energy = np.empty(0)
    if t.size:
        energy = np.concatenate(([0.0], np.cumsum((power[1:] + power[:-1]) / 2 * np.diff(t))))
    return like._replace(
        t_s=t, energy_j=energy, fuzz_s=fuzz_s, power_w=power, period_s=period_s, window_s=window_s
    )


def whole_means(
    like: Curve, published_s: Floats, watts: Floats, fuzz: Floats, period_s: float
) -> Curve:
    """Readings that are each the mean power since the reading before, as in a counter: the energy
    is known at the times of publication.
    """
    t, power, fuzz_s = rising(published_s - like.channel.lag_s, watts, fuzz)
    energy = np.empty(0)
    if t.size:
        energy = np.concatenate(([0.0], np.cumsum(power[1:] * np.diff(t))))
    return like._replace(
        t_s=t, energy_j=energy, fuzz_s=fuzz_s, power_w=None, period_s=period_s, window_s=0.0
    )
