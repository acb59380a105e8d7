"""The power rules of MLPerf Training and of MLPerf Inference.

Sources: power_measurement.adoc of mlcommons/training_policies, and of mlcommons/inference_policies.
"""

from __future__ import annotations

from energybench.grading.checks import (
    ACCURACY_NOTE,
    accuracy,
    all_nodes,
    aspect,
    interconnect,
    measuring_point,
    metered,
    power_check,
    sample_count,
    sampling_rate,
    why,
)
from energybench.grading.facts import Facts
from energybench.model import Aspect, Check, Measurement, RuleBook
from energybench.units import counted

_SAMPLES, _ACCURACY = 60, 5.0  # samples in a run; %
# As the owner asks of everybody who uses the name: mlcommons/policies, MLPerf Results Messaging
# Guidelines (28 April 2026).
_LEGEND = (
    "This is not an MLPerf® result or submission, and not verified by MLCommons Association. The "
    "MLPerf® name and logo are registered and unregistered trademarks of MLCommons Association in "
    "the United States and other countries. All rights reserved. Unauthorized use strictly "
    "prohibited. See www.mlcommons.org for more information."
)


def training(measurement: Measurement, facts: Facts) -> RuleBook:
    network = interconnect(
        measurement, "measured, or taken at its specified maximum", estimates=True
    )
    count = sample_count(facts, _SAMPLES, "samples in a run, which may be lengthened")
    meter = accuracy(facts, _ACCURACY, "a meter, shown against a reference at 1 Hz,")
    return _book(
        "MLPerf® Training power",
        "power_measurement.adoc of mlcommons/training_policies",
        "https://github.com/mlcommons/training_policies",
        (
            aspect("nodes", "", (all_nodes(measurement, facts),)),
            aspect("interconnect", "", (network,)),
            aspect("point of measurement", "", (_power_supply(measurement, facts),)),
            aspect("sampling", "", (sampling_rate(facts), count)),
            aspect("accuracy", "", (meter,)),
            aspect("score", "", (_summed(facts), _same_run(measurement, facts))),
        ),
    )


def inference(measurement: Measurement, facts: Facts) -> RuleBook:
    at_the_wall = metered(measurement, facts) and measurement.boundary.name == "node-ac"
    wall = Check(
        asked="AC power at the wall",
        found=measuring_point(measurement, facts),
        result="pass" if at_the_wall else "fail",
    )
    proof = Check(
        asked="the power workflow's own analyser, and its checker's proof",
        found="neither is part of energybench",
        result="unknown",
    )
    return _book(
        "MLPerf® Inference power",
        "MLPerf® Inference power measurement rules 2.0 (5 January 2022)",
        "https://github.com/mlcommons/inference_policies",
        (
            aspect("point of measurement", "", (wall,)),
            aspect("score", "", (_same_run(measurement, facts),)),
            aspect("proof", "", (proof,)),
        ),
    )


def _book(name: str, edition: str, source: str, aspects: tuple[Aspect, ...]) -> RuleBook:
    """A book without levels: a measurement conforms, or does not conform."""
    failed = [entry.name for entry in aspects if entry.result == "fail"]
    unknown = [entry.name for entry in aspects if entry.result == "unknown"]
    verdict = "does not conform" if failed else "conforms"
    return RuleBook(
        name=name,
        edition=edition,
        source=source,
        aspects=aspects,
        gives=None if unknown else verdict,
        why=why(failed, "fails in", unknown, ""),
        notes=(ACCURACY_NOTE,),
        legend=_LEGEND,
    )


def _power_supply(measurement: Measurement, facts: Facts) -> Check:
    return Check(
        asked="node power at the power supplies or the rack's PDU",
        found=measuring_point(measurement, facts),
        result="pass" if metered(measurement, facts) else "fail",
    )


def _summed(facts: Facts) -> Check:
    finding = "; ".join(facts.gaps) or "counters, or power readings integrated over each repeat"
    requirement = "energy as the sum of power x time"
    return power_check(facts, requirement, finding, "fail" if facts.gaps else "pass")


def _same_run(measurement: Measurement, facts: Facts) -> Check:
    finding = facts.cut or (
        f"time and energy of the same {counted(len(measurement.repeats), 'repeat')}"
    )
    requirement = "performance and power from the same run"
    return power_check(facts, requirement, finding, "fail" if facts.cut else "pass")
