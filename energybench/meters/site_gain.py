"""What this site's sensors show against a reference meter: shown over true. Pure.

A board's own meter gives its gain directly. A node's meter also sees fans, regulators and
everything without a sensor; there

    P_meter · η = P0 + (1 + f) · P_shown / G        over windows of different power,

so that G = (1 + f) / (η · slope). The parts of the sum rise and fall together, so only their common
scale can be told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from energybench.analysis.energy.boundary import GPU, NODE_AC, Cover
from energybench.analysis.energy.window_energy import WindowEnergy, energy
from energybench.analysis.traces.curve import Curve, curve
from energybench.analysis.traces.part_time_sensors import informed
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import (
    Z95,
    combine,
    effect,
    normal,
    rectangular,
    scaled,
)
from energybench.analysis.uncertainty.repeats import scatter_effect, student_quantile
from energybench.errors import BadInput
from energybench.meters import gain_remedies as site_remedies
from energybench.meters.series import Floats
from energybench.model import IDLE, REPEAT, Channel, Effect, Estimate, Trace, Window

PSU_LOW, PSU_HIGH = (
    0.88,
    0.97,
)  # 80 PLUS Gold at full load to Titanium at half load, 230 V internal redundant
# half-width of an efficiency that a person states: certificates give whole percents at four loads
PSU_STATED = 0.01
# of the sensors' rise: fans and regulators that follow the load, none (liquid) to this (air). Type
# B, judged
FOLLOWS_HIGH = 0.05
# of the highest power: over less, a meter good to 1 % tells a slope no better than a sensor's prior
MIN_RISE = 0.2


class Finding(NamedTuple):
    """The gain of one channel, shown over true, and what was believed before."""

    channel: Channel
    gain: Estimate
    u_rel: float  # of the channel used alone
    prior_rel: float


class Findings(NamedTuple):
    """channels, and for a node the fit behind them: rise in W of sensors and meter, fixed power,
    scale of the sum.
    """

    channels: tuple[Finding, ...]
    scale: Estimate | None = None
    fixed_w: float | None = None
    windows: int = 0


class _Seen(NamedTuple):
    channel: Channel
    cells: tuple[WindowEnergy, ...]

    @property
    def joules(self) -> list[float]:
        return [cell.energy_j or 0.0 for cell in self.cells]


def references(traces: Sequence[Trace]) -> list[Channel]:
    """Meters that were attached."""
    return [trace.channel for trace in traces if trace.channel.reference]


def of_board(
    traces: Sequence[Trace], windows: Sequence[Window], reference: Channel, where: str
) -> Findings:
    """Gain of each of a board's channels over the repeats.

    Raises BadInput where none improves on what is believed.
    """
    repeats = [window for window in windows if window.label == REPEAT]
    curves = _curves(traces)
    meter = _seen(curves[reference.id], repeats) if reference.id in curves else None
    if meter is None or min(meter.joules) <= 0:
        raise BadInput(
            where,
            "the reference meter shows no energy in a repeat",
            "attach a meter that saw the load",
        )
    found: list[Finding] = []
    gains: list[Estimate] = []
    for trace in traces:
        channel = trace.channel
        if (
            channel.component != GPU
            or channel.device != reference.device
            or channel.reference
            or channel.id not in curves
        ):
            continue
        mine = _seen(curves[channel.id], repeats)
        ratios = [shown / true for shown, true in zip(mine.joules, meter.joules, strict=True)]
        mean = sum(ratios) / len(ratios)
        scatter = scatter_effect(ratios)
        own = (
            (scatter,)
            if scatter
            else (*_relative(mine, mean, random=True), *_relative(meter, mean, random=True))
        )
        shared = (*_relative(mine, mean), *_relative(meter, mean), _gain_effect(reference, mean))
        gain = combine(mean, (*own, *shared))
        gains.append(gain)
        found.append(
            Finding(channel, _times(gain, channel.gain.value), _u_rel(gain), channel.gain.u_rel)
        )
    if not found:
        raise BadInput(
            where,
            f"no sensor of {reference.device} was read in it",
            "measure with NVML, then attach",
        )
    _improves(
        min(gains, key=_u_rel), max(one.prior_rel for one in found), where, site_remedies.of_board
    )
    return Findings(tuple(one for one in found if one.u_rel < one.prior_rel), windows=len(repeats))


def of_node(
    traces: Sequence[Trace],
    windows: Sequence[Window],
    reference: Channel,
    chosen: Cover,
    where: str,
    psu: float | None = None,
) -> Findings:
    """The common scale of the sensors that `chosen` (the boundary compute) sums. psu: efficiency of
    the supply, where a person states it.
    """
    spans = [
        window for window in windows if window.label in (IDLE, REPEAT) and window.duration_s > 0
    ]
    curves = _curves(traces)
    estimated = [
        source.channel for source in chosen.sources if source.channel.quality == "estimated"
    ]
    if estimated:
        raise BadInput(
            where,
            f"{estimated[0].component} is a model here, no sensor",
            "open RAPL (see `energybench doctor`), then measure again",
        )
    sources = [source.channel for source in chosen.sources if source.channel.id in curves]
    if not sources or reference.id not in curves:
        raise BadInput(
            where, "no component sensor was read in it", "measure with RAPL or NVML, then attach"
        )
    mine = [_seen(curves[channel.id], spans) for channel in sources]
    meter = _seen(curves[reference.id], spans)
    seconds = np.array([window.duration_s for window in spans])
    x, y = np.sum([one.joules for one in mine], axis=0) / seconds, np.array(meter.joules) / seconds
    rise = float(x.max() - x.min())
    if rise < MIN_RISE * float(x.max()):
        what = (
            f"its windows do not differ enough in power ({x.min():.0f} to {x.max():.0f} W by its "
            "sensors) to tell fixed power from the sensors' scale"
        )
        raise BadInput(where, what, "measure with --idle 30 or more, then attach")
    slope, fixed, u_slope = _line(x, y, _window_u(mine, seconds), _window_u([meter], seconds))
    if slope <= 0:
        raise BadInput(
            where,
            f"the meter falls while the sensors rise (slope {slope:.3g})",
            "it is another node's meter, or the sensors do not count the load",
        )
    scale = _scale(slope, u_slope + _lag_u(meter, x, seconds), reference, chosen, rise, psu)
    energies = np.array([sum(one.joules) for one in mine])
    shares = energies / energies.sum()
    u_sum = _u_rel(scale)
    prior = _prior(sources, shares)
    found = [
        Finding(one, _times(scale, one.gain.value), u, one.gain.u_rel)
        for one, u in zip(sources, _alone(sources, shares, u_sum), strict=True)
    ]
    _improves(scale, prior, where, site_remedies.of_node(chosen, rise))
    return Findings(
        tuple(found) + tuple(_beside(traces, curves, found, spans)), scale, fixed, len(spans)
    )


def _curves(traces: Sequence[Trace]) -> dict[str, Curve]:
    """Curves as a measurement uses them: a counter is told by a power reading beside it what it is."""
    made = {trace.channel.id: found for trace in traces if (found := curve(trace)) is not None}
    power = {_place(one.channel): one for one in made.values() if one.channel.kind == "power"}
    return {
        name: informed(one, power.get(_place(one.channel)))
        if one.channel.kind == "counter"
        else one
        for name, one in made.items()
    }


def _place(channel: Channel) -> tuple[str, str, str]:
    return channel.collector, channel.device, channel.component


def _seen(found: Curve, windows: Sequence[Window]) -> _Seen:
    return _Seen(found.channel, tuple(energy(found, window) for window in windows))


def _relative(seen: _Seen, value: float, *, random: bool = False) -> tuple[Effect, ...]:
    """Effects of the energies as effects of a ratio's mean: those of single windows in squares,
    shared ones linearly.
    """
    n = len(seen.cells)
    effects: dict[str, list[Effect]] = {}
    for cell in seen.cells:
        factor = value / n / (cell.energy_j or math.inf)
        for one in scaled(cell.random if random else cell.common, factor):
            effects.setdefault(one.name, []).append(one)
    means = []
    for alike in effects.values():
        u = abs(sum(one.u for one in alike))
        if random:
            u = math.sqrt(sum(one.u**2 for one in alike))
        means.append(
            msgspec.structs.replace(alike[0], u=u, distribution="normal", dof=None, key=None)
        )
    return tuple(means)


def _gain_effect(reference: Channel, value: float) -> Effect:
    gain = reference.gain
    return effect(
        "limit-of-error",
        gain.u_rel * value,
        Place("meter", reference.quantity or reference.device, "meter"),
        distribution=gain.distribution,
        key=gain.key,
    )


def _times(estimate: Estimate, factor: float) -> Estimate:
    """Against what the sensor shows raw, where an earlier gain had been taken off."""
    return msgspec.structs.replace(
        estimate,
        value=estimate.value * factor,
        low=estimate.low * factor,
        high=estimate.high * factor,
        effects=(),
    )


def _u_rel(gain: Estimate) -> float:
    """Relative standard uncertainty: that of the effects, or what the interval needs as a normal
    one where few repeats make it wider.
    """
    return (
        max(math.sqrt(sum(effect.u**2 for effect in gain.effects)), gain.half_width / Z95)
        / gain.value
    )


def _improves(gain: Estimate, prior_rel: float, where: str, needs: site_remedies.Needs) -> None:
    u_rel = _u_rel(gain)
    if u_rel < prior_rel:
        return
    what = (
        f"this reference does not improve on the prior: {gain.value:.3f} ± {u_rel:.1%} (standard "
        f"uncertainty) against ±{prior_rel:.1%} believed without it"
    )
    raise BadInput(
        where,
        f"{what}; most is open in {site_remedies.largest(gain)}",
        site_remedies.remedies(gain, prior_rel, needs),
    )


# ---------------------------------------------------------------- a node's line


def _window_u(seen: Sequence[_Seen], seconds: Floats) -> Floats:
    """Standard uncertainty of each window's mean power, W, from the effects of that window alone."""
    squares = [[sum(effect.u**2 for effect in cell.random) for cell in one.cells] for one in seen]
    return np.asarray(np.sqrt(np.sum(squares, axis=0)) / seconds)


