"""Make a long series short enough to draw without losing a peak, a trough or a gap. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.power_steps import Readings, in_steps
from energybench.model import PowerSeries

STEPS = 900  # of a line with means, lowest and highest readings
LIMIT = 2000  # points of a series; a chart is about a thousand pixels wide


def thin(
    t_s: Sequence[float], power_w: Sequence[float | None], limit: int = LIMIT
) -> list[tuple[float, float | None]]:
    """At most `limit` points.

    Each stretch of time keeps the lowest reading, the highest reading and the first gap, if there
    is a gap.
    """
    n = len(t_s)
    if n <= limit:
        return list(zip(t_s, power_w, strict=True))
    stretches = max(limit // 3, 1)
    points: list[tuple[float, float | None]] = []
    for k in range(stretches):
        indices = range(k * n // stretches, (k + 1) * n // stretches)
        readings = [(watt, i) for i in indices if (watt := power_w[i]) is not None]
        chosen = {min(readings)[1], max(readings)[1]} if readings else set()
        gap = next((i for i in indices if power_w[i] is None), None)
        if gap is not None:
            chosen.add(gap)
        points += [(t_s[i], power_w[i]) for i in sorted(chosen)]
    return points


def stepped(series: PowerSeries) -> PowerSeries:
    """A series of many readings in at most `STEPS` steps; a series in steps, or of few readings,
    unchanged. Each reading is the power since the reading before.
    """
    n = len(series.t_s)
    if series.low_w or n <= STEPS:
        return series
    t_s = np.array(series.t_s)
    watts = np.array([np.nan if watt is None else watt for watt in series.power_w])
    edges_s = np.concatenate(([2 * t_s[0] - t_s[1]], t_s))
    steps = in_steps(Readings(edges_s, watts * np.diff(edges_s), t_s, watts), STEPS)
    return msgspec.structs.replace(
        series,
        t_s=tuple(steps.t_s.tolist()),
        power_w=_known(steps.mean_w),
        low_w=_known(steps.low_w),
        high_w=_known(steps.high_w),
        read=n,
    )


def _known(watts: Floats | None) -> tuple[float | None, ...]:
    """NaN is None."""
    if watts is None:
        return ()
    return tuple(None if math.isnan(watt) else watt for watt in watts.tolist())
