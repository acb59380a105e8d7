"""Energy of one node in each repeat of a job, with a range for the time without readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import bound
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import Effect, EffectKind, Measurement, Repeat, WorkloadRef

COVERED = 0.995  # share of time with readings that counts as all of the time
# Identical boards under identical work differ by 22 % at most (arXiv 2208.11035, "Not All GPUs Are
# Created Equal"). The power of an unread node may lie outside the range of the read nodes by this
# factor.
_SPREAD = 1.22
_LONGER_REL, _LONGER_S = 0.01, 1.0


class NodePart(NamedTuple):
    """A node's part of a job.

    node         name of the node
    directory    name of the part's directory; "" without a directory
    measurement  the node's own result; None without a result
    why          reason for a missing or partial result; "" if unknown
    clock_half_s half-width of the error of the node's clock against the head node's; None: unknown
    remedy       what to do about a missing result; "": repeat the job
    """

    node: str
    directory: str = ""
    measurement: Measurement | None = None
    why: str = ""
    clock_half_s: float | None = None
    remedy: str = ""


class Fill(NamedTuple):
    """Power of a node in the time without readings, W: the assumed value, and its range."""

    likely_w: float
    least_w: float
    most_w: float

    @classmethod
    def around(cls, powers_w: Sequence[float]) -> Fill:
        """From mean powers of nodes under the same work."""
        likely_w = arithmetic_mean(powers_w)
        return cls(likely_w, min(powers_w) / _SPREAD, max(powers_w) * _SPREAD)


def own_repeats(measurement: Measurement | None, times_s: Sequence[float]) -> list[Repeat | None]:
    """The node's repeats in the order of the job's repeats. None if the node lacks a repeat, or has
    a longer repeat than the job, which contains other energy.
    """
    own = list(measurement.repeats) if measurement is not None else []
    return [
        own[i] if i < len(own) and own[i].time_s <= _longest_s(times_s[i]) else None
        for i in range(len(times_s))
    ]


def _longest_s(time_s: float) -> float:
    """Longest duration that a node may state for a repeat of this length: the edges seen by the
    node's own processes lie some tenths of a second apart.
    """
    return time_s * (1 + _LONGER_REL) + _LONGER_S


def fill_of(read: Sequence[NodePart]) -> Fill | None:
    """Power range of a node without readings, from the nodes with readings; None if no power is
    known.
    """
    powers_w = [
        part.measurement.power_w.value
        for part in read
        if part.measurement is not None and part.measurement.power_w is not None
    ]
    return Fill.around(powers_w) if powers_w else None


def has_own_edges(workload: WorkloadRef | None, part: NodePart) -> bool:
    """Whether the repeats of a node are whole by the node's own account."""
    return workload is not None and part.measurement is not None and not part.measurement.partial


class NodeTable:
    """Energy of a node in each repeat of the job, J: as read, and filled up for the time without
    readings.

    own_edges  whether a repeat has edges seen by the node itself. The node then read the whole
               repeat, although it may have begun or ended some milliseconds before or after the
               head node
    """

    def __init__(
        self,
        repeats: Sequence[Repeat | None],
        times_s: Sequence[float],
        fill: Fill | None,
        *,
        own_edges: bool = False,
    ) -> None:
        self.repeats, self._times_s = repeats, times_s
        self._own_edges = own_edges
        own_w = [
            repeat.energy_j / repeat.time_s
            for repeat in repeats
            if repeat is not None and repeat.energy_j and repeat.time_s > 0
        ]
        self._fill = fill
        if own_w and fill is not None:
            # A node with readings for most of the time shows its own power; a node of another kind
            # would not. After a short time its power may still be rising.
            own, read_s = Fill.around(own_w), self.covered_s
            mostly = read_s >= sum(times_s) / 2
            self._fill = Fill(
                own.likely_w if mostly else fill.likely_w,
                min(own.least_w, fill.least_w),
                max(own.most_w, fill.most_w),
            )

    def lost_s(self, i: int) -> float:
        """Time of a repeat without readings of the node."""
        repeat, time_s = self.repeats[i], self._times_s[i]
        if repeat is None or repeat.energy_j is None:
            return time_s
        if self._own_edges:
            return 0.0
        return 0.0 if repeat.time_s >= COVERED * time_s else time_s - repeat.time_s

    @property
    def covered_s(self) -> float:
        return sum(self._times_s) - sum(self.lost_s(i) for i in range(len(self._times_s)))

    @property
    def mean_j(self) -> float:
        """Of one repeat."""
        return arithmetic_mean([self.energy_j(i) for i in range(len(self._times_s))])

    def energy_j(self, i: int) -> float:
        repeat = self.repeats[i]
        read_j = repeat.energy_j if repeat is not None else None
        likely_w = self._fill.likely_w if self._fill is not None else 0.0
        return (read_j or 0.0) + self.lost_s(i) * likely_w

    def lost_effects(self, node: str) -> list[Effect]:
        """Possible difference of the node's real power from the assumed power in the time without
        readings, as a mean over the repeats.
        """
        fill = self._fill
        lost_s = arithmetic_mean([self.lost_s(i) for i in range(len(self._times_s))])
        if not lost_s or fill is None:
            return []
        kind: EffectKind = "node-away" if self.covered_s > 0 else "node-missing"
        return [
            bound(
                kind,
                lost_s * (limit_w - fill.likely_w),
                Place("node", node),
                detail=f"{lost_s:.1f} s",
            )
            for limit_w in (fill.least_w, fill.most_w)
        ]
