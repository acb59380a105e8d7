"""When a repeat starts within the period of a part-time sensor.

A sensor that averages over only a part of its period sees the same part of every repeat if the
repeats start at the same phase, and then no number of repeats shows the error. If the starts are
spread evenly over the period, energy hidden in one repeat shows in another (arXiv 2312.02741, SC24:
39 % of error without, 4.9 % with). The phase is counted from the sensor's latest tick in the fast
polls just before: the period need not be known well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.analysis.traces.ticks import LOCATED, ticks
from energybench.model import Channel, Trace

# Multiples of the golden ratio, modulo 1, are spread evenly at any number of multiples (Weyl 1916).
GOLDEN = (math.sqrt(5) - 1) / 2
# Periods after which a tick no longer tells the next tick: the period is known to a few percent of
# a tenth of this time.
_STALE = 20
_LONGEST_S = 2.0  # nobody waits longer for a phase


def part_time(channels: Sequence[Channel]) -> Channel | None:
    """The part-time channel for spreading the starts: among the measured and counting channels, the
    channel with the smallest visible share of the period, with the work's own boards first.
    """
    partial = [
        c
        for c in channels
        if c.counts
        and c.quality == "measured"
        and c.window_s > 0
        and (c.update_period_s is None or c.window_s < c.update_period_s)
    ]
    return min(
        partial,
        key=lambda c: (not c.used, c.window_s / c.update_period_s if c.update_period_s else 1.0),
        default=None,
    )


def phase(number: int, repeats: int | None) -> float:
    """Phase of repeat `number`, in periods: evenly spread if the number of repeats is fixed, else
    by the golden ratio.
    """
    return number / repeats if repeats else number * GOLDEN % 1


def start_s(trace: Trace, now_s: float, phase: float) -> float | None:
    """When the channel is next at a phase; None if its ticks are not known."""
    t, raw = trace.t_s[trace.ok], trace.raw[trace.ok]
    published = ticks(t, np.flatnonzero(np.diff(raw) != 0) + 1, trace.channel.update_period_s)
    period = published.period_s
    located = published.t_s[published.fuzz_s <= LOCATED * period / 2]
    stated = published.measured or trace.channel.update_period_s is not None
    if not located.size or not stated or now_s - located[-1] > _STALE * period:
        return None
    first = float(located[-1]) + phase * period
    start = first + max(0, math.ceil((now_s - first) / period)) * period
    return start if start - now_s <= _LONGEST_S else None
