"""A measurement and its parts: repeats, regions, idle phases, channels."""

from __future__ import annotations

from typing import Literal

import msgspec

from energybench.model import part_of_job, stamps
from energybench.model.base import Kind, Noun, Quality, Timing
from energybench.model.doubts import Doubt
from energybench.model.host import Condition, Host, OtherLoad
from energybench.model.job import Job
from energybench.model.limits import Roofline
from energybench.model.record import WorkRecord
from energybench.model.sensing import UNRANKED
from energybench.model.stamps import Stamp
from energybench.model.values import Boundary, Estimate, Verification, Work, WorkloadRef

_BOARD = "gpu.board"  # component of the accelerators that the work was given


class Repeat(Noun, frozen=True, kw_only=True):
    """One repeat: energy of its window over the measured and modelled parts of the boundary.

    energy_j  None if a part was not measured in this repeat
    block     block of interleaved runs with this repeat
    """

    start_s: float
    end_s: float
    energy_j: float | None
    components_j: dict[str, float] = {}
    work: Work | None = None
    block: int | None = None

    @property
    def time_s(self) -> float:
        return self.end_s - self.start_s


class Region(Noun, frozen=True, kw_only=True):
    """Mean of `count` occurrences of a region.

    energy_j   None unless measured in every occurrence
    in_repeat  False for set-up, compilation and warm-up, because energy-to-solution excludes them
    """

    label: str
    energy_j: Estimate | None
    time_s: float
    count: int = 1
    in_repeat: bool = True


class Idle(Noun, frozen=True, kw_only=True):
    """One idle phase.

    state  in words: before or after the work, whether a context was held, and that the sensors were
           polled
    """

    state: str
    start_s: float
    end_s: float
    power_w: Estimate


class ChannelStats(Noun, frozen=True, kw_only=True):
    """How a channel was read.

    period_s, jitter_s         measured period of the samples, and their standard deviation against
                               the schedule
    missed, failed             numbers of omitted samples and failed reads
    timing                     source of update period, averaging window and lag
    rank                       preference among sensors of the same part, see Channel
    update_period_s, window_s  timing of the sensor in this measurement
    """

    collector: str
    device: str
    component: str
    kind: Kind
    period_s: float | None
    jitter_s: float | None
    samples: int
    missed: int
    failed: int
    quantity: str = ""
    timing: Timing = "prior"
    calibrated_utc: str | None = None
    update_period_s: float | None = None
    window_s: float = 0.0
    rank: int = UNRANKED


class NodeShare(Noun, frozen=True, kw_only=True):
    """A node's part of a job's measurement.

    node          name of the node
    part          directory of the node's own run inside the job's directory; "" without a run
    state         "measured": read for the whole of every repeat; "partial": for a part of the time;
                  "missing": not at all
    energy_j      of one repeat on this node; None if nothing was read
    power_w       mean power of this node in the repeats; None if nothing was read
    covered_s     time in the repeats with readings of the node, out of `window_s`
    clock_half_s  half-width of the error of the node's clock against the clock of the head node,
                  which states the windows
    host          index in `Measurement.hosts`; None if nothing was read
    """

    node: str
    part: str = ""
    state: Literal["measured", "partial", "missing"]
    energy_j: Estimate | None = None
    power_w: float | None = None
    covered_s: float
    window_s: float
    clock_half_s: float | None = None
    host: int | None = None


