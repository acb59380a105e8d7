"""The curve of a trace, by the sort of its sensor."""

from __future__ import annotations

from energybench.analysis.traces.counter_curve import counter_curve
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.power_curve import power_curve
from energybench.analysis.traces.stamped_curve import stamped_curve
from energybench.model import Trace


def curve(trace: Trace) -> Curve | None:
    """The curve of a trace; None if fewer than two points are known: nothing was measured."""
    if trace.channel.stamped:
        energy_curve = stamped_curve(trace)
    elif trace.channel.kind == "counter":
        energy_curve = counter_curve(trace)
    else:
        energy_curve = power_curve(trace)
    return energy_curve if energy_curve.t_s.size >= 2 else None
