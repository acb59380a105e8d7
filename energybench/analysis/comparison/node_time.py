"""Time x nodes of the two sides of a comparison, for the same work."""

from __future__ import annotations

from energybench.analysis.uncertainty.effects import scale
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import Comparison, Estimate, Measurement
from energybench.units import S_PER_H


def work_amount(side: Measurement) -> float:
    """Units of work in a repeat; 1 if the run does not state its work."""
    amounts = [repeat.work.amount for repeat in side.repeats if repeat.work is not None]
    return arithmetic_mean(amounts) if amounts else 1.0


def node_hours(baseline: Measurement, candidate: Measurement) -> tuple[float, float]:
    """Node-hours of either side for the work of a repeat of the baseline."""
    equal_work = work_amount(baseline) / work_amount(candidate)
    return (
        baseline.time_s.value * baseline.nodes / S_PER_H,
        candidate.time_s.value * equal_work * candidate.nodes / S_PER_H,
    )


def node_time_ratio(comparison: Comparison) -> Estimate:
    """T·n of the baseline over T·n of the candidate: the speedup, node for node. Numbers of nodes
    are exact, so that the speedup determines the interval.
    """
    baseline, candidate = comparison.node_hours
    speedup = comparison.speedup
    return scale(speedup, baseline / candidate / speedup.value)
