"""Channel, trace and window: the quantity of a sensor, its raw samples, and a span of time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from energybench.model.base import Distribution, Kind, NonNegative, Noun, Positive, Timing
from energybench.model.effects import SensorSort

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


REPEAT = "repeat"  # label of the window of a repeat of the work
IDLE = "idle"  # label of the window of an idle phase
UNRANKED = 100  # rank of a channel whose collector states no rank


class MeterError(Noun, frozen=True, kw_only=True):
    """Error of the reference meter behind a gain: shared by every sensor that was compared with the
    meter.

    name   name of the meter, for people
    key    values with the same key share the error: the key of the meter's own scale
    u_rel  relative standard uncertainty of the meter's scale
    """

    name: str
    key: str
    u_rel: NonNegative
    distribution: Distribution = "normal"


class Gain(Noun, frozen=True, kw_only=True):
    """Scale of a sensor, with an uncertainty that belongs to one board or socket.

    value         value shown by the sensor over the true value, from a calibration; the divisor of
                  readings
    u_rel         relative standard uncertainty of the scale, the meter's error included
    key           name of the sensor's scale: under a calibration, or without calibrations, values
                  with the same key share the error, which cancels in their ratio
    distribution  of the error without the meter's
    calibration   name of the calibration behind the value; "" for a prior. The errors of two
                  calibrations differ, even for the same sensor
    meter         the meter's part of the uncertainty; None for a prior
    """

    value: Positive = 1.0
    u_rel: NonNegative
    key: str
    distribution: Distribution = "normal"
    source: str = ""
    calibration: str = ""
    meter: MeterError | None = None

    @property
    def own_u_rel(self) -> float:
        """Relative standard uncertainty without the meter's error."""
        meter_u = self.meter.u_rel if self.meter else 0.0
        return math.sqrt(max(0.0, self.u_rel**2 - meter_u**2))

    @property
    def own_key(self) -> str:
        """Values with the same key share the error without the meter's part."""
        # a key may end with the host, which stays the end
        return f"calibrated {self.calibration}/{self.key}" if self.calibration else self.key


class Channel(Noun, frozen=True, kw_only=True):
    """A quantity of a sensor, read as integers in counts of the resolution.

    device           stable id (GPU UUID, "package-0"), never an index
    component        "cpu.package", "cpu.dram", "gpu.board", "module", "node", …
    resolution       J for each count of a counter, W for each count of a power reading
    reading_step_w   step between two power readings, W, if coarser than the resolution; None: the
                     resolution of a power sensor
    quantity         distinguishes channels of one device: "energy", "power_instant"
    update_period_s  publishing period of the sensor; None if unknown
    window_s         averaging window: a power reading at t is the mean over [t - lag - window, t -
                     lag]. A counter with a window integrates only that part of each period; 0 for a
                     counter that integrates the whole period
    lag_s, lag_u_s   delay between the load and its appearance in the sensor, and its standard
                     uncertainty
    timing           source of period, window and lag
    calibrated_utc   time of the calibration profile, if any
    stamped          True if the sensor states its publishing times
    wrap             counts at which a counter starts again from zero; None for never
    power_limit_w    power at which the device limits its load; None if unknown
    max_power_w      power that no real reading exceeds; a larger reading is implausible
    used             False for a device of this node outside the work's devices
    counts           False for a channel that serves cross-checks and is never summed (psys, a
                     mirror, a second power average)
    contains         components whose energy is included ("module" contains "gpu.board")
    rank             preference among sensors of the same part: the lowest rank counts. The ranks of
                     the built-in collectors stand in collectors/ranks.py
    socket           socket of a counter that covers one package, one die, or the memory of one
                     socket ("package-0"); "" for a sensor of the whole node, or for a device with a
                     fuller name than its number
    own_register     True for a counter of a die that is known to have its own register: equal
                     values do not prove a repetition of another die's counter
    reference        True for a user's attached meter, the reference for other sensors
    """

    collector: str
    device: str
    component: str
    kind: Kind
    resolution: Positive
    gain: Gain
    reading_step_w: Positive | None = None
    quantity: str = ""
    update_period_s: Positive | None = None
    window_s: NonNegative = 0.0
    lag_s: NonNegative = 0.0
    lag_u_s: NonNegative = 0.0
    timing: Timing = "prior"
    calibrated_utc: str | None = None
    stamped: bool = False
    wrap: Annotated[int, msgspec.Meta(gt=0)] | None = None
    power_limit_w: Positive | None = None
    max_power_w: Positive | None = None
    quality: Literal["measured", "estimated"] = "measured"
    used: bool = True
    counts: bool = True
    contains: tuple[str, ...] = ()
    rank: int = UNRANKED
    socket: str = ""
    own_register: bool = False
    reference: bool = False

    @property
    def id(self) -> str:
        """Unique within a run."""
        return "/".join((self.collector, self.device, self.component, self.quantity or self.kind))

    @property
    def sort(self) -> SensorSort:
        """The sort of sensor: an attached meter, a model, or the kind of the node's own sensor."""
        if self.reference:
            return "meter"
        return "model" if self.quality == "estimated" else self.kind


class Trace(Noun, frozen=True, kw_only=True):
    """Raw samples of one channel; all shapes [n].

    ok  False for a failed read, whose raw count is meaningless
    """

    channel: Channel
    t_s: npt.NDArray[np.float64]
    raw: npt.NDArray[np.int64]
    ok: npt.NDArray[np.bool_]


CutBy = Literal[
    "signal",
    "signal-handled",
    "program-killed",
    "descendants",
    "no-end",
    "exception",
    "loop-left",
    "end-unknown",
    "caller-ended",
]
"""Why a repeat is not known to be whole: a signal ended the run; a signal came, and the program
then ended by itself, which may be at the end of its work or before; a signal ended the program
alone; the program ended, and processes that it had started went on working; the measuring side
ended first, and the window ends at the last sample; an exception left the block of a Python
program; `break` or an exception left its loop over repeats, which Python does not tell apart; the
end of its block is not known; or it ended in its block.
"""


class Window(Noun, frozen=True, kw_only=True):
    """A span of time on the host's monotonic clock.

    label   IDLE, REPEAT, "setup", "warm-up", or a region of the workload
    repeat  repeat of a region; None outside the repeats
    block   block of interleaved runs with the repeat
    note    state of an idle phase ("before the work, no context held")
    start_half_s, end_half_s
            half-widths, s, of the intervals around the true start and end, if the work was watched
            from outside
    cut     reason why a repeat is not known to be whole; None: the repeat is whole
    signal  latest signal from outside within a repeat that may have ended its program early
            ("SIGUSR1"); None: no such signal
    signal_after_s
            time of the first such signal of this name, s after the start
    """

    label: str
    start_s: float
    end_s: float
    repeat: int | None = None
    block: int | None = None
    note: str = ""
    start_half_s: NonNegative = 0.0
    end_half_s: NonNegative = 0.0
    cut: CutBy | None = None
    signal: str | None = None
    signal_after_s: NonNegative | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end_s < self.start_s:
            raise ValueError(f"window {self.label!r} ends before it starts")

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


class Pause(Noun, frozen=True, kw_only=True):
    """A time in which a process of the measuring side did not run although a core was free: the
    process was stopped (SIGSTOP, Ctrl-Z), or frozen together with its container or virtual machine.

    unseen  events unseen in the pause: readings of sensors, or the end of the program
    """

    start_s: float
    end_s: float
    unseen: Literal["readings", "end"] = "readings"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end_s < self.start_s:
            raise ValueError("a pause ends before it starts")
