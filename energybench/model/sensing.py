"""What a sensor gives: channel, trace, window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from energybench.model.base import Distribution, Kind, NonNegative, Noun, Positive, Timing
from energybench.model.effects import SensorSort

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


REPEAT = "repeat"  # label of the window of one repeat of the work
IDLE = "idle"  # label of the window of an idle phase


class Gain(Noun, frozen=True, kw_only=True):
    """How far a sensor's scale may be off: a relative standard uncertainty that belongs to one
    board or socket.

    Two values that share `key` share the error, so it cancels in their ratio. `value`: what the
    sensor shows over the truth, where a calibration knows it; readings are divided by it.
    """

    value: Positive = 1.0
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
    # a power reading at t is the mean over [t - lag - window, t - lag]; of a counter: it sees only
    # that of each period
    window_s: NonNegative = 0.0
    lag_s: NonNegative = 0.0
    lag_u_s: NonNegative = 0.0  # standard uncertainty of the lag
    timing: Timing = "prior"  # where period, window and lag come from
    calibrated_utc: str | None = None  # when the profile was made, where one was used
    # the times are the sensor's own, of publishing: nothing of the update period is unknown about
    # them
    stamped: bool = False
    wrap: Annotated[int, msgspec.Meta(gt=0)] | None = (
        None  # counts at which a counter starts again; None: never
    )
    max_power_w: Positive | None = (
        None  # what no real reading exceeds; beyond it a sample is implausible
    )
    quality: Literal["measured", "estimated"] = "measured"
    used: bool = True  # False: a device of this node that the work was not given
    # False: recorded for cross-checks, never summed (psys, a mirror, a second power average)
    counts: bool = True
    contains: tuple[
        str, ...
    ] = ()  # components whose energy is inside this one ("module" contains "gpu.board")

    @property
    def id(self) -> str:
        """Unique within a run."""
        return "/".join((self.collector, self.device, self.component, self.quantity or self.kind))

    @property
    def sort(self) -> SensorSort:
        """The sort of sensor: an attached meter, a model, or the kind of the node's own sensor."""
        if self.collector == "meter":
            return "meter"
        return "model" if self.quality == "estimated" else self.kind


class Trace(Noun, frozen=True, kw_only=True):
    """Raw samples of one channel, as read.

    Shapes: all [n]; `ok` is False where the read failed (raw is then meaningless).
    """

    channel: Channel
    t_s: npt.NDArray[np.float64]
    raw: npt.NDArray[np.int64]
    ok: npt.NDArray[np.bool_]


class Window(Noun, frozen=True, kw_only=True):
    """A span on the host's monotonic clock; label "idle", "repeat", "setup", "warm-up" or a region
    of the workload.
    """

    label: str
    start_s: float
    end_s: float
    repeat: int | None = None  # which repeat a region lies in; None: outside the repeats
    block: int | None = None  # which block of interleaved runs a repeat belongs to
    note: str = ""  # of an idle phase: which idle it was ("before the work, no context held")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end_s < self.start_s:
            raise ValueError(f"window {self.label!r} ends before it starts")

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s
