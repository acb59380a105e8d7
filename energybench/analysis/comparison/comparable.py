"""Whether two measurements may be compared, and doubts about the comparison.

Source of the doubts about untuned baselines: Lee et al., ISCA 2010.
"""

from __future__ import annotations

from typing import NamedTuple

from energybench.analysis.comparison.counted import boards, boards_apart, same_nodes
from energybench.analysis.comparison.pairs import is_same_run
from energybench.analysis.measurement import roofline
from energybench.errors import Refused
from energybench.model import Doubt, DoubtCode, Host, Measurement
from energybench.units import counted

# The variance between nodes counts as the variance of a partition from five nodes of a kind on.
_ENOUGH_NODES = 5
_LIBRARIES = ("torch", "triton", "numpy")


class _Reason(NamedTuple):
    """A reason against a comparison, and the code of its doubt if the comparison is forced."""

    code: DoubtCode
    what: str
    remedy: str


def check(baseline: Measurement, candidate: Measurement, force: bool) -> list[Doubt]:
    """Doubts about the comparison.

    Raises Refused if the two runs are not comparable. With `force` a reason becomes a doubt, except
    for a side without a whole repeat: then there is no energy of the work to compare.
    """
    for side in (baseline, candidate):
        _refuse_without_whole_repeat(side, baseline, candidate)
    reasons = [
        *_work(baseline, candidate),
        *_verification(baseline, candidate),
        *_boundary(baseline, candidate),
    ]
    if reasons and not force:
        raise Refused(
            f"{baseline.id} against {candidate.id}",
            reasons[0].what,
            reasons[0].remedy,
            may_be_forced=True,
        )
    forced = [
        Doubt(
            code=reason.code,
            message=f"compared all the same although {reason.what}",
            remedy=reason.remedy,
        )
        for reason in reasons
    ]
    return [
        *forced,
        *_pair(baseline, candidate),
        *_side(baseline),
        *_side(candidate),
        *_hosts(baseline, candidate),
    ]


# ---------------------------------------------------------------- reasons to refuse


def _refuse_without_whole_repeat(
    side: Measurement, baseline: Measurement, candidate: Measurement
) -> None:
    """Raise Refused if a side holds only a part of a repeat, or no repeat."""
    if side.perhaps_whole:
        problem = (
            f"not comparable: a signal came during the only repeat of {side.label}, and whether "
            "its program did all of its work is not known"
        )
    elif side.partial:
        problem = f"not comparable: no repeat of {side.label} was measured to the end of its work"
    elif not side.repeats:
        problem = f"not comparable: {side.label} holds no repeat"
    else:
        return
    raise Refused(f"{baseline.id} against {candidate.id}", problem, "repeat the run")


def _work(baseline: Measurement, candidate: Measurement) -> list[_Reason]:
    first, second = baseline.work, candidate.work
    if first is None or second is None:
        if first is second:
            return []
        return [
            _Reason(
                "forced-work",
                "only one of them says what work it did",
                "measure both in the same way",
            )
        ]
    if first.unit != second.unit or first.fingerprint != second.fingerprint:
        names = [f"{work.unit} ({_shown(work.fingerprint)})" for work in (first, second)]
        return [
            _Reason(
                "forced-work",
                f"they did other work: {names[0]} and {names[1]}"
                f"{_settings_apart(baseline, candidate)}",
                "run the same workload, size and settings on both",
            )
        ]
    if first.precision != second.precision:
        return [
            _Reason(
                "forced-precision",
                f"one is {first.precision}, the other {second.precision}",
                "use one precision policy",
            )
        ]
    return []


def _shown(fingerprint: str) -> str:
    """The beginning of a hash, and the following words, if any ("… atoms=4000")."""
    digest, _, words = fingerprint.partition(" ")
    return f"{digest[:12]} {words}".strip()


