"""Counters that show the same register twice (dies of Zen 1 and 2), found in the samples.

Names do not show mirrored counters. Two sockets may have equal values for a while, so only equality
over many changes of the value counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energybench.model import Trace

MIN_CHANGES = 50
# Largest share of the readings in which two reads of one register may differ: a counter that ticks
# every 1 ms may tick between two reads that are tens of microseconds apart.
_DIFFERENT = 0.1


def mirrors(traces: Sequence[Trace]) -> set[str]:
    """Ids of the channels that repeat an earlier channel.

    Candidates are counters of one collector and one component whose devices are numbered sockets or
    dies. A board with a UUID of its own is not a mirror.
    """
    repeated: set[str] = set()
    counters = [
        trace for trace in traces if trace.channel.kind == "counter" and trace.channel.socket
    ]
    for i, first in enumerate(counters):
        if first.channel.id in repeated:
            continue
        for other in counters[i + 1 :]:
            if _alike(first, other) and other.channel.id not in repeated and _equal(first, other):
                repeated.add(other.channel.id)
    return repeated


def _alike(a: Trace, b: Trace) -> bool:
    return (a.channel.collector, a.channel.component) == (b.channel.collector, b.channel.component)


def _equal(a: Trace, b: Trace) -> bool:
    """Whether two counters since boot agree to the count, apart from ticks between two reads."""
    n = min(a.raw.size, b.raw.size)
    both = a.ok[:n] & b.ok[:n]
    left, right = a.raw[:n][both], b.raw[:n][both]
    steps = np.abs(np.diff(left))
    if left.size <= MIN_CHANGES or np.count_nonzero(steps) < MIN_CHANGES:
        return False
    apart = np.abs(left - right)
    return bool(np.count_nonzero(apart) <= _DIFFERENT * left.size and apart.max() <= steps.max())