def _line(
    x: Floats,
    y: Floats,
    u_x: Floats,
    u_y: Floats,
) -> tuple[float, float, float]:
    """Slope, intercept and the slope's standard uncertainty: the larger of what the windows'
    effects give and what the residuals show.
    """
    away = x - x.mean()
    weight = away / float(away @ away)
    slope = float(weight @ y)
    fixed = float(y.mean() - slope * x.mean())
    modelled = math.sqrt(float((weight**2) @ (u_y**2 + slope**2 * u_x**2)))
    dof = x.size - 2
    if dof < 1:
        return slope, fixed, modelled
    rest = y - fixed - slope * x
    seen = (
        math.sqrt(float(rest @ rest) / dof * float(weight @ weight)) * student_quantile(dof) / Z95
    )
    return slope, fixed, max(modelled, seen)


def _lag_u(meter: _Seen, x: Floats, seconds: Floats) -> float:
    """What an offset of the meter's clock that is off by its uncertainty does to the slope: the
    same error in every window.
    """
    away = x - x.mean()
    shifts = np.array([sum(effect.u for effect in cell.common) for cell in meter.cells]) / seconds
    return abs(float(away @ shifts)) / float(away @ away)


def _scale(
    slope: float, u_slope: float, reference: Channel, chosen: Cover, rise: float, psu: float | None
) -> Estimate:
    """G = (1 + f) / (η · slope), with f in the middle of what follows the load without a sensor."""
    unseen = sum((model.part.high_w or 0.0) - (model.part.low_w or 0.0) for model in chosen.models)
    follows, half_follows = FOLLOWS_HIGH / 2 + unseen / rise / 2, FOLLOWS_HIGH / 2
    efficiency, half_psu = 1.0, 0.0
    if reference.component == NODE_AC:
        efficiency, half_psu = (
            ((PSU_LOW + PSU_HIGH) / 2, (PSU_HIGH - PSU_LOW) / 2)
            if psu is None
            else (psu, PSU_STATED)
        )
    value = (1 + follows) / (efficiency * slope)
    effects = (
        normal("slope", value * u_slope / slope),
        _gain_effect(reference, value),
        rectangular("supply-efficiency", value * half_psu / efficiency),
        rectangular("load-followers", value * half_follows / (1 + follows)),
        rectangular("parts-without-sensor", value * unseen / rise / 2 / (1 + follows)),
    )
    return combine(value, effects)


