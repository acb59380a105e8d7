"""Gains of a site's sensors against a reference meter: shown over true. Pure.

A board's own meter gives the board's gain directly. A node's meter also sees parts without a
sensor; the parts of the sensors' sum rise and fall together, so that only their common scale can be
told (`node_scale`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.boundary import GPU, Cover
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.effects import combine
from energybench.analysis.uncertainty.repeats import scatter_effect
from energybench.errors import BadInput
from energybench.meters import fixed_power, gain_remedies, node_scale, prior_contradiction
from energybench.meters.fixed_power import Untold
from energybench.meters.gain_effects import (
    Energies,
    curves,
    energies,
    limit_of_error,
    of_one,
    raw_gain,
    relative,
    relative_u,
    sensor,
)
from energybench.model import IDLE, REPEAT, Channel, Effect, Estimate, Trace, Window


class Finding(NamedTuple):
    """The gain of one channel, shown over true, and its relative uncertainty before."""

    channel: Channel
    gain: Estimate  # its interval is that of the channel used alone
    u_rel: float  # of the channel used alone
    prior_rel: float


class Findings(NamedTuple):
    """Gains of channels; for a node also the common scale of the sum, and the fixed power, W, that
    the meter shows beside the sensors.
    """

    channels: tuple[Finding, ...]
    scale: Estimate | None = None
    fixed_w: float | None = None
    windows: int = 0


def references(traces: Sequence[Trace]) -> list[Channel]:
    """Meters that were attached."""
    return [trace.channel for trace in traces if trace.channel.reference]


def of_board(
    traces: Sequence[Trace], windows: Sequence[Window], reference: Channel, where: str
) -> Findings:
    """Gain of each of a board's channels over the repeats.

    Raises BadInput if no gain is known better than before, if a gain contradicts its prior, or if
    the run does not show that the meter sees the whole board and nothing else.
    """
    repeats = [window for window in windows if window.label == REPEAT]
    points = curves(traces)
    meter = energies(points[reference.id], repeats) if reference.id in points else None
    if meter is None or min(meter.joules) <= 0:
        raise BadInput(
            where,
            "the reference meter shows no energy in a repeat",
            "attach a meter that saw the load",
        )
    shown = [
        energies(points[channel.id], repeats)
        for channel in _board_channels(traces, reference)
        if channel.id in points
    ]
    gains = {
        sensor.channel: _board_gain(sensor, meter, reference)
        for sensor in shown
        if sum(sensor.joules) > 0
    }
    if not gains:
        raise BadInput(
            where,
            f"no sensor of {reference.device} showed energy in it",
            "measure with NVML, then attach",
        )
    prior_rel = max(channel.gain.u_rel for channel in gains)
    _check_improvement(_best(gains), prior_rel, where, gain_remedies.of_board)
    meter_points = points[reference.id]
    parts = {
        channel: fixed_power.found(points[channel.id], meter_points, windows) for channel in gains
    }
    told = {channel: part for channel, part in parts.items() if not isinstance(part, Untold)}
    if len(told) == len(parts):
        for channel, part in told.items():
            gains[channel] = fixed_power.allowed_for(gains[channel], part, channel, where)
        _check_improvement(_best(gains), prior_rel, where, gain_remedies.of_board)
    for channel, gain in gains.items():
        prior_contradiction.check_board(gain, channel, where)
    for untold in parts.values():
        if isinstance(untold, Untold):
            raise untold.refusal(where)
    improved = [
        Finding(
            channel,
            raw_gain(gain, channel.gain.value),
            relative_u(gain),
            channel.gain.u_rel,
        )
        for channel, gain in gains.items()
        if relative_u(gain) < channel.gain.u_rel
    ]
    return Findings(tuple(improved), windows=len(repeats))


def _best(gains: Mapping[Channel, Estimate]) -> Estimate:
    return min(gains.values(), key=relative_u)


def _board_channels(traces: Sequence[Trace], reference: Channel) -> list[Channel]:
    channels = [trace.channel for trace in traces if not trace.channel.reference]
    return [
        channel
        for channel in channels
        if channel.component == GPU and channel.device == reference.device
    ]


def _board_gain(shown: Energies, meter: Energies, reference: Channel) -> Estimate:
    """Mean ratio over the repeats. The scatter of the ratios stands for the effects of single
    windows, if there are repeats enough to tell.
    """
    ratios = [a / b for a, b in zip(shown.joules, meter.joules, strict=True)]
    mean = sum(ratios) / len(ratios)
    scatter = scatter_effect(ratios)
    random: tuple[Effect, ...]
    if scatter:
        random = (scatter,)
    else:
        random = (*relative(shown, mean, random=True), *relative(meter, mean, random=True))
    common = (*relative(shown, mean), *relative(meter, mean), limit_of_error(reference, mean))
    return combine(mean, (*random, *common))


def of_node(
    traces: Sequence[Trace],
    windows: Sequence[Window],
    reference: Channel,
    chosen: Cover,
    where: str,
    psu: float | None = None,
) -> Findings:
    """The common scale of the sensors that `chosen` (the boundary compute) sums. psu: efficiency of
    the power supply, if a person states it.

    Raises BadInput if the scale cannot be told, is not known better than before, or contradicts the
    priors of the sensors.
    """
    spans = [
        window for window in windows if window.label in (IDLE, REPEAT) and window.duration_s > 0
    ]
    seconds = np.array([window.duration_s for window in spans])
    points = curves(traces)
    sources = _sources(points, reference, chosen, where)
    sensors = [energies(points[channel.id], spans) for channel in sources]
    watts = np.sum([channel.joules for channel in sensors], axis=0) / seconds
    rise_w = _rise_w(watts, where)
    line = node_scale.line(sensors, energies(points[reference.id], spans), seconds)
    if line.slope <= 0:
        raise BadInput(
            where,
            f"the meter falls while the sensors rise (slope {line.slope:.3g})",
            "it is another node's meter, or the sensors do not count the load",
        )
    node_scale.check_fixed_power(line, chosen, float(watts.min()), rise_w, where)
    scale = node_scale.scale(line, reference, chosen, rise_w, psu)
    # the scale as the gain of every channel
    joules = np.array([sum(channel.joules) for channel in sensors])
    shares = joules / joules.sum()
    alone = node_scale.channel_uncertainties(
        sources, shares, relative_u(scale), reference.gain.u_rel
    )
    findings = [
        Finding(
            channel,
            raw_gain(of_one(scale, u_rel), channel.gain.value),
            u_rel,
            channel.gain.u_rel,
        )
        for channel, u_rel in zip(sources, alone, strict=True)
    ]
    prior_rel = node_scale.prior(sources, shares)
    _check_improvement(scale, prior_rel, where, gain_remedies.of_node(chosen, rise_w))
    prior_contradiction.check_node(scale, sources, shares.tolist(), where)
    findings += _same_sensors(traces, points, findings, spans)
    return Findings(tuple(findings), scale, line.fixed_w, len(spans))


def _sources(
    points: dict[str, Curve], reference: Channel, chosen: Cover, where: str
) -> list[Channel]:
    """The sensors of the sum. Raises BadInput if a part is a model, or no sensor was read."""
    for source in chosen.sources:
        if source.channel.quality == "estimated":
            raise BadInput(
                where,
                f"{source.channel.component} is a model here, not a sensor",
                "open RAPL (see `energybench doctor`), then measure again",
            )
    sources = [source.channel for source in chosen.sources if source.channel.id in points]
    if not sources or reference.id not in points:
        raise BadInput(
            where, "no component sensor was read in it", "measure with RAPL or NVML, then attach"
        )
    return sources


def _rise_w(watts: Floats, where: str) -> float:
    """Rise of the sensors' sum, quietest window to busiest. Raises BadInput if too small."""
    low, high = float(watts.min()), float(watts.max())
    if high - low < fixed_power.MIN_RISE * high:
        what = (
            f"its windows do not differ enough in power ({low:.0f} to {high:.0f} W by its sensors) "
            "to tell fixed power from the sensors' scale"
        )
        raise BadInput(where, what, "measure with --idle 30 or more, then attach")
    return high - low


