"""Whether the interval of an estimate follows from its effects.

The interval in a file was made by `effects.combine` from the neighbouring effects. If somebody
changed an effect or an end, the effects no longer give the interval. Most intervals are checked
without drawing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN, Z95, coverage_factor
from energybench.analysis.uncertainty.effects import combine
from energybench.model import Effect, Estimate, Measurement

# Of the width: the order of the stored effects changes the draws of `combine`, by 2 % of the width
# at most in 2 394 stored runs of 1 to 24 nodes. A judgement: two and a half times as much.
_TOLERANCE = 0.05
# Ends in floating point numbers, relative to the value: as the totals of `contradictions`.
_ROUNDING_REL = 1e-6


def of_measurement(result: Measurement) -> Iterator[tuple[str, str]]:
    """Fields whose interval disagrees with the effects, and the reason in words.

    Shares of the nodes of a job state no effects.
    """
    for field, estimate in _estimates(result):
        ends = ends_from_effects(estimate) if estimate is not None else None
        if estimate is not None and ends is not None:
            yield (
                field,
                f"has the interval [{estimate.low:.9g}, {estimate.high:.9g}], and its "
                f"{len(estimate.effects)} effects give [{ends[0]:.9g}, {ends[1]:.9g}]",
            )


def _estimates(result: Measurement) -> Iterator[tuple[str, Estimate | None]]:
    yield "energy_j", result.energy_j
    for name, energy_j in result.components_j.items():
        yield f"components_j.{name}", energy_j
    yield "time_s", result.time_s
    yield "power_w", result.power_w
    yield "highest_power_w", result.highest_power_w
    yield "accelerators_j", result.accelerators_j
    yield "idle_power_w", result.idle_power_w
    yield "net_energy_j", result.net_energy_j
    yield "energy_per_work_j", result.energy_per_work_j
    yield "work_per_s", result.work_per_s
    for number, idle in enumerate(result.idles):
        yield f"idles[{number}].power_w", idle.power_w
    for number, region in enumerate(result.regions):
        yield f"regions[{number}].energy_j", region.energy_j


def ends_from_effects(estimate: Estimate) -> tuple[float, float] | None:
    """The interval given by the effects; None if the stated interval agrees.

    The lower end of a quantity that cannot be below 0 may stand at 0.
    """
    below, above = (
        BOUND_SPAN * sum(abs(term.u) for term in estimate.effects if _is_bound(term, upward=upward))
        for upward in (False, True)
    )
    value = estimate.value
    random = [term for term in estimate.effects if term.distribution != "bound"]
    for reach in (_half_width_in_quadrature(random), _half_width_from_cumulants(random)):
        if _agrees(estimate, value - reach - below, value + reach + above):
            return None
    drawn = combine(value, estimate.effects)
    return None if _agrees(estimate, drawn.low, drawn.high) else (drawn.low, drawn.high)


def _half_width_in_quadrature(effects: Sequence[Effect]) -> float:
    """Close if an effect is much larger than the others, or if all effects are normal."""
    return math.sqrt(
        sum((coverage_factor(term, approximate=True) * term.u) ** 2 for term in effects)
    )


def _half_width_from_cumulants(effects: Sequence[Effect]) -> float:
    """Close if several effects are rectangular: Cornish and Fisher (1938) up to the sixth cumulant,
    0.6 % too large for two equal rectangles. A Student's distribution counts as the normal
    distribution with the same 95 % interval: with one to three rectangles beside it, 2 % too large
    in the median of 600 drawn budgets, and from 4 % too small to 14 % too large.
    """
    normal = [
        coverage_factor(term, approximate=True) * term.u / Z95
        for term in effects
        if term.distribution != "rectangular"
    ]
    rectangles = [term.u for term in effects if term.distribution == "rectangular"]
    variance = sum(u**2 for u in (*normal, *rectangles))
    if not variance:
        return 0.0
    # cumulants of a rectangle of standard deviation 1: -6/5 and 48/7
    fourth = -1.2 * sum(u**4 for u in rectangles) / variance**2
    sixth = 48 / 7 * sum(u**6 for u in rectangles) / variance**3
    factor = Z95 + fourth / 24 * (Z95**3 - 3 * Z95)
    factor += sixth / 720 * (Z95**5 - 10 * Z95**3 + 15 * Z95)
    factor -= fourth**2 / 384 * (3 * Z95**5 - 24 * Z95**3 + 29 * Z95)
    return factor * math.sqrt(variance)


def _is_bound(term: Effect, *, upward: bool) -> bool:
    return term.distribution == "bound" and (term.u > 0) is upward


def _agrees(estimate: Estimate, low: float, high: float) -> bool:
    """Whether both ends agree with the stated ends, to the tolerance."""
    if estimate.low == 0.0:
        low = max(low, 0.0)
    allowed = _TOLERANCE * max(estimate.high - estimate.low, high - low)
    allowed += _ROUNDING_REL * abs(estimate.value)
    return abs(estimate.low - low) <= allowed and abs(estimate.high - high) <= allowed
