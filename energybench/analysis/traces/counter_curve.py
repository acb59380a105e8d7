"""The curve of an energy counter.

A counter that updates every T shows the energy at the last tick. A counter that only adds up the
readings of a part-time power sensor never sees the rest of the sensor's period.
"""

from __future__ import annotations

import numpy as np

from energybench.analysis.quantiles import median, quantiles_of_values
from energybench.analysis.traces.curve import Curve, empty_curve, rising
from energybench.analysis.traces.slow_updates import single_update, slower_period_s
from energybench.analysis.traces.stopped_counters import without_short_stops, without_stops
from energybench.analysis.traces.ticks import NO_TICKS_BELOW, ticks
from energybench.analysis.traces.unwrap import Counter, unwrap
from energybench.model import Channel, Trace

# If two inferred ticks of a counter are closer together than this share of the period, one of the
# ticks is wrong: no known sensor publishes so unevenly.
_APART = 0.1


def counter_curve(trace: Trace) -> Curve:
    """The curve of a counter; a curve without points if the trace has no readings."""
    channel = trace.channel
    counter = unwrap(trace)
    if channel.quality == "measured":
        counter = without_short_stops(counter, channel.resolution)
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
    elif updates.period_s <= NO_TICKS_BELOW * closest or changed.size < 2:
        # Every reading is new, or the counter was read too briefly to change.
        typical = median(spacings) if spacings.size else 0.0
        stale = min(updates.period_s, typical) / 2
        points, joules, fuzz = rising(t - stale - channel.lag_s, energy, np.full(t.size, stale))
    else:
        points, joules, fuzz = rising(
            updates.t_s - channel.lag_s,
            energy[changed],
            updates.fuzz_s,
            apart_s=_APART * updates.period_s,
        )
    energy_curve = with_findings(counter, channel)._replace(
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
    """The curve of a counter that only adds up readings of `window_s`: the curve of a power sensor.
    The counter lets every reading stand for the whole period before the tick.

    The curve of the power sensor lets a reading stand for half a period on either side of the
    middle of the reading. The counter added the whole reading at the tick. The energy between two
    readings is therefore the difference of the counter, minus half of the later reading, plus half
    of the earlier reading. An error of the time between two ticks does not change this energy.
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


def with_findings(counter: Counter, channel: Channel) -> Curve:
    """A curve without points, with the findings of unwrapping."""
    return empty_curve(channel, counter.dropped)._replace(
        wraps=counter.wraps, spans=counter.ambiguous + counter.resets + counter.stops
    )
