"""The nouns of energybench, read downward: channel, trace, window → measurement → comparison → projection → document.

All are frozen; unknown fields, NaN and infinities are refused. Units are SI and stand in the field's name (`_j`, `_w`, `_s`).
No I/O and no internal import: everything else stands on this file.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SCHEMA = "energybench/1"

Kind = Literal["counter", "power"]
Quality = Literal["measured", "estimated", "mixed"]
Distribution = Literal["normal", "student", "rectangular", "bound"]
BoundaryName = Literal["node-ac", "node-dc", "compute", "device"]
PartState = Literal["measured", "modelled", "missing"]
Verdict = Literal["better", "worse", "equivalent", "inconclusive"]
PrecisionPolicy = Literal["equal-precision", "equal-accuracy"]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Noun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all nouns: refuses NaN and infinities, which JSON cannot carry and arithmetic would spread."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} is {value}, not a finite number")


# ---------------------------------------------------------------- what a sensor gives


class Gain(Noun, frozen=True, kw_only=True):
    """How far a sensor's scale may be off: a relative standard uncertainty that belongs to one board or socket.

    Two values that share `key` share the error, so it cancels in their ratio.
    """

    u_rel: NonNegative
    key: str
    distribution: Distribution = "normal"
    source: str = ""


class Channel(Noun, frozen=True, kw_only=True):
    """One quantity of one sensor, as it is read: integers in counts of `resolution`."""

    collector: str
    device: str  # stable id: GPU UUID, "package-0"; never an index
    component: str  # "cpu.package", "cpu.dram", "gpu.board", "module", "node", …
    kind: Kind
    resolution: Positive  # J per count (counter) or W per count (power)
    gain: Gain
    quantity: str = ""  # tells two channels of one device apart: "energy", "power_instant"
    update_period_s: NonNegative | None = None  # how often the sensor publishes; None: not known
    window_s: NonNegative = 0.0  # a power reading at t is the mean over [t - lag - window, t - lag]
    lag_s: NonNegative = 0.0
    lag_u_s: NonNegative = 0.0  # standard uncertainty of the lag
    wrap: Annotated[int, msgspec.Meta(gt=0)] | None = None  # counts at which a counter starts again; None: never
    max_power_w: Positive | None = None  # what no real reading exceeds; beyond it a sample is implausible
    quality: Literal["measured", "estimated"] = "measured"
    used: bool = True  # False: a device of this node that the work was not given
    counts: bool = True  # False: recorded for cross-checks, never summed (psys, a mirror, a second power average)
    contains: tuple[str, ...] = ()  # components whose energy is inside this one ("module" contains "gpu.board")

    @property
    def id(self) -> str:
        """Unique within a run."""
        return "/".join((self.collector, self.device, self.component, self.quantity or self.kind))


class Trace(Noun, frozen=True, kw_only=True):
    """Raw samples of one channel, as read. Shapes: all [n]; `ok` is False where the read failed (raw is then meaningless)."""

    channel: Channel
    t_s: npt.NDArray[np.float64]
    raw: npt.NDArray[np.int64]
    ok: npt.NDArray[np.bool_]


class Window(Noun, frozen=True, kw_only=True):
    """A span on the host's monotonic clock; label "idle", "repeat", "setup", "warm-up" or a region of the workload."""

    label: str
    start_s: float
    end_s: float
    repeat: int | None = None  # which repeat a region lies in; None: outside the repeats

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end_s < self.start_s:
            raise ValueError(f"window {self.label!r} ends before it starts")

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


# ---------------------------------------------------------------- what the work was


class Work(Noun, frozen=True, kw_only=True):
    """Solved work. `flops` and `bytes` are the algorithm's own (its roofline), None where nobody has counted them."""

    amount: Positive
    unit: str  # "solve to residual 1e-10", "token", "sample"
    fingerprint: str  # of the problem: two runs with the same one did the same work
    precision: PrecisionPolicy
    flops: NonNegative | None = None
    bytes: NonNegative | None = None


class Verification(Noun, frozen=True, kw_only=True):
    """A check of the result. `value` is None where the result was not even a finite number."""

    quantity: str
    value: float | None
    tolerance: float
    passed: bool


