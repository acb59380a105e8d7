"""Where in a part-time sensor's period a repeat starts.

A sensor that averages only over a part of each period sees the same part of a repeat each time if
the repeats start at the same phase, and no number of them shows the error. Spread evenly over the
period, what one repeat hides another shows (arXiv 2312.02741, SC24: 39 % of error without, 4.9 %
with). The phase is counted from the sensor's latest tick, seen in the burst just before, so that it
does not matter how well its period is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.analysis.traces.ticks import LOCATED, ticks
from energybench.model import Channel, Trace

GOLDEN = (
    math.sqrt(5) - 1
) / 2  # multiples of it, modulo 1, are spread evenly however many there come to be (Weyl 1916)
# periods after which a tick no longer says where the next one is: the period is known to a few
# percent of a tenth of that
_STALE = 20
_LONGEST_S = 2.0  # nobody waits longer for a phase


def part_time(channels: Sequence[Channel]) -> Channel | None:
    """The channel to stagger for: of those that count, the one that sees least of its period, the
    work's own boards first.
    """
    found = [
        c
        for c in channels
        if c.counts
        and c.quality == "measured"
        and c.window_s > 0
        and (c.update_period_s is None or c.window_s < c.update_period_s)
    ]
    return min(
        found,
        key=lambda c: (not c.used, c.window_s / c.update_period_s if c.update_period_s else 1.0),
        default=None,
    )


def phase(number: int, repeats: int | None) -> float:
    """Of repeat `number`, in periods: evenly spread where their count is fixed, else by the golden
    ratio.
    """
    return number / repeats if repeats else number * GOLDEN % 1


def start_s(trace: Trace, now_s: float, phase: float) -> float | None:
    """When the channel is next at that phase; None where its ticks cannot be told."""
    t, raw = trace.t_s[trace.ok], trace.raw[trace.ok]
    found = ticks(t, np.flatnonzero(np.diff(raw) != 0) + 1, trace.channel.update_period_s)
    period = found.period_s
    sharp = found.t_s[found.fuzz_s <= LOCATED * period / 2]
    known = found.found or trace.channel.update_period_s is not None
    if not sharp.size or not known or now_s - sharp[-1] > _STALE * period:
        return None
    first = float(sharp[-1]) + phase * period
    start = first + max(0, math.ceil((now_s - first) / period)) * period
    return start if start - now_s <= _LONGEST_S else None
