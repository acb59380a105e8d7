"""Published claims against the figures that their inputs give."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN, Z95
from energybench.errors import BadInput
from energybench.model import (
    Claim,
    ClaimKind,
    ClaimOperator,
    ClaimVerdict,
    Estimate,
    Input,
    MeanValue,
    Solution,
)
from energybench.projecting import claim_reasons, figure_texts
from energybench.projecting.claim_frames import ClaimFrames, Derivation
from energybench.projecting.claim_reasons import Fit
from energybench.projecting.claim_solution import OpenClaim, OpenLine, Solved
from energybench.projecting.line_chain import LineChain
from energybench.projecting.open_claims import solve
from energybench.projecting.scenario import PublishedClaim, ScenarioUnknown
from energybench.value_ranges import show_range

_OPERATORS: Mapping[str, ClaimOperator] = {
    "=": "=",
    "at least": "at-least",
    "at most": "at-most",
    "up to": "up-to",
    "about": "about",
}
_KINDS: Mapping[str, ClaimKind] = {
    "published": "published",
    "plausibility check": "plausibility-check",
}
_TO_THE_END = math.sqrt(3.0)  # standard deviations from the middle of a uniform range to its end
_NOT_PUBLISHED = "its inputs were not published"
_OTHER_WORK = (
    "no comparison is of one of the applications of this scenario: there is nothing to test the "
    "figure against"
)


class CheckedClaims(NamedTuple):
    """All claims, and the solution of those that depend on unknowns.

    inputs  base inputs of claims and of lines over unknowns, as the scenario states them
    """

    claims: tuple[Claim, ...]
    solution: Solution | None
    inputs: tuple[Input, ...]


def check_claims(
    claims: Sequence[PublishedClaim],
    unknowns: Sequence[ScenarioUnknown],
    frames: ClaimFrames,
    chain: LineChain,
) -> CheckedClaims:
    """Each claim against the figure that its inputs give; claims that depend on unknowns are solved
    together. Raises BadInput.
    """
    derived: dict[str, tuple[Derivation, ...]] = {}
    other_work = set[str]()
    for claim in claims:
        if claim.derived is not None:
            formula = chain.check(claim.derived, _key(chain, claim))
            _check_unit(claim, chain)
            derived[claim.name] = frames.derivations(claim, formula)
            if not derived[claim.name] and frames.is_of_other_work(formula):
                other_work.add(claim.name)
    unsolved = [
        OpenClaim(claim, derived[claim.name][-1])
        for claim in claims
        if derived.get(claim.name) and derived[claim.name][-1].unknowns
    ]
    lines = _open_lines(chain)
    outcome = solve(unknowns, unsolved, lines, chain) if unsolved else None
    writer = _Writer(chain, outcome.solution if outcome else None)
    tested = []
    for claim in claims:
        ways = derived.get(claim.name, ())
        if not ways:
            tested.append(writer.underived(claim, of_other_work=claim.name in other_work))
        elif outcome is not None and claim.name in outcome.claims:
            tested.append(writer.solved(claim, outcome.claims[claim.name], ways[-1]))
        else:
            key = _key(chain, claim)
            values = [(way, way.estimate(key)) for way in ways]
            tested.append(writer.derived(claim, values))
    used = [way for ways in derived.values() for way in ways]
    if outcome is not None:
        implied = {entry.name for entry in outcome.solution.implied}
        used += [line.derivation for line in lines if line.name in implied]
    inputs = (entry for way in used for _, entry in way.inputs if not entry.is_compared)
    return CheckedClaims(
        tuple(tested), outcome.solution if outcome else None, tuple(dict.fromkeys(inputs))
    )


def _key(chain: LineChain, claim: PublishedClaim) -> str:
    return f"{chain.where}: claims.{claim.name}.derived"


def _check_unit(claim: PublishedClaim, chain: LineChain) -> None:
    """Raises BadInput if a claim is derived from a single quantity in another unit: 588 kWh are not
    588 MWh. Units of other formulas are not known.
    """
    name = claim.derived.strip() if claim.derived is not None else ""
    unit = chain.unit(name)
    if unit is not None and unit != claim.unit:
        raise BadInput(
            f"{chain.where}: claims.{claim.name}.unit",
            f"is {claim.unit!r}, and that of {name} is {unit!r}",
            f"unit = {unit!r}, or a formula that converts {name}",
        )


def _open_lines(chain: LineChain) -> list[OpenLine]:
    lines = []
    for step, formula in chain.formulas.values():
        if step.name not in chain.estimates and step.name not in chain.left_out:
            replaced = chain.is_replaced(chain.needs(formula))
            note = figure_texts.kept(step.note, replaced, chain.shown)
            label = figure_texts.kept(step.label, replaced, chain.shown)
            derivation = Derivation(formula, (chain,))
            lines.append(OpenLine(step.name, label, step.unit, note, derivation))
    return lines


def _fit(claim: PublishedClaim, derived: Estimate) -> Fit:
    """Whether a figure is consistent with a derived interval. An equation needs any common value;
    an inequality must hold for the derived value itself.
    """
    low, high = claim.band
    if derived.high < low or derived.low > high:
        return "none"
    if claim.op in ("=", "about") or low <= derived.value <= high:
        return "value"
    return "part"


def _is_possible(claim: PublishedClaim, derived: Estimate) -> bool:
    """Whether a figure holds for a value within all stated ranges at once: an interval of 95 %
    leaves out the ends of a range, and the ends do not contradict the publication.
    """
    low, high = claim.band
    below = above = 0.0
    squares = 0.0
    for effect in derived.effects:
        if effect.distribution == "rectangular":
            below, above = below + abs(effect.u) * _TO_THE_END, above + abs(effect.u) * _TO_THE_END
        elif effect.distribution == "bound":
            reach = effect.u * BOUND_SPAN
            below, above = below + max(-reach, 0.0), above + max(reach, 0.0)
        else:
            squares += effect.u**2
    random = Z95 * math.sqrt(squares)
    return derived.value - below - random <= high and derived.value + above + random >= low


class _Writer:
    """Claims with verdict and reason."""

    def __init__(self, chain: LineChain, solution: Solution | None) -> None:
        self._chain = chain
        self._values: dict[str, str] = {}
        if solution is None:
            return
        for unknown in solution.unknowns:
            if unknown.solution is not None and not unknown.of:
                self._values[unknown.name] = show_range(*unknown.solution, unknown.unit)
        for entry in solution.implied:
            self._values[entry.name] = show_range(*entry.solution, entry.unit)

    def underived(self, claim: PublishedClaim, *, of_other_work: bool) -> Claim:
        why = _OTHER_WORK if of_other_work else claim.why_not or _NOT_PUBLISHED
        return self._claim(claim, None, "cannot-be-derived", why)

    def derived(
        self, claim: PublishedClaim, values: Sequence[tuple[Derivation, Estimate]]
    ) -> Claim:
        """A claim all of whose inputs are known: once, or under several means."""
        order: Sequence[Fit] = ("value", "part", "none")
        fits = [_fit(claim, value) for _, value in values]
        fit = min(fits, key=order.index)
        chosen = [entry for entry, one in zip(values, fits, strict=True) if one == fit]
        derivation, value = min(chosen, key=lambda entry: abs(entry[1].value - claim.claimed))

        verdict: ClaimVerdict = "consistent"
        needs: tuple[str, ...] = ()
        if fit != "value":
            seen = all(entry.evidence in ("seen", None) for _, entry in derivation.inputs)
            excluded = fit == "none" and not any(_is_possible(claim, one) for _, one in values)
            contradicts = excluded and seen and claim.kind == "published"
            verdict = "contradicts" if contradicts else "needs"
            needs = () if contradicts else (claim_reasons.needed(claim, value, derivation),)
        elif claim.circular:
            verdict, needs = "needs", (claim_reasons.CIRCULAR,)
        verdict, needs = claim_reasons.of_a_part(claim, derivation, verdict, needs)
        by_mean: tuple[MeanValue, ...] = ()
        if len(values) > 1:
            by_mean = tuple(
                MeanValue(mean=way.mean, value=one, holds=one_fit == "value")
                for (way, one), one_fit in zip(values, fits, strict=True)
            )
        why = self._why(claim, derivation, fits=fit == "value")
        if not why:
            why = claim_reasons.reason(claim, value, derivation, fit, by_mean)
        return self._claim(
            claim,
            value,
            verdict,
            why,
            needs=needs,
            by_mean=by_mean,
            tested=_tested(derivation),
            untested=derivation.untested,
        )

    def solved(self, claim: PublishedClaim, solved: Solved, derivation: Derivation) -> Claim:
        """A claim that depends on unknowns."""
        low, high = solved.reach
        value = None
        if all(map(math.isfinite, (low, solved.value, high))):
            value = Estimate(value=solved.value, low=low, high=high)
        verdict, needs = claim_reasons.verdict_of_solved(claim, solved)
        why = self._why(claim, derivation, fits=solved.holds)
        if not why or (claim.counts and solved.contested):
            why = claim_reasons.reason_of_solved(solved)
        tested = _tested(derivation)
        verdict, needs = claim_reasons.of_a_part(claim, derivation, verdict, needs)
        return self._claim(
            claim,
            value,
            verdict,
            why,
            needs=needs,
            tested=tested,
            untested=derivation.untested,
            fixes=solved.fixes,
            solved=True,
            excluded_by=solved.excluded_by,
        )

    def _why(self, claim: PublishedClaim, derivation: Derivation, *, fits: bool) -> str:
        """The scenario's own reason. It is about the scenario's own inputs: a claim that is tested
        against a comparison has none.
        """
        if derivation.replaced:
            return ""
        text = claim.why_fits if fits else claim.why_not
        return figure_texts.filled(text, self._shown)

    def _shown(self, name: str) -> str:
        return self._values.get(name) or self._chain.shown(name)

    def _claim(
        self,
        claim: PublishedClaim,
        derived: Estimate | None,
        verdict: ClaimVerdict,
        why: str,
        *,
        needs: Iterable[str] = (),
        by_mean: tuple[MeanValue, ...] = (),
        tested: str = "",
        untested: tuple[str, ...] = (),
        fixes: tuple[str, ...] = (),
        solved: bool = False,
        excluded_by: tuple[str, ...] = (),
    ) -> Claim:
        return Claim(
            name=claim.name,
            claimed=claim.claimed,
            operator=_OPERATORS[claim.op],
            of=claim.of,
            kind=_KINDS[claim.kind],
            circular=claim.circular,
            fixes=fixes,
            solved=solved,
            derived=derived,
            by_mean=by_mean,
            tested=tested,
            untested=untested,
            verdict=verdict,
            why=figure_texts.filled(why, self._shown),
            needs=tuple(needs),
            excluded_by=excluded_by,
            unit=claim.unit,
            source=claim.source,
        )


def _tested(derivation: Derivation) -> str:
    return derivation.tested if derivation.replaced else ""