def _check_improvement(
    gain: Estimate, prior_rel: float, where: str, needs: gain_remedies.Needs
) -> None:
    """Raises BadInput, with the largest effect and remedies, if the gain is not known better."""
    u_rel = relative_u(gain)
    if u_rel < prior_rel:
        return
    what = (
        f"this reference does not improve on the prior: {gain.value:.3f} ± {u_rel:.1%} (standard "
        f"uncertainty) against ±{prior_rel:.1%} believed without it"
    )
    raise BadInput(
        where,
        f"{what}; most is open in {gain_remedies.largest(gain)}",
        gain_remedies.remedies(gain, prior_rel, needs),
    )


def _same_sensors(
    traces: Sequence[Trace],
    points: dict[str, Curve],
    findings: Sequence[Finding],
    windows: Sequence[Window],
) -> list[Finding]:
    """Gains of the other channels of the same sensors (the power reading beside a counter): with
    their old gain, a cross-check would find the two apart.
    """
    others = []
    for finding in findings:
        channel = finding.channel
        joules = sum(energies(points[channel.id], windows).joules)
        if joules <= 0:
            continue
        for trace in traces:
            other = trace.channel
            if other.id == channel.id or sensor(other) != sensor(channel):
                continue
            if other.id not in points:
                continue
            ratio = sum(energies(points[other.id], windows).joules) / joules
            gain = raw_gain(finding.gain, ratio * other.gain.value / channel.gain.value)
            others.append(Finding(other, gain, finding.u_rel, other.gain.u_rel))
    return others
