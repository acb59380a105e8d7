"""Simulated sensors: what a channel states of itself, and what the sensor really does, kept apart.

A row states what the collector of that family states (collectors/nvml.py, rapl.py, pm_counters.py)
and does what has been published or reported of it. Every experiment draws the sensor's phase, its
gain from the stated prior (or another one) and its lag.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.model import BoundaryName, Channel, Gain, Kind, Trace
from energybench.simulating.waves import Load

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
GainMode = Literal["prior", "1", "wide", "biased"]

LAG_U_S = 0.1 / math.sqrt(
    12.0
)  # as collectors/nvml.py states it: rectangular within half a period of 0.1 s
BIAS = -0.055  # of an A100 against a meter: arXiv 2312.02741
RAPL_WRAP = 262_143_328_850  # the usual max_energy_range_uj: kernel documentation of powercap
BOARD_MAX_W = 1000.0  # the largest board limit sold; what no real reading exceeds
PACKAGE_MAX_W = 1000.0  # as collectors/rapl.py states it


class Stated(NamedTuple):
    """What the channel says of its timing, s."""

    period_s: float
    window_s: float = 0.0
    lag_u_s: float = 0.0
    stamped: bool = False


class Does(NamedTuple):
    """What the sensor does. sees_s: of a power reading the mean over so long; of a counter how much
    of each period it integrates (0: all).
    """

    period_s: float
    sees_s: float = 0.0
    lags: bool = False  # by a lag drawn within the stated uncertainty
    stamped: bool = (
        False  # readings carry the time they were published at, not the one they were read at
    )


class Dial(NamedTuple):
    """One channel of a sensor."""

    quantity: str
    kind: Kind
    resolution: float
    stated: Stated
    does: Does
    wrap: int | None = None


class Sensor(NamedTuple):
    """A row: the channels that one device offers. scale: its size against one accelerator board."""

    name: str
    about: str
    collector: str
    prior: str  # row of data/priors.toml
    dials: tuple[Dial, ...]
    # a package's counter is read as a board's is: the boundary `device` takes either
    component: str = "gpu.board"
    boundary: BoundaryName = "device"
    max_power_w: float | None = BOARD_MAX_W
    scale: float = 1.0
    together: bool = False  # all channels publish at the same moment


_ENERGY = Dial("energy", "counter", 1e-3, Stated(0.1), Does(0.1))
_INSTANT = Dial(
    "power_instant", "power", 1e-3, Stated(0.1, 0.025, LAG_U_S), Does(0.1, 0.025, lags=True)
)
_AVERAGE = Dial(
    "power_average", "power", 1e-3, Stated(0.1, 1.0, LAG_U_S), Does(0.1, 1.0, lags=True)
)

SENSORS: Mapping[str, Sensor] = {
    sensor.name: sensor
    for sensor in (
        Sensor(
            "a100",
            "counter every 100 ms of all energy, and a power reading of 25 ms in 100",
            "nvml",
            "nvml.gain",
            (_ENERGY, _INSTANT),
        ),
        Sensor(
            "a100-power",
            "a power reading of 25 ms in every 100, alone (arXiv 2312.02741)",
            "nvml",
            "nvml.gain",
            (_INSTANT,),
        ),
        Sensor(
            "h100-instant",
            "the same timing on an H100 (arXiv 2312.02741)",
            "nvml",
            "nvml.gain",
            (_INSTANT,),
        ),
        Sensor(
            "h100-average",
            "power averaged over 1 s, published every 100 ms",
            "nvml",
            "nvml.gain",
            (_AVERAGE,),
        ),
        # Older boards update faster than the 100 ms that the collector states: 10 ms were reported
        # (ml.energy), 20 ms is taken here.
        Sensor(
            "v100",
            "counter every 20 ms, stated as 100 ms",
            "nvml",
            "nvml.gain",
            (Dial("energy", "counter", 1e-3, Stated(0.1), Does(0.02)),),
        ),
        # Nobody has published whether the counter integrates all energy or what its power reading
        # sees (zeus issue 181): here the latter.
        Sensor(
            "sampled-counter",
            "counter every 100 ms of what its 25 ms samples see, not stated, and the samples "
            "beside it",
            "nvml",
            "nvml.gain",
            (
                Dial("energy", "counter", 1e-3, Stated(0.1), Does(0.1, 0.025)),
                Dial("power_instant", "power", 1e-3, Stated(0.1, 0.025, LAG_U_S), Does(0.1, 0.025)),
            ),
            together=True,
        ),
        Sensor(
            "rapl",
            "counter every 1 ms in uJ, wraps during the run",
            "rapl",
            "rapl.package",
            (Dial("energy", "counter", 1e-6, Stated(0.001), Does(0.001), wrap=RAPL_WRAP),),
            max_power_w=PACKAGE_MAX_W,
            scale=0.6,  # a package of 60-360 W
        ),
        Sensor(
            "pm_counters",
            "node counter at 10 Hz in whole joules, with time stamps",
            "pm_counters",
            "pm_counters.gain",
            (Dial("energy", "counter", 1.0, Stated(0.1, stamped=True), Does(0.1, stamped=True)),),
            component="node",
            boundary="node-dc",
            max_power_w=None,
            scale=5.0,  # four boards and their host
        ),
    )
}


class Prior(NamedTuple):
    """A gain's stated relative standard uncertainty and its distribution."""

    u_rel: float
    distribution: Literal["normal", "rectangular"]


