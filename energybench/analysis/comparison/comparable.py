"""Whether two measurements may be compared, and what weakens the comparison (Lee et al., ISCA 2010:
untuned baselines).
"""

from __future__ import annotations

from energybench.analysis.measurement import roofline as limits
from energybench.errors import Refused
from energybench.model import Doubt, Measurement

_LIBRARIES = ("torch", "triton", "numpy")


def check(baseline: Measurement, candidate: Measurement, force: bool) -> list[Doubt]:
    """Doubts of the pair.

    Raises Refused where the two are not comparable; with `force` each reason becomes a doubt.
    """
    found = []
    for code, reason, remedy in _reasons(baseline, candidate):
        if not force:
            raise Refused(
                f"{baseline.id} against {candidate.id}",
                reason,
                f"{remedy}; --force compares all the same, with that doubt",
            )
        found.append(
            Doubt(
                code=f"forced-{code}",
                message=f"compared all the same although {reason}",
                remedy=remedy,
            )
        )
    return found + _weak(baseline, candidate)


def _reasons(baseline: Measurement, candidate: Measurement) -> list[tuple[str, str, str]]:
    """(code, reason, remedy) of each thing that forbids the comparison."""
    found = []
    works = (baseline.work, candidate.work)
    if works[0] is not None and works[1] is not None:
        if works[0].unit != works[1].unit or works[0].fingerprint != works[1].fingerprint:
            names = [f"{w.unit} ({w.fingerprint[:12]})" for w in works if w is not None]
            found.append(
                (
                    "work",
                    f"they did other work: {names[0]} and {names[1]}{_apart(baseline, candidate)}",
                    "run the same workload, size and settings on both",
                )
            )
        elif works[0].precision != works[1].precision:
            found.append(
                (
                    "precision",
                    f"one is {works[0].precision}, the other {works[1].precision}",
                    "use one precision policy",
                )
            )
    elif works[0] is not works[1]:
        found.append(
            ("work", "only one of them says what work it did", "measure both in the same way")
        )
    found += [
        (
            "verification",
            f"{side.label} failed its check of {', '.join(side.failed_checks)}",
            "mend the work first",
        )
        for side in (baseline, candidate)
        if side.failed_checks
    ]
    if baseline.boundary.name != candidate.boundary.name:
        found.append(
            (
                "boundary",
                f"their boundaries differ: {baseline.boundary.name} and {candidate.boundary.name}",
                "measure both at one boundary",
            )
        )
    return found


def _apart(baseline: Measurement, candidate: Measurement) -> str:
    """'; their settings differ in lattice (8x8x8x16, 8x8x8x32)': where one workload was set up in
    two ways.
    """
    sides = (baseline.workload, candidate.workload)
    if sides[0] is None or sides[1] is None or sides[0].name != sides[1].name:
        return ""
    first, second = sides[0].settings, sides[1].settings
    apart = [
        f"{key} ({first.get(key)}, {second.get(key)})"
        for key in sorted({*first, *second})
        if first.get(key) != second.get(key)
    ]
    return f"; their settings differ in {', '.join(apart)}" if apart else ""


def _weak(baseline: Measurement, candidate: Measurement) -> list[Doubt]:
    found = []
    if baseline.id == candidate.id:
        found.append(
            Doubt(code="same-run", message="a run is compared with itself", remedy="name two runs")
        )
    if baseline.work is None and candidate.work is None:
        said = "that both programs did the same work is taken on trust"
        found.append(
            Doubt(
                code="work-unproven",
                message=said,
                remedy="a workload with a fingerprint and a check",
            )
        )
    for side in (baseline, candidate):
        if side.work is not None and not side.verification:
            found.append(
                Doubt(
                    code="unverified",
                    message=f"{side.label} was never checked",
                    remedy="a workload that verifies its result",
                )
            )
        if side.idle_power_w is None and side.energy_j is not None:
            found.append(
                Doubt(
                    code="idle-unknown",
                    message=f"{side.label}: idle power was not measured; it can be half of a node's "
                    "energy",
                    remedy="--idle 10",
                )
            )
        host = side.host
        if (
            host.threads
            and host.threads_allowed
            and host.threads_allowed < host.threads
            and not any(gpu.used for gpu in host.gpus)
        ):
            message = (
                f"{side.label}: the work could use {host.threads_allowed} of the node's "
                f"{host.threads} threads"
            )
            found.append(
                Doubt(
                    code="cores-unused",
                    message=message,
                    remedy="give a CPU-only run the whole node",
                )
            )
        found += (
            limits.of_side(side) if side.work is not None else []
        )  # of a program nothing is known at all: work-unproven says so
    found += _hosts(baseline, candidate)
    return found


def _hosts(baseline: Measurement, candidate: Measurement) -> list[Doubt]:
    found = []
    if baseline.host.name != candidate.host.name:
        message = (
            "these two nodes, not their partitions: identical GPUs differ by 8 % on average and 22 "
            "% at most (arXiv 2208.11035)"
        )
        found.append(
            Doubt(code="one-node", message=message, remedy="five or more nodes of each kind")
        )
    for side in (baseline, candidate):
        capped = [
            gpu
            for gpu in side.host.gpus
            if gpu.used
            and gpu.power_limit_w
            and gpu.power_limit_default_w
            and gpu.power_limit_w < gpu.power_limit_default_w
        ]
        if capped:
            limits = (
                f"{capped[0].power_limit_w:.0f} W instead of {capped[0].power_limit_default_w:.0f} "
                "W"
            )
            message = f"{side.label}: {len(capped)} accelerator(s) ran under a power cap, {limits}"
            found.append(
                Doubt(
                    code="power-capped",
                    message=message,
                    remedy="state the cap beside the ratio, or lift it",
                )
            )
    differ = [
        f"{name} {baseline.host.libraries[name]} and {candidate.host.libraries[name]}"
        for name in _LIBRARIES
        if name in baseline.host.libraries
        and name in candidate.host.libraries
        and baseline.host.libraries[name] != candidate.host.libraries[name]
    ]
    if differ:
        found.append(
            Doubt(
                code="versions-differ",
                message="library versions differ: " + "; ".join(differ),
                remedy="the same versions on both sides",
            )
        )
    if (
        baseline.host.governor != candidate.host.governor
        and baseline.host.governor
        and candidate.host.governor
    ):
        message = f"CPU governors differ: {baseline.host.governor} and {candidate.host.governor}"
        found.append(
            Doubt(code="governors-differ", message=message, remedy="one governor on both sides")
        )
    return found
