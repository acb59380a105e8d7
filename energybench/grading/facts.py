"""What a rule book looks at in a measurement, and figures beside their limits. Pure."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from energybench.analysis.energy.boundary import PREFERENCE
from energybench.analysis.uncertainty.effects import BOUND_SPAN, Z95
from energybench.model import ChannelStats, Measurement, Part, Passed

# Kinds of effects that state a limit of error of a scale.
_SCALES = frozenset({"gain", "limit-of-error", "assumed-power"})
_GAPS = frozenset(
    {"sensor-lost", "wrap-ambiguous", "counter-reset", "recovered"}
)  # doubts that leave part of a window uncovered
_LIMIT = {
    "normal": Z95,
    "student": Z95,
    "rectangular": math.sqrt(3.0),
    "bound": BOUND_SPAN,
}  # limit of error over u: 95 %, or the half-width
_MOST_DIGITS = 12


class Facts(NamedTuple):
    """What the books share. None: not known.

    unmeasured   why no power was measured at all; "" where it was
    shortest_s   shortest repeat: the core phase, for energy and time are those of the same window
    interval_s   the longest interval between two fresh readings of a part
    partial      what is read as power, or by a counter that sees only a part of each period
    modelled     components whose power is a model's
    gaps         doubts that leave a part of a window uncovered
    error_rel, u_rel, worst   limit of error of the sensor with the widest gain, its standard
                              uncertainty, its component
    """

    unmeasured: str
    shortest_s: float
    interval_s: float | None
    partial: tuple[str, ...]
    modelled: tuple[str, ...]
    gaps: tuple[str, ...]
    error_rel: float | None
    u_rel: float | None
    worst: str


def facts(measurement: Measurement) -> Facts:
    """Gather them."""
    read = {
        f"{part.component} {part.device}".strip(): _channel(measurement, part)
        for part in measurement.boundary.parts
        if part.state == "measured"
    }
    intervals = [_interval_s(channel) for channel in read.values()]
    known = [interval for interval in intervals if interval is not None]
    gains = sorted(
        (
            error
            for name in measurement.components_j
            if (error := _gain(measurement, name)) is not None
        ),
        reverse=True,
    )
    stated = len(gains) == len(measurement.components_j) and bool(gains)
    return Facts(
        unmeasured=_unmeasured(measurement),
        shortest_s=min(repeat.time_s for repeat in measurement.repeats)
        if measurement.repeats
        else 0.0,
        interval_s=max(known) if known and len(known) == len(intervals) else None,
        partial=tuple(
            _partly(name, channel)
            for name, channel in read.items()
            if channel is not None and (channel.kind == "power" or channel.window_s > 0)
        ),
        modelled=tuple(
            dict.fromkeys(
                part.component for part in measurement.boundary.parts if part.state == "modelled"
            )
        ),
        gaps=tuple(
            dict.fromkeys(doubt.message for doubt in measurement.doubts if doubt.code in _GAPS)
        ),
        error_rel=gains[0][0] if stated else None,
        u_rel=gains[0][1] if stated else None,
        worst=gains[0][2] if stated else "",
    )


def _unmeasured(measurement: Measurement) -> str:
    if measurement.quality == "estimated":
        return "no sensor: time x assumed power"
    if measurement.quality is None or measurement.energy_j is None:
        return "no energy was measured"
    return ""


def _channel(measurement: Measurement, part: Part) -> ChannelStats | None:
    """The channel that a part's energy came from: the preferred collector's, a counter before a
    power reading.
    """
    found = [
        channel
        for channel in measurement.channels
        if (channel.component, channel.device) == (part.component, part.device)
    ]

    def rank(channel: ChannelStats) -> tuple[int, bool]:
        known = (
            PREFERENCE.index(channel.collector)
            if channel.collector in PREFERENCE
            else len(PREFERENCE)
        )
        return known, channel.kind != "counter"

    return min(found, key=rank) if found else None


def _interval_s(channel: ChannelStats | None) -> float | None:
    """Seconds between two fresh readings: the sampler's period or the sensor's own, whichever is
    longer.
    """
    if (
        channel is None
        or channel.period_s is None
        or channel.update_period_s is None
        or not channel.samples
    ):
        return None
    return round(
        max(channel.period_s, channel.update_period_s), 9
    )  # to the nanosecond: 0.1 s as it comes from a sum of ticks is 0.1 s


def _partly(name: str, channel: ChannelStats) -> str:
    if channel.kind == "power":
        return f"{name} is read as power"
    period = (
        f" of every {channel.update_period_s * 1e3:g} ms"
        if channel.update_period_s
        else " of each period"
    )
    return f"the counter of {name} sees {channel.window_s * 1e3:g} ms{period}"


def _gain(measurement: Measurement, component: str) -> tuple[float, float, str] | None:
    """(limit of error, standard uncertainty, component): the mean over a component's devices,
    weighted by energy; None where no gain is stated.
    """
    estimate = measurement.components_j[component]
    effects = [effect for effect in estimate.effects if effect.kind in _SCALES]
    if not effects or estimate.value <= 0:
        return None
    limit = sum(abs(effect.u) * _LIMIT[effect.distribution] for effect in effects) / estimate.value
    return limit, sum(abs(effect.u) for effect in effects) / estimate.value, component


# ---------------------------------------------------------------- figures beside their limits


def figure(value: float, limit: float, *, least: bool, digits: int = 3) -> str:
    """A figure that must not flatter: rounded down where a least value is asked, up where a most
    value is.

    Digits are added until it stands on the same side of the limit as the value itself: 59.96 is not
    60, and 4.9995 stays below 5.
    """
    exact, bar = Decimal(repr(float(value))), Decimal(repr(float(limit)))
    if exact == 0:
        return "0"
    away = ROUND_FLOOR if least else ROUND_CEILING
    for wanted in range(digits, _MOST_DIGITS + 1):
        step = Decimal(1).scaleb(exact.adjusted() + 1 - wanted)
        shown = exact.quantize(step, away) if step < 1 else exact.to_integral_value(away)
        if (shown > bar) == (exact > bar) and (shown < bar) == (exact < bar):
            return f"{shown:f}"
    return f"{exact:f}"


def at_least(value: float, limit: float) -> Passed:
    return "pass" if value >= limit else "fail"


def at_most(value: float, limit: float) -> Passed:
    return "pass" if value <= limit else "fail"
