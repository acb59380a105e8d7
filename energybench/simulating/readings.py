"""The readings of a simulated sensor that is polled while a load runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.model import Channel, Trace
from energybench.simulating.sensors import Dial, Does, Sensor, SensorState
from energybench.simulating.waves import Load

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Polled(NamedTuple):
    """The load and the times of the polls. ok False: the read failed. Shapes [polls]."""

    load: Load
    polls_s: Floats
    ok: Flags
    gain: float


def read(
    sensor: Sensor, stated: Sequence[Channel], drawn: Sequence[SensorState], polled: Polled
) -> tuple[Trace, ...]:
    """The traces of the polled sensor, one for each dial."""
    return tuple(
        _trace(dial, channel, state, polled)
        for dial, channel, state in zip(sensor.dials, stated, drawn, strict=True)
    )


def _trace(dial: Dial, channel: Channel, state: SensorState, polled: Polled) -> Trace:
    """The raw values of a dial at the polls, and their times."""
    period = dial.does.period_s
    tick = np.floor((polled.polls_s - state.phase_s) / period)
    fresh = np.concatenate(([True], tick[1:] > tick[:-1]))  # many polls show the same tick
    shown, ticks = np.cumsum(fresh) - 1, tick[fresh]
    counted = _power if dial.kind == "power" else _counter
    raw = counted(dial, state, polled, ticks)
    published = (ticks * period + state.phase_s)[shown]
    t_s = np.where(polled.ok, published, polled.polls_s) if dial.does.stamped else polled.polls_s
    return Trace(channel=channel, t_s=t_s, raw=np.where(polled.ok, raw[shown], 0), ok=polled.ok)


def _power(dial: Dial, state: SensorState, polled: Polled, ticks: Floats) -> Counts:
    """Mean power before the ticks, in steps of the resolution."""
    end = ticks * dial.does.period_s + state.phase_s - state.lag_s
    watts = _mean_power_w(polled.load, end, dial.does.sees_s)
    return np.round(polled.gain * watts / dial.resolution).astype(np.int64)


def _counter(dial: Dial, state: SensorState, polled: Polled, ticks: Floats) -> Counts:
    """Counts at the ticks. A counter that wraps does so during the run: at the end of the run if
    `filled` is 0, at the start if `filled` is 1.
    """
    joules = polled.gain * _counted_j(dial.does, polled.load, ticks, state)
    raw = np.floor(joules / dial.resolution).astype(np.int64)
    raw -= raw[0]
    if dial.wrap is not None:
        raw = (raw + dial.wrap - round((1 - state.filled) * int(raw[-1]))) % dial.wrap
    return np.asarray(raw)


def _counted_j(does: Does, load: Load, ticks: Floats, state: SensorState) -> Floats:
    """Joules in a counter at these ticks, up to a constant."""
    if does.sees_s == 0:
        return load.energy(ticks * does.period_s + state.phase_s - state.lag_s)
    every_tick = np.arange(ticks[0], ticks[-1] + 1)
    ends = every_tick * does.period_s + state.phase_s - state.lag_s
    added = _mean_power_w(load, ends, does.sees_s) * does.period_s
    return np.asarray(np.cumsum(added)[(ticks - ticks[0]).astype(np.int64)])


def _mean_power_w(load: Load, end_s: Floats, seconds: float) -> Floats:
    """Mean power over the `seconds` before each time."""
    return np.asarray((load.energy(end_s) - load.energy(end_s - seconds)) / seconds)
