"""The Energy Efficient HPC Working Group's power measurement methodology, levels 1 to 3.

Source: Energy Efficient High Performance Computing Power Measurement Methodology, version 2.0 RC
1.0 (its table of aspects and levels, and text/reporting.tex).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

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
    uncovered,
    why,
)
from energybench.grading.facts import Facts, at_least, figure
from energybench.grading.submission import submission
from energybench.model import Aspect, Check, Measurement, Passed, RuleBook
from energybench.units import show

LEVELS = ("1", "2", "3")
_CORE_S, _READINGS, _UNCOVERED_S = 60.0, 10, 10.0
_NODES, _FRACTION, _POWER_W = 15, {"1": 1 / 10, "2": 1 / 8}, {"1": 2e3, "2": 10e3}
_ENOUGH_W = 40e3  # level 1 alone: enough whatever the fraction of the machine
_ACCURACY = {"1": 5.0, "2": 2.0, "3": 1.0}  # %
_LOSS = {
    "1": "modelled with the maker's data",
    "2": "modelled with a power supply's measurement",
    "3": "measured at the same time",
}

_EDITIONS = (
    "This grade follows the released methodology 2.0 RC 1.0. The public repository already holds a "
    "Version 3.0, an internal working copy, which is not released and not graded here.",
    "Level 1's time span is the whole core phase, of at least 60 s; up to version 1.2 it was 20 % "
    "of it, or one minute.",
    "Uncovered at level 3: 10 s here; texts of version 2.0 differ between 2 s and 10 s.",
    "Version 1.2 asks for 1/10 of the machine or 2 kW (level 2: 1/8 or 10 kW) and knows neither 15 "
    "nodes nor 40 kW, no meter accuracy and no interconnect.",
    "A Green500 proposal of 2023 would let one sample a minute do, if there are ten.",
)


def eehpc(measurement: Measurement, facts: Facts, machine_nodes: int | None) -> RuleBook:
    """The measurement against every aspect at every level. `machine_nodes`: compute nodes of the
    whole machine; None: not known.
    """
    aspects = [
        entry for level in LEVELS for entry in _level(measurement, facts, level, machine_nodes)
    ]
    reached = _reached(aspects)
    decided = all(least == most for least, most in reached.values())
    level = min(least for least, _ in reached.values())
    grade = f"level {level}" if level else "no level"
    return RuleBook(
        name="EE HPC WG",
        edition="Energy Efficient HPC Working Group power measurement methodology 2.0 RC 1.0",
        source="https://github.com/EEHPCWG/PowerMeasurementMethodology",
        aspects=(*aspects, submission(measurement, facts, machine_nodes)),
        gives=grade if decided else None,
        why=_explanation([entry for entry in aspects if entry.level == "1"], reached),
        notes=(*_EDITIONS, ACCURACY_NOTE),
    )


def _explanation(level_1: Sequence[Aspect], reached: Mapping[str, tuple[int, int]]) -> str:
    failed = [entry.name for entry in level_1 if entry.result == "fail"]
    passed = all(entry.result == "pass" for entry in level_1)
    undecided = [name for name, (least, most) in reached.items() if least < most]
    return why(failed, "fails level 1 in", undecided, "passes level 1" if passed else "")


def _level(
    measurement: Measurement, facts: Facts, level: str, machine_nodes: int | None
) -> list[Aspect]:
    point = (_upstream(measurement, facts, level), accuracy(facts, _ACCURACY[level], "a meter"))
    fraction = (_fraction(measurement, facts, level, machine_nodes),)
    return [
        aspect("1 granularity and time span", level, _timespan(measurement, facts, level)),
        aspect("2 machine fraction", level, fraction),
        aspect("3 subsystems", level, _subsystems(measurement, facts, level)),
        aspect("4 point and accuracy", level, point),
    ]


def _reached(aspects: Sequence[Aspect]) -> dict[str, tuple[int, int]]:
    """By name, the lowest and the highest level that an aspect may reach; the two differ if an
    unknown result decides.
    """
    results: dict[str, list[Passed]] = {}
    for entry in aspects:
        results.setdefault(entry.name, []).append(entry.result)
    return {
        name: (_levels_up(levels, {"pass"}), _levels_up(levels, {"pass", "unknown"}))
        for name, levels in results.items()
    }


def _levels_up(results: Sequence[Passed], accepted: set[Passed]) -> int:
    """How many levels from the first have an accepted result."""
    return len(list(itertools.takewhile(lambda result: result in accepted, results)))


# ---------------------------------------------------------------- aspect 1: time


def _timespan(measurement: Measurement, facts: Facts, level: str) -> tuple[Check, ...]:
    core = Check(
        asked=f"a core phase of at least {_CORE_S:g} s",
        found=f"shortest repeat {figure(facts.shortest_s, _CORE_S, least=True)} s",
        result=at_least(facts.shortest_s, _CORE_S),
    )
    average = power_check(
        facts,
        "average over the whole core phase",
        facts.cut or "; ".join(facts.gaps) or "every repeat from start to end",
        "fail" if facts.cut or facts.gaps else "pass",
    )
    if level == "1":
        return core, sampling_rate(facts), average
    readings = sample_count(facts, _READINGS, "readings in the core phase")
    shared = (core, average, readings, _full_run(measurement, facts), _idle(measurement, facts))
    if level == "2":
        return *shared, sampling_rate(facts)
    return *shared, _integrated(facts), uncovered(facts, _UNCOVERED_S)


def _full_run(measurement: Measurement, facts: Facts) -> Check:
    requirement = "power of the full run"
    if facts.cut:
        return Check(asked=requirement, found=facts.cut, result="fail")
    if measurement.workload is None:
        return power_check(facts, requirement, "the program from start to end", "pass")
    finding = "the result holds the repeats; set-up and checks around them are in its samples only"
    return power_check(facts, requirement, finding, "unknown")


def _idle(measurement: Measurement, facts: Facts) -> Check:
    idle_w = measurement.idle_power_w
    finding = show(idle_w, "W") if idle_w else "not measured: --idle SECONDS"
    return power_check(facts, "idle power", finding, "pass" if idle_w else "fail")


def _integrated(facts: Facts) -> Check:
    requirement = (
        "continuously integrated energy, sampled at least 100 times a second within the meter"
    )
    finding = (
        "; ".join(facts.partial)
        or "counters that integrate; how often they sample inside is not published"
    )
    return power_check(facts, requirement, finding, "fail" if facts.partial else "unknown")


# ---------------------------------------------------------------- aspect 2: fraction of the machine


def _fraction(
    measurement: Measurement, facts: Facts, level: str, machine_nodes: int | None
) -> Check:
    # the power of a measurement is that of one node
    power_w = measurement.power_w.value * measurement.nodes if measurement.power_w else 0.0
    nodes, least_w = measurement.nodes, _POWER_W.get(level, 0.0)
    requirement = _fraction_requirement(level, least_w)
    count = "1 node" if nodes == 1 else f"{nodes} nodes"
    finding = f"{count}, {figure(power_w / 1e3, least_w / 1e3, least=True)} kW"
    if level == "1" and power_w >= _ENOUGH_W:
        return power_check(facts, requirement, finding, "pass")
    if machine_nodes is None:
        finding += "; the machine's size is not known (`--machine-nodes`)"
        return power_check(facts, requirement, finding, "unknown")
    enough = nodes >= machine_nodes
    if level != "3" and not enough:
        least_nodes = max(_FRACTION[level] * machine_nodes, _NODES)
        enough = nodes >= least_nodes and power_w >= least_w
    return power_check(
        facts, requirement, f"{finding} of {machine_nodes}", "pass" if enough else "fail"
    )


def _fraction_requirement(level: str, least_w: float) -> str:
    if level == "3":
        return "the whole machine"
    requirement = (
        f"the largest of 1/{round(1 / _FRACTION[level])} of the compute nodes, "
        f"{least_w / 1e3:g} kW and {_NODES} nodes"
    )
    return f"{requirement}; or {_ENOUGH_W / 1e3:g} kW" if level == "1" else requirement


# ---------------------------------------------------------------- aspect 3: subsystems


def _subsystems(measurement: Measurement, facts: Facts, level: str) -> tuple[Check, ...]:
    nodes = all_nodes(measurement, facts)
    if level == "3":
        network = interconnect(measurement, "measured", estimates=False)
        return (
            nodes,
            network,
            _not_recorded("storage, head nodes and cooling that take part, measured"),
        )
    network = interconnect(measurement, "measured, or estimated", estimates=True)
    if level == "1":
        return nodes, network
    rest = _not_recorded("other subsystems that take part, measured or estimated")
    return nodes, network, rest


def _not_recorded(requirement: str) -> Check:
    return Check(asked=requirement, found="not recorded", result="unknown")


# ---------------------------------------------------------------- aspect 4: point of measurement


def _upstream(measurement: Measurement, facts: Facts, level: str) -> Check:
    passed = measurement.boundary.name == "node-ac" and metered(measurement, facts)
    finding = measuring_point(measurement, facts)
    if not passed and not facts.unmeasured:
        finding += "; its loss is not in the result"
    return Check(
        asked=f"upstream of power conversion, or its loss {_LOSS[level]}",
        found=finding,
        result="pass" if passed else "fail",
    )
