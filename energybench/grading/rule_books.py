"""What the rule books of the field would say of a measurement: aspect by aspect, pass, fail or
unknown, with the figure and what is asked.

Sources: Energy Efficient HPC Working Group, Energy Efficient High Performance Computing Power
Measurement Methodology, version 2.0 RC 1.0 (its table of aspects and levels, and
text/reporting.tex); MLPerf Training, power_measurement.adoc of mlcommons/training_policies; MLPerf
Inference, power_measurement.adoc of mlcommons/inference_policies. Nothing here is a submission, and
no book is obliged to agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.grading.facts import Facts, at_least, at_most, facts, figure
from energybench.model import Aspect, Check, Grade, Measurement, Part, Passed, RuleBook
from energybench.units import show_value

LEVELS = ("1", "2", "3")
_CORE_S, _PER_S, _READINGS, _UNCOVERED_S = 60.0, 1.0, 10, 10.0
_NODES, _FRACTION, _POWER_W = 15, {"1": 1 / 10, "2": 1 / 8}, {"1": 2e3, "2": 10e3}
_ENOUGH_W = 40e3  # level 1 alone: this much power is enough, whatever the fraction
_ACCURACY = {"1": 5.0, "2": 2.0, "3": 1.0}  # %
_ML_SAMPLES, _ML_ACCURACY = 60, 5.0
_NETWORKS = ("network", "interconnect", "switch")

_EDITIONS = (
    "Level 1's time span is the whole core phase, of at least 60 s; up to version 1.2 it was 20 % "
    "of it, or one minute.",
    "Uncovered at level 3: 10 s here; texts of version 2.0 differ between 2 s and 10 s.",
    "Version 1.2 asks for 1/10 of the machine or 2 kW (level 2: 1/8 or 10 kW) and knows neither 15 "
    "nodes nor 40 kW, no meter accuracy and no interconnect.",
    "A Green500 proposal of 2023 would let one sample a minute do, if there are ten.",
)
_CONVERSION = (
    "Meter accuracy is taken as the limit of error of the gains: √3·u of a rectangular effect, "
    "1.96·u of a normal one. Version 2.0 also takes one "
    "standard deviation as a documented error; that figure stands beside it."
)


def grade(measurement: Measurement, machine_nodes: int | None = None) -> Grade:
    """The measurement against each book.

    `machine_nodes`: compute nodes of the whole machine, which no measurement can know.
    """
    found = facts(measurement)
    books = (
        _eehpc(measurement, found, machine_nodes),
        _training(measurement, found),
        _inference(measurement, found),
    )
    return Grade(measurement=measurement.id, label=measurement.label, books=books)


# ---------------------------------------------------------------- the three books


def _eehpc(m: Measurement, f: Facts, machine_nodes: int | None) -> RuleBook:
    aspects = []
    for level in LEVELS:
        aspects += [
            _aspect("1 granularity and time span", level, _timespan(m, f, level)),
            _aspect("2 machine fraction", level, (_fraction(m, f, level, machine_nodes),)),
            _aspect("3 subsystems", level, _subsystems(m, f, level)),
            _aspect(
                "4 point and accuracy",
                level,
                (_upstream(m, f, level), _accuracy(f, _ACCURACY[level], "a meter")),
            ),
        ]
    reached = {
        name: _reached([aspect for aspect in aspects if aspect.name == name])
        for name in dict.fromkeys(aspect.name for aspect in aspects)
    }
    known = [least for least, most in reached.values() if least == most]
    gives = (
        None if len(known) < len(reached) else f"level {min(known)}" if min(known) else "no level"
    )
    first = [aspect for aspect in aspects if aspect.level == "1"]
    open_ = [name for name, (least, most) in reached.items() if least < most]
    passed = "passes level 1" if all(aspect.result == "pass" for aspect in first) else ""
    return RuleBook(
        name="EE HPC WG",
        edition="Energy Efficient HPC Working Group power measurement methodology 2.0 RC 1.0",
        source="https://github.com/EEHPCWG/PowerMeasurementMethodology",
        aspects=tuple(aspects),
        gives=gives,
        why=_why(
            [aspect.name for aspect in first if aspect.result == "fail"],
            "fails level 1 in",
            open_,
            passed,
        ),
        notes=(*_EDITIONS, _CONVERSION),
    )


def _training(m: Measurement, f: Facts) -> RuleBook:
    aspects = (
        _aspect("nodes", "", (_all_nodes(m, f),)),
        _aspect(
            "interconnect",
            "",
            (_interconnect(m, "measured, or taken at its specified maximum", estimates=True),),
        ),
        _aspect("point of measurement", "", (_psu(m, f),)),
        _aspect(
            "sampling",
            "",
            (_rate(f), _count(f, _ML_SAMPLES, "samples in a run, which may be lengthened")),
        ),
        _aspect(
            "accuracy",
            "",
            (_accuracy(f, _ML_ACCURACY, "a meter, shown against a reference at 1 Hz,"),),
        ),
        _aspect("score", "", (_summed(f), _same_run(m, f))),
    )
    return _flat(
        "MLPerf Training power",
        "power_measurement.adoc of mlcommons/training_policies",
        "https://github.com/mlcommons/training_policies",
        aspects,
    )


def _inference(m: Measurement, f: Facts) -> RuleBook:
    wall: Passed = "pass" if _metered(m, f) and m.boundary.name == "node-ac" else "fail"
    checker = Check(
        asked="the power workflow's own analyser, and its checker's proof",
        found="neither is part of energybench",
        result="unknown",
    )
    aspects = (
        _aspect(
            "point of measurement",
            "",
            (Check(asked="AC power at the wall", found=_where(m, f), result=wall),),
        ),
        _aspect("score", "", (_same_run(m, f),)),
        _aspect("proof", "", (checker,)),
    )
    edition = "MLPerf Inference power measurement rules 2.0 (5 January 2022)"
    return _flat(
        "MLPerf Inference power",
        edition,
        "https://github.com/mlcommons/inference_policies",
        aspects,
    )


def _flat(name: str, edition: str, source: str, aspects: tuple[Aspect, ...]) -> RuleBook:
    """A book without levels."""
    failed, unknown = (
        [aspect.name for aspect in aspects if aspect.result == result]
        for result in ("fail", "unknown")
    )
    gives = None if unknown else "does not conform" if failed else "conforms"
    return RuleBook(
        name=name,
        edition=edition,
        source=source,
        aspects=aspects,
        gives=gives,
        why=_why(failed, "fails in", unknown, ""),
        notes=(_CONVERSION,),
    )


def _aspect(name: str, level: str, checks: Sequence[Check]) -> Aspect:
    results = {check.result for check in checks}
    result: Passed = "fail" if "fail" in results else "unknown" if "unknown" in results else "pass"
    return Aspect(name=name, level=level, result=result, checks=tuple(checks))


def _reached(levels: Sequence[Aspect]) -> tuple[int, int]:
    """The least and the most levels that one aspect reaches, in order; they differ where an unknown
    decides.
    """
    least = next((i for i, aspect in enumerate(levels) if aspect.result != "pass"), len(levels))
    most = next((i for i, aspect in enumerate(levels) if aspect.result == "fail"), len(levels))
    return least, most


def _why(failed: Sequence[str], fails: str, unknown: Sequence[str], passed: str) -> str:
    """'fails level 1 in 4 point and accuracy; not known: 2 machine fraction'"""
    said = [passed] if passed else []
    said += [f"{fails} {', '.join(failed)}"] if failed else []
    said += [f"not known{' beyond it' if passed else ''}: {', '.join(unknown)}"] if unknown else []
    return "; ".join(said) or "every aspect passes"


def _power(f: Facts, asked: str, found: str, result: Passed) -> Check:
    """A check about power: without a sensor it fails, for that reason."""
    return (
        Check(asked=asked, found=f.unmeasured, result="fail")
        if f.unmeasured
        else Check(asked=asked, found=found, result=result)
    )


# ---------------------------------------------------------------- aspect 1: time


def _timespan(m: Measurement, f: Facts, level: str) -> tuple[Check, ...]:
    core = Check(
        asked=f"a core phase of at least {_CORE_S:g} s",
        found=f"shortest repeat {figure(f.shortest_s, _CORE_S, least=True)} s",
        result=at_least(f.shortest_s, _CORE_S),
    )
    whole = _power(
        f,
        "average over the whole core phase",
        "; ".join(f.gaps) or "every repeat from start to end",
        "fail" if f.gaps else "pass",
    )
    if level == "1":
        return core, _rate(f), whole
    ran = (
        "the program from start to end"
        if m.workload is None
        else "the result holds the repeats; set-up and checks around them are in its samples only"
    )
    full = _power(f, "power of the full run", ran, "pass" if m.workload is None else "unknown")
    idle = _power(
        f,
        "idle power",
        show_value(m.idle_power_w.value if m.idle_power_w else None, "W"),
        "pass" if m.idle_power_w else "fail",
    )
    shared = (core, whole, _count(f, _READINGS, "readings in the core phase"), full, idle)
    return (*shared, _rate(f)) if level == "2" else (*shared, _integrated(f), _uncovered(f))


def _rate(f: Facts) -> Check:
    asked = f"at least {_PER_S:g} sample a second"
    if f.interval_s is None:
        return _power(f, asked, "how often a sensor updates is not known", "unknown")
    rate = 1 / f.interval_s
    return _power(
        f,
        asked,
        f"{figure(rate, _PER_S, least=True)} a second, by the slowest sensor",
        at_least(rate, _PER_S),
    )


def _count(f: Facts, least: int, what: str) -> Check:
    asked = f"at least {least} {what}"
    if f.interval_s is None:
        return _power(f, asked, "how often a sensor updates is not known", "unknown")
    count = int(f.shortest_s / f.interval_s)
    return _power(
        f, asked, f"{count} in the shortest repeat, by the slowest sensor", at_least(count, least)
    )


def _integrated(f: Facts) -> Check:
    asked = "continuously integrated energy, sampled at least 100 times a second within the meter"
    inside = (
        "; ".join(f.partial)
        or "counters that integrate; how often they sample inside is not published"
    )
    return _power(f, asked, inside, "fail" if f.partial else "unknown")


def _uncovered(f: Facts) -> Check:
    """Energy is interpolated to the edges; what no reading covers is at most one interval at each
    end.
    """
    asked = f"at most {_UNCOVERED_S:g} s of the core phase uncovered"
    if f.gaps or f.interval_s is None:
        return _power(
            f, asked, "; ".join(f.gaps) or "how often a sensor updates is not known", "unknown"
        )
    seconds = 2 * f.interval_s
    return _power(
        f,
        asked,
        f"at most {figure(seconds, _UNCOVERED_S, least=False)} s at its ends",
        at_most(seconds, _UNCOVERED_S),
    )


# ---------------------------------------------------------------- aspect 2: how much of the machine


def _fraction(m: Measurement, f: Facts, level: str, machine_nodes: int | None) -> Check:
    power_w = m.power_w.value if m.power_w else 0.0
    least_w = _POWER_W.get(level, 0.0)
    count = "1 node" if m.nodes == 1 else f"{m.nodes} nodes"
    found = f"{count}, {figure(power_w / 1e3, least_w / 1e3, least=True)} kW"
    asked = "the whole machine"
    if level != "3":
        asked = (
            f"the largest of 1/{round(1 / _FRACTION[level])} of the compute nodes, "
            f"{least_w / 1e3:g} kW and {_NODES} nodes"
        )
    if level == "1":
        asked += f"; or {_ENOUGH_W / 1e3:g} kW"
    if level == "1" and power_w >= _ENOUGH_W:
        return _power(f, asked, found, "pass")
    if machine_nodes is None:
        return _power(
            f, asked, f"{found}; the machine's size is not known (`--machine-nodes`)", "unknown"
        )
    found += f" of {machine_nodes}"
    if m.nodes >= machine_nodes:
        return _power(f, asked, found, "pass")
    enough = (
        level != "3"
        and m.nodes >= _FRACTION[level] * machine_nodes
        and power_w >= least_w
        and m.nodes >= _NODES
    )
    return _power(f, asked, found, "pass" if enough else "fail")


# ---------------------------------------------------------------- aspect 3: what of it


def _subsystems(m: Measurement, f: Facts, level: str) -> tuple[Check, ...]:
    nodes = _all_nodes(m, f)
    if level == "3":
        rest = Check(
            asked="storage, head nodes and cooling that take part, measured",
            found="not recorded",
            result="unknown",
        )
        return nodes, _interconnect(m, "measured", estimates=False), rest
    network = _interconnect(m, "measured, or estimated", estimates=True)
    if level == "1":
        return nodes, network
    return (
        nodes,
        network,
        Check(
            asked="other subsystems that take part, measured or estimated",
            found="not recorded",
            result="unknown",
        ),
    )


def _metered(m: Measurement, f: Facts) -> bool:
    """Whether a meter saw the whole node."""
    return (
        not f.unmeasured
        and m.boundary.name in ("node-ac", "node-dc")
        and _state(m, "measured") == len(m.boundary.parts)
    )


def _state(m: Measurement, state: str) -> int:
    return sum(part.state == state for part in m.boundary.parts)


def _all_nodes(m: Measurement, f: Facts) -> Check:
    """A sum of packages, memory and boards leaves out fans, network cards, disks and regulators: it
    is no measurement of the node.
    """
    asked = "compute nodes measured as a whole"
    if _metered(m, f):
        if m.workload is None and m.nodes == 1:
            return Check(
                asked=asked,
                found=f"this node ({m.boundary.name}); whether the program used others is not "
                "recorded",
                result="unknown",
            )
        return Check(
            asked=asked, found=f"{m.boundary.name}: {m.nodes} of the work's nodes", result="pass"
        )
    odd = ", ".join(
        f"{_state(m, state)} {state}" for state in ("modelled", "missing") if _state(m, state)
    )
    outside = "fans, network cards, disks and regulators are in none of its sensors"
    return _power(
        f, asked, f"boundary {m.boundary.name}{f' ({odd})' if odd else ''}: {outside}", "fail"
    )


def _interconnect(m: Measurement, words: str, *, estimates: bool) -> Check:
    asked = f"interconnect {words}"
    parts: list[Part] = [
        part for part in m.boundary.parts if any(word in part.component for word in _NETWORKS)
    ]
    if parts:
        states = {part.state for part in parts}
        good = states == {"measured"} or (estimates and "missing" not in states)
        return Check(
            asked=asked, found=", ".join(sorted(states)), result="pass" if good else "fail"
        )
    if m.nodes > 1:
        return Check(
            asked=asked, found=f"{m.nodes} nodes, and no switch in the boundary", result="fail"
        )
    if m.workload is not None:
        return Check(
            asked=asked, found="none takes part: the work ran on this node alone", result="pass"
        )
    return Check(
        asked=asked, found="whether the program used a network is not recorded", result="unknown"
    )


# ---------------------------------------------------------------- aspect 4: where, and how well


def _where(m: Measurement, f: Facts) -> str:
    if f.unmeasured:
        return f.unmeasured
    if m.boundary.name == "node-ac":
        return "node-ac: before the node's power supply"
    if m.boundary.name == "node-dc":
        return "node-dc: behind the power supply"
    names = sorted({channel.collector for channel in m.channels})
    return f"{' and '.join(names) or 'sensors'} within the node, behind its power conversion"


def _upstream(m: Measurement, f: Facts, level: str) -> Check:
    loss = {
        "1": "modelled with the maker's data",
        "2": "modelled with a power supply's measurement",
        "3": "measured at the same time",
    }[level]
    passed = m.boundary.name == "node-ac" and _metered(m, f)
    found = _where(m, f) + ("" if passed or f.unmeasured else "; its loss is not in the result")
    return Check(
        asked=f"upstream of power conversion, or its loss {loss}",
        found=found,
        result="pass" if passed else "fail",
    )


def _psu(m: Measurement, f: Facts) -> Check:
    return Check(
        asked="node power at the power supplies or the rack's PDU",
        found=_where(m, f),
        result="pass" if _metered(m, f) else "fail",
    )


def _accuracy(f: Facts, limit: float, what: str) -> Check:
    """Limit of error in percent, freed of the last binary digits: √3·(5 %/√3) is 5 %."""
    asked = f"{what} within {limit:g} %"
    if f.modelled:
        return _power(f, asked, f"{', '.join(f.modelled)}: modelled, no meter", "fail")
    if f.error_rel is None or f.u_rel is None:
        return _power(f, asked, "the gain of a sensor is not stated", "unknown")
    error, u = round(100 * f.error_rel, 9), round(100 * f.u_rel, 9)
    found = (
        f"±{figure(error, limit, least=False)} % ({f.worst}; one standard deviation "
        f"{figure(u, limit, least=False)} %)"
    )
    return _power(f, asked, found, at_most(error, limit))


# ---------------------------------------------------------------- the score


def _summed(f: Facts) -> Check:
    found = "; ".join(f.gaps) or "counters, or power readings integrated over each repeat"
    return _power(f, "energy as the sum of power x time", found, "fail" if f.gaps else "pass")


def _same_run(m: Measurement, f: Facts) -> Check:
    return _power(
        f,
        "performance and power from the same run",
        f"time and energy of the same {len(m.repeats)} repeat(s)",
        "pass",
    )
