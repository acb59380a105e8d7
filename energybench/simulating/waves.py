"""Power over time with its exact energy, as arrays: the truth that the simulated sensors measure.

`energy(t)` is the integral of power from time 0, in J, shape of t; time 0 is the start of the work.
A family draws new parameters for every experiment; powers are typical of one accelerator board, and
are multiplied by the sensor's scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from energybench.analysis.arrays import Floats

# a drawn profile extends this far beyond the edges of the work; further out its last level goes on
MARGIN_S = 2.0
# of the boards' power sensors (arXiv 2312.02741): a load in step with this period is measured badly
SENSOR_PERIOD_S = 0.1
# share of the experiments in which the edges of the window do not fall on the steps of the work
_LATE_SHARE = 0.5


class LoadShape(Protocol):
    """Joules since the start of the work."""

    def energy(self, t: Floats) -> Floats: ...


class StepLoad(NamedTuple):
    """Constant `power_w[i]` from `edges_s[i]` on; the first level holds before the first edge.

    Shapes [n]; `sums_j[i]`: energy at edge i.
    """

    edges_s: Floats
    power_w: Floats
    sums_j: Floats

    @classmethod
    def of(cls, edges_s: Floats, power_w: Floats) -> StepLoad:
        sums = np.concatenate(([0.0], np.cumsum(power_w[:-1] * np.diff(edges_s))))
        i = max(int(np.searchsorted(edges_s, 0.0, side="right")) - 1, 0)
        return cls(edges_s, power_w, sums - (sums[i] + power_w[i] * (0.0 - edges_s[i])))

    def energy(self, t: Floats) -> Floats:
        i = np.maximum(np.searchsorted(self.edges_s, t, side="right") - 1, 0)
        return np.asarray(self.sums_j[i] + self.power_w[i] * (t - self.edges_s[i]))


class SquareLoad(NamedTuple):
    """`high_w` for the first `duty` of each period, `low_w` for the rest; at time 0 the wave is
    `phase_s` into a period.
    """

    low_w: float
    high_w: float
    period_s: float
    duty: float = 0.5
    phase_s: float = 0.0

    def energy(self, t: Floats) -> Floats:
        return self._since(np.asarray(t) + self.phase_s) - self._since(np.float64(self.phase_s))

    def _since(self, x: Floats | np.float64) -> Floats:
        on = self.duty * self.period_s
        periods = np.floor(x / self.period_s)
        high = periods * on + np.minimum(x - periods * self.period_s, on)
        return np.asarray(self.high_w * high + self.low_w * (x - high))


class Ramp(NamedTuple):
    """Power that changes evenly from `from_w` to `to_w` in every period, and starts again."""

    from_w: float
    to_w: float
    period_s: float
    phase_s: float = 0.0

    def energy(self, t: Floats) -> Floats:
        return self._since(np.asarray(t) + self.phase_s) - self._since(np.float64(self.phase_s))

    def _since(self, x: Floats | np.float64) -> Floats:
        slope = (self.to_w - self.from_w) / self.period_s
        periods = np.floor(x / self.period_s)
        rest = x - periods * self.period_s
        return np.asarray(self.from_w * x + slope / 2 * (periods * self.period_s**2 + rest**2))


class Constant(NamedTuple):
    """Constant power."""

    power_w: float

    def energy(self, t: Floats) -> Floats:
        return self.power_w * np.asarray(t)


# (random numbers, seconds of work, scale of power) → wave
Draw = Callable[[np.random.Generator, float, float], LoadShape]


class Family(NamedTuple):
    """A named kind of load."""

    name: str
    about: str
    draw: Draw


def _levels(rng: np.random.Generator, scale: float) -> tuple[float, float]:
    """Low and high watts of a board, between idle with an open context and a limit of 400-700 W."""
    low = rng.uniform(60, 160)
    return scale * low, scale * (low + rng.uniform(40, 450))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def _constant(rng: np.random.Generator, seconds: float, scale: float) -> LoadShape:
    return Constant(_levels(rng, scale)[1])


def _square(rng: np.random.Generator, seconds: float, scale: float) -> LoadShape:
    low, high = _levels(rng, scale)
    period = _log_uniform(rng, 0.02, 10)
    return SquareLoad(low, high, period, rng.uniform(0.1, 0.9), rng.uniform(0, period))


def _in_step(rng: np.random.Generator, seconds: float, scale: float) -> LoadShape:
    """A third exactly at the sensor's period, a third at half or double the period, a third within
    5 % of the period.
    """
    low, high = _levels(rng, scale)
    kind, factor = int(rng.integers(3)), 1.0
    if kind == 1:
        factor = float(rng.choice((0.5, 2.0)))
    elif kind == 2:
        factor = 1 + float(rng.choice((-1, 1))) * _log_uniform(rng, 1e-3, 0.05)
    period = SENSOR_PERIOD_S * factor
    return SquareLoad(low, high, period, rng.uniform(0.1, 0.9), rng.uniform(0, period))


def _ramp(rng: np.random.Generator, seconds: float, scale: float) -> LoadShape:
    edges = _levels(rng, scale)
    first = int(rng.integers(2))
    period = _log_uniform(rng, 0.5, 100)
    return Ramp(edges[first], edges[1 - first], period, rng.uniform(0, period))


def _bursts(rng: np.random.Generator, seconds: float, scale: float) -> LoadShape:
    """Peaks of 5-50 ms at random times, 0.3-5 s apart on average."""
    low, high = _levels(rng, scale)
    apart, width = _log_uniform(rng, 0.3, 5), _log_uniform(rng, 0.005, 0.05)
    count = int((seconds + 2 * MARGIN_S) / apart * 1.2 + 20)
    starts = np.cumsum(rng.exponential(apart, count) + width) - MARGIN_S
    edges = np.column_stack((starts, starts + width)).ravel()
    return StepLoad.of(
        np.concatenate(([-MARGIN_S - 1], edges)),
        np.concatenate(([low], np.tile((high, low), count))),
    )


def _noise(rng: np.random.Generator, seconds: float, scale: float) -> LoadShape:
    """Steps of random lengths (mean 30 ms to 1 s) whose levels depend on the level before
    (first-order autoregression).
    """
    edges, levels = _noise_steps(rng, -MARGIN_S, seconds + MARGIN_S, scale)
    return StepLoad.of(edges, levels)


def _noise_steps(
    rng: np.random.Generator, start: float, end: float, scale: float
) -> tuple[Floats, Floats]:
    low, high = _levels(rng, scale)
    mean, memory = _log_uniform(rng, 0.03, 1), rng.uniform(0, 0.95)
    lengths = rng.exponential(
        mean, int((end - start) / mean * 1.1 + 6 * math.sqrt((end - start) / mean) + 10)
    )
    edges = start + np.concatenate(([0.0], np.cumsum(lengths)))
    edges = edges[: max(int(np.searchsorted(edges, end)), 1)]
    # the weights that are cut off are under 0.1 %
    taps = memory ** np.arange(1 + int(math.log(1e-3) / math.log(max(memory, 1e-3))))
    shocks = rng.standard_normal(edges.size + taps.size - 1)
    unit = np.convolve(shocks, taps, "valid") * math.sqrt(1 - memory**2)
    return edges, np.clip((low + high) / 2 + (high - low) / 4 * unit, low, high)


def _work(rng: np.random.Generator, seconds: float, scale: float) -> LoadShape:
    """Idle, then work that starts and ends with the window, then idle; the work is constant, a
    square wave or noise. In every second experiment the edges come late: the work begins up to
    30 ms after the window, and the window ends up to 10 ms after the work.
    """
    idle = scale * rng.uniform(40, 110)
    low, high = _levels(rng, scale)
    low = max(low, idle)
    kind = int(rng.integers(3))
    if kind == 0:
        edges, levels = np.zeros(1), np.array([high])
    elif kind == 1:
        half = _log_uniform(rng, 0.05, 5) / 2
        edges = np.arange(0, seconds, half)
        levels = np.where(np.arange(edges.size) % 2 == 0, high, low)
    else:
        edges, levels = _noise_steps(rng, 0.0, seconds, scale)
    begins_s, ends_s = 0.0, seconds
    if rng.random() < _LATE_SHARE:
        begins_s = rng.uniform(0, min(0.03, seconds / 10))
        ends_s = seconds - rng.uniform(0, min(0.01, seconds / 10))
    within = edges < ends_s
    edges, levels = np.maximum(edges[within], begins_s), levels[within]
    return StepLoad.of(
        np.concatenate(([-MARGIN_S], edges, [ends_s])), np.concatenate(([idle], levels, [idle]))
    )


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("constant", "one power all along", _constant),
        Family("square", "square waves of 0.02-10 s, duty 10-90 %", _square),
        Family(
            "in-step",
            "square waves at or near the period of the boards' sensors, half of it or twice",
            _in_step,
        ),
        Family("ramp", "power that rises or falls evenly over 0.5-100 s, again and again", _ramp),
        Family("bursts", "peaks of 5-50 ms, 0.3-5 s apart", _bursts),
        Family("noise", "steps of random lengths (30 ms to 1 s) and autoregressive levels", _noise),
        Family(
            "work",
            "idle, work within the window (constant, square, noise; edges up to 30 ms late), idle",
            _work,
        ),
    )
}


class Load(NamedTuple):
    """One wave repeated: repeat r starts at starts_s[r], is stretched by stretch[r] and draws
    strength[r] times the power.

    Between two repeats, the earlier wave continues up to the middle of the gap, and the later wave
    takes over. Shapes [n]; `bounds_s[r]` is the time when repeat r takes over, `sums_j[r]` the
    energy at that time.
    """

    wave: LoadShape
    starts_s: Floats
    stretch: Floats
    strength: Floats
    bounds_s: Floats
    sums_j: Floats

    @classmethod
    def of(
        cls, wave: LoadShape, starts_s: Floats, ends_s: Floats, stretch: Floats, strength: Floats
    ) -> Load:
        middles = (ends_s[:-1] + starts_s[1:]) / 2
        bounds = np.concatenate(([starts_s[0]], middles))
        until = np.concatenate((middles, [starts_s[-1]]))
        first, last = ((edge - starts_s) / stretch for edge in (bounds, until))
        energy = strength * stretch * (wave.energy(last) - wave.energy(first))
        sums = np.concatenate(([0.0], np.cumsum(energy[:-1])))
        return cls(wave, starts_s, stretch, strength, bounds, sums)

    def energy(self, t: Floats) -> Floats:
        """True joules since the start of the first repeat."""
        r = np.maximum(np.searchsorted(self.bounds_s, t, side="right") - 1, 0)
        stretch, start = self.stretch[r], self.starts_s[r]
        base = self.wave.energy((self.bounds_s - self.starts_s) / self.stretch)[r]
        return np.asarray(
            self.sums_j[r]
            + self.strength[r] * stretch * (self.wave.energy((t - start) / stretch) - base)
        )
