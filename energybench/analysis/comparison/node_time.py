"""Time x nodes of the two sides of a comparison."""

from __future__ import annotations

from energybench.analysis.uncertainty.effects import scale
from energybench.model import Comparison, Estimate


def node_time_ratio(comparison: Comparison) -> Estimate:
    """T·n of the baseline over T·n of the candidate: the speedup, node for node. Numbers of nodes
    are exact, so that the interval is that of the speedup.
    """
    baseline, candidate = comparison.node_hours
    speedup = comparison.speedup
    return scale(speedup, baseline / candidate / speedup.value)
