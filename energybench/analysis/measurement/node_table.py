"""Energy of one node in each repeat of a job, with a range for the time without readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.measurement.node_peers import Fill, Reading
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import bound
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import NOT_READ, Effect, EffectKind, Host, Measurement, Repeat, WorkloadRef

# Share of the time for which a node is read that counts as all of the time: no doubt names the
# rest, whose energy is filled in all the same.
COVERED = 0.995
# After this time of readings, in seconds, the node's own power is the better estimate of its power
# in the rest of the time: the sensors have followed the step to the load (NVIDIA's boards average
# over up to one second), and the node may be of another kind than the others.
_SETTLED_S = 2.0
_LEAST_LOST_S = 1e-6  # shorter times are the rounding of differences of clocks
_LONGER_REL, _LONGER_S = 0.01, 1.0


class NodePart(NamedTuple):
    """A node's part of a job.

    node         name of the node
    directory    name of the part's directory; "" without a directory
    measurement  the node's own result; None without a result
    why          reason for a missing or partial result; "" if unknown
    clock_half_s half-width of the error of the node's clock against the head node's; None: unknown
    remedy       what to do about a missing result; "": repeat the job
    group        component of a heterogeneous job with the node; None: not known
    host         hardware of a node without a result; None: not known
    """

    node: str
    directory: str = ""
    measurement: Measurement | None = None
    why: str = ""
    clock_half_s: float | None = None
    remedy: str = ""
    group: int | None = 0
    host: Host | None = None


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


def reading_of(part: NodePart, table: NodeTable) -> Reading:
    """The node as a possible peer of others."""
    power_w = part.measurement.power_w if part.measurement is not None else None
    return Reading(
        node=part.node,
        group=part.group,
        host=part.measurement.host if part.measurement is not None else part.host,
        power_w=power_w.value if power_w is not None else None,
        is_most=table.is_most,
    )


def has_own_edges(workload: WorkloadRef | None, part: NodePart) -> bool:
    """Whether the repeats of a node are whole by the node's own account."""
    return workload is not None and part.measurement is not None and not part.measurement.partial


class NodeTable:
    """Energy of a node in each repeat of the job, J: as read, and filled up for the time without
    readings.

    own_edges  whether a repeat has the edges that the node itself saw: the node then read all of
               it, although it may have begun or ended some milliseconds apart from the head node

    fills_own  whether the node is taken to have drawn its own power in the time without readings;
               False: the mean power of its peers
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
        self._fill, self.fills_own = fill, False
        if own_w and fill is not None:
            # A node that was read for most of the time, or for some seconds, tells its own power,
            # which others of another kind do not.
            is_settled = self.covered_s >= min(sum(times_s) / 2, _SETTLED_S)
            self._fill = fill.with_own(
                Fill.around(own_w), is_settled=is_settled, is_most=self.is_most
            )
            self.fills_own = is_settled or not fill.peers

    def filled_up(self, fill: Fill) -> NodeTable:
        """The table with this power, or the node's own, in the time without readings."""
        return NodeTable(self.repeats, self._times_s, fill, own_edges=self._own_edges)

    def lost_s(self, i: int) -> float:
        """Time of a repeat without readings of the node."""
        repeat, time_s = self.repeats[i], self._times_s[i]
        if repeat is None or repeat.energy_j is None:
            return time_s
        if self._own_edges:
            return 0.0
        lost_s = time_s - repeat.time_s
        return lost_s if lost_s > _LEAST_LOST_S else 0.0

    @property
    def covered_s(self) -> float:
        return sum(self._times_s) - sum(self.lost_s(i) for i in range(len(self._times_s)))

    @property
    def is_whole(self) -> bool:
        """Whether the node was read for all of the time, in words."""
        return self.covered_s >= COVERED * sum(self._times_s)

    @property
    def is_most(self) -> bool:
        """Whether the node was read for most of the time."""
        return self.covered_s >= sum(self._times_s) / 2

    @property
    def peers(self) -> int:
        """Number of peers behind the power in the time without readings."""
        return self._fill.peers if self._fill is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether nothing tells how much the node drew in the time without readings."""
        return self._fill is not None and self._fill.is_open and not self.is_whole

    @property
    def mean_j(self) -> float:
        """Of one repeat."""
        return arithmetic_mean([self.energy_j(i) for i in range(len(self._times_s))])

    def energy_j(self, i: int) -> float:
        repeat = self.repeats[i]
        read_j = repeat.energy_j if repeat is not None else None
        return (read_j or 0.0) + self._filled_j(i)

    def _filled_j(self, i: int) -> float:
        """Energy of a repeat in the time without readings."""
        return self.lost_s(i) * (self._fill.likely_w if self._fill is not None else 0.0)

    def components_j(self, i: int) -> dict[str, float]:
        """Energy of a repeat by component, J, with NOT_READ for the time without readings. The
        components add up to `energy_j`.
        """
        repeat = self.repeats[i]
        rest = {NOT_READ: self._filled_j(i)} if self.lost_s(i) else {}
        if repeat is None or repeat.energy_j is None:
            return rest
        if not self._divides(i):
            return {**repeat.components_j, **rest}
        return {name: self.energy_j(i) * self._part(i, name) for name in repeat.components_j}

    def _divides(self, i: int) -> bool:
        """Whether the short rest of a repeat of a node that counts as read for all of the time is
        divided between the components as the readings are.
        """
        repeat = self.repeats[i]
        return self.is_whole and repeat is not None and bool(repeat.energy_j)

    def _part(self, i: int, component: str) -> float:
        """Part of the energy of a repeat that is the component's, by the readings; 0 without."""
        repeat = self.repeats[i]
        if repeat is None or not repeat.energy_j:
            return 0.0
        return repeat.components_j.get(component, 0.0) / repeat.energy_j

    def lost_effects(self, node: str) -> list[Effect]:
        """Possible difference of the node's real power from the assumed power in the time without
        readings, as a mean over the repeats.
        """
        return self._effects(node, [self.lost_s(i) for i in range(len(self._times_s))])

    def component_effects(self, node: str, component: str) -> list[Effect]:
        """The part of `lost_effects` that is in the energy of a component."""
        lost_s = []
        for i in range(len(self._times_s)):
            if self._divides(i):
                part = 0.0 if component == NOT_READ else self._part(i, component)
            else:
                part = 1.0 if component == NOT_READ else 0.0
            lost_s.append(part * self.lost_s(i))
        return self._effects(node, lost_s)

    def _effects(self, node: str, of_repeats_s: Sequence[float]) -> list[Effect]:
        """Bounds of the power in times without readings.

        of_repeats_s  time without readings in each repeat
        """
        fill = self._fill
        lost_s = arithmetic_mean(of_repeats_s)
        if not lost_s or fill is None:
            return []
        kind: EffectKind = "node-away" if self.covered_s > 0 else "node-missing"
        return [
            bound(
                kind,
                lost_s * (limit_w - fill.likely_w),
                Place("node", node),
                detail=f"{lost_s:.1f} s" if lost_s >= 0.1 else f"{lost_s:.1g} s",
            )
            for limit_w in (fill.least_w, fill.most_w)
        ]
