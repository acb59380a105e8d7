"""Whether the energies of two sides count every node once: otherwise their ratio gives no
verdict.
"""

from __future__ import annotations

from energybench.model import DoubtCode, Measurement

# Doubts about the number of times, the owner and the end of a node's counted energy, about hidden
# boards of the job, and about whether the figure is an energy: the ratio is wrong by a factor that
# no interval states, and gives no energy verdict. Doubts whose effect is inside the interval
# (power-saturated, sensor-lost, counter-power-disagree, part-missing), or that may have no effect
# (in-step-unseen), are not here: the interval decides.
_MISCOUNTED: frozenset[DoubtCode] = frozenset(
    {
        "boards-hidden",
        "clocks-apart",
        "counted-again",
        "meter-interleaved",
        "meter-name-contradicts",
        "meter-one-feed",
        "meter-outliers",
        "meter-slope",
        "meter-spike",
        "node-power-unknown",
        "nodes-unread",
        "part-of-job",
        "power-implausible",
        "ranks-unread",
        "shared-node",
    }
)
_LEAST_COVERED = 0.95  # least read share of a job's node-seconds for a verdict


def is_miscounted(side: Measurement) -> bool:
    """Whether the energy may belong to too few nodes, to a node counted several times, to other
    jobs as well, to one of several feeds, to another quantity or meter, or to a sensor with an
    impossible power; or whether too little of a job was read: unread nodes may be of another kind
    and draw another power.
    """
    window_s = sum(share.window_s for share in side.shares)
    covered_s = sum(share.covered_s for share in side.shares)
    if covered_s < _LEAST_COVERED * window_s:
        return True
    return any(doubt.code in _MISCOUNTED for doubt in side.doubts)


def boards_apart(baseline: Measurement, candidate: Measurement) -> bool:
    """Whether the boundary of one machine holds more boards on one side than on the other side."""
    if baseline.nodes != 1 or not same_nodes(baseline, candidate):
        return False
    return boards(baseline) != boards(candidate)


def boards(side: Measurement) -> int:
    """Number of accelerators in the boundary of a side."""
    return sum(part.count for part in side.boundary.parts if part.component == "gpu.board")


def same_nodes(baseline: Measurement, candidate: Measurement) -> bool:
    """Whether both sides ran on the same nodes; jobs are compared by the names of their nodes."""
    if baseline.nodes != candidate.nodes:
        return False
    if baseline.nodes == 1:
        return baseline.host.same_machine(candidate.host)
    names = [{share.node for share in side.shares} for side in (baseline, candidate)]
    return names[0] == names[1]
