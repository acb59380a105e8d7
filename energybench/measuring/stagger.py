"""Where in a part-time sensor's period a repeat starts.

A sensor that averages only over a part of each period sees the same part of a repeat each time if the repeats start at the same phase, and
no number of them shows the error. Spread evenly over the period, what one repeat hides another shows (arXiv 2312.02741, SC24: 39 % of error
without, 4.9 % with). The phase is counted from the sensor's latest tick, seen in the burst just before, so that it does not matter how well
its period is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.model import Channel, Trace

GOLDEN = (math.sqrt(5) - 1) / 2  # multiples of it, modulo 1, are spread evenly however many there come to be (Weyl 1916)
_LOCATED = 0.3  # of the period: two readings that lie closer tell when the tick between them was (as in analysis/curve.py)
_STALE = 20  # periods after which a tick no longer says where the next one is: the period is known to a few percent of a tenth of that
_LONGEST_S = 2.0  # nobody waits longer for a phase


def part_time(channels: Sequence[Channel]) -> Channel | None:
    """The channel to stagger for: of those that count, the one that sees least of its period, the work's own boards first."""
    found = [c for c in channels if c.counts and c.quality == "measured" and c.window_s > 0 and (c.update_period_s is None or c.window_s < c.update_period_s)]
    return min(found, key=lambda c: (not c.used, c.window_s / c.update_period_s if c.update_period_s else 1.0), default=None)


def phase(number: int, repeats: int | None) -> float:
    """Of repeat `number`, in periods: evenly spread where their count is fixed, else by the golden ratio."""
    return number / repeats if repeats else number * GOLDEN % 1


def start_s(trace: Trace, now_s: float, phase: float) -> float | None:
    """When the channel is next at that phase; None where its ticks cannot be told."""
    ticks = _ticks(trace)
    period = _period(trace.channel, ticks)
    if not ticks.size or period is None or now_s - ticks[-1] > _STALE * period:
        return None
    first = float(ticks[-1]) + phase * period
    start = first + max(0, math.ceil((now_s - first) / period)) * period
    return start if start - now_s <= _LONGEST_S else None


def _ticks(trace: Trace) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Times of the changes that two readings close together show."""
    t, raw = trace.t_s[trace.ok], trace.raw[trace.ok]
    changed = np.flatnonzero(np.diff(raw) != 0)
    gaps = t[changed + 1] - t[changed]
    close = gaps <= _LOCATED * (trace.channel.update_period_s or 0.1)  # 0.1 s: the slowest boards known
    return np.asarray(t[changed + 1][close] - gaps[close] / 2, dtype=np.float64)


def _period(channel: Channel, ticks: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float | None:
    """As the ticks show it, else as stated. A change that did not show (the same power twice) leaves a gap of several periods: the median passes it over."""
    steps = np.diff(ticks)
    if channel.update_period_s is not None:
        steps = steps[np.abs(steps - channel.update_period_s) < 0.2 * channel.update_period_s]
        return float(np.median(steps)) if steps.size >= 3 else channel.update_period_s
    return float(np.median(steps)) if steps.size >= 3 else None
