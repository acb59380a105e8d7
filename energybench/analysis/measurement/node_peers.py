"""Power of a node in the time without readings, from the nodes of the same kind: its peers.

Peers belong to the same component of a heterogeneous job, have the same hardware if the hardware of
the unread node is known, and were read for most of the time. Two peers tell how far the powers of
such nodes spread. A single peer does not, and without a peer nothing does: the power is then open
upward, up to the largest power of any node.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty.coverage_factors import student_quantile
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import Host

# More than any node draws, W: a node of eight boards has supplies of 14.3 kW (NVIDIA, DGX B200 User
# Guide, "Power Specifications").
MOST_NODE_W = 20_000.0
# Identical boards under identical work differ by 22 % at most (arXiv 2208.11035, "Not All GPUs Are
# Created Equal"). The power of an unread node may lie outside the range of its peers by this
# factor.
_SPREAD = 1.22
_LEAST_PEERS = 2  # with a spread


class Fill(NamedTuple):
    """Power of a node in the time without readings, W: the assumed value, and its range.

    peers    number of peers behind the range
    is_open  whether nothing tells the upper end: `most_w` is then the largest power of any node
    """

    likely_w: float
    least_w: float
    most_w: float
    peers: int = 0
    is_open: bool = False

    @classmethod
    def around(cls, powers_w: Sequence[float]) -> Fill:
        """From mean powers under the same work, widened by the spread of identical boards."""
        likely_w = arithmetic_mean(powers_w)
        return cls(likely_w, min(powers_w) / _SPREAD, max(powers_w) * _SPREAD, len(powers_w))

    @classmethod
    def of_peers(cls, powers_w: Sequence[float]) -> Fill:
        """Of a node without any readings.

        From two peers on, the range holds a further node of the same population with 95 %
        (prediction interval of a normal population: Hahn and Meeker, "Statistical Intervals",
        section 4.7), and at least the spread of identical boards.
        """
        n = len(powers_w)
        if n < _LEAST_PEERS:
            likely_w = powers_w[0] if powers_w else 0.0
            return cls(likely_w, 0.0, max(MOST_NODE_W, likely_w), n, is_open=True)
        boards = cls.around(powers_w)
        further_w = student_quantile(n - 1) * statistics.stdev(powers_w) * math.sqrt(1 + 1 / n)
        most_w = min(boards.likely_w + further_w, MOST_NODE_W)
        least_w = max(boards.likely_w - further_w, 0.0)
        return boards._replace(
            least_w=min(boards.least_w, least_w), most_w=max(boards.most_w, most_w)
        )

    def with_own(self, own: Fill, *, is_settled: bool, is_most: bool) -> Fill:
        """Of a node with readings of its own for a part of the time.

        own         around the powers in the node's own repeats
        is_settled  whether the node's own power is the better estimate
        is_most     whether the node was read for most of the time: its own power then tells the
                    power in the rest of the time, without peers too
        """
        likely_w = own.likely_w if is_settled or not self.peers else self.likely_w
        if not self.peers and not is_most:
            return self._replace(likely_w=likely_w, most_w=max(self.most_w, likely_w))
        # the node and a single peer are two nodes of one kind
        peer = Fill.around([self.likely_w] if self.peers else [likely_w])
        others = peer if self.is_open else self
        return Fill(
            likely_w,
            min(own.least_w, others.least_w),
            max(own.most_w, others.most_w),
            self.peers,
        )


class Reading(NamedTuple):
    """A node as a possible peer, or as the node that needs peers.

    node     name of the node
    group    component of a heterogeneous job; None: not known
    host     hardware of the node; None: not known
    power_w  mean power by the node's own readings; None without readings
    is_most  whether the node was read for most of the time
    """

    node: str
    group: int | None
    host: Host | None
    power_w: float | None
    is_most: bool


def fill_of(node: Reading, nodes: Sequence[Reading]) -> Fill:
    """Power range of a node in the time without readings, from its peers among the nodes."""
    return Fill.of_peers(
        [
            other.power_w
            for other in nodes
            if other.power_w is not None and other.is_most and _are_peers(node, other)
        ]
    )


def _are_peers(node: Reading, other: Reading) -> bool:
    if node.node == other.node or node.group is None or node.group != other.group:
        return False
    return node.host is None or other.host is None or _kind(node.host) == _kind(other.host)


def _kind(host: Host) -> tuple[object, ...]:
    """Hardware that decides on the power of a node."""
    return host.cpu, host.sockets, tuple(sorted(gpu.name for gpu in host.gpus))
