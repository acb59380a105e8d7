"""The readings of a simulated sensor that is polled while a load runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.model import Channel, Trace
from energybench.simulating.sensor import Dial, Does, Sensor
from energybench.simulating.sensors import SensorState
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
    """The traces of the polled sensor, a trace for each dial."""
    return tuple(
        _trace(dial, channel, state, polled)
        for dial, channel, state in zip(sensor.dials, stated, drawn, strict=True)
    )


def _trace(dial: Dial, channel: Channel, state: SensorState, polled: Polled) -> Trace:
    """The raw values of a dial at the polls, and their times."""
    beat = _Beat.of(dial.does, state, polled.polls_s)
    tick = beat.number(polled.polls_s)
    fresh = np.concatenate(([True], tick[1:] > tick[:-1]))  # many polls show the same tick
    shown, ticks = np.cumsum(fresh) - 1, tick[fresh]
    counted = _power if dial.kind == "power" else _counter
    raw = counted(dial, state, polled, beat, ticks)
    published = beat.time_s(ticks)[shown]
    t_s = np.where(polled.ok, published, polled.polls_s) if dial.does.stamped else polled.polls_s
    return Trace(channel=channel, t_s=t_s, raw=np.where(polled.ok, raw[shown], 0), ok=polled.ok)


class _Beat(NamedTuple):
    """The times of a sensor's ticks, by number.

    first, times_s  number of the first tick and the times of all ticks, if the ticks jitter; None
                    if every tick lies on the beat
    """

    period_s: float
    phase_s: float
    first: int
    times_s: Floats | None

    @classmethod
    def of(cls, does: Does, state: SensorState, polls_s: Floats) -> _Beat:
        if not does.jitter:
            return cls(does.period_s, state.phase_s, 0, None)
        # Ticks from well before the first poll, in an order that the jitter does not change.
        first = math.floor((polls_s[0] - state.phase_s) / does.period_s) - 3
        last = math.ceil((polls_s[-1] - state.phase_s) / does.period_s) + 3
        rng = np.random.Generator(np.random.Philox(state.seed))
        off = does.jitter * rng.standard_normal(last - first + 1)
        numbers = np.arange(first, last + 1)
        times = (numbers + np.clip(off, -0.45, 0.45)) * does.period_s + state.phase_s
        return cls(does.period_s, state.phase_s, first, times)

    def number(self, t_s: Floats) -> Floats:
        """Number of the last tick at each time."""
        if self.times_s is None:
            return np.asarray(np.floor((t_s - self.phase_s) / self.period_s))
        last = np.searchsorted(self.times_s, t_s, side="right") - 1
        return np.asarray(self.first + last, dtype=np.float64)

    def time_s(self, numbers: Floats) -> Floats:
        """Times of the ticks of these numbers."""
        if self.times_s is None:
            return numbers * self.period_s + self.phase_s
        return self.times_s[numbers.astype(np.intp) - self.first]


def _power(dial: Dial, state: SensorState, polled: Polled, beat: _Beat, ticks: Floats) -> Counts:
    """Mean power before the ticks, in steps of the resolution."""
    end = beat.time_s(ticks) - state.lag_s
    watts = polled.gain * _mean_power_w(polled.load, end, dial.does.sees_s)
    watts = np.minimum(watts, dial.does.largest_w)
    return np.round(watts / dial.resolution).astype(np.int64)


def _counter(dial: Dial, state: SensorState, polled: Polled, beat: _Beat, ticks: Floats) -> Counts:
    """Counts at the ticks. A counter with a wrap wraps during the run: at the end of the run if
    `filled` is 0, at the start if `filled` is 1.
    """
    joules = polled.gain * _counted_j(dial.does, polled.load, beat, ticks, state)
    if dial.does.back_j:
        # Set back for good at a moment of the run, decided by `filled`.
        joules = joules - dial.does.back_j * (np.arange(joules.size) > state.filled * joules.size)
    raw = np.floor(joules / dial.resolution).astype(np.int64)
    raw -= raw[0]
    if dial.wrap is not None:
        raw = (raw + dial.wrap - round((1 - state.filled) * int(raw[-1]))) % dial.wrap
    return np.asarray(raw)


def _counted_j(does: Does, load: Load, beat: _Beat, ticks: Floats, state: SensorState) -> Floats:
    """Joules in a counter at these ticks, up to a constant."""
    if does.sees_s == 0:
        return load.energy(beat.time_s(ticks) - state.lag_s)
    every_tick = np.arange(ticks[0], ticks[-1] + 1)
    ends = beat.time_s(every_tick) - state.lag_s
    added = _mean_power_w(load, ends, does.sees_s) * does.period_s
    return np.asarray(np.cumsum(added)[(ticks - ticks[0]).astype(np.int64)])


def _mean_power_w(load: Load, end_s: Floats, seconds: float) -> Floats:
    """Mean power over the `seconds` before each time."""
    return np.asarray((load.energy(end_s) - load.energy(end_s - seconds)) / seconds)
