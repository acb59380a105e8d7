"""Whether the interval of an estimate follows from its effects.

The interval in a file was made by `effects.combine` from the effects that stand beside it. If
somebody changed an effect or an end, the effects no longer give that interval. Most intervals are
checked without drawing: half-widths of independent effects add nearly in quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN, coverage_factor
from energybench.analysis.uncertainty.effects import combine
from energybench.model import Effect, Estimate, Measurement

# Of the width: the order of the stored effects changes the draws of `combine`, by 2 % of the width
# at most in 2 394 stored runs of 1 to 24 nodes. A judgement: two and a half times that.
_TOLERANCE = 0.05
# Ends in floating point numbers, relative to the value: as the totals of `contradictions`.
_ROUNDING_REL = 1e-6


def of_measurement(result: Measurement) -> Iterator[tuple[str, str]]:
    """The energy, on which verdicts rest, if its interval is not that of its effects: field, and
    the reason in words.
    """
    estimate = result.energy_j
    ends = ends_from_effects(estimate) if estimate is not None else None
    if estimate is not None and ends is not None:
        yield (
            "energy_j",
            f"has the interval [{estimate.low:.9g}, {estimate.high:.9g}], and its "
            f"{len(estimate.effects)} effects give [{ends[0]:.9g}, {ends[1]:.9g}]",
        )


def ends_from_effects(estimate: Estimate) -> tuple[float, float] | None:
    """The interval that the effects give; None if the stated interval is that interval.

    The lower end of a quantity that cannot be below 0 may stand at 0.
    """
    reach = math.sqrt(
        sum(
            (coverage_factor(term, approximate=True) * term.u) ** 2
            for term in estimate.effects
            if term.distribution != "bound"
        )
    )
    below, above = (
        BOUND_SPAN * sum(abs(term.u) for term in estimate.effects if _is_bound(term, upward=upward))
        for upward in (False, True)
    )
    value = estimate.value
    if _agrees(estimate, value - reach - below, value + reach + above):
        return None
    drawn = combine(value, estimate.effects)
    return None if _agrees(estimate, drawn.low, drawn.high) else (drawn.low, drawn.high)


def _is_bound(term: Effect, *, upward: bool) -> bool:
    return term.distribution == "bound" and (term.u > 0) is upward


def _agrees(estimate: Estimate, low: float, high: float) -> bool:
    """Whether both ends are those stated, to the tolerance."""
    if estimate.low == 0.0:
        low = max(low, 0.0)
    allowed = _TOLERANCE * max(estimate.high - estimate.low, high - low)
    allowed += _ROUNDING_REL * abs(estimate.value)
    return abs(estimate.low - low) <= allowed and abs(estimate.high - high) <= allowed
