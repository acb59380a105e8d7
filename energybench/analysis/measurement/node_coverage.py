"""Coverage of a job by readings, and the least, mean and most of its nodes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from energybench.model import Measurement, NodeShare

_ROUNDING = 1e-5  # of a share: clocks of two nodes differ by some microseconds over a repeat
FEW = 8  # nodes up to which each has a line of its own


class Coverage(NamedTuple):
    """Nodes and node-seconds of the repeats of a job.

    whole      nodes with readings for the whole time
    partly     nodes with readings for a part of the time
    covered_s  node-seconds with readings, out of `window_s`
    """

    nodes: int
    whole: int
    partly: int
    covered_s: float
    window_s: float

    @property
    def complete(self) -> bool:
        return self.whole == self.nodes

    @property
    def share(self) -> str:
        """'87.4 %', rounded down: only a whole job has 100 %."""
        if self.complete:
            return "100 %"
        share = self.covered_s / self.window_s if self.window_s else 0.0
        return f"{math.floor(1000 * min(share + _ROUNDING, 0.999)) / 10:.1f} %"


class Extreme(NamedTuple):
    """The node with the least or the most energy, or the mean; `share` is None for the mean."""

    word: str
    share: NodeShare | None
    energy_j: float
    power_w: float | None

    @property
    def name(self) -> str:
        """'least: cpu1', 'mean'."""
        return self.word if self.share is None else f"{self.word}: {self.share.node}"


def coverage(measurement: Measurement) -> Coverage | None:
    """None for a measurement on one node, which has no shares."""
    shares = measurement.shares
    if not shares:
        return None
    return Coverage(
        len(shares),
        sum(share.state == "measured" for share in shares),
        sum(share.state == "partial" for share in shares),
        math.fsum(share.covered_s for share in shares),
        math.fsum(share.window_s for share in shares),
    )


def not_whole(shares: Sequence[NodeShare]) -> list[NodeShare]:
    """Nodes without readings, or with readings for only a part of the time."""
    return [share for share in shares if share.state != "measured"]


def extremes(shares: Sequence[NodeShare]) -> list[Extreme]:
    """The nodes with the least and the most energy, and the mean, of the nodes with readings for
    the whole time; empty without such nodes.
    """
    whole = [
        (share.energy_j.value, share)
        for share in shares
        if share.state == "measured" and share.energy_j is not None
    ]
    if not whole:
        return []
    least = min(whole, key=lambda pair: pair[0])[1]
    most = max(whole, key=lambda pair: pair[0])[1]
    powers_w = [share.power_w for _, share in whole if share.power_w is not None]
    mean_w = math.fsum(powers_w) / len(powers_w) if powers_w else None
    mean_j = math.fsum(energy_j for energy_j, _ in whole) / len(whole)
    return [_of(least, "least"), Extreme("mean", None, mean_j, mean_w), _of(most, "most")]


def _of(share: NodeShare, word: str) -> Extreme:
    assert share.energy_j is not None
    return Extreme(word, share, share.energy_j.value, share.power_w)