def draw_gain(prior: Prior, mode: GainMode, rng: np.random.Generator) -> float:
    """What this sensor shows over the truth. wide: spread twice as wide as stated; biased: spread
    as stated about -5.5 %.
    """
    standard = (
        rng.standard_normal()
        if prior.distribution == "normal"
        else rng.uniform(-math.sqrt(3.0), math.sqrt(3.0))
    )
    if mode == "1":
        return 1.0
    return (
        1
        + (2 if mode == "wide" else 1) * prior.u_rel * float(standard)
        + (BIAS if mode == "biased" else 0.0)
    )


def channels(sensor: Sensor, prior: Prior, mode: GainMode) -> tuple[Channel, ...]:
    """What the sensor states of itself. With gain 1 it is stated exact."""
    gain = Gain(
        u_rel=0.0 if mode == "1" else prior.u_rel,
        distribution=prior.distribution,
        key=f"gain:{sensor.name}",
    )
    return tuple(
        Channel(
            collector=sensor.collector,
            device=sensor.name,
            component=sensor.component,
            kind=dial.kind,
            quantity=dial.quantity,
            resolution=dial.resolution,
            gain=gain,
            update_period_s=dial.stated.period_s,
            window_s=dial.stated.window_s,
            lag_u_s=dial.stated.lag_u_s,
            stamped=dial.stated.stamped,
            wrap=dial.wrap,
            max_power_w=sensor.max_power_w,
        )
        for dial in sensor.dials
    )


class State(NamedTuple):
    """One dial as it stands in an experiment: when it ticks, by how much it lags (s), and how full
    its register is (0 to 1).
    """

    phase_s: float
    lag_s: float
    filled: float


def states(sensor: Sensor, rng: np.random.Generator) -> tuple[State, ...]:
    """Phases, lags within what is stated (rectangular) and fillings, at random."""
    shared, made = rng.random(), []
    for dial in sensor.dials:
        phase, lag, filled = rng.random(3).tolist()
        lag_s = (2 * lag - 1) * math.sqrt(3.0) * dial.stated.lag_u_s if dial.does.lags else 0.0
        made.append(
            State((shared if sensor.together else phase) * dial.does.period_s, lag_s, filled)
        )
    return tuple(made)


def part_time(sensor: Sensor, drawn: Sequence[State]) -> tuple[Dial, State] | None:
    """The dial that states it sees only a part of its period, for which `run` spreads the starts of
    its repeats.
    """
    return next(
        (
            (dial, state)
            for dial, state in zip(sensor.dials, drawn, strict=True)
            if 0 < dial.stated.window_s < dial.stated.period_s
        ),
        None,
    )


def outside_s(sensor: Sensor) -> float:
    """How long before and after a repeat `run` samples for a sensor that averages over more than
    its period, where no counter stands beside.
    """
    if any(dial.kind == "counter" for dial in sensor.dials):
        return 0.0
    smeared = max(
        (
            dial.stated.window_s
            for dial in sensor.dials
            if dial.stated.window_s > dial.stated.period_s
        ),
        default=0.0,
    )
    return smeared + 2 * max(dial.stated.period_s for dial in sensor.dials) if smeared else 0.0


class Polled(NamedTuple):
    """What the sensor was looking at, and when it was read. ok False: the read failed.

    Shapes [polls].
    """

    load: Load
    polls_s: Floats
    ok: Flags
    gain: float


def read(
    sensor: Sensor, stated: Sequence[Channel], drawn: Sequence[State], polled: Polled
) -> tuple[Trace, ...]:
    """What polling the sensor gives, one trace a dial."""
    return tuple(
        _trace(dial, channel, state, polled)
        for dial, channel, state in zip(sensor.dials, stated, drawn, strict=True)
    )


def _trace(dial: Dial, channel: Channel, state: State, polled: Polled) -> Trace:
    """A counter that wraps does so during the run: at its very end where `filled` is 0, at its
    start where it is 1.
    """
    period, load = dial.does.period_s, polled.load
    tick = np.floor((polled.polls_s - state.phase_s) / period)
    fresh = np.concatenate(([True], tick[1:] > tick[:-1]))  # many polls show the same tick
    shown, ticks = np.cumsum(fresh) - 1, tick[fresh]
    if dial.kind == "power":
        end = ticks * period + state.phase_s - state.lag_s
        watts = (load.energy(end) - load.energy(end - dial.does.sees_s)) / dial.does.sees_s
        raw = np.round(polled.gain * watts / dial.resolution).astype(np.int64)
    else:
        raw = np.floor(
            polled.gain * _gathered(dial.does, load, ticks, state) / dial.resolution
        ).astype(np.int64)
        raw -= raw[0]
        if dial.wrap is not None:
            raw = (raw + dial.wrap - round((1 - state.filled) * int(raw[-1]))) % dial.wrap
    published = (ticks * period + state.phase_s)[shown]
    t_s = np.where(polled.ok, published, polled.polls_s) if dial.does.stamped else polled.polls_s
    return Trace(channel=channel, t_s=t_s, raw=np.where(polled.ok, raw[shown], 0), ok=polled.ok)


def _gathered(does: Does, load: Load, ticks: Floats, state: State) -> Floats:
    """Joules that a counter has gathered at these ticks, up to a constant."""
    if does.sees_s == 0:
        return load.energy(ticks * does.period_s + state.phase_s - state.lag_s)
    every = np.arange(ticks[0], ticks[-1] + 1)
    ends = every * does.period_s + state.phase_s - state.lag_s
    seen = (load.energy(ends) - load.energy(ends - does.sees_s)) / does.sees_s * does.period_s
    return np.asarray(np.cumsum(seen)[(ticks - ticks[0]).astype(np.int64)])
