"""Energies of one channel in several windows, and their effects on a gain (a ratio of energies).

Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.window_energy import WindowEnergy, energy
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.analysis.uncertainty.coverage_factors import Z95
from energybench.analysis.uncertainty.effects import meter_error, scaled
from energybench.model import Channel, Effect, Estimate, MeterError, Trace, Window


class Energies(NamedTuple):
    """A channel's energy in every window."""

    channel: Channel
    cells: tuple[WindowEnergy, ...]

    @property
    def joules(self) -> list[float]:
        return [cell.energy_j or 0.0 for cell in self.cells]

    def random_u_w(self, seconds: Floats) -> Floats:
        """Standard uncertainties of the windows' mean powers, W, from effects of single windows."""
        squares = [sum(effect.u**2 for effect in cell.random) for cell in self.cells]
        return np.asarray(np.sqrt(squares) / seconds)

    def common_u_w(self, seconds: Floats) -> Floats:
        """Errors of the windows' mean powers, W, if every common effect is off by its u, without
        the steps of the readings.
        """
        sums = [
            sum(effect.u for effect in cell.common if effect.kind != "rounding")
            for cell in self.cells
        ]
        return np.asarray(sums) / seconds

    def rounding_u_w(self, seconds: Floats) -> Floats:
        """Standard uncertainties of the windows' mean powers, W, from the steps of the readings.
        The error is equal in windows of equal power, and different in windows of different power.
        """
        squares = [
            sum(effect.u**2 for effect in cell.common if effect.kind == "rounding")
            for cell in self.cells
        ]
        return np.asarray(np.sqrt(squares) / seconds)


def energies(points: Curve, windows: Sequence[Window]) -> Energies:
    return Energies(points.channel, tuple(energy(points, window) for window in windows))


def curves(traces: Sequence[Trace]) -> dict[str, Curve]:
    """Curves by channel, as in a measurement: counters are classified by the power sensor of their
    board.
    """
    every = {trace.channel.id: points for trace in traces if (points := curve(trace)) is not None}
    power = {
        sensor(points.channel): points
        for points in every.values()
        if points.channel.kind == "power"
    }
    for name, points in every.items():
        if points.channel.kind == "counter":
            every[name] = informed(points, power.get(sensor(points.channel)))
    return every


def sensor(channel: Channel) -> tuple[str, str, str]:
    """The identity of a channel's sensor: equal for the counter and the power of a sensor."""
    return channel.collector, channel.device, channel.component


def relative(measured: Energies, value: float, *, random: bool = False) -> tuple[Effect, ...]:
    """Effects of the energies as effects of a ratio's mean: effects of single windows are added in
    squares, common effects linearly.
    """
    count = len(measured.cells)
    by_name: dict[str, list[Effect]] = {}
    for cell in measured.cells:
        factor = value / count / (cell.energy_j or math.inf)
        for term in scaled(cell.random if random else cell.common, factor):
            by_name.setdefault(term.name, []).append(term)
    means = []
    for terms in by_name.values():
        if random:
            u = math.sqrt(sum(term.u**2 for term in terms))
        else:
            u = abs(sum(term.u for term in terms))
        means.append(
            msgspec.structs.replace(terms[0], u=u, distribution="normal", dof=None, key=None)
        )
    return tuple(means)


def error_of(reference: Channel) -> MeterError:
    """The error of a reference meter, common to every gain from the meter."""
    gain = reference.gain
    return MeterError(
        name=reference.quantity or reference.device,
        key=gain.own_key,
        u_rel=gain.u_rel,
        distribution=gain.distribution,
    )


def limit_of_error(reference: Channel, value: float) -> Effect:
    """The limit of error of the reference meter, as an effect on a gain of this value."""
    return scaled((meter_error(error_of(reference)),), value)[0]


def raw_gain(gain: Estimate, earlier: float) -> Estimate:
    """The gain of the sensor's raw readings, after an earlier gain had been taken off."""
    return msgspec.structs.replace(
        gain,
        value=gain.value * earlier,
        low=gain.low * earlier,
        high=gain.high * earlier,
        effects=(),
    )


def of_one(gain: Estimate, u_rel: float) -> Estimate:
    """The gain of a sum of several channels, as the gain of a single channel. The gain of a single
    channel is known to the relative uncertainty u_rel; the gain of the sum may be known better.
    """
    half = max(gain.half_width, Z95 * u_rel * gain.value)
    return msgspec.structs.replace(gain, low=gain.value - half, high=gain.value + half, effects=())


def relative_u(gain: Estimate) -> float:
    """Relative standard uncertainty of a gain: from the effects, or from a normal effect with an
    equal interval, if few repeats make the interval wider.
    """
    u = math.sqrt(sum(term.u**2 for term in gain.effects))
    return max(u, gain.half_width / Z95) / gain.value
