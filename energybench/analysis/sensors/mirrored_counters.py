"""Counters of one socket that show the same register (dies of Zen), found in the samples.

Counters of two sockets are two registers: sockets are never compared. Dies whose collector knows
that each has a register of its own are not compared either (Channel.own_register).

Two counters since boot (or since they were opened) that agree to the time between two reads are one
register: the values of independent registers lie far apart. The time between the reads is not a
fixed number: a read of another die's register interrupts a CPU of that die, and perhaps wakes it.

A register that is shown late, or copied seldom, lies behind by more. Its values are those of the
other counter all the same, each later by one and the same time, whatever power flows; two registers
that lie a number of joules apart lie longer apart in time while little power flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import median, quantiles_of_values
from energybench.model import Channel, Trace

# Two reads of one register differ by the energy of the time between the reads, and of one update of
# 1 ms. Between the reads lies an interrupt to a CPU of another die, which may have to wake up: tens
# to hundreds of microseconds (Schöne et al., "Wake-up latencies for processor idle states on
# current x86 processors", Computer Science - Research and Development, 2015).
_SAME_S = 0.003
# Beyond this time two reads in one poll do not show one register: thirty times a slow read.
_APART_S = 0.03
# A counter may show a register later by so much more than its own updates explain. Registers that
# start anywhere in 262 kJ lie so close, at some hundred watts, once in a thousand pairs.
_LATE_S = 1.0
# A counter is slow to update if so many of its readings repeat the one before.
_STALE = 0.02
# The time by which a counter is late is seen in this many readings or more. It is one and the same
# if it lies within this range, s, beside the updates, and if it varies this many times as much for
# a counter that lies the same joules apart all the time.
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
    """Candidates are counters of one collector, one component and one socket. Only the traces of
    two candidates are in memory at a time.
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
    """Whether two counters show one register.

    The distance of the values is expressed as a time, at the mean power of the counters.
    """
    n = min(a.raw.size, b.raw.size)
    both = a.ok[:n] & b.ok[:n]
    left, right = a.raw[:n][both].astype(np.float64), b.raw[:n][both].astype(np.float64)
    t_s = a.t_s[:n][both]
    rates = [_rate(t_s, counts) for counts in (left, right)]
    if max(rates, default=0.0) <= 0:
        return "apart"  # equal values that never change are perhaps two counters that stand still
    apart_s = (right - left) / max(rates)
    distance_s = median(np.abs(apart_s))
    drift_s = _drift(apart_s)
    if max(distance_s, drift_s) <= _SAME_S:
        return "same"
    if max(distance_s, drift_s) <= _APART_S or _late(t_s, left, right):
        return "unclear"
    return "apart"


def _late(t_s: Floats, left: Floats, right: Floats) -> bool:
    """Whether one counter may show the values of the other, later or at longer intervals."""
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
    """How long ago the first counter showed the value that the second shows, at each reading whose
    value the first counter showed at all.
    """
    within = (second > first[0]) & (second < first[-1])
    changes = np.concatenate(([True], np.diff(first) > 0))
    shown_s = np.interp(second[within], first[changes], t_s[changes])
    return np.asarray(t_s[within] - shown_s)


def _range(times_s: Floats) -> float:
    low, high = quantiles_of_values(times_s, 0.1, 0.9)
    return float(high - low)


def _without_wraps(counts: Floats, top: float) -> Floats:
    """Counts that go on rising where the counter started again from zero.

    top  the same for both counters: more than any of their counts
    """
    wraps = np.concatenate(([0], np.cumsum(np.diff(counts) < 0)))
    return np.maximum.accumulate(counts + wraps * top)


def _update_s(t_s: Floats, counts: Floats) -> float:
    """The time for which a counter shows one value; 0 if nearly every reading is a new value."""
    repeats = np.diff(counts) <= 0
    if np.count_nonzero(repeats) < _STALE * repeats.size:
        return 0.0
    changes = t_s[1:][~repeats]
    return float(quantiles_of_values(np.diff(changes), 0.9)[0]) if changes.size > 1 else 0.0


def _rate(t_s: Floats, counts: Floats) -> float:
    """Counts per second between the first and the last reading; a counter that started again from
    zero has the rate of its steps upward.
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
