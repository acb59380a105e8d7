"""The doubts of a projection about its own inputs and answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from energybench.model import (
    Claim,
    Comparison,
    Doubt,
    Estimate,
    EvidenceCount,
    Input,
    Unknown,
    has_stamp,
)
from energybench.projecting import mix
from energybench.projecting.scenario import Scenario, ScenarioInput

_EVIDENCE_CODES: Mapping[
    Literal["inferred", "assumed", "unstated"],
    Literal["inferred-inputs", "assumed-inputs", "unstated-inputs"],
] = {
    "inferred": "inferred-inputs",
    "assumed": "assumed-inputs",
    "unstated": "unstated-inputs",
}

_SOURCE = {
    "inferred": ", not read in a source",
    "assumed": ", not read in a source",
    "unstated": " (the scenario does not say whether they were seen, inferred or assumed)",
}
_OWN_VALUES = "state values of your own, with low and high"
_REMEDY = {
    "inferred": _OWN_VALUES,
    "assumed": _OWN_VALUES,
    "unstated": 'state evidence = "seen", "inferred" or "assumed" for each of them',
}


def of_inputs(
    scenario: Scenario,
    comparisons: Sequence[Comparison],
    stated: Sequence[ScenarioInput],
    used: Sequence[Input | Unknown],
    claims: Sequence[Claim],
) -> Iterable[Doubt]:
    """Doubts about the inputs.

    stated  inputs of the scenario that no comparison replaced
    used    base inputs and open quantities of the projection, as its stamps count them
    """
    if any(mix.assumed(comparison) for comparison in comparisons):
        yield Doubt(
            code="time-x-assumed-power",
            message=(
                "a side has no energy sensor: this carries times x assumed powers through the "
                "scenario"
            ),
            remedy="open a sensor on that side: `energybench doctor`",
        )
    unmeasured = [entry.words for entry in stated if entry.measured]
    if unmeasured and (comparisons or scenario.model == "fleet"):
        yield _not_measured(unmeasured, bool(comparisons))
    if any(claim.tested for claim in claims):
        yield Doubt(
            code="claims-with-own-inputs",
            message=(
                "inputs of the published claims were replaced by the comparison: the claims are "
                f"tested against {_tested_against(comparisons)}"
            ),
            remedy="without a comparison the claims are tested against their own inputs",
        )
    yield from _of_other_work(scenario, comparisons)
    yield from _of_other_applications(scenario, comparisons)
    yield from _of_evidence(used)


def _tested_against(comparisons: Sequence[Comparison]) -> str:
    """'measured values', or the values of a recording or of a power model."""
    kinds = []
    if any(comparison.replayed for comparison in comparisons):
        kinds.append("values of a recording, not measured here")
    if any(mix.assumed(comparison) for comparison in comparisons):
        kinds.append("values of times x assumed powers")
    if any(has_stamp(comparison.stamps, "partly-estimated") for comparison in comparisons):
        kinds.append("partly estimated values")
    return ", and ".join(kinds) or "measured values"


def _not_measured(labels: Sequence[str], compared: bool) -> Doubt:
    reason = "not in the comparison" if compared else "no comparison was given"
    return Doubt(
        code="comparison-incomplete",
        message=f"{reason}: the scenario's own values stand for {', '.join(labels)}",
        remedy="--idle 60 on both sides" if compared else "energybench compare A B --json",
    )


def _of_other_work(scenario: Scenario, comparisons: Sequence[Comparison]) -> Iterable[Doubt]:
    """Doubt about comparisons whose labels name an application that their runs did not run."""
    for comparison in comparisons:
        for name in scenario.claimable:
            workload = mix.contradicting_workload(comparison, name)
            if workload and mix.is_called(comparison, name):
                yield Doubt(
                    code="label-contradicts-workload",
                    message=(
                        f"{mix.label(comparison)}: labelled as {name}, and its runs record the "
                        f"workload {workload}: no claim about {name} is tested against it"
                    ),
                    remedy=f"compare runs of {name}, or give the label of the work that was run",
                )


def _of_other_applications(
    scenario: Scenario, comparisons: Sequence[Comparison]
) -> Iterable[Doubt]:
    """Doubt about comparisons whose labels name none of the scenario's applications."""
    others = [
        mix.label(comparison)
        for comparison in comparisons
        if not any(mix.is_called(comparison, name) for name in scenario.applications)
    ]
    if scenario.applications and others:
        yield Doubt(
            code="other-application",
            message=(
                f"{', '.join(others)}: by its labels none of the scenario's applications "
                f"({', '.join(scenario.applications)}): answers and claims that use its ratio or "
                "powers are about other work than the scenario"
            ),
            remedy=(
                "compare runs of these applications, each with the application's name as the first "
                "word of its label"
            ),
        )


def _of_evidence(inputs: Sequence[Input | Unknown]) -> Iterable[Doubt]:
    count = EvidenceCount(inputs)
    for evidence, code in _EVIDENCE_CODES.items():
        if labels := count.labels(evidence):
            yield Doubt(
                code=code,
                message=f"{count.words(evidence)}{_SOURCE[evidence]}: {', '.join(labels)}",
                remedy=_REMEDY[evidence],
            )


def of_saving(saved_mwh: Estimate | None, comparisons: Sequence[Comparison]) -> Iterable[Doubt]:
    """Doubt about a saving whose interval contains 0, or lacks the scatter of a side that ran
    once.
    """
    single = [mix.label(comparison) for comparison in comparisons if not comparison.scatter_known]
    if single:
        yield Doubt(
            code="saving-not-shown",
            message=f"the run-to-run scatter of {', '.join(single)} is not known, and the interval "
            "lacks it: a saving is not shown",
            remedy="compare runs with --repeats 8 on both sides",
        )
        return
    if saved_mwh is not None and saved_mwh.low <= 0 <= saved_mwh.high:
        yield Doubt(
            code="saving-not-shown",
            message="the interval of the energy saved contains 0: a saving is not shown",
            remedy="the largest effects of the energy saved name the inputs to know better",
        )
