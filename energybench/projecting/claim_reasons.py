"""Why a published figure holds or does not hold, and what it would need, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from energybench.model import ClaimVerdict, Estimate, MeanValue
from energybench.projecting.claim_frames import Derivation
from energybench.projecting.claim_solution import Solved
from energybench.projecting.scenario import PublishedClaim
from energybench.units import show_beside, show_figure

_OPERATOR_WORDS = {
    "=": "",
    "about": "about ",
    "at least": "at least ",
    "at most": "at most ",
    "up to": "at most ",
}
CIRCULAR = "inputs that were inferred from the figure itself"
# whether an interval holds a figure: everywhere, at the value, in a part only, nowhere
Fit = Literal["value", "part", "none"]


def of_a_part(
    claim: PublishedClaim, derivation: Derivation, verdict: ClaimVerdict, needs: tuple[str, ...]
) -> tuple[ClaimVerdict, tuple[str, ...]]:
    """Verdict and needs of a figure over several applications: comparisons of a part of the
    applications do not confirm it, and refute only a limit for every application.
    """
    if not derivation.untested or (claim.op == "up to" and not claim.of and needs):
        return verdict, needs
    return "needs", (f"comparisons of {', '.join(derivation.untested)} as well", *needs)


def verdict_of_solved(
    claim: PublishedClaim, solved: Solved
) -> tuple[ClaimVerdict, tuple[str, ...]]:
    """Verdict and needs of a figure that depends on unknowns. Only a published figure that is not
    circular contradicts the others.
    """
    if solved.holds:
        return ("needs", (CIRCULAR,)) if claim.circular else ("consistent", ())
    needs = tuple(tension.why for tension in solved.tensions)
    if needs or claim.counts:
        return ("needs" if needs else "contradicts"), needs
    others = _named(solved.excluded_by) or "the published figures"
    return "needs", (f"values of the open quantities that {others} exclude",)


def reason_of_solved(solved: Solved) -> str:
    if solved.fixes:
        return (
            "no other figure tests the open quantity, and some value of it satisfies any figure "
            "near the published one"
        )
    if solved.holds:
        return "holds together with the other figures, with the values of the solution"
    others = f" together with {_named(solved.excluded_by)}" if solved.excluded_by else ""
    if solved.tensions:
        return f"no values in the plausible ranges satisfy it{others}"
    return (
        f"no values satisfy it{others}, not even if one of the open quantities leaves its "
        "plausible range"
    )


def _named(claims: Sequence[str]) -> str:
    """'"energy saved" and "money saved"'"""
    return " and ".join(f'"{name}"' for name in claims)


def needed(claim: PublishedClaim, value: Estimate, derivation: Derivation) -> str:
    """'at least 4 000 000 USD, where its inputs give 3 951 429 USD [2 090 000, 4 840 000]'"""
    giver = "the comparison gives" if derivation.replaced else "its inputs give"
    figure = show_figure(claim.claimed, claim.unit)
    derived = show_beside(value, claim.claimed, claim.unit)
    return f"{_OPERATOR_WORDS[claim.op]}{figure}, where {giver} {derived}"


def _only_by_tolerance(claim: PublishedClaim, value: float) -> bool:
    """Whether a value is on the other side of the limit that is claimed."""
    return value < claim.claimed if claim.op == "at least" else value > claim.claimed


def reason(
    claim: PublishedClaim,
    value: Estimate,
    derivation: Derivation,
    fit: Fit,
    by_mean: Sequence[MeanValue],
) -> str:
    if by_mean:
        holding = [mean.mean for mean in by_mean if mean.holds]
        if holding:
            reason = f"the mean is not said; it holds as the {' and the '.join(holding)} mean"
        else:
            reason = "the mean is not said; it holds under none of the three"
    elif fit == "part":
        reason = "only a part of the derived interval satisfies the claim, and its value does not"
    elif fit == "none":
        reason = "the derived interval does not contain the claim"
        if claim.op not in ("=", "about"):
            reason = "the derived interval does not satisfy the claim"
    elif claim.op in ("=", "about"):
        low, high = claim.band
        reason = "the derived interval contains the claim"
        if not value.low <= claim.claimed <= value.high:
            span = f"{show_figure(low)} to {show_figure(high)}"
            if low <= value.value <= high:
                reason = f"the derived value is within the rounding of the claim, {span}"
            else:
                reason = (
                    "the derived value is outside the rounding of the claim, "
                    f"{span}, and a part of its interval is inside"
                )
    elif _only_by_tolerance(claim, value.value):
        low, high = claim.band
        limit = (
            f"at least {show_figure(low)}" if math.isfinite(low) else f"at most {show_figure(high)}"
        )
        reason = f"the derived value satisfies the claim within its stated tolerance, {limit}"
    elif claim.op == "up to":
        reason = "the derived value is no more than the largest that is claimed"
    else:
        reason = "the derived value satisfies the claim"
    if not derivation.replaced:
        return reason
    return f"tested against {derivation.tested}: {reason}"