class WorkloadRef(Noun, frozen=True, kw_only=True):
    """Which workload ran, and how."""

    name: str
    size: str
    device: str
    settings: dict[str, str | int | float | bool | None] = {}


# ---------------------------------------------------------------- values and their doubts


class Effect(Noun, frozen=True, kw_only=True):
    """One source of uncertainty of a value, in the value's own unit.

    u             signed contribution c·u(x) (GUM 5.1.3); its sign matters only against other values that share the key
    distribution  normal; student (scale u, `dof`); rectangular (half-width u·√3);
                  bound: the truth lies anywhere from the value to the value + u·√12, to that side only, and intervals take all of it
    key           what the effect belongs to (sensor, model, site). Values that share a key share the error; None: nobody else's
    """

    name: str
    u: float
    distribution: Distribution = "normal"
    dof: Positive | None = None
    key: str | None = None


class Estimate(Noun, frozen=True, kw_only=True):
    """A value, its interval, and the effects the interval was made from."""

    value: float
    low: float
    high: float
    confidence: float = 0.95
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} lies outside its interval [{self.low}, {self.high}]")

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


class Doubt(Noun, frozen=True, kw_only=True):
    """Something that weakens a result, and what would mend it."""

    code: str
    message: str
    remedy: str


class Part(Noun, frozen=True, kw_only=True):
    """A part of a boundary. `low_w`, `high_w`: the range a modelled or missing part may draw; None where measured."""

    component: str
    state: PartState
    low_w: NonNegative | None = None
    high_w: NonNegative | None = None
    device: str = ""
    used: bool = True


class Boundary(Noun, frozen=True, kw_only=True):
    """What the joules cover. compute = every package + all memory + every accelerator present, used or idle."""

    name: BoundaryName
    parts: tuple[Part, ...]


# ---------------------------------------------------------------- provenance


class Gpu(Noun, frozen=True, kw_only=True):
    """One accelerator of the node, used or not."""

    uuid: str
    name: str
    used: bool = True
    driver: str | None = None
    cuda: str | None = None
    pci_bus_id: str | None = None
    serial: str | None = None
    memory_bytes: int | None = None
    power_limit_w: float | None = None
    power_limit_default_w: float | None = None
    power_limit_min_w: float | None = None
    power_limit_max_w: float | None = None
    sm_clock_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    memory_clock_mhz: int | None = None
    memory_clock_max_mhz: int | None = None
    persistence: bool | None = None
    ecc: bool | None = None
    mig: bool | None = None
    temperature_c: int | None = None
    throttle_reasons: str | None = None


class Host(Noun, frozen=True, kw_only=True):
    """Where it ran. Read on the machine that measured, never filled in from the reader's; what is not known is None."""

    name: str
    cpu: str | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    threads_allowed: int | None = None  # by affinity or cgroup
    memory_bytes: int | None = None
    governor: str | None = None
    kernel: str | None = None
    os: str | None = None
    virtual: str | None = None  # hypervisor's name where there is one
    container: str | None = None
    slurm_job: str | None = None
    python: str | None = None
    libraries: dict[str, str] = {}
    gpus: tuple[Gpu, ...] = ()
    started_utc: str | None = None  # wall clock at `started_s` of the monotonic clock: the anchor for merging hosts
    started_s: float | None = None


# ---------------------------------------------------------------- results


class Repeat(Noun, frozen=True, kw_only=True):
    """One repeat: this window's energy over the measured and modelled parts. None: not measured (a sensor was away)."""

    start_s: float
    end_s: float
    energy_j: float | None
    components_j: dict[str, float] = {}
    work: Work | None = None

    @property
    def time_s(self) -> float:
        return self.end_s - self.start_s


class Region(Noun, frozen=True, kw_only=True):
    """Mean of `count` occurrences of a region. Energy is None where the region is too short for the sensors."""

    label: str
    energy_j: float | None
    time_s: float
    count: int = 1
    in_repeat: bool = True  # False: set-up, compilation, warm-up; not part of energy-to-solution


class ChannelStats(Noun, frozen=True, kw_only=True):
    """How a channel was read: measured period and jitter (standard deviation against the schedule), and what went wrong."""

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


