"""A measurement and what it is made of."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Kind, Noun, Quality, Timing
from energybench.model.doubts import Doubt
from energybench.model.host import Condition, Host, OtherLoad
from energybench.model.limits import Roofline
from energybench.model.record import WorkRecord
from energybench.model.values import Boundary, Estimate, Verification, Work, WorkloadRef


class Repeat(Noun, frozen=True, kw_only=True):
    """One repeat: this window's energy over the measured and modelled parts.

    None: not measured (a sensor was away).
    """

    start_s: float
    end_s: float
    energy_j: float | None
    components_j: dict[str, float] = {}
    work: Work | None = None
    block: int | None = None  # which block of interleaved runs it belongs to

    @property
    def time_s(self) -> float:
        return self.end_s - self.start_s


class Region(Noun, frozen=True, kw_only=True):
    """Mean of `count` occurrences of a region.

    Energy is None where the region is too short for the sensors.
    """

    label: str
    energy_j: Estimate | None
    time_s: float
    count: int = 1
    in_repeat: bool = True  # False: set-up, compilation, warm-up; not part of energy-to-solution


class Idle(Noun, frozen=True, kw_only=True):
    """One idle phase: when, and which idle it was (what was held, and that the sensors were
    polled).
    """

    state: str
    start_s: float
    end_s: float
    power_w: Estimate


class ChannelStats(Noun, frozen=True, kw_only=True):
    """How a channel was read: measured period and jitter (standard deviation against the schedule),
    and what went wrong.
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
    timing: Timing = "prior"  # where the sensor's update period, averaging window and lag come from
    calibrated_utc: str | None = None
    update_period_s: float | None = None  # the sensor's own, as used
    window_s: float = 0.0


class Measurement(Noun, frozen=True, kw_only=True):
    """Energy-to-solution of one command or workload on one node.

    `energy_j` is that of one repeat (their mean), gross.
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["measurement"] = "measurement"
    id: str
    label: str
    workload: WorkloadRef | None
    command: tuple[str, ...] | None
    boundary: Boundary
    quality: Quality | None  # None: nothing was measured or estimated at all
    energy_j: Estimate | None
    components_j: dict[str, Estimate]
    time_s: Estimate
    power_w: Estimate | None
    idle_power_w: Estimate | None
    idle_state: str | None = (
        None  # which idle that is: what was held, and that the sensors were polled
    )
    idles: tuple[Idle, ...] = ()
    net_energy_j: Estimate | None
    work: Work | None  # of one repeat; the mean where repeats did other amounts
    energy_per_work_j: Estimate | None
    work_per_s: Estimate | None = (
        None  # samples/s and the like; None where a repeat's work is not known
    )
    roofline: Roofline | None = None  # None: the work counts neither flops nor bytes
    verification: tuple[Verification, ...]
    repeats: tuple[Repeat, ...]
    regions: tuple[Region, ...]
    channels: tuple[ChannelStats, ...]
    nodes: int
    host: Host
    session: str | None = (
        # runs that were interleaved with each other share it: they are compared as pairs, block by
        # block
        None
    )
    conditions: tuple[
        Condition, ...
    ] = ()  # first and last of each device, and every change of its throttle reasons
    others: tuple[OtherLoad, ...] = ()
    record: WorkRecord | None = None  # the workload's own, of the last repeat
    doubts: tuple[Doubt, ...]

    @property
    def failed_checks(self) -> tuple[str, ...]:
        """Quantities whose check failed: the work was then not done, and its energy is that of no
        unit of it.
        """
        return tuple(check.quantity for check in self.verification if not check.passed)

    @property
    def partial(self) -> bool:
        """Whether its only repeat is a part of one, which a signal or the measuring side's end cut:
        energy of no known work.
        """
        return (
            len(self.repeats) == 1
            and self.work is None
            and any(doubt.code in ("interrupted", "cut-off") for doubt in self.doubts)
        )
