"""The curve of a trace, by the sort of its sensor."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.traces.counter_curve import counter_curve
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.power_curve import power_curve
from energybench.analysis.traces.stamped_curve import stamped_curve
from energybench.model import Trace, Window


def curve(trace: Trace, work: Sequence[Window] = ()) -> Curve | None:
    """The curve of a trace; None if fewer than two points are known: nothing was measured.

    work  the repeats, which tell the readings of a moving load from others
    """
    if trace.channel.stamped:
        energy_curve = stamped_curve(trace, work)
    elif trace.channel.kind == "counter":
        energy_curve = counter_curve(trace)
    else:
        energy_curve = power_curve(trace, work)
    return energy_curve if energy_curve.t_s.size >= 2 else None
