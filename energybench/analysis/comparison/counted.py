"""Whether the energies of two sides are energies of their nodes, each counted once: else no verdict
stands on their ratio.
"""

from __future__ import annotations

from energybench.model import DoubtCode, Measurement

# Doubts on how often, for whom and until when a node's energy was counted, and on whether it is an
# energy: the ratio is off by a factor that no interval states, and gives no energy verdict.
_MISCOUNTED: frozenset[DoubtCode] = frozenset(
    {
        "clocks-apart",
        "counted-again",
        "meter-interleaved",
        "meter-name-contradicts",
        "meter-one-feed",
        "meter-outliers",
        "meter-slope",
        "nodes-unread",
        "power-implausible",
        "ranks-unread",
        "shared-node",
    }
)
_LEAST_COVERED = 0.95  # share of a job's node-seconds that has to be read for a verdict


def is_miscounted(side: Measurement) -> bool:
    """Whether the energy may be that of too few nodes, of a node counted several times, of other
    jobs as well, of one of several feeds, of another quantity or meter, or of a sensor that shows
    no possible power; or whether too little of a job was read: nobody knows that the other nodes
    drew what those that were read drew, for they may be of another kind.
    """
    window_s = sum(share.window_s for share in side.shares)
    covered_s = sum(share.covered_s for share in side.shares)
    if covered_s < _LEAST_COVERED * window_s:
        return True
    return any(doubt.code in _MISCOUNTED for doubt in side.doubts)


def boards_apart(baseline: Measurement, candidate: Measurement) -> bool:
    """Whether the boundary of one machine holds more boards on one side than on the other."""
    if baseline.nodes != 1 or not same_nodes(baseline, candidate):
        return False
    return boards(baseline) != boards(candidate)


def boards(side: Measurement) -> int:
    """Number of accelerators in the boundary of a side."""
    return sum(part.count for part in side.boundary.parts if part.component == "gpu.board")


def same_nodes(baseline: Measurement, candidate: Measurement) -> bool:
    """Whether both sides ran on the same nodes; jobs by the names of the nodes."""
    if baseline.nodes != candidate.nodes:
        return False
    if baseline.nodes == 1:
        return baseline.host.same_machine(candidate.host)
    names = [{share.node for share in side.shares} for side in (baseline, candidate)]
    return names[0] == names[1]
