"""Simulated sensors, with their stated timing and their true behaviour kept apart.

A row states the timing of a collector (nvml_channels.py, rapl.py, pm_counters.py), and behaves
as published or reported for the sensor. Every experiment draws the phase and the lag of the sensor,
and the gain from the stated prior (or, on purpose, from a wrong prior).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from energybench.model import BoundaryName, Channel, Gain, Kind

GainMode = Literal["prior", "1", "wide", "biased"]

# as in collectors/nvml_channels.py: rectangular within half a period of 0.1 s
LAG_U_S = 0.1 / math.sqrt(12.0)
BIAS = -0.055  # of an A100 against a meter: arXiv 2312.02741
RAPL_WRAP = 262_143_328_850  # the usual max_energy_range_uj: kernel documentation of powercap
BOARD_MAX_W = 1000.0  # the largest limit of a board on sale: no real reading exceeds it
PACKAGE_MAX_W = 1000.0  # as in collectors/rapl.py


class Stated(NamedTuple):
    """The timing that a channel states, s."""

    period_s: float
    window_s: float = 0.0
    lag_u_s: float = 0.0
    stamped: bool = False


class Does(NamedTuple):
    """The true behaviour of a sensor.

    sees_s   a power reading is the mean over this time; a counter integrates this part of every
             period (0: the whole period)
    lags     by a lag drawn within the stated uncertainty
    stamped  readings carry the time of publication, not the time of the poll
    """

    period_s: float
    sees_s: float = 0.0
    lags: bool = False
    stamped: bool = False


class Dial(NamedTuple):
    """One channel of a sensor."""

    quantity: str
    kind: Kind
    resolution: float
    stated: Stated
    does: Does
    wrap: int | None = None


class Sensor(NamedTuple):
    """A row: the channels of one device. scale: power relative to one accelerator board."""

    name: str
    about: str
    collector: str
    prior: str  # row of data/priors.toml
    dials: tuple[Dial, ...]
    # the counter of a package is read like the counter of a board: the boundary `device` takes both
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
        # Older boards update faster than the stated 100 ms: 10 ms were reported (ml.energy), 20 ms
        # is taken here.
        Sensor(
            "v100",
            "counter every 20 ms, stated as 100 ms",
            "nvml",
            "nvml.gain",
            (Dial("energy", "counter", 1e-3, Stated(0.1), Does(0.02)),),
        ),
        # It is not published whether the counter integrates all energy or adds up the samples of
        # the power reading (zeus issue 181): here the counter adds up the samples.
        Sensor(
            "sampled-counter",
            "counter every 100 ms that adds up samples of 25 ms, without stating so, and the "
            "samples beside it",
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


class PriorMode(NamedTuple):
    """A gain's stated relative standard uncertainty and its distribution."""

    u_rel: float
    distribution: Literal["normal", "rectangular"]


def draw_gain(prior: PriorMode, mode: GainMode, rng: np.random.Generator) -> float:
    """Reading over truth. wide: spread twice as wide as stated; biased: spread as stated, about
    -5.5 %.
    """
    if prior.distribution == "normal":
        standard = float(rng.standard_normal())
    else:
        standard = float(rng.uniform(-math.sqrt(3.0), math.sqrt(3.0)))
    if mode == "1":
        return 1.0
    width = 2 if mode == "wide" else 1
    bias = BIAS if mode == "biased" else 0.0
    return 1 + width * prior.u_rel * standard + bias


def channels(sensor: Sensor, prior: PriorMode, mode: GainMode) -> tuple[Channel, ...]:
    """The channels as stated. With gain 1, the gain is stated as exact."""
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


class SensorState(NamedTuple):
    """State of a dial in an experiment: phase of the ticks and lag (s), and the filling of the
    register (0 to 1).
    """

    phase_s: float
    lag_s: float
    filled: float


def states(sensor: Sensor, rng: np.random.Generator) -> tuple[SensorState, ...]:
    """Random phases, lags within the stated uncertainty (rectangular) and fillings."""
    common_phase, drawn = rng.random(), []
    for dial in sensor.dials:
        phase, lag, filled = rng.random(3).tolist()
        if sensor.together:
            phase = common_phase
        lag_s = (2 * lag - 1) * math.sqrt(3.0) * dial.stated.lag_u_s if dial.does.lags else 0.0
        drawn.append(SensorState(phase * dial.does.period_s, lag_s, filled))
    return tuple(drawn)


def part_time(sensor: Sensor, drawn: Sequence[SensorState]) -> tuple[Dial, SensorState] | None:
    """The dial with a stated window shorter than its period: `run` spreads the starts of repeats
    over that period.
    """
    for dial, state in zip(sensor.dials, drawn, strict=True):
        if 0 < dial.stated.window_s < dial.stated.period_s:
            return dial, state
    return None


def outside_s(sensor: Sensor) -> float:
    """Time that `run` samples before and after a repeat: 0 unless the sensor averages over more
    than its period and has no counter.
    """
    if any(dial.kind == "counter" for dial in sensor.dials):
        return 0.0
    stated = [dial.stated for dial in sensor.dials]
    averaged_s = [timing.window_s for timing in stated if timing.window_s > timing.period_s]
    if not averaged_s:
        return 0.0
    return max(averaged_s) + 2 * max(timing.period_s for timing in stated)