class Measurement(Noun, frozen=True, kw_only=True):
    """Energy-to-solution of one command or workload on one node. `energy_j` is that of one repeat (their mean), gross."""

    kind_: ClassVar[str] = "measurement"
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
    idle_state: str | None = None  # which idle that is: what was held, and that the sensors were polled
    net_energy_j: Estimate | None
    work: Work | None
    energy_per_work_j: Estimate | None
    verification: tuple[Verification, ...]
    repeats: tuple[Repeat, ...]
    regions: tuple[Region, ...]
    channels: tuple[ChannelStats, ...]
    nodes: int
    host: Host
    doubts: tuple[Doubt, ...]


class RatioLine(Noun, frozen=True, kw_only=True):
    """A second ratio under its own label (without the idle GPUs, over one component)."""

    label: str
    energy_ratio: Estimate


class Comparison(Noun, frozen=True, kw_only=True):
    """Baseline against candidate: energy_ratio = E_baseline / E_candidate, speedup = T_baseline / T_candidate, for the same work.

    `power_w` and `idle_power_w` are (baseline, candidate), per node: what projecting needs.
    """

    kind_: ClassVar[str] = "comparison"
    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["comparison"] = "comparison"
    title: str  # "energy ratio", or "time x assumed power" where a side is estimated
    baseline: str
    candidate: str
    labels: tuple[str, str]
    boundary: BoundaryName
    quality: Quality | None
    energy_ratio: Estimate | None
    speedup: Estimate
    net_energy_ratio: Estimate | None
    node_hours: tuple[float, float]
    energy_delay_ratio: Estimate | None
    verdict: Verdict | None  # None: no energy verdict can be given
    margin: NonNegative
    second_lines: tuple[RatioLine, ...]
    power_w: tuple[Estimate | None, Estimate | None]
    idle_power_w: tuple[Estimate | None, Estimate | None]
    doubts: tuple[Doubt, ...]


class Input(Noun, frozen=True, kw_only=True):
    """A quantity that a projection line used, with where it comes from."""

    name: str
    value: Estimate
    unit: str
    source: str


class Line(Noun, frozen=True, kw_only=True):
    """One step of a projection."""

    name: str
    value: Estimate
    unit: str
    formula: str
    inputs: tuple[Input, ...]
    note: str = ""


class Claim(Noun, frozen=True, kw_only=True):
    """A published figure against what its own inputs give."""

    name: str
    claimed: float
    derived: Estimate | None
    fits: bool | None  # None: cannot be derived from what was published
    why: str
    unit: str = ""
    source: str = ""


class Projection(Noun, frozen=True, kw_only=True):
    """A comparison or a published claim, carried through a scenario to a month of a fleet."""

    kind_: ClassVar[str] = "projection"
    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["projection"] = "projection"
    scenario: str
    title: str
    lines: tuple[Line, ...]
    saved_mwh_per_month: Estimate | None
    saved_cost_per_month: Estimate | None
    currency: str | None
    saved_tco2e_per_month: Estimate | None
    claims: tuple[Claim, ...]
    doubts: tuple[Doubt, ...]


# ---------------------------------------------------------------- what a report renders


class PowerSeries(Noun, frozen=True, kw_only=True):
    """Power over time of one device, for a chart: seconds since the run began, watts. Equal lengths; a gap is a None."""

    run: str
    component: str
    device: str
    t_s: tuple[float, ...]
    power_w: tuple[float | None, ...]


class Timeline(Noun, frozen=True, kw_only=True):
    """A run's power and its windows, for a chart. Window times are seconds since the run began."""

    run: str
    series: tuple[PowerSeries, ...]
    windows: tuple[Window, ...]


class Document(Noun, frozen=True, kw_only=True):
    """What a report renders: any results, in the order given, with title and notes."""

    title: str
    results: tuple[Measurement | Comparison | Projection, ...]
    timelines: tuple[Timeline, ...] = ()
    notes: tuple[str, ...] = ()
    created_utc: str = ""
    version: str = ""

    def of(self, kind: type[Any]) -> tuple[Any, ...]:
        """The results of one kind."""
        return tuple(result for result in self.results if isinstance(result, kind))
