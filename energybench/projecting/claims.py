"""Published claims against the values that their inputs give."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import Claim, Estimate
from energybench.projecting.line_chain import LineChain
from energybench.projecting.scenario import PublishedClaim


def check_claim(
    claim: PublishedClaim, chain: LineChain, replaced: Sequence[str], where: str
) -> Claim:
    """A claim fits if the derived interval contains the claimed figure, or if the derived value
    differs by no more than the rounding of the claim.

    replaced  inputs whose values a comparison gave: a reason in the scenario is about the
              scenario's own inputs, and is not repeated for a claim derived from such an input
    """
    if claim.derived is None:
        return _claim(claim, None, None, claim.why_not or "its inputs were not published")
    derived, names = chain.derive(claim.derived, f"{where}: claims.{claim.name}.derived")
    contained = derived.low <= claim.claimed <= derived.high
    near = abs(derived.value - claim.claimed) <= claim.tolerance * abs(claim.claimed)
    fits = contained or near

    if contained:
        reason = "the derived interval contains the claim"
    elif near:
        reason = f"the derived value is within {claim.tolerance:.2g} of the claim"
    else:
        reason = "the derived interval does not contain the claim"
    measured = [name for name in replaced if name in names]
    if measured:
        reason = f"with the comparison's {', '.join(measured)}: {reason}"
    else:
        reason = (claim.why_fits if fits else claim.why_not) or reason
    return _claim(claim, derived, fits, reason)


def _claim(
    claim: PublishedClaim, derived: Estimate | None, fits: bool | None, reason: str
) -> Claim:
    return Claim(
        name=claim.name,
        claimed=claim.claimed,
        derived=derived,
        fits=fits,
        why=reason,
        unit=claim.unit,
        source=claim.source,
    )
