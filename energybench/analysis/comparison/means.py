"""Three named means of the energy ratios of several applications.

Of ratios R and baseline powers P_b, with the same baseline node-hours for every application:

    arithmetic        Σ R / n
    geometric         (Π R)^(1/n), the mean for normalised scores (Fleming and Wallace,
                      Comm. ACM 29, 1986; SPEC takes this mean)
    energy-weighted   Σ P_b / Σ (P_b / R): total energy over total energy, which alone gives the
                      energy saved

The effects of all ratios combine by key, so that an error shared by several ratios, such as the
gain of a board, does not average out. They combine to first order on the logarithms (JCGM 100,
5.1.2): means are positive, and the interval of a ratio is skew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.uncertainty.effects import combine, scaled
from energybench.model import ENERGY_RATIO, Comparison, Estimate

MOST = 100  # ratios of a mean: every effect of every ratio takes time


class Means(NamedTuple):
    """Means of energy ratios. energy_weighted: None if a baseline's power is unknown."""

    arithmetic: Estimate
    geometric: Estimate
    energy_weighted: Estimate | None


def no_mean(comparisons: Sequence[Comparison]) -> str:
    """Reason why the energy ratios have no common mean, as a clause; "" if they have means."""
    if len({comparison.boundary for comparison in comparisons}) > 1:
        return "their boundaries differ"
    runs = [run for pair in comparisons for run in (pair.baseline, pair.candidate)]
    if len(set(runs)) < len(runs):
        return "a run is in several of them"
    if _contradict(comparisons):
        return "two of them, of one workload, contradict each other: a saving and a loss"
    if any(
        comparison.energy_ratio is None
        or comparison.energy_ratio.value <= 0
        or comparison.title != ENERGY_RATIO
        or not comparison.counted_once
        for comparison in comparisons
    ):
        return "an energy was not measured"
    ratios = [comparison.energy_ratio for comparison in comparisons if comparison.energy_ratio]
    if any(ratio.low < ratio.high and not ratio.effects for ratio in ratios):
        return "an interval stands without its effects"
    if len(comparisons) > MOST:
        return f"there are more than {MOST}"
    return ""


def _contradict(comparisons: Sequence[Comparison]) -> bool:
    """Whether a comparison of a workload shows a saving and a second comparison of the workload a
    loss, such as the comparison with exchanged sides, which would count the application twice.
    """
    saved: set[str] = set()
    lost: set[str] = set()
    for comparison in comparisons:
        ratio, (first, second) = comparison.energy_ratio, comparison.workloads
        if ratio is None or not first or first != second:
            continue
        if ratio.low > 1:
            saved.add(first)
        elif ratio.high < 1:
            lost.add(first)
    return not saved.isdisjoint(lost)


def means(comparisons: Sequence[Comparison]) -> Means | None:
    """The three means; None if `no_mean` gives a reason, or without comparisons."""
    if not comparisons or no_mean(comparisons):
        return None
    ratios = [comparison.energy_ratio for comparison in comparisons if comparison.energy_ratio]
    powers = [power for power, _ in (comparison.power_w for comparison in comparisons) if power]
    values = np.array([ratio.value for ratio in ratios])
    n = len(ratios)
    weighted = None
    if len(powers) == n and all(power.value > 0 for power in powers):
        watts = np.array([power.value for power in powers])
        of_baseline = watts / watts.sum()
        of_candidate = watts / values / (watts / values).sum()
        weighted = _mean(
            watts.sum() / (watts / values).sum(),
            [*ratios, *powers],
            [*of_candidate, *(of_baseline - of_candidate)],
        )
    return Means(
        _mean(values.mean(), ratios, values / values.sum()),
        _mean(np.exp(np.log(values).mean()), ratios, np.full(n, 1 / n)),
        weighted,
    )


def _mean(value: float, inputs: Sequence[Estimate], slopes: Sequence[float] | Floats) -> Estimate:
    """The estimate of a mean M of x_i from the slopes ∂ ln M / ∂ ln x_i."""
    effects = [
        effect
        for estimate, slope in zip(inputs, slopes, strict=True)
        for effect in scaled(estimate.effects, float(slope) / estimate.value)
    ]
    logarithm = combine(0.0, effects)
    return Estimate(
        value=float(value),
        low=float(value * np.exp(logarithm.low)),
        high=float(value * np.exp(logarithm.high)),
        confidence=logarithm.confidence,
        effects=scaled(logarithm.effects, float(value)),
    )
