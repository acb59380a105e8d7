"""The simulated sensors, with their stated timing and their true behaviour kept apart.

A row states the timing of a collector (nvml_channels.py, rapl.py, pm_counters.py), and behaves
as published or reported for the sensor. Every experiment draws the phase and the lag of the sensor,
and the gain from the stated prior (or, on purpose, from a wrong prior).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from energybench.model import Channel, Gain
from energybench.simulating.polling import COUNTER_SPREAD_S
from energybench.simulating.sensor import Dial, Does, Sensor, Stated, Varied

GainMode = Literal["prior", "1", "wide", "biased"]

# as in collectors/nvml_channels.py: rectangular within half a period of 0.1 s
LAG_U_S = 0.1 / math.sqrt(12.0)
BIAS = -0.055  # of an A100 against a meter: arXiv 2312.02741
RAPL_WRAP = 262_143_328_850  # the usual max_energy_range_uj: kernel documentation of powercap
PACKAGE_MAX_W = 1000.0  # as in collectors/rapl.py


_SLOW_S, _SLOW_SHARE = 1.0, 1 / 7  # virtual RAPL of a hypervisor; boards of one second
_MOST_JITTER = 0.06  # of the period: ticks of a busy driver
_BACK_J = (10.0, 100.0)


_ENERGY = Dial("energy", "counter", 1e-3, Stated(0.1, 0.0, LAG_U_S), Does(0.1))
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
            (Dial("energy", "counter", 1e-3, Stated(0.1, 0.0, LAG_U_S), Does(0.02)),),
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
                Dial("energy", "counter", 1e-3, Stated(0.1, 0.0, LAG_U_S), Does(0.1, 0.025)),
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
            biased=False,
        ),
        # Rows whose timing nobody states: 20 to 250 ms, off the beat of the polls, with jitter.
        Sensor(
            "odd-counter",
            "counter of a board every 20-250 ms or 1 s, stated as 100 ms, with jitter, some in "
            "whole joules, some set back once",
            "nvml",
            "nvml.gain",
            (_ENERGY._replace(does=Does(0.1, lags=True)), _INSTANT),
            varied=Varied((0.02, 0.25), sees=0.25, whole_j=0.2, set_back=0.05),
        ),
        Sensor(
            "odd-samples",
            "counter every 20-250 ms or 1 s that adds up a quarter of each period, and the samples "
            "beside it",
            "nvml",
            "nvml.gain",
            (_ENERGY._replace(does=Does(0.1, 0.025)), _INSTANT._replace(does=Does(0.1, 0.025))),
            together=True,
            varied=Varied((0.02, 0.25), sees=0.25),
        ),
        Sensor(
            "odd-power",
            "a power reading of a quarter of every 20-250 ms or 1 s, alone, stated as 25 of 100 ms",
            "nvml",
            "nvml.gain",
            (_INSTANT,),
            varied=Varied((0.02, 0.25), sees=0.25),
        ),
        Sensor(
            "saturating",
            "a power reading of each whole 100 ms that stops at the limit of the board, 150-450 W",
            "nvml",
            "nvml.gain",
            (Dial("power_usage", "power", 1e-3, Stated(0.1, 0.1), Does(0.1, 0.1)),),
            varied=Varied((0.1, 0.1), saturates_w=(150.0, 450.0)),
        ),
        Sensor(
            "slow-rapl",
            "counter in uJ every 5-250 ms or 1 s that is stated as 1 ms (virtual machines)",
            "rapl",
            "rapl.package",
            (Dial("energy", "counter", 1e-6, Stated(0.001), Does(0.001), wrap=RAPL_WRAP),),
            max_power_w=PACKAGE_MAX_W,
            scale=0.6,
            biased=False,
            varied=Varied((0.005, 0.25)),
        ),
        Sensor(
            "pm_counters",
            "node counter at 10 Hz in whole joules, with time stamps",
            "pm_counters",
            "pm_counters.gain",
            (
                Dial(
                    "energy",
                    "counter",
                    1.0,
                    Stated(0.1, lag_u_s=LAG_U_S, stamped=True),
                    Does(0.1, stamped=True),
                ),
            ),
            component="node",
            boundary="node-dc",
            max_power_w=None,
            scale=5.0,  # four boards and their host
            biased=False,
        ),
    )
}


def drawn(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    """The sensor with the properties that each experiment draws anew."""
    varied = sensor.varied
    if varied is None:
        return sensor
    period_s = float(rng.uniform(*varied.periods_s))
    if varied.periods_s[0] < varied.periods_s[1] and rng.random() < _SLOW_SHARE:
        period_s = _SLOW_S
    jitter = float(rng.choice((0.0, 0.3, 1.0))) * _MOST_JITTER
    whole_j, set_back = rng.random() < varied.whole_j, rng.random() < varied.set_back
    back_j = float(rng.uniform(*_BACK_J)) if set_back else 0.0
    largest_w = float(rng.uniform(*varied.saturates_w)) if varied.saturates_w else math.inf
    dials = []
    for dial in sensor.dials:
        sees_s = dial.does.sees_s
        if sees_s and varied.sees is not None:
            sees_s = varied.sees * period_s
        does = dial.does._replace(
            period_s=period_s, sees_s=sees_s, jitter=jitter, largest_w=largest_w
        )
        if dial.kind == "counter":
            does = does._replace(back_j=back_j)
            dial = dial._replace(resolution=1.0 if whole_j else dial.resolution)
        dials.append(dial._replace(does=does))
    return sensor._replace(dials=tuple(dials))


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
            power_limit_w=dial.does.largest_w if math.isfinite(dial.does.largest_w) else None,
            max_power_w=sensor.max_power_w,
        )
        for dial in sensor.dials
    )


class SensorState(NamedTuple):
    """State of a dial in an experiment: phase of the ticks and lag (s), the filling of the register
    (0 to 1), and the seed of the jitter of its ticks.
    """

    phase_s: float
    lag_s: float
    filled: float
    seed: int = 0


def states(sensor: Sensor, rng: np.random.Generator) -> tuple[SensorState, ...]:
    """Random phases, lags within the stated uncertainty (rectangular) and fillings."""
    common_phase, drawn = rng.random(), []
    seed = int(rng.integers(2**32)) if sensor.varied else 0
    for number, dial in enumerate(sensor.dials):
        phase, lag, filled = rng.random(3).tolist()
        if sensor.together:
            phase, number = common_phase, 0
        lag_s = (2 * lag - 1) * math.sqrt(3.0) * dial.stated.lag_u_s if dial.does.lags else 0.0
        drawn.append(SensorState(phase * dial.does.period_s, lag_s, filled, seed + number))
    return tuple(drawn)


def part_time(sensor: Sensor, drawn: Sequence[SensorState]) -> tuple[Dial, SensorState] | None:
    """The dial with a stated window shorter than its period: `run` spreads the starts of repeats
    over that period.
    """
    for dial, state in zip(sensor.dials, drawn, strict=True):
        if 0 < dial.stated.window_s < dial.stated.period_s:
            return dial, state
    return None


def spread_s(sensor: Sensor) -> float:
    """Spread of the polls outside bursts: polls of a counter without time stamps are spread."""
    counters = any(dial.kind == "counter" and not dial.stated.stamped for dial in sensor.dials)
    return COUNTER_SPREAD_S if counters else 0.0


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