class Measurement(Noun, frozen=True, kw_only=True):
    """Energy-to-solution of one command or workload, on one node or on all nodes of a job.

    energy_j       gross energy of one repeat, summed over the nodes: the mean of the repeats
    power_w        mean power of one node
    highest_power_w
                   highest mean power of one node over 1 s within the repeats; None if not known,
                   as for a sensor that updates more slowly, and of several nodes
    idle_power_w   idle power of one node
    accelerators_j
                   of the accelerators of the work alone, inside a node that a meter measured as a
                   whole. In a boundary of parts, `components_j` has them
    nodes          number of the nodes
    host           the node; of a job, its head node
    job            job of the measuring process; None: no job
    case           run of a campaign; None: not of a campaign
    shares         the nodes' parts of a job that was read on all nodes; empty: only one node was
                   read
    hosts          kinds of nodes of a job: equal nodes share an entry, without names, identities
                   and serial numbers
    partial        whether no repeat is known to be whole. Energy, time and power then belong to a
                   part of a repeat, and to no known work
    quality        None if nothing was measured or estimated
    replayed       whether the readings come from a recording: then the quality is that of the
                   recording, and nothing was measured here
    idle_state     in words, the idle phases behind the idle power
    work           work of one repeat; the mean if the repeats did different amounts
    work_per_s     None if the work of a repeat is not known
    roofline       None if the work counts neither flops nor bytes
    session        shared by interleaved runs, which are compared as pairs, block by block
    conditions     the first and last reading of each device, and every change of its throttle
                   reasons
    record         the workload's own record of its last repeat
    repeats        the whole repeats, or the only part of a repeat if `partial`
    doubts         with a doubt about a node's part of a job, computed from the other fields
    stamps         computed from the other fields, like `replayed`; a stated value is ignored
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["measurement"] = "measurement"
    id: str
    label: str
    workload: WorkloadRef | None
    command: tuple[str, ...] | None
    boundary: Boundary
    quality: Quality | None
    replayed: bool = False
    energy_j: Estimate | None
    components_j: dict[str, Estimate]
    time_s: Estimate
    power_w: Estimate | None
    highest_power_w: Estimate | None = None
    idle_power_w: Estimate | None
    idle_state: str | None = None
    idles: tuple[Idle, ...] = ()
    net_energy_j: Estimate | None
    accelerators_j: Estimate | None = None
    work: Work | None
    energy_per_work_j: Estimate | None
    work_per_s: Estimate | None = None
    roofline: Roofline | None = None
    verification: tuple[Verification, ...]
    repeats: tuple[Repeat, ...]
    regions: tuple[Region, ...]
    channels: tuple[ChannelStats, ...]
    nodes: int
    host: Host
    job: Job | None = None
    case: str | None = None
    shares: tuple[NodeShare, ...] = ()
    hosts: tuple[Host, ...] = ()
    session: str | None = None
    conditions: tuple[Condition, ...] = ()
    others: tuple[OtherLoad, ...] = ()
    record: WorkRecord | None = None
    partial: bool = False
    doubts: tuple[Doubt, ...]
    stamps: tuple[Stamp, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        stated = tuple(doubt for doubt in self.doubts if doubt.code != "part-of-job")
        doubts = (*part_of_job.doubts_of(self), *stated)
        msgspec.structs.force_setattr(self, "doubts", doubts)
        stamps.stamp(self, stamps.of_measurement(self))

    @property
    def perhaps_whole(self) -> bool:
        """Whether the only repeat may be whole: a signal came, and the program ended by itself."""
        return self.partial and any(doubt.code == "signal-handled" for doubt in self.doubts)

    @property
    def in_accelerators_j(self) -> Estimate | None:
        """Energy of one repeat in the accelerators of the work alone, inside a wider boundary. None
        if the boundary holds only these, and if one of them was not measured.
        """
        if self.accelerators_j is not None:
            return self.accelerators_j
        boards = [part for part in self.boundary.parts if part.reported_as == _BOARD]
        if not boards or len(boards) == len(self.boundary.parts):
            return None
        if any(part.state != "measured" for part in boards):
            return None
        return self.components_j.get(_BOARD)

    @property
    def failed_checks(self) -> tuple[str, ...]:
        """Quantities with a failed check: the work was not done, and the energy belongs to no unit
        of work.
        """
        return tuple(check.quantity for check in self.verification if not check.passed)
