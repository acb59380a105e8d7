"""Counters of one socket that show the same register (dies of Zen), found in the samples.

Counters of different sockets have different registers: sockets are never compared. Dies are not
compared either if the collector knows that the dies have separate registers (Channel.own_register).

Two counters since boot (or since their opening) that agree to the time between two reads are one
register: the values of independent registers lie far apart. The time between the reads varies:
reading another die's register interrupts a CPU of the other die, and may wake the CPU.

A register that is shown late, or copied seldom, lies behind by more. Its values are still the
values of the other counter, later by a constant time at any power. Two registers with a constant
distance in joules lie longer apart in time while little power flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median, quantiles_of_values
from energybench.model import Channel, Trace

# Two reads of the same register differ by the energy of the time between the reads, and of one
# update of 1 ms. Between the reads lies an interrupt to a CPU of another die, which may have to
# wake up: tens to hundreds of microseconds (Schöne et al., "Wake-up latencies for processor idle
# states on current x86 processors", Computer Science - Research and Development, 2015).
_SAME_S = 0.003
# Beyond this time two reads in a poll do not show the same register: thirty times a slow read.
_APART_S = 0.03
# Longest delay of a counter beyond the delay that its updates explain. Registers that start
# anywhere in 262 kJ lie this close, at some hundred watts, once in a thousand pairs.
_LATE_S = 1.0
# A counter is slow to update if this share of its readings repeats the reading before.
_STALE = 0.02
# Fewest readings that show the delay of a counter. The delay is constant if it lies within this
# range, s, beside the updates, and if it varies this many times as much for a counter at a constant
# distance in joules.
_SEEN, _STEADY_S, _UNLIKE = 10, 0.01, 2.0

_Verdict = Literal["same", "apart", "unclear"]


class Mirrors(NamedTuple):
    """Ids of channels beside an earlier channel of their socket.

    repeated  channels that show the register of the earlier channel
    unclear   channels that may show the register of the earlier channel
    """

    repeated: frozenset[str]
    unclear: frozenset[str]


def mirrors(traces: Sequence[Trace]) -> Mirrors:
    """Candidates share collector, component and socket. Only the traces of two candidates are in
    memory at a time.
    """
    repeated: set[str] = set()
    unclear: set[str] = set()
    counters = [
        (place, trace.channel)
        for place, trace in enumerate(traces)
        if trace.channel.kind == "counter" and trace.channel.socket and trace.channel.counts
    ]
    for i, (place, first) in enumerate(counters):
        if first.id in repeated:
            continue
        for other_place, other in counters[i + 1 :]:
            if other.id in repeated or not _alike(first, other):
                continue
            verdict = _compared(traces[place], traces[other_place])
            if verdict == "same":
                repeated.add(other.id)
            elif verdict == "unclear":
                unclear.add(other.id)
    return Mirrors(frozenset(repeated), frozenset(unclear - repeated))


def _alike(one: Channel, two: Channel) -> bool:
    return (
        (one.collector, one.component, one.socket) == (two.collector, two.component, two.socket)
        and one.resolution == two.resolution
        and not (one.own_register and two.own_register)
    )


def _compared(a: Trace, b: Trace) -> _Verdict:
    """Whether two counters show the same register.

    The distance of the values is expressed as a time, at the mean power of the counters.
    """
    n = min(a.raw.size, b.raw.size)
    both = a.ok[:n] & b.ok[:n]
    left, right = a.raw[:n][both].astype(np.float64), b.raw[:n][both].astype(np.float64)
    t_s = a.t_s[:n][both]
    rates = [_rate(t_s, counts) for counts in (left, right)]
    if max(rates, default=0.0) <= 0:
        return "apart"  # constant equal values may come from two counters that stand still
    apart_s = (right - left) / max(rates)
    distance_s = median(np.abs(apart_s))
    drift_s = _drift(apart_s)
    if max(distance_s, drift_s) <= _SAME_S:
        return "same"
    if max(distance_s, drift_s) <= _APART_S or _late(t_s, left, right):
        return "unclear"
    return "apart"


def _late(t_s: Floats, left: Floats, right: Floats) -> bool:
    """Whether a counter may show the values of the other counter, later or at longer intervals."""
    top = max(left.max(), right.max()) + 1
    first, second = (_without_wraps(counts, top) for counts in (left, right))
    updates_s = _update_s(t_s, first) + _update_s(t_s, second)
    late_s = _late_s(t_s, first, second)
    if late_s.size < _SEEN:
        return False
    distance_s = abs(median(late_s))
    if updates_s and distance_s <= updates_s + _APART_S:
        return _drift(late_s) <= updates_s + _APART_S
    range_s = _range(late_s)
    if distance_s > _LATE_S + updates_s or range_s > _STEADY_S + updates_s:
        return False
    joules_apart = _late_s(t_s, first, first + median(second - first))
    return _range(joules_apart) > max(_UNLIKE * range_s, _STEADY_S + updates_s)


def _late_s(t_s: Floats, first: Floats, second: Floats) -> Floats:
    """Age of the second counter's value in the first counter, at each reading with a value that the
    first counter showed.
    """
    within = (second > first[0]) & (second < first[-1])
    changes = np.concatenate(([True], np.diff(first) > 0))
    shown_s = np.interp(second[within], first[changes], t_s[changes])
    return np.asarray(t_s[within] - shown_s)


def _range(times_s: Floats) -> float:
    low, high = quantiles_of_values(times_s, 0.1, 0.9)
    return float(high - low)


def _without_wraps(counts: Floats, top: float) -> Floats:
    """Counts that continue to rise after the counter started again from zero.

    top  the same for both counters; more than any count of either counter
    """
    wraps = np.concatenate(([0], np.cumsum(np.diff(counts) < 0)))
    return np.maximum.accumulate(counts + wraps * top)


def _update_s(t_s: Floats, counts: Floats) -> float:
    """Time for which a counter shows a value; 0 if nearly every reading is a new value."""
    repeats = np.diff(counts) <= 0
    if np.count_nonzero(repeats) < _STALE * repeats.size:
        return 0.0
    changes = t_s[1:][~repeats]
    return float(quantiles_of_values(np.diff(changes), 0.9)[0]) if changes.size > 1 else 0.0


def _rate(t_s: Floats, counts: Floats) -> float:
    """Counts per second between the first and the last reading; a counter that started again from
    zero has the rate of its upward steps.
    """
    if t_s.size < 2 or t_s[-1] <= t_s[0]:
        return 0.0
    steps = np.diff(counts)
    return float(steps[steps > 0].sum() / (t_s[-1] - t_s[0]))


def _drift(apart_s: Floats) -> float:
    """Change of the distance from the first third of the readings to the last third: two registers
    under unlike loads move apart, however near they started.
    """
    third = max(1, apart_s.size // 3)
    return abs(median(apart_s[-third:]) - median(apart_s[:third]))
