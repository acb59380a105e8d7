"""The facts of a measurement for rule books, and figures beside their limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN, Z95
from energybench.grading.part_channels import channel_of
from energybench.model import NOT_READ, ChannelStats, Measurement, Passed

# Kinds of effects that state a limit of error of a scale.
_SCALES = frozenset({"gain", "limit-of-error", "assumed-power"})
_GAPS = frozenset(
    {
        "sensor-lost",
        "wrap-ambiguous",
        "counter-reset",
        "recovered",
        "node-missing",
        "node-partial",
        "node-power-unknown",
    }
)  # doubts that leave part of a window uncovered
_LIMIT = {
    "normal": Z95,
    "student": Z95,
    "rectangular": math.sqrt(3.0),
    "bound": BOUND_SPAN,
}  # limit of error over u: 95 %, or the half-width
_MOST_DIGITS = 12
_CUT = "no repeat was measured to its end: this is a part of the work"


class Facts(NamedTuple):
    """Facts for several books. None: unknown.

    unmeasured   why no power was measured; "" if power was measured
    cut          reason why the work was not measured to its end; "" if measured to its end
    shortest_s   shortest repeat: the core phase, because energy and time belong to the same window
    interval_s   the longest interval between two fresh readings of a part
    partial      parts read as power, or by a counter that integrates only some of each period
    modelled     components whose power comes from a model
    gaps         doubts about a time without readings
    error_rel    limit of error of the sensor with the largest limit
    u_rel        standard uncertainty of the worst sensor
    worst        component of the worst sensor
    """

    unmeasured: str
    cut: str
    shortest_s: float
    interval_s: float | None
    partial: tuple[str, ...]
    modelled: tuple[str, ...]
    gaps: tuple[str, ...]
    error_rel: float | None
    u_rel: float | None
    worst: str


def facts(measurement: Measurement) -> Facts:
    """Gather the facts."""
    parts = measurement.boundary.parts
    channels = {
        f"{part.component} {part.device}".strip(): channel_of(measurement, part)
        for part in parts
        if part.state == "measured"
    }
    gaps = [doubt.message for doubt in measurement.doubts if doubt.code in _GAPS]
    modelled = [part.component for part in parts if part.state == "modelled"]
    error_rel, u_rel, worst = _worst_gain(measurement)
    return Facts(
        unmeasured=_unmeasured(measurement),
        cut=_CUT if measurement.partial or not measurement.repeats else "",
        shortest_s=min((repeat.time_s for repeat in measurement.repeats), default=0.0),
        interval_s=_longest_interval_s(channels.values()),
        partial=tuple(_partial(channels)),
        modelled=tuple(dict.fromkeys(modelled)),
        gaps=tuple(dict.fromkeys(gaps)),
        error_rel=error_rel,
        u_rel=u_rel,
        worst=worst,
    )


def _unmeasured(measurement: Measurement) -> str:
    if measurement.quality == "estimated":
        return "no sensor: time x assumed power"
    if measurement.quality is None or measurement.energy_j is None:
        return "no energy was measured"
    return ""


def _longest_interval_s(channels: Iterable[ChannelStats | None]) -> float | None:
    """None if the interval of a part is unknown."""
    intervals = [_interval_s(channel) for channel in channels]
    known = [interval for interval in intervals if interval is not None]
    return max(known) if known and len(known) == len(intervals) else None


def _interval_s(channel: ChannelStats | None) -> float | None:
    """Seconds between two fresh readings: the longer of the sampler's and the sensor's period."""
    if channel is None or not channel.samples:
        return None
    if channel.period_s is None or channel.update_period_s is None:
        return None
    # to the nanosecond: a sum of ticks that should be 0.1 s becomes exactly 0.1 s
    return round(max(channel.period_s, channel.update_period_s), 9)


def _partial(channels: Mapping[str, ChannelStats | None]) -> Iterable[str]:
    """'the counter of gpu.board GPU-… sees 25 ms of every 100 ms'"""
    for name, channel in channels.items():
        if channel is None:
            continue
        if channel.kind == "power":
            yield f"{name} is read as power"
        elif channel.window_s > 0:
            period = "each period"
            if channel.update_period_s:
                period = f"every {channel.update_period_s * 1e3:g} ms"
            yield f"the counter of {name} sees {channel.window_s * 1e3:g} ms of {period}"


def _worst_gain(measurement: Measurement) -> tuple[float | None, float | None, str]:
    """Limit of error, standard uncertainty and component of the sensor with the largest limit; not
    known if the gain of any component is not stated.
    """
    gains = [
        _gain(measurement, component)
        for component in measurement.components_j
        if component != NOT_READ
    ]
    stated = [gain for gain in gains if gain is not None]
    if not stated or len(stated) < len(gains):
        return None, None, ""
    return max(stated)


def _gain(measurement: Measurement, component: str) -> tuple[float, float, str] | None:
    """(limit of error, standard uncertainty, component): the mean over the devices of a component,
    weighted by energy; None without a stated gain.
    """
    estimate = measurement.components_j[component]
    effects = [effect for effect in estimate.effects if effect.kind in _SCALES]
    if not effects or estimate.value <= 0:
        return None
    limit = sum(abs(effect.u) * _LIMIT[effect.distribution] for effect in effects) / estimate.value
    return limit, sum(abs(effect.u) for effect in effects) / estimate.value, component


# ---------------------------------------------------------------- figures beside their limits


def figure(value: float, limit: float, *, least: bool, digits: int = 3) -> str:
    """A figure that does not flatter: rounded down beside a least value, up beside a most value.

    Digits are added until the figure is on the same side of the limit as the value: 59.96 does not
    become 60, and 4.9995 stays below 5.
    """
    exact, exact_limit = Decimal(repr(float(value))), Decimal(repr(float(limit)))
    if exact == 0:
        return "0"
    rounding = ROUND_FLOOR if least else ROUND_CEILING
    for count in range(digits, _MOST_DIGITS + 1):
        step = Decimal(1).scaleb(exact.adjusted() + 1 - count)
        shown = exact.quantize(step, rounding) if step < 1 else exact.to_integral_value(rounding)
        if shown.compare(exact_limit) == exact.compare(exact_limit):
            return f"{shown:f}"
    return f"{exact:f}"


def at_least(value: float, limit: float) -> Passed:
    return "pass" if value >= limit else "fail"


def at_most(value: float, limit: float) -> Passed:
    return "pass" if value <= limit else "fail"
