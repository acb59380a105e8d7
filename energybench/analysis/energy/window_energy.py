"""Energy of one channel in one window, from the channel's curve, with the effects of the window.

Effects drawn anew in each window (position of the edges between the sensor's ticks, power unseen by
the sensor) enter as a model for a single repeat; with several repeats the scatter contains them.
Effects common to all windows (lag, a lost sensor, a counter that disagrees with a power reading)
change every repeat alike and do not shrink with the number of repeats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from energybench.analysis.energy.average_edges import reading_times_j
from energybench.analysis.energy.edge import Edge
from energybench.analysis.energy.edge_lag import lag_u_s, step_between_edges_w
from energybench.analysis.energy.reading_holes import unread_power
from energybench.analysis.energy.reading_steps import rounding
from energybench.analysis.energy.window_edges import edges
from energybench.analysis.sensors.part_time_sensors import in_step_j, unseen_j
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.plausible import limit_w
from energybench.analysis.traces.unwrap import Span
from energybench.analysis.uncertainty.effect_kinds import KINDS, place_of
from energybench.analysis.uncertainty.effects import bound, normal, rectangular
from energybench.model import Channel, Doubt, Effect, EffectKind, Window

# Share of an edge's uncertainty that comes from the shape of the load and is alike at every edge,
# as `energybench simulate` finds for loads of equal shape.
_ALIKE = 0.75
# Readings may come up to two updates and this many seconds after an edge: a late reading at 10 Hz
# and a tick.
_LATE_S = 0.3
# A sensor that published nothing for this many periods before an edge was lost before the edge.
_UNREAD = 1.2
# A share of the window beyond the last update that counts as a loss, however long an update lasts.
# The smaller share holds for a window with fewer than `_UPDATES` updates, which do not show the
# powers of the load.
_MOSTLY, _MUCH = 0.5, 0.2
_UPDATES = 3  # least number of updates for an energy of a repeat
# Message and remedy for each reason of an uncertain energy.
_GAPS = {
    "counter-reset": (
        "started again, or was set back, within {seconds:.1f} s",
        "do not reload drivers during a run; repeat it",
    ),
    "wrap-ambiguous": (
        "was not read for {seconds:.1f} s and may have wrapped more than once",
        "sample without interruption; repeat the run",
    ),
    "stuck-sensor": (
        "stood still for {seconds:.1f} s and did not count the energy of that time",
        "check whether the driver or firmware feeds the sensor; repeat the run",
    ),
}
_FROZEN = (
    "showed one value for {seconds:.1f} s, although its other readings differ from each other: the "
    "power of that time is not known"
)


class WindowEnergy(NamedTuple):
    """Energy of a channel in a window.

    energy_j  None if the sensor gave no reading in the window
    """

    energy_j: float | None
    effects: tuple[Effect, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def lost(self) -> bool:
        """Whether the sensor gave no reading for the window, or for a part of the window."""
        if self.energy_j is None:
            return True
        return any(effect.kind in ("sensor-lost", "gap") for effect in self.effects)

    @property
    def random(self) -> tuple[Effect, ...]:
        """Effects drawn anew in each window."""
        return tuple(effect for effect in self.effects if KINDS[effect.kind].by_window)

    @property
    def common(self) -> tuple[Effect, ...]:
        """Effects shared by all windows, and bounds."""
        return tuple(effect for effect in self.effects if not KINDS[effect.kind].by_window)


def energy(curve: Curve, window: Window) -> WindowEnergy:
    """Energy between the edges of the window, interpolated.

    A time without readings at either end becomes a bound, and never an energy of zero.
    """
    slack = 2 * curve.period_s + _LATE_S
    covered_from, covered_to = float(curve.t_s[0]) - slack, float(curve.t_s[-1]) + slack
    if window.end_s <= covered_from or window.start_s >= covered_to:
        lost = _lost(curve, window, window.duration_s)
        gaps = [_gap(curve, span, seconds) for span, seconds in _overlaps(curve, window)]
        return WindowEnergy(None, doubts=(lost, *gaps))
    start, end = max(window.start_s, covered_from), min(window.end_s, covered_to)

    # The energy between the edges, and the effects of the existing readings.
    opened, closed = edges(curve, start, end)
    value = max(closed.energy_j - opened.energy_j, 0.0)
    effects = [
        *_edge_effects(curve, opened, closed),
        *_edge_times(curve, window, value),
        *_reading_times(curve, start, end),
        *_unseen(curve, start, end),
        *_resolution(curve),
        *rounding(curve, start, end),
        *_lag(curve, start, end),
        *_above_readings(curve, start, end),
        *unread_power(curve, start, end),
    ]
    doubts: list[Doubt] = []

    # Times without readings: at the ends of the window, and gaps within.
    place = place_of(curve.channel)
    lost_s = window.duration_s - (end - start)
    if lost_s > 0:
        limit_j = lost_s * limit_w(curve.channel)
        effects.append(bound("sensor-lost", limit_j, place, detail=f"{lost_s:.1f} s"))
        doubts.append(_lost(curve, window, lost_s))
    else:
        # Within the slack the last power is taken to go on; the edges carry the uncertainty.
        unread_s = max(window.end_s - float(curve.t_s[-1]), float(curve.t_s[0]) - window.start_s)
        late_s = _UNREAD * curve.period_s + 2 * float(curve.fuzz_s[-1])
        if unread_s > late_s:
            doubts.append(_unread_edge(curve, window, unread_s))
        elif unread_s > _unread_share(curve, window) * window.duration_s:
            doubts.append(_between_updates(curve, unread_s))
    for span, overlap_s in _overlaps(curve, window):
        extra_j = span.extra_j
        if extra_j is None:
            extra_j = overlap_s * limit_w(curve.channel)
        # the bounds of a power sensor in its holes come from `unread_power`
        if curve.channel.kind == "counter":
            effects.append(bound("gap", extra_j, place, detail=f"{overlap_s:.1f} s"))
        doubts.append(_gap(curve, span, overlap_s))
    return WindowEnergy(value, tuple(effects), tuple(doubts))


def _overlaps(curve: Curve, window: Window) -> list[tuple[Span, float]]:
    """The stretches of uncertain energy within a window, and the seconds of each stretch in the
    window.
    """
    overlaps = [
        (span, min(span.end_s, window.end_s) - max(span.start_s, window.start_s))
        for span in curve.spans
    ]
    return [(span, seconds) for span, seconds in overlaps if seconds > 0]


def _unread_share(curve: Curve, window: Window) -> float:
    """Share of the window beyond the updates above which the energy of the window is a guess."""
    few = curve.means_w(window.start_s, window.end_s).size < _UPDATES
    return _MUCH if few else _MOSTLY


def _edge_effects(curve: Curve, opened: Edge, closed: Edge) -> tuple[Effect, ...]:
    """The uncertainty of both edges in two parts: the part of this window alone, and the part
    shared by repeats of the same work, which begin and end alike.
    """
    u = math.hypot(opened.u_j, closed.u_j)
    if not u:
        return ()
    place = place_of(curve.channel)
    return (
        normal("window-edges", u * math.sqrt(1 - _ALIKE**2), place),
        normal("load-at-edges", u * _ALIKE, place),
    )


def _edge_times(curve: Curve, window: Window, energy_j: float) -> tuple[Effect, ...]:
    """Energy during the delay with which the start and the end of the work may have been noticed,
    at the power at the edge or the mean power of the window, whichever is larger.
    """
    if window.duration_s <= 0:
        return ()
    mean_w = energy_j / window.duration_s
    half_j = window.start_half_s * max(mean_w, curve.power(window.start_s))
    half_j += window.end_half_s * max(mean_w, curve.power(window.end_s))
    return (rectangular("edge-times", half_j, place_of(curve.channel)),) if half_j > 0 else ()


def _reading_times(curve: Curve, start: float, end: float) -> tuple[Effect, ...]:
    """Uncertainty of the energy from the times of a power average's readings within the window.

    A counter knows its energy at any publishing time. So do readings that are means since the
    previous reading.
    """
    if curve.power_w is None or curve.part_time or curve.window_s == 0:
        return ()
    u = reading_times_j(curve, start, end)
    return (normal("reading-times", u, place_of(curve.channel)),) if u else ()


def _unseen(curve: Curve, start: float, end: float) -> tuple[Effect, ...]:
    """Energy between the samples of a part-time sensor."""
    if not curve.may_miss:
        return ()
    first, last = int(np.searchsorted(curve.t_s, start)), int(np.searchsorted(curve.t_s, end)) - 1
    place = place_of(curve.channel)
    between_j = unseen_j(curve, first, last) if curve.part_time else 0.0
    effects = (
        normal("unseen", between_j, place),
        normal("in-step", in_step_j(curve, start, end), place),
    )
    return tuple(effect for effect in effects if effect.u)


def _resolution(curve: Curve) -> tuple[Effect, ...]:
    """A counter shows whole counts at both edges (GUM F.2.2.1); `rounding` is the rounding of
    power.
    """
    if curve.channel.kind != "counter":
        return ()
    half_j = curve.channel.resolution / 2 * math.sqrt(2)
    return (rectangular("resolution", half_j, place_of(curve.channel)),)


def _lag(curve: Curve, start: float, end: float) -> tuple[Effect, ...]:
    """An error δ of the lag moves both edges: δ·(P(end) − P(start)).

    The lag of an attached meter is the offset of its clock.
    """
    channel = curve.channel
    if not channel.lag_u_s:
        return ()
    u = lag_u_s(curve, start, end) * step_between_edges_w(curve, start, end)
    if not u:
        return ()
    kind: EffectKind = "clock-offset" if channel.sort == "meter" else "lag"
    return (normal(kind, u, place_of(channel), key=_lag_key(channel)),)


def _lag_key(channel: Channel) -> str:
    """Values with the same key share the error of the lag: values of the same meter's clock, of the
    same calibration of a device, or of a device without a calibration.
    """
    if channel.sort == "meter":
        return f"lag:{channel.gain.key}"
    if channel.timing == "profile":
        return f"lag:calibrated {channel.calibrated_utc}/{channel.device}"
    return f"lag:{channel.device}"


def _above_readings(curve: Curve, start: float, end: float) -> tuple[Effect, ...]:
    """Power above the largest possible reading: a bound upward.

    Peaks above a board's limit reach about twice the limit (collectors/nvml_board.py).
    """
    seconds = curve.at_top_s(start, end)
    if not seconds or curve.saturated_w is None:
        return ()
    limit_j, words = seconds * curve.saturated_w, f"{curve.saturated_w:.4g} W"
    return (bound("saturated", limit_j, place_of(curve.channel), detail=words),)


def _lost(curve: Curve, window: Window, lost_s: float) -> Doubt:
    place = place_of(curve.channel)
    remedy = "see the system log for the device (XID, bus errors), then repeat the run"
    if window.cut == "no-end":
        remedy = "repeat the run: the measuring side ended before it had stored the last readings"
    elif curve.channel.reference:
        remedy = "attach a meter file that covers the whole run without a break"
    elif curve.channel.quality == "estimated":
        remedy = "repeat the run; a sensor of the CPU (RAPL) needs no estimate"
    return Doubt(
        code="sensor-lost",
        message=f"{curve.channel.collector} gave no reading of {place.words} for {lost_s:.2g} s of "
        "a window; the interval allows for the power of that time, which is not a zero",
        remedy=remedy,
        subject=place.words,
    )


def _unread_edge(curve: Curve, window: Window, seconds: float) -> Doubt:
    """A short time without a reading at an edge: more often the sampler had to wait for a core than
    the device was lost.
    """
    if curve.channel.reference or window.cut == "no-end":
        return _lost(curve, window, seconds)
    name = place_of(curve.channel).words
    return Doubt(
        code="sensor-lost",
        message=f"{curve.channel.collector} gave no reading of {name} for {seconds:.2g} s at an "
        "edge of a window; the power beside that time is taken to go on",
        remedy="leave a core to the sampler, and repeat the run; if it comes again, see the system "
        "log for the device",
        subject=name,
    )


def _between_updates(curve: Curve, seconds: float) -> Doubt:
    """A window that lies mostly between two updates of the sensor."""
    name = place_of(curve.channel).words
    return Doubt(
        code="sensor-lost",
        message=f"{curve.channel.collector} gave no new value of {name} for {seconds:.2g} s of a "
        f"window, because it updates about every {curve.period_s:.3g} s; the interval allows for "
        "the power of that time, which is not a zero",
        remedy=f"repeats of {_UPDATES * curve.period_s:.3g} s or more",
        subject=name,
    )


def _gap(curve: Curve, span: Span, seconds: float) -> Doubt:
    name = place_of(curve.channel).words
    message, remedy = _GAPS[span.code]
    sensor = "counter"
    if curve.channel.kind == "power":
        sensor, message = "power sensor", _FROZEN
    return Doubt(
        code=span.code,
        message=f"the {sensor} of {name} {message.format(seconds=seconds)}",
        remedy=remedy,
        subject=name,
    )
