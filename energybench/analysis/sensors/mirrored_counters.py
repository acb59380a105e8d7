"""Counters of one socket that show the same register (dies of Zen), found in the samples.

Counters of two sockets are two registers: sockets are never compared. Dies whose collector knows
that each has a register of its own are not compared either (Channel.own_register).

Two counters since boot (or since they were opened) that agree to the time between two reads are one
register: the values of independent registers lie far apart. The time between the reads is not a
fixed number: a read of another die's register interrupts a CPU of that die, and perhaps wakes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.quantiles import median
from energybench.model import Channel, Trace

# Two reads of one register differ by the energy of the time between the reads, and of one update of
# 1 ms. Between the reads lies an interrupt to a CPU of another die, which may have to wake up: tens
# to hundreds of microseconds (Schöne et al., "Wake-up latencies for processor idle states on
# current x86 processors", Computer Science - Research and Development, 2015).
_SAME_S = 0.003
# Beyond this time two reads in one poll do not show one register: thirty times a slow read.
_APART_S = 0.03

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
    return "unclear" if max(distance_s, drift_s) <= _APART_S else "apart"


def _rate(t_s: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> float:
    """Counts per second between the first and the last reading; a counter that started again from
    zero has the rate of its steps upward.
    """
    if t_s.size < 2 or t_s[-1] <= t_s[0]:
        return 0.0
    steps = np.diff(counts)
    return float(steps[steps > 0].sum() / (t_s[-1] - t_s[0]))


def _drift(apart_s: npt.NDArray[np.float64]) -> float:
    """Change of the distance from the first third of the readings to the last third: two registers
    under unlike loads move apart, however near they started.
    """
    third = max(1, apart_s.size // 3)
    return abs(median(apart_s[-third:]) - median(apart_s[:third]))
