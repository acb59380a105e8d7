"""Energy of many spans of time together, from a sensor with few readings among them.

Between two points of its curve a sensor knows the energy, but not its distribution in time. If the
spans cover a part of a segment, their energy lies between nothing and the energy of the segment,
and never exceeds the maximum power of the device. The energy in proportion to the time is a guess;
its limits are stated as limits. Consecutive spans without a gap contain all energy between the
first and the last edge, however short the spans are. If a whole segment inside an edge and a whole
segment outside the edge show their powers, these powers divide the segment at the edge, up to the
energy that neither power explains.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Flags, Floats
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.plausible import limit_w

# Spans with gaps below this time are consecutive, s: leaving a block of a Python program and
# entering the next block takes some 0.02 ms, and a garbage collection between the blocks about 1
# ms.
_AT_ONCE_S = 1e-3
# Most layers of overlapping spans that are analysed together with the spans before and after;
# further spans are analysed alone.
_MOST_LAYERS = 8


class Shared(NamedTuple):
    """Energy of the spans.

    low_j, high_j  limits of the energy for any load within the segments
    edges_u_j      standard uncertainty from the times of the points, J
    """

    value_j: float
    low_j: float
    high_j: float
    edges_u_j: float

    def __add__(self, other: Shared) -> Shared:  # type: ignore[override]
        return Shared(
            self.value_j + other.value_j,
            self.low_j + other.low_j,
            self.high_j + other.high_j,
            float(np.hypot(self.edges_u_j, other.edges_u_j)),
        )


def shared(curve: Curve, starts_s: Floats, ends_s: Floats) -> Shared:
    """Energy of spans of time by the curve. Time in several spans counts in each span.

    starts_s, ends_s  shape [n]; not before the first point of the curve, and not after the last
                      point by more than the time for which the power may be taken to go on
    """
    order = np.argsort(starts_s, kind="stable")
    starts_s, ends_s = starts_s[order], ends_s[order]
    total = Shared(0.0, 0.0, 0.0, 0.0)
    for _ in range(_MOST_LAYERS):
        if starts_s.size:
            mine = _without_overlap(starts_s, ends_s)
            total += _Segments.of(curve, starts_s[mine], ends_s[mine]).energy()
            starts_s, ends_s = starts_s[~mine], ends_s[~mine]
    return total + _each_alone(curve, starts_s, ends_s) if starts_s.size else total


def _without_overlap(starts_s: Floats, ends_s: Floats) -> Flags:
    """The first span, and later spans that begin after the end of the last chosen span."""
    if (starts_s[1:] >= ends_s[:-1]).all():
        return np.ones(starts_s.size, dtype=np.bool_)
    mine = np.zeros(starts_s.size, dtype=np.bool_)
    free_s = -np.inf
    for i, (start_s, end_s) in enumerate(zip(starts_s.tolist(), ends_s.tolist(), strict=True)):
        if start_s >= free_s:
            mine[i], free_s = True, end_s
    return mine


def _each_alone(curve: Curve, starts_s: Floats, ends_s: Floats) -> Shared:
    """Energy of spans that overlap in many layers: between the energy of the segments inside a span
    and the energy of all touched segments.
    """
    times_s, joules, fuzz_s = _points(curve, float(starts_s[0]), float(ends_s.max()))
    early_s = np.maximum.accumulate(times_s - fuzz_s)
    late_s = np.maximum.accumulate(times_s + fuzz_s)
    last = times_s.size - 1
    before = np.maximum(np.searchsorted(late_s, starts_s, side="right") - 1, 0)
    after = np.minimum(np.searchsorted(early_s, ends_s), last)
    first_inside = np.minimum(np.searchsorted(early_s, starts_s), last)
    last_inside = np.maximum(np.searchsorted(late_s, ends_s, side="right") - 1, first_inside)
    values_j = np.interp(ends_s, times_s, joules) - np.interp(starts_s, times_s, joules)
    most_j = limit_w(curve.channel) * (ends_s - starts_s)
    unseen = _unseen(curve)
    touched_s = times_s[after] - times_s[before]
    touched_j = (1 - unseen) * (joules[after] - joules[before])
    high_j = np.minimum(touched_j + unseen * limit_w(curve.channel) * touched_s, most_j)
    low_j = (1 - unseen) * (joules[last_inside] - joules[first_inside])
    beyond = (starts_s < curve.t_s[0]) | (ends_s > curve.t_s[-1])
    high_j, low_j = np.where(beyond, most_j, high_j), np.where(beyond, 0.0, low_j)
    return Shared(
        float(values_j.sum()),
        float(np.minimum(low_j, values_j).sum()),
        float(np.maximum(high_j, values_j).sum()),
        0.0,
    )


def _unseen(curve: Curve) -> float:
    """Unseen share of each segment."""
    return min(max(curve.may_miss, 0.0), 1.0)


class _Spans:
    """Spans of time without overlap, in order."""

    def __init__(self, starts_s: Floats, ends_s: Floats) -> None:
        self.edges_s = np.column_stack((starts_s, ends_s)).ravel()
        lengths_s = np.column_stack((ends_s - starts_s, np.zeros(starts_s.size))).ravel()
        self._before_s = np.concatenate(([0.0], np.cumsum(lengths_s)[:-1]))

    @classmethod
    def stretches(cls, starts_s: Floats, ends_s: Floats) -> _Spans:
        """Consecutive spans without a gap, joined."""
        apart = starts_s[1:] - ends_s[:-1] > _AT_ONCE_S
        return cls(
            starts_s[np.concatenate(([True], apart))], ends_s[np.concatenate((apart, [True]))]
        )

    def covered_s(self, t_s: Floats) -> Floats:
        """Time in the spans up to a time, s."""
        return np.asarray(np.interp(t_s, self.edges_s, self._before_s))


class _Segments(NamedTuple):
    """Segments of a curve beside the spans; every array has the shape [number of segments].

    limit_w           largest power of the device
    unseen            unseen share of each segment
    joules            energy, J
    slack_j           uncertainty of the energy, J
    low_s, high_s     edges
    fuzz_low_s, fuzz_high_s
                      uncertainty of an edge, s; includes half of the averaging time of a power
    inside_s          time in the spans
    inside_most_s, outside_most_s
                      at most, for the edges may be wrong: time in the spans, and outside
    stretch_s         time in stretches of consecutive spans
    outer, inner      segments outside of all stretches, and segments inside a stretch
    unread            segments beyond the readings, whose energy is a guess
    """

    limit_w: float
    unseen: float
    slack_j: float
    stretches: _Spans
    joules: Floats
    low_s: Floats
    high_s: Floats
    fuzz_low_s: Floats
    fuzz_high_s: Floats
    inside_s: Floats
    inside_most_s: Floats
    outside_most_s: Floats
    stretch_s: Floats
    outer: Flags
    inner: Flags
    unread: Flags

    @classmethod
    def of(cls, curve: Curve, starts_s: Floats, ends_s: Floats) -> _Segments:
        times_s, joules, fuzz_s = _points(curve, float(starts_s[0]), float(ends_s[-1]))
        spans, stretches = _Spans(starts_s, ends_s), _Spans.stretches(starts_s, ends_s)
        unread = (times_s[1:] <= curve.t_s[0]) | (times_s[:-1] >= curve.t_s[-1])
        early_s, late_s = times_s[:-1] - fuzz_s[:-1], times_s[1:] + fuzz_s[1:]
        reach_s = late_s - early_s
        inside_most_s = spans.covered_s(late_s) - spans.covered_s(early_s)
        stretch_most_s = stretches.covered_s(late_s) - stretches.covered_s(early_s)
        return cls(
            limit_w=limit_w(curve.channel),
            unseen=_unseen(curve),
            slack_j=curve.channel.resolution if curve.channel.kind == "counter" else 0.0,
            stretches=stretches,
            joules=np.diff(joules),
            low_s=times_s[:-1],
            high_s=times_s[1:],
            fuzz_low_s=fuzz_s[:-1],
            fuzz_high_s=fuzz_s[1:],
            inside_s=np.diff(spans.covered_s(times_s)),
            inside_most_s=inside_most_s,
            outside_most_s=np.maximum(reach_s - inside_most_s, 0.0),
            stretch_s=np.diff(stretches.covered_s(times_s)),
            outer=stretch_most_s <= 0,
            inner=(stretch_most_s >= reach_s * (1 - 1e-9)) & ~unread,
            unread=unread,
        )

    @property
    def lengths_s(self) -> Floats:
        return self.high_s - self.low_s

    def energy(self) -> Shared:
        value_j = self.joules * self.inside_s / self.lengths_s
        low_j, high_j = self._limits()
        value_j = np.clip(value_j, low_j, high_j)
        edges_u_j = 0.0
        for first, last in _runs(~(self.outer | self.inner)):
            divided = self._divided(first, last, low_j, high_j)
            if divided is not None:
                part = slice(first, last)
                value_j[part], low_j[part], high_j[part] = 0.0, 0.0, 0.0
                value_j[first], low_j[first], high_j[first] = divided[:3]
                edges_u_j = float(np.hypot(edges_u_j, divided.edges_u_j))
        return Shared(float(value_j.sum()), float(low_j.sum()), float(high_j.sum()), edges_u_j)

    def _limits(self) -> tuple[Floats, Floats]:
        """Least and largest energy of the spans in each segment, for any load."""
        least_j, most_j = self.joules - self.slack_j, self.joules + self.slack_j
        # unseen power of a part-time sensor may be zero or the largest power
        least_j = least_j * (1 - self.unseen)
        most_j = most_j * (1 - self.unseen) + self.unseen * self.limit_w * self.lengths_s
        least_j = np.where(self.unread, 0.0, least_j)
        most_j = np.where(self.unread, self.limit_w * self.lengths_s, most_j)
        low_j = np.maximum(least_j - self.limit_w * self.outside_most_s, 0.0)
        high_j = np.minimum(most_j, self.limit_w * self.inside_most_s)
        # inside a stretch, only the time between its spans is not in a span
        between_s = np.maximum(self.stretch_s - self.inside_s, 0.0)
        low_j = np.where(self.inner, np.maximum(self.joules - self.limit_w * between_s, 0.0), low_j)
        high_j = np.where(self.inner, self.joules, high_j)
        return np.where(self.outer, 0.0, low_j), np.where(
            self.outer, 0.0, np.maximum(high_j, low_j)
        )

    def _divided(self, first: int, last: int, low_j: Floats, high_j: Floats) -> Shared | None:
        """Energy of the spans in the segments first ≤ i < last, around a single edge of a stretch,
        from the powers on either side. None if a power is unknown.
        """
        before, after = first - 1, last
        if before < 0 or after >= self.joules.size or self.unread[first:last].any():
            return None
        rising = bool(self.outer[before] and self.inner[after])
        if not rising and not (self.inner[before] and self.outer[after]):
            return None
        from_s = self.low_s[first] - self.fuzz_low_s[first]
        until_s = self.high_s[last - 1] + self.fuzz_high_s[last - 1]
        edges_s = self.stretches.edges_s
        count = np.searchsorted(edges_s, until_s, "right") - np.searchsorted(edges_s, from_s)
        if count != 1:
            return None

        # Energy explained by both powers, and the rest, which may lie on either side of the edge.
        inner, outer = (after, before) if rising else (before, after)
        inner_w = self.joules[inner] / self.lengths_s[inner]
        outer_w = self.joules[outer] / self.lengths_s[outer]
        part = slice(first, last)
        stretch_s, length_s = self.stretch_s[part].sum(), self.lengths_s[part].sum()
        base_j = inner_w * stretch_s
        rest_j = self.joules[part].sum() - base_j - outer_w * (length_s - stretch_s)
        value_j = base_j + rest_j * stretch_s / length_s

        # Less the time between the spans of the stretch.
        between_s = max(stretch_s - self.inside_s[part].sum(), 0.0)
        if stretch_s > 0:
            value_j *= 1 - between_s / stretch_s
        low = max(base_j + min(rest_j, 0.0) - self.limit_w * between_s, low_j[part].sum())
        high = min(base_j + max(rest_j, 0.0), high_j[part].sum())
        if low > high:
            return None
        fuzz_s = max(self.fuzz_low_s[first], self.fuzz_high_s[last - 1])
        u_j = max(inner_w, outer_w) * fuzz_s / np.sqrt(3.0)
        return Shared(float(min(max(value_j, low), high)), float(low), float(high), float(u_j))


def _points(curve: Curve, start_s: float, end_s: float) -> tuple[Floats, Floats, Floats]:
    """Times, energies and fuzziness of the points from two before the first span to two after the
    last span. Beyond the ends of the curve the last power goes on.
    """
    first = max(int(np.searchsorted(curve.t_s, start_s)) - 3, 0)
    last = int(np.searchsorted(curve.t_s, end_s, side="right")) + 3
    half_s = curve.window_s / 2 if curve.power_w is not None else 0.0
    times_s, joules = curve.t_s[first:last], curve.energy_j[first:last]
    fuzz_s = curve.fuzz_s[first:last] + half_s
    if start_s < times_s[0]:
        times_s = np.concatenate(([start_s], times_s))
        joules, fuzz_s = (
            np.concatenate(([curve.at(start_s)], joules)),
            np.concatenate((fuzz_s[:1], fuzz_s)),
        )
    if end_s > times_s[-1]:
        times_s = np.concatenate((times_s, [end_s]))
        joules, fuzz_s = (
            np.concatenate((joules, [curve.at(end_s)])),
            np.concatenate((fuzz_s, fuzz_s[-1:])),
        )
    return times_s, joules, fuzz_s


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of True."""
    steps = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    firsts, lasts = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
