"""Checks that several rule books share, and aspects made of checks."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.grading.facts import Facts, at_least, at_most, figure
from energybench.grading.part_channels import counted_channels
from energybench.model import Aspect, Check, Measurement, Passed
from energybench.units import counted

ACCURACY_NOTE = (
    "Meter accuracy is taken as the limit of error of the gains: √3·u of a rectangular effect, "
    "1.96·u of a normal one. Version 2.0 also takes one "
    "standard deviation as a documented error; that figure stands beside it."
)
_PER_S = 1.0
_NETWORKS = ("network", "interconnect", "switch")
_UNKNOWN_INTERVAL = "how often a sensor updates is not known"


def aspect(name: str, level: str, checks: Sequence[Check]) -> Aspect:
    """Fails if a check fails; otherwise unknown if a check is unknown."""
    results = {check.result for check in checks}
    result: Passed = "pass"
    if "fail" in results:
        result = "fail"
    elif "unknown" in results:
        result = "unknown"
    return Aspect(name=name, level=level, result=result, checks=tuple(checks))


def why(failed: Sequence[str], fails: str, unknown: Sequence[str], passed: str) -> str:
    """'fails level 1 in 4 point and accuracy; not known: 2 machine fraction'"""
    reasons = [passed] if passed else []
    if failed:
        reasons.append(f"{fails} {', '.join(failed)}")
    if unknown:
        reasons.append(f"not known{' beyond it' if passed else ''}: {', '.join(unknown)}")
    return "; ".join(reasons) or "every aspect passes"


def power_check(facts: Facts, requirement: str, finding: str, result: Passed) -> Check:
    """A check about power: fails without a sensor, and the missing sensor is the finding."""
    if facts.unmeasured:
        return Check(asked=requirement, found=facts.unmeasured, result="fail")
    return Check(asked=requirement, found=finding, result=result)


# ---------------------------------------------------------------- sampling


def sampling_rate(facts: Facts) -> Check:
    requirement = f"at least {_PER_S:g} sample a second"
    if facts.interval_s is None:
        return power_check(facts, requirement, _UNKNOWN_INTERVAL, "unknown")
    rate = 1 / facts.interval_s
    finding = f"{figure(rate, _PER_S, least=True)} a second, by the slowest sensor"
    return power_check(facts, requirement, finding, at_least(rate, _PER_S))


def sample_count(facts: Facts, least: int, samples: str) -> Check:
    """At least so many `samples` in the shortest repeat."""
    requirement = f"at least {least} {samples}"
    if facts.interval_s is None:
        return power_check(facts, requirement, _UNKNOWN_INTERVAL, "unknown")
    count = int(facts.shortest_s / facts.interval_s)
    finding = f"{count} in the shortest repeat, by the slowest sensor"
    return power_check(facts, requirement, finding, at_least(count, least))


def uncovered(facts: Facts, most_s: float) -> Check:
    """Energy is interpolated to the edges of a window: the time without a reading is at most one
    interval at either end.
    """
    requirement = f"at most {most_s:g} s of the core phase uncovered"
    if facts.gaps or facts.interval_s is None:
        finding = "; ".join(facts.gaps) or _UNKNOWN_INTERVAL
        return power_check(facts, requirement, finding, "unknown")
    seconds = 2 * facts.interval_s
    finding = f"at most {figure(seconds, most_s, least=False)} s at its ends"
    return power_check(facts, requirement, finding, at_most(seconds, most_s))


# ---------------------------------------------------------------- nodes and network


def metered(measurement: Measurement, facts: Facts) -> bool:
    """Whether a meter measured the whole node."""
    return (
        not facts.unmeasured
        and measurement.boundary.name in ("node-ac", "node-dc")
        and all(part.state == "measured" for part in measurement.boundary.parts)
    )


def _count(measurement: Measurement, state: str) -> int:
    return sum(part.count for part in measurement.boundary.parts if part.state == state)


def all_nodes(measurement: Measurement, facts: Facts) -> Check:
    """A sum of packages, memory and boards is not a measurement of the node: fans, network cards,
    disks and regulators are missing.
    """
    requirement, boundary = "compute nodes measured as a whole", measurement.boundary.name
    if not metered(measurement, facts):
        counts = {state: _count(measurement, state) for state in ("modelled", "missing")}
        unmetered = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        finding = (
            f"boundary {boundary}{f' ({unmetered})' if unmetered else ''}: fans, network cards, "
            "disks and regulators are in none of its sensors"
        )
        return power_check(facts, requirement, finding, "fail")
    whole = sum(share.state == "measured" for share in measurement.shares)
    if whole < len(measurement.shares):
        nodes = counted(measurement.nodes, "node")
        finding = f"{boundary}: {whole} of {nodes} read for all of the time"
        return Check(asked=requirement, found=finding, result="fail")
    if measurement.workload is None and measurement.nodes == 1 and not measurement.shares:
        finding = f"this node ({boundary}); whether the program used others is not recorded"
        return Check(asked=requirement, found=finding, result="unknown")
    finding = f"{boundary}: {measurement.nodes} of the work's nodes"
    return Check(asked=requirement, found=finding, result="pass")


def interconnect(measurement: Measurement, manner: str, *, estimates: bool) -> Check:
    """`manner`: 'measured, or estimated'; `estimates`: whether an estimate is enough."""
    finding, result = network(measurement, estimates=estimates)
    return Check(asked=f"interconnect {manner}", found=finding, result=result)


def network(measurement: Measurement, *, estimates: bool) -> tuple[str, Passed]:
    """(finding, result) about the interconnect. `estimates`: whether an estimate is enough."""
    states = {
        part.state
        for part in measurement.boundary.parts
        if any(word in part.component for word in _NETWORKS)
    }
    if states:
        enough = states == {"measured"} or (estimates and "missing" not in states)
        return ", ".join(sorted(states)), "pass" if enough else "fail"
    if measurement.nodes > 1:
        return f"{counted(measurement.nodes, 'node')}, and no switch in the boundary", "fail"
    if measurement.workload is not None:
        return "none takes part: the work ran on this node alone", "pass"
    return "whether the program used a network is not recorded", "unknown"


# ---------------------------------------------------------------- point and accuracy


def measuring_point(measurement: Measurement, facts: Facts) -> str:
    """'node-ac: before the node's power supply'"""
    if facts.unmeasured:
        return facts.unmeasured
    if measurement.boundary.name == "node-ac":
        return "node-ac: before the node's power supply"
    if measurement.boundary.name == "node-dc":
        return "node-dc: behind the power supply"
    names = sorted({channel.collector for channel in counted_channels(measurement)})
    return f"{' and '.join(names) or 'sensors'} within the node, behind its power conversion"


def accuracy(facts: Facts, limit: float, meter: str) -> Check:
    """Limit of error in percent, without the last binary digits: √3·(5 %/√3) is 5 %."""
    requirement = f"{meter} within {limit:g} %"
    if facts.modelled:
        finding = f"{', '.join(facts.modelled)}: modelled, no meter"
        return power_check(facts, requirement, finding, "fail")
    if facts.error_rel is None or facts.u_rel is None:
        return power_check(facts, requirement, "the gain of a sensor is not stated", "unknown")
    error, u = round(100 * facts.error_rel, 9), round(100 * facts.u_rel, 9)
    finding = (
        f"±{figure(error, limit, least=False)} % ({facts.worst}; one standard deviation "
        f"{figure(u, limit, least=False)} %)"
    )
    return power_check(facts, requirement, finding, at_most(error, limit))
