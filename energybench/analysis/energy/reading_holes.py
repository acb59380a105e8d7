"""Stretches of time without a reading of a sensor that has readings before and after."""

from __future__ import annotations

import numpy as np

from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.plausible import limit_w
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.analysis.uncertainty.effects import bound
from energybench.model import Effect

# A stretch of this many seconds, and of three updates, without a reading.
HOLE_S, _UPDATES = 0.5, 3


def longest_s(curve: Curve) -> float:
    """The longest stretch between two readings that is not a hole, s."""
    return max(HOLE_S, _UPDATES * curve.period_s)


def holes(curve: Curve, start_s: float, end_s: float) -> list[tuple[float, float]]:
    """Start and end of each hole that overlaps a window."""
    wide = np.flatnonzero(np.diff(curve.t_s) > longest_s(curve))
    spans = [(float(curve.t_s[i]), float(curve.t_s[i + 1])) for i in wide.tolist()]
    spans += [
        frozen
        for frozen in frozen_readings(curve)
        if not any(low_s < frozen[1] and high_s > frozen[0] for low_s, high_s in spans)
    ]
    return [(low_s, high_s) for low_s, high_s in spans if start_s < high_s and end_s > low_s]


def frozen_readings(curve: Curve) -> list[tuple[float, float]]:
    """Start and end of each time between readings of a power sensor in which the sensor showed a
    single value. For a counter such a time is not a hole.
    """
    if curve.channel.kind != "power":
        return []
    return [
        (span.start_s, span.end_s)
        for span in curve.spans
        if span.start_s >= curve.t_s[0] and span.end_s <= curve.t_s[-1]
    ]


def unread_power(curve: Curve, start_s: float, end_s: float) -> tuple[Effect, ...]:
    """Bounds on the energy of a power sensor in its holes: the unknown power lies between nothing
    and the largest power of the device. A counter counts through a hole.
    """
    channel = curve.channel
    if channel.kind != "power" or channel.quality != "measured":
        return ()
    seconds = joules = 0.0
    for low_s, high_s in holes(curve, start_s, end_s):
        low_s, high_s = max(low_s, start_s), min(high_s, end_s)
        seconds += high_s - low_s
        joules += curve.at(high_s) - curve.at(low_s)
    most_j = seconds * limit_w(channel)
    return tuple(
        bound("gap", limit_j, place_of(channel), detail=f"{seconds:.1f} s, {side}")
        for side, limit_j in (("above", max(most_j - joules, 0.0)), ("below", -joules))
        if limit_j
    )