def _prior(channels: Sequence[Channel], shares: Floats) -> float:
    """What is believed of the sum's scale: gains of one key add linearly, others in squares."""
    keys: dict[str, float] = {}
    for channel, share in zip(channels, shares.tolist(), strict=True):
        keys[channel.gain.key] = keys.get(channel.gain.key, 0.0) + channel.gain.u_rel * share
    return math.sqrt(sum(u * u for u in keys.values()))


def _alone(channels: Sequence[Channel], shares: Floats, u_sum: float) -> list[float]:
    """What is not known of each channel, given the sum's scale.

    Channels keep keys of their own, so their errors add in squares: each is given at least what
    makes the sum's uncertainty that of the scale, and at least what its own prior leaves once the
    sum is known (a small part of the sum is hardly known better than before).
    """
    held = float(
        sum(
            (share * channel.gain.u_rel) ** 2
            for channel, share in zip(channels, shares, strict=True)
        )
    )
    even = u_sum / math.sqrt(float((shares**2).sum()))
    left = [
        channel.gain.u_rel * math.sqrt(1 - (share * channel.gain.u_rel) ** 2 / (held + u_sum**2))
        for channel, share in zip(channels, shares.tolist(), strict=True)
    ]
    return [max(even, one) for one in left]


def _beside(
    traces: Sequence[Trace],
    curves: dict[str, Curve],
    found: Sequence[Finding],
    windows: Sequence[Window],
) -> list[Finding]:
    """Other channels of the same sensors (the power reading beside a counter): left as they were, a
    cross-check would part the two.
    """
    made = []
    for one in found:
        base = sum(_seen(curves[one.channel.id], windows).joules)
        for trace in traces:
            channel = trace.channel
            if (
                channel.id == one.channel.id
                or _place(channel) != _place(one.channel)
                or channel.id not in curves
                or base <= 0
            ):
                continue
            ratio = sum(_seen(curves[channel.id], windows).joules) / base
            gain = _times(one.gain, ratio * channel.gain.value / one.channel.gain.value)
            made.append(Finding(channel, gain, one.u_rel, channel.gain.u_rel))
    return made
