"""The rise of a node meter's power per rise of the power inside the node: no meter of one whole
node rises less than the processors and accelerators inside the node do, or several times as much.

The level of the power cannot show this: fixed power of fans, disks and losses may have any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.boundary import CPU, GPU, Cover, Model, Ranges, cover
from energybench.analysis.sensors.mirrored_counters import mirrors
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.analysis.uncertainty.coverage_factors import student_quantile
from energybench.meters import clock_offset
from energybench.meters.attached_run import FinishedRun, Meter
from energybench.meters.clock_offset import Offset, RunPower
from energybench.meters.prior_contradiction import MOST_U
from energybench.meters.series import MeterSeries, MeterSteps
from energybench.model import Doubt

# Correlation from which the meter is known to follow the sensors (as for the meter's clock).
_FOLLOWS = 0.7
# Power that a supply (88 % efficient at worst), fans and regulators add to the rise of the sensors:
# with fans at full speed a fifth of the node. Type B, judged, with a wide margin.
_ADDED = 0.6
# A model of the CPUs may rise three times as much as the CPUs (as `_LEAST_OF_MODEL` of attach).
_WRONG_MODEL = 2.0
# A slope of which the 95 % half-width is larger than this share says nothing about feeds.
_KNOWN = 0.3


class Slope(NamedTuple):
    """The meter's power over the sensors' power.

    low, high  slopes between which the true one lies: the regressions of either power on the
               other, and the 95 % interval of each. Readings that are smoothed, averages over
               another time and noise of the sensors make the first regression too flat, and the
               second too steep.
    """

    low: float
    value: float
    high: float


class Limits(NamedTuple):
    """Slopes that the meter of one whole node may have."""

    low: float
    high: float


def doubts(
    series: MeterSeries,
    by_meter: MeterSteps,
    offset: Offset,
    run: FinishedRun,
    meter: Meter,
    ranges: Ranges,
) -> tuple[Doubt, ...]:
    """A doubt if the power of a node's meter rises by too little or too much for one whole node.

    by_meter  mean powers of the meter, on the run's clock, before the offset is taken off
    """
    channels = [trace.channel for trace in run.traces]
    chosen = cover("compute", channels, run.measurement.host, ranges, mirrors(run.traces).repeated)
    wanted = {source.channel.id for source in chosen.sources}
    every = [curve(trace) for trace in run.traces if trace.channel.id in wanted]
    start_s = min(window.start_s for window in run.windows)
    end_s = max(window.end_s for window in run.windows)
    curves = clock_offset.covering([c for c in every if c is not None], start_s, end_s)
    inside = clock_offset.run_power(curves, start_s, end_s)
    if inside is None or not clock_offset.varies(by_meter, inside):
        return ()
    slope = fitted(by_meter, inside, offset.offset_s)
    if slope is None:
        return ()
    step_w = (series.reading_step_w or series.resolution) if series.kind == "power" else 0.0
    limits = _limits(by_meter, inside, offset.offset_s, curves, chosen, step_w)
    if slope.high * (1 + meter.accuracy_rel) < limits.low:
        return (_too_flat(series, slope, limits),)
    if len(curves) == len(wanted) and slope.low * (1 - meter.accuracy_rel) > limits.high:
        return (_too_steep(series, slope, limits),)
    return ()


def fitted(by_meter: MeterSteps, inside: RunPower, offset_s: float) -> Slope | None:
    """The slope, by least squares; None if the load does not move enough to tell it."""
    inside_w, meter_w = clock_offset.pair(by_meter, inside, offset_s)
    if inside_w.size < clock_offset.ENOUGH or np.ptp(inside_w) == 0 or np.ptp(meter_w) == 0:
        return None
    r = clock_offset.correlation(by_meter, inside, offset_s, clock_offset.ENOUGH)
    if not r >= _FOLLOWS:
        return None
    value = r * float(meter_w.std() / inside_w.std())
    dof = max(clock_offset.independent(by_meter, inside, offset_s) - 2, 1.0)
    half_rel = student_quantile(dof) * math.sqrt(max(1 / r**2 - 1, 0.0) / dof)
    if half_rel > _KNOWN:
        return None
    return Slope(value * (1 - half_rel), value, value / r**2 * (1 + half_rel))


def _limits(
    by_meter: MeterSteps,
    inside: RunPower,
    offset_s: float,
    curves: Sequence[Curve],
    chosen: Cover,
    step_w: float,
) -> Limits:
    """Limits of the slope, for sensors of which all may be wrong in the same direction, and parts
    without a sensor of which the power may move with or against that of the sensors.

    step_w  of the meter's readings: each may be wrong by half of it, in any direction
    """
    inside_w, _ = clock_offset.pair(by_meter, inside, offset_s)
    away = inside_w - inside_w.mean()
    square = float(away @ away)
    # share of each sensor in the rise of the sum
    wrong = 0.0
    for points in curves:
        one = RunPower(points.t_s, points.energy_j, 0.0)
        share = abs(float(away @ _means(by_meter, one, inside, offset_s))) / square
        estimated = points.channel.quality == "estimated"
        wrong += share * (_WRONG_MODEL if estimated else MOST_U * points.channel.gain.u_rel)
    # The slope of a power between 0 and 1 W, whatever it follows, is 1 W · Σ|away| / 2 / Σ away².
    per_w = float(np.abs(away).sum()) / 2 / square
    # Memory does not rest while the processors work; a processor or board without a sensor may.
    against = sum(_range_w(model) for model in chosen.models if model.part.component in (CPU, GPU))
    with_load = sum(_range_w(model) for model in chosen.models)
    low = 1 / (1 + wrong) - (against + step_w) * per_w
    if wrong >= 1:
        return Limits(low, math.inf)
    return Limits(low, (1 + _ADDED) * (1 / (1 - wrong) + with_load * per_w) + step_w * per_w)


def _range_w(model: Model) -> float:
    """Power by which a part without a sensor may rise, W."""
    return (model.part.high_w or 0.0) - (model.part.low_w or 0.0)


def _means(by_meter: MeterSteps, one: RunPower, inside: RunPower, offset_s: float) -> Floats:
    """Mean powers of one sensor over those intervals of the meter that lie in the common time."""
    start, end = by_meter.start_s - offset_s, by_meter.end_s - offset_s
    keep = (start >= inside.t_s[0]) & (end <= inside.t_s[-1])
    start, end = start[keep], end[keep]
    joules = np.interp(end, one.t_s, one.energy_j) - np.interp(start, one.t_s, one.energy_j)
    return np.asarray(joules / (end - start))


def _too_flat(series: MeterSeries, slope: Slope, limits: Limits) -> Doubt:
    return Doubt(
        code="meter-slope",
        message=f"{_rise(series, slope)}, and a meter of the whole node by "
        f"{100 * limits.low:.0f} W at least: it may be one of several feeds or phases, its unit or "
        "factor may be wrong, or it may not show the highest power; the energy is then too low",
        remedy="attach the sum of all feeds or phases of the node, state the right unit, or take "
        "a meter that follows the load",
    )


def _too_steep(series: MeterSeries, slope: Slope, limits: Limits) -> Doubt:
    return Doubt(
        code="meter-slope",
        message=f"{_rise(series, slope)}, and a meter of this node alone by "
        f"{100 * limits.high:.0f} W at most: other nodes of the job may be on the same outlet, or "
        "its unit or factor may be wrong; the energy is then too high",
        remedy="attach the meter of this node alone, or state the right unit; nothing, if the node "
        "has parts that no sensor reads and that work when its processors do",
    )


def _rise(series: MeterSeries, slope: Slope) -> str:
    low, value, high = (f"{100 * one:.0f}" for one in slope)
    return (
        f"when the sensors inside the node rise by 100 W, the power of {series.where} rises by "
        f"{value} W ({low} to {high} W)"
    )
