"""Time, power, idle power and quality of a job on several nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from energybench.analysis.uncertainty.effects import combine, not_negative, rectangular, scaled
from energybench.analysis.uncertainty.node_sums import compact
from energybench.analysis.uncertainty.repeats import arithmetic_mean, scatter_effect
from energybench.model import Effect, Estimate, Quality, Window

if TYPE_CHECKING:
    from energybench.analysis.measurement.node_table import NodePart


def without_scatter(estimate: Estimate | None) -> list[Effect]:
    """Effects of a node's mean energy; the scatter enters through the sums of all nodes."""
    if estimate is None:
        return []
    return [effect for effect in estimate.effects if effect.kind != "scatter"]


def time(windows: Sequence[Window]) -> Estimate:
    durations_s = [window.duration_s for window in windows]
    half_s = arithmetic_mean([window.start_half_s + window.end_half_s for window in windows])
    scatter = scatter_effect(durations_s)
    effect = scatter if scatter is not None else rectangular("time-edges", half_s)
    return not_negative(combine(arithmetic_mean(durations_s), (effect,)))


def power(
    energy_j: Estimate | None, totals_j: Sequence[float], times_s: Sequence[float], nodes: int
) -> Estimate | None:
    """Mean power of one node: energy over time and nodes."""
    if energy_j is None or not sum(times_s):
        return None
    node_seconds = sum(times_s) * nodes
    powers_w = [joules / seconds for joules, seconds in zip(totals_j, times_s, strict=True)]
    scatter = scatter_effect([power_w / nodes for power_w in powers_w])
    effects = scaled(without_scatter(energy_j), len(times_s) / node_seconds)
    mean_w = sum(totals_j) / node_seconds
    return not_negative(combine(mean_w, (*((scatter,) if scatter else ()), *effects)))


def idle_power(read: Sequence[NodePart]) -> Estimate | None:
    """Idle power of one node: the mean over the nodes that measured it."""
    idles = [
        part.measurement.idle_power_w
        for part in read
        if part.measurement is not None and part.measurement.idle_power_w is not None
    ]
    if not idles:
        return None
    effects = compact([scaled(idle.effects, 1 / len(idles)) for idle in idles])
    return combine(arithmetic_mean([idle.value for idle in idles]), effects)


def quality(read: Sequence[NodePart]) -> Quality | None:
    qualities = {part.measurement.quality for part in read if part.measurement is not None}
    qualities.discard(None)
    if not qualities:
        return None
    return qualities.pop() if len(qualities) == 1 else "mixed"
