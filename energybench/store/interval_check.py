"""Whether the interval of an estimate follows from its effects.

The interval in a file was made by `effects.combine` from the effects that stand beside it. If
somebody changed effects or ends, they no longer give each other. Most intervals are checked without
drawing, and without numpy: quantiles of independent effects add nearly in squares.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from energybench.model import Effect, Estimate, Measurement

# Of the width: the order of the stored effects changes the draws of `combine`, by 2 % of the width
# at most in 2 394 stored runs of 1 to 24 nodes. A judgement: two and a half times that.
_TOLERANCE = 0.05
# Ends in floating point numbers, relative to the value: as the totals of `contradictions`.
_ROUNDING_REL = 1e-6
_BOUND = math.sqrt(12.0)  # reach of a bound with u = 1, as in model.Effect
# 97.5 % quantiles of effects with u = 1
_NORMAL, _RECTANGULAR = 1.959964, 0.95 * math.sqrt(3.0)


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
    reach = math.sqrt(sum(_quantile(term) ** 2 for term in estimate.effects))
    below, above = (
        _BOUND * sum(abs(term.u) for term in estimate.effects if _is_bound(term, upward=upward))
        for upward in (False, True)
    )
    value = estimate.value
    if _agrees(estimate, value - reach - below, value + reach + above):
        return None
    # numpy, for the few intervals that have to be drawn
    from energybench.analysis.uncertainty.effects import combine

    drawn = combine(value, estimate.effects)
    return None if _agrees(estimate, drawn.low, drawn.high) else (drawn.low, drawn.high)


def _is_bound(term: Effect, *, upward: bool) -> bool:
    return term.distribution == "bound" and (term.u > 0) is upward


def _quantile(term: Effect) -> float:
    """97.5 % quantile of one effect; 0 of a bound."""
    if term.distribution == "bound":
        return 0.0
    if term.distribution == "rectangular":
        return _RECTANGULAR * term.u
    if term.distribution == "student" and term.dof:
        return _student(term.dof) * term.u
    return _NORMAL * term.u


def _student(dof: float) -> float:
    """97.5 % quantile of Student's t: Abramowitz and Stegun 26.7.5, exact for 1 and 2 degrees of
    freedom, within 0.2 % for 3 and more.
    """
    if dof <= 1:
        return math.tan(0.475 * math.pi)
    if dof <= 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    z = _NORMAL
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / dof**power for power, term in enumerate(terms))


def _agrees(estimate: Estimate, low: float, high: float) -> bool:
    """Whether both ends are those stated, to the tolerance."""
    if estimate.low == 0.0:
        low = max(low, 0.0)
    allowed = _TOLERANCE * max(estimate.high - estimate.low, high - low)
    allowed += _ROUNDING_REL * abs(estimate.value)
    return abs(estimate.low - low) <= allowed and abs(estimate.high - high) <= allowed
