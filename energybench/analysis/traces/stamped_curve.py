"""The curve of a sensor that states when it published each value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median
from energybench.analysis.traces.counter_curve import with_findings
from energybench.analysis.traces.curve import Curve, empty_curve, rising
from energybench.analysis.traces.frozen_readings import without_frozen
from energybench.analysis.traces.power_curve import (
    frozen_spans,
    integral,
    plausible_power,
    whole_means,
)
from energybench.analysis.traces.saturation import saturated_w
from energybench.analysis.traces.stopped_counters import without_short_stops, without_stops
from energybench.analysis.traces.unwrap import unwrap
from energybench.model import Trace, Window

# A window counts as the whole spacing of the readings if the two differ by less than this share of
# the spacing: jitter of the readings makes such a difference.
_WHOLE = 0.1


def stamped_curve(trace: Trace, work: Sequence[Window] = ()) -> Curve:
    """The curve of the trace, without points if there are no readings."""
    channel = trace.channel
    if channel.kind == "power":
        t, watts, dropped = plausible_power(trace)
        period = _stamped_period_s(trace, t)
        t, watts, frozen = without_frozen(t, watts, channel.power_limit_w, work)
        empty, fuzz = empty_curve(channel, dropped), np.zeros(t.size)
        middles = t - channel.lag_s - channel.window_s / 2
        top_w = saturated_w(watts, channel.power_limit_w, middles, work)
        empty = empty._replace(saturated_w=top_w, spans=frozen_spans(frozen, channel))
        if abs(channel.window_s - period) > _WHOLE * period:
            return integral(empty, t, watts, fuzz, period, channel.window_s)
        return whole_means(empty, t, watts, fuzz, period)
    counter = unwrap(trace)
    counter = without_short_stops(counter, channel.resolution)
    counter = without_stops(counter, channel.update_period_s or 0.0, channel.resolution)
    t, energy = counter.t_s, counter.energy_j / channel.gain.value
    points, joules, fuzz = rising(t - channel.lag_s, energy, np.zeros(t.size))
    return with_findings(counter, channel)._replace(
        t_s=points, energy_j=joules, fuzz_s=fuzz, period_s=_stamped_period_s(trace, t)
    )


def _stamped_period_s(trace: Trace, t_s: Floats) -> float:
    stated_s = trace.channel.update_period_s
    return stated_s or (median(np.diff(t_s)) if t_s.size > 1 else 0.0)
