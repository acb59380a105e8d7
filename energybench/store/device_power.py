"""Power over time of the devices of a node, and of the devices of a kind together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.power_steps import PowerSteps, Together, added, in_steps, readings
from energybench.model import UNUSED, Channel, PowerSeries, Trace, Window
from energybench.store.curves import lines_that_count

# Steps of a series. A chart is at most a thousand pixels wide, and each step has a highest and a
# lowest reading besides its mean.
STEPS = 900


class DevicePower(NamedTuple):
    """Series and windows on a common clock, which begins at the first reading."""

    series: tuple[PowerSeries, ...]
    windows: tuple[Window, ...]


class _Line(NamedTuple):
    """Power of a channel. start_s: time of the curve's first point."""

    channel: Channel
    start_s: float
    read: int
    steps: PowerSteps


def device_power(
    traces: Sequence[Trace], windows: Sequence[Window], run: str, most: int = STEPS
) -> DevicePower:
    """A series for every summed channel and, before them, a series for each component with several
    devices. `most`: steps of a series.
    """
    totals: dict[str, Together] = {}

    def line_of(energy: Curve) -> _Line:
        component, read = energy.channel.component, readings(energy)
        if component in totals:
            totals[component] = added(totals[component], energy)
        else:
            totals[component] = Together(read.edges_s, read.joules)
        start_s = float(energy.t_s[0])
        return _Line(energy.channel, start_s, read.watts.size, in_steps(read, most))

    lines = lines_that_count(traces, line_of)
    origin_s = min((line.start_s for line in lines), default=0.0)
    series = []
    for component, devices in Counter(line.channel.component for line in lines).items():
        if devices > 1:
            total = totals.pop(component).readings()
            steps, read = in_steps(total, most), total.watts.size
            if steps.t_s.size:
                series.append(power_series(run, component, "", steps, origin_s, read, devices))
    for channel, _, read, steps in lines:
        component = channel.component + ("" if channel.used else UNUSED)
        series.append(power_series(run, component, channel.device, steps, origin_s, read))
    shifted = tuple(
        Window(
            label=window.label,
            start_s=window.start_s - origin_s,
            end_s=window.end_s - origin_s,
            repeat=window.repeat,
        )
        for window in windows
    )
    return DevicePower(tuple(series), shifted)


def power_series(
    run: str,
    component: str,
    device: str,
    steps: PowerSteps,
    origin_s: float,
    read: int,
    devices: int = 1,
) -> PowerSeries:
    """Steps as the noun of a document, in seconds since `origin_s`."""
    in_means = steps.low_w is not None
    return PowerSeries(
        run=run,
        component=component,
        device=device,
        t_s=tuple((steps.t_s - origin_s).round(4).tolist()),
        power_w=_values(steps.mean_w),
        low_w=_values(steps.low_w),
        high_w=_values(steps.high_w),
        devices=devices,
        read=read if in_means else None,
    )


def _values(watts: Floats | None) -> tuple[float | None, ...]:
    """mW are finer than any sensor; NaN is None."""
    if watts is None:
        return ()
    return tuple(None if math.isnan(watt) else watt for watt in watts.round(3).tolist())
