"""Counters that show one and the same register twice (Zen 1 and 2 dies): found in the samples,
never by name.

Two sockets may show close values for a while, so equality counts only over many readings in which
the value changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energybench.model import Trace

MIN_CHANGES = 50
# share of the readings between which a 1 ms counter may tick, read tens of microseconds apart
_PARTED = 0.1
_NUMBERED = (
    "rapl",
    "perf_rapl",
)  # whose devices are only numbered; a board with a UUID of its own is no mirror


def mirrors(traces: Sequence[Trace]) -> set[str]:
    """Ids of the channels that repeat an earlier one: same collector and component, equal over at
    least 50 changes.
    """
    found: set[str] = set()
    for i, this in enumerate(traces):
        if (
            this.channel.kind != "counter"
            or this.channel.collector not in _NUMBERED
            or this.channel.id in found
        ):
            continue
        for other in traces[i + 1 :]:
            same = (other.channel.collector, other.channel.component) == (
                this.channel.collector,
                this.channel.component,
            )
            if same and other.channel.id not in found and _equal(this, other):
                found.add(other.channel.id)
    return found


def _equal(a: Trace, b: Trace) -> bool:
    """Counters since boot that agree to the count are one register; a tick between the two reads
    may part them now and then.
    """
    n = min(a.raw.size, b.raw.size)
    both = a.ok[:n] & b.ok[:n]
    left, right = a.raw[:n][both], b.raw[:n][both]
    steps = np.abs(np.diff(left))
    if left.size <= MIN_CHANGES or np.count_nonzero(steps) < MIN_CHANGES:
        return False
    apart = np.abs(left - right)
    return bool(np.count_nonzero(apart) <= _PARTED * left.size and apart.max() <= steps.max())
