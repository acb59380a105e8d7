"""Rows of a projection: savings, lines, inputs, claims, solution, sensitivity."""

from __future__ import annotations

from collections.abc import Iterator

from energybench.model import (
    Claim,
    MeanValue,
    Projection,
    Sensitivity,
    Solution,
    carbon_basis,
    is_of_recording,
    verdict_words,
)
from energybench_reports.tables.row import Result, Row, codes, estimate, exact, limits, line, words


def rows(projection: Projection) -> Iterator[Row]:
    about = Result(
        kind="projection",
        result=line(projection.scenario),
        label=line(projection.title),
        boundary=projection.boundary or "",
        doubts=codes(projection.doubts),
        stamps=codes(projection.stamps),
        stamped=words(projection.stamps),
        replayed=projection.replayed,
    )
    currency = projection.currency or ""
    yield estimate(about, "saved_energy_per_month", projection.saved_mwh_per_month, "MWh")
    yield estimate(about, "saved_cost_per_month", projection.saved_cost_per_month, currency)
    basis, carbon = carbon_basis(projection), projection.saved_tco2e_per_month
    yield estimate(about, "saved_co2e_per_month", carbon, "t", source=basis)
    for step in projection.lines:
        yield estimate(about, "line", step.value, step.unit, of=step.name, source=step.formula)
    yield from _inputs(about, projection)
    for claim in projection.claims:
        yield from _claim(about, claim, recorded=is_of_recording(claim, projection))
    if projection.solution is not None:
        yield from _solution(about, projection.solution)
    if projection.sensitivity is not None:
        yield from _sensitivity(about, projection.sensitivity)


def _inputs(about: Result, projection: Projection) -> Iterator[Row]:
    """Each input once, those of claims alone last; values of earlier lines are lines."""
    for entry in projection.base_inputs:
        evidence = entry.evidence or ""
        if entry.stated is not None:
            # as stated, and never as the interval that the arithmetic makes of the range
            yield limits(
                about,
                "input",
                entry.stated,
                entry.unit,
                value=entry.value.value,
                of=entry.name,
                verdict=entry.range or "",
                evidence=evidence,
                source=entry.source,
            )
            continue
        yield estimate(
            about,
            "input",
            entry.value,
            entry.unit,
            of=entry.name,
            evidence=evidence,
            source=entry.source,
        )


def _under_one_mean(claim: Claim, one: MeanValue) -> str:
    """A figure over several applications that was tested with some of them is left open."""
    if claim.untested:
        return "needs"
    return "consistent" if one.holds else "contradicts"


def _claim(about: Result, claim: Claim, *, recorded: bool) -> Iterator[Row]:
    """The published figure, exact as published, and the derived one.

    recorded  whether the derived figure is that of a recording
    """
    published = "claim_plausibility" if claim.kind == "plausibility-check" else "claim_published"
    yield exact(
        about,
        published,
        claim.claimed,
        claim.unit,
        of=claim.name,
        variant=claim.of,
        verdict=claim.operator,
        source=claim.source,
    )
    fixes = claim.fixes and claim.verdict == "consistent"
    verdict = verdict_words("fixes" if fixes else claim.verdict, replayed=recorded)
    if claim.solved and claim.derived is not None:
        # over all solutions, and never as an interval with a probability
        yield limits(
            about,
            "claim_derived",
            (claim.derived.low, claim.derived.high),
            claim.unit,
            value=claim.derived.value,
            of=claim.name,
            variant=claim.of,
            verdict=verdict,
            source=claim.why,
        )
    else:
        yield estimate(
            about,
            "claim_derived",
            claim.derived,
            claim.unit,
            of=claim.name,
            variant=claim.of,
            verdict=verdict,
            source=claim.why,
        )
    for one in claim.by_mean:
        yield estimate(
            about,
            "claim_derived",
            one.value,
            claim.unit,
            of=claim.name,
            variant=one.mean,
            verdict=verdict_words(_under_one_mean(claim, one), replayed=recorded),
        )


def _solution(about: Result, solution: Solution) -> Iterator[Row]:
    for unknown in solution.unknowns:
        yield limits(
            about,
            "unknown_plausible",
            unknown.plausible,
            unknown.unit,
            of=unknown.name,
            variant=unknown.of,
            evidence=unknown.evidence,
            source=unknown.source,
        )
        yield limits(
            about,
            "unknown_solution",
            unknown.solution,
            unknown.unit,
            value=unknown.best,
            of=unknown.name,
            variant=unknown.of,
        )
    for entry in solution.implied:
        yield limits(
            about,
            "implied",
            entry.solution,
            entry.unit,
            value=entry.best,
            of=entry.name,
            source=entry.formula,
        )
    for tension in solution.tensions:
        yield limits(
            about,
            "unknown_needed",
            tension.needed,
            tension.unit,
            of=f"{tension.unknown} of {tension.of}" if tension.of else tension.unknown,
            variant=tension.claim,
            source=tension.why,
        )


def _sensitivity(about: Result, sensitivity: Sensitivity) -> Iterator[Row]:
    for swing in sensitivity.swings:
        rises = swing.at_high >= swing.at_low
        yield limits(
            about,
            "swing",
            (swing.at_low, swing.at_high),
            swing.unit,
            of=swing.answer,
            variant=swing.input,
            verdict="rises" if rises else "falls",
        )
        yield limits(
            about,
            "swing_input",
            swing.stated,
            swing.input_unit,
            of=swing.answer,
            variant=swing.input,
            evidence=swing.interval_of or "",
        )
    for even in sensitivity.break_evens:
        yield limits(
            about,
            "break_even",
            even.searched,
            even.unit,
            value=even.value,
            of=even.answer,
            variant=even.input,
            verdict="never" if even.value is None else "",
        )
    for question in sensitivity.questions:
        for name, answer, unit in question.answers:
            yield estimate(
                about,
                "at_equal_" + question.fixed,
                answer,
                unit,
                of=name,
                source=question.why,
            )
