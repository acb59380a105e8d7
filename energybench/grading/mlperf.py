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
_NOT_PART = "not part of energybench: the power workflow makes and checks it"
_LEAST_SCORED = 3  # runs, of which the best and the worst are left out
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
            aspect("files and scoring", "", (_olympic(measurement), _node_files(measurement))),
        ),
    )


def inference(measurement: Measurement, facts: Facts) -> RuleBook:
    at_the_wall = metered(measurement, facts) and measurement.boundary.name == "node-ac"
    wall = Check(
        asked="AC power at the wall",
        found=measuring_point(measurement, facts),
        result="pass" if at_the_wall else "fail",
    )
    proof = tuple(
        Check(asked=requirement, found=_NOT_PART, result="unknown")
        for requirement in (
            "an analyser on the list of the power workflow, a ranging run and a testing run",
            "analyzer_table and power_settings files, all logs, digests of the sources",
            "clocks of client and server within 200 ms, the LoadGen window inside the readings",
            "the checker's proof, and a run that can be repeated by others",
        )
    )
    return _book(
        "MLPerf® Inference power",
        "MLPerf® Inference power measurement rules 2.0 (5 January 2022)",
        "https://github.com/mlcommons/inference_policies",
        (
            aspect("point of measurement", "", (wall,)),
            aspect("score", "", (_same_run(measurement, facts),)),
            aspect("proof", "", proof),
        ),
    )


def _book(name: str, edition: str, source: str, aspects: tuple[Aspect, ...]) -> RuleBook:
    """A book without levels: a measurement conforms, or does not conform. A failed aspect decides,
    whatever the unknown aspects are.
    """
    failed = [entry.name for entry in aspects if entry.result == "fail"]
    unknown = [entry.name for entry in aspects if entry.result == "unknown"]
    verdict = "does not conform" if failed else "conforms"
    return RuleBook(
        name=name,
        edition=edition,
        source=source,
        aspects=aspects,
        gives=None if unknown and not failed else verdict,
        why=why(failed, "fails in", unknown, ""),
        notes=(ACCURACY_NOTE,),
        legend=_LEGEND,
    )


def _olympic(measurement: Measurement) -> Check:
    """Scores are means without the best and the worst run; energybench takes the mean of all."""
    requirement = (
        "Olympic scoring: the mean without the best and the worst run, over the same runs as the "
        "performance score"
    )
    repeats = len(measurement.repeats)
    if repeats < _LEAST_SCORED:
        finding = f"{counted(repeats, 'repeat')}: fewer than {_LEAST_SCORED} leave no score"
        return Check(asked=requirement, found=finding, result="fail")
    finding = (
        f"the energy is the mean of all {counted(repeats, 'repeat')}; which of them are runs of "
        "the score is not recorded"
    )
    return Check(asked=requirement, found=finding, result="unknown")


def _node_files(measurement: Measurement) -> Check:
    """The package checker wants a file for each node and each switch, as many in each run."""
    finding = (
        f"energybench writes neither; the readings of {counted(measurement.nodes, 'node')} are in "
        "the run (`energybench grade RUN --series DIR`), and no switch is metered"
    )
    requirement = "a node_x file for each node and an sw_x file for each switch, in each result"
    return Check(asked=requirement, found=finding, result="unknown")


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