def _settings_apart(baseline: Measurement, candidate: Measurement) -> str:
    """'; their settings differ in lattice (8x8x8x16, 8x8x8x32)' for the same workload with other
    settings; else "".
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


def _verification(baseline: Measurement, candidate: Measurement) -> list[_Reason]:
    return [
        _Reason(
            "forced-verification",
            f"{side.label} failed its check of {', '.join(side.failed_checks)}",
            "mend the work first",
        )
        for side in (baseline, candidate)
        if side.failed_checks
    ]


def _boundary(baseline: Measurement, candidate: Measurement) -> list[_Reason]:
    names = (baseline.boundary.name, candidate.boundary.name)
    if names[0] == names[1]:
        return []
    return [
        _Reason(
            "forced-boundary",
            f"their boundaries differ: {names[0]} and {names[1]}",
            "measure both at one boundary",
        )
    ]


# ---------------------------------------------------------------- doubts


def _pair(baseline: Measurement, candidate: Measurement) -> list[Doubt]:
    doubts = []
    if is_same_run(baseline, candidate):
        doubts.append(
            Doubt(code="same-run", message="a run is compared with itself", remedy="name two runs")
        )
    if baseline.work is None and candidate.work is None:
        doubts.append(
            Doubt(
                code="work-unproven",
                message="that both programs did the same work is taken on trust",
                remedy="a workload with a fingerprint and a check",
            )
        )
    return doubts


def _side(side: Measurement) -> list[Doubt]:
    """Doubts about a side, with the label of the side."""
    doubts = []
    if side.work is not None and not side.verification:
        doubts.append(
            Doubt(
                code="unverified",
                message="the result was never checked",
                remedy="a workload that verifies its result",
            )
        )
    if side.idle_power_w is None and side.energy_j is not None:
        doubts.append(
            Doubt(
                code="idle-unknown",
                message="idle power was not measured; it can be half of a node's energy",
                remedy="--idle 10",
            )
        )
    if _cores_unused(side.host):
        doubts.append(
            Doubt(
                code="cores-unused",
                message=f"the work could use {side.host.threads_allowed} of the node's "
                f"{side.host.threads} threads",
                remedy="give a CPU-only run the whole node",
            )
        )
    if side.work is not None:  # without any knowledge about a program: work-unproven states this
        doubts += roofline.of_side(side)
    return [doubt.carried_from(side.label) for doubt in doubts]


def _cores_unused(host: Host) -> bool:
    """Whether a CPU-only run was kept from some of the node's threads."""
    if not host.threads or not host.threads_allowed or host.gpus_of_work:
        return False
    return host.threads_allowed < host.threads


def _hosts(baseline: Measurement, candidate: Measurement) -> list[Doubt]:
    doubts = _few_nodes(baseline, candidate)
    if boards_apart(baseline, candidate):
        counts = f"{boards(baseline)} and {boards(candidate)}"
        doubts.append(
            Doubt(
                code="boards-differ",
                message=f"one machine, with {counts} accelerators in the boundary of the sides: "
                "the others were hidden from one side, and drew power all the same",
                remedy="measure both sides with all boards visible (container, cgroup, driver)",
            )
        )
    doubts += [*_lowered_limits(baseline), *_lowered_limits(candidate)]
    doubts += _versions(baseline.host, candidate.host)
    governors = (baseline.host.governor, candidate.host.governor)
    if all(governors) and governors[0] != governors[1]:
        message = f"CPU governors differ: {governors[0]} and {governors[1]}"
        doubts.append(
            Doubt(code="governors-differ", message=message, remedy="one governor on both sides")
        )
    return doubts


def _few_nodes(baseline: Measurement, candidate: Measurement) -> list[Doubt]:
    """A doubt if the sides ran on different nodes, and a side on too few nodes to represent a
    partition.
    """
    if same_nodes(baseline, candidate) or min(baseline.nodes, candidate.nodes) >= _ENOUGH_NODES:
        return []
    these = "these two nodes"
    if max(baseline.nodes, candidate.nodes) > 1:
        these = f"these nodes ({baseline.nodes} and {candidate.nodes})"
    return [
        Doubt(
            code="one-node",
            message=f"{these}, not their partitions: identical GPUs differ by 8 % on average and "
            "22 % at most (arXiv 2208.11035)",
            remedy="five or more nodes of each kind",
        )
    ]


def _lowered_limits(side: Measurement) -> list[Doubt]:
    """A doubt if accelerators of a side had a power limit below the default."""
    limits = [
        (gpu.power_limit_w, gpu.power_limit_default_w)
        for host in side.hosts or (side.host,)
        for gpu in host.gpus_of_work
        if gpu.power_limit_w
        and gpu.power_limit_default_w
        and gpu.power_limit_w < gpu.power_limit_default_w
    ]
    if not limits:
        return []
    lowered, default = limits[0]
    doubt = Doubt(
        code="power-capped",
        message=f"{counted(len(limits), 'accelerator')} ran under a power cap, "
        f"{lowered:.0f} W instead of {default:.0f} W",
        remedy="state the cap beside the ratio, or lift it",
    )
    return [doubt.carried_from(side.label)]


def _versions(baseline: Host, candidate: Host) -> list[Doubt]:
    apart = [
        f"{name} {baseline.libraries[name]} and {candidate.libraries[name]}"
        for name in _LIBRARIES
        if name in baseline.libraries
        and name in candidate.libraries
        and baseline.libraries[name] != candidate.libraries[name]
    ]
    if not apart:
        return []
    return [
        Doubt(
            code="versions-differ",
            message="library versions differ: " + "; ".join(apart),
            remedy="the same versions on both sides",
        )
    ]
