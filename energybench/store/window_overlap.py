"""Whether windows of nodes, by the nodes' own wall clocks, can be windows of the same launch of
ranks.

A launch starts its ranks on all nodes within seconds. A node may end early, so that its window lies
inside the other windows; but windows with little overlap show that the clocks differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

# Nodes of a launch start this far apart: Python comes from a shared file system, and the ranks wait
# for the sensors of their node.
_SKEW_S = 2.0
_LEAST_OVERLAP = 0.5  # of the shorter of two windows
# Windows that begin and end later by the same time are the same window on another clock, if the
# difference is longer than ranks wait for the sensors of their node.
_LONGEST_START_S = 60.0
_SAME_SHIFT_REL, _SAME_SHIFT_S = 0.01, 1.0


class Span(NamedTuple):
    """Start and end of a node's window by its own wall clock, s since 1970."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def overlap_s(self, other: Span) -> float:
        """Negative: the time between the two."""
        return min(self.end_s, other.end_s) - max(self.start_s, other.start_s)

    def fits(self, other: Span) -> bool:
        """Whether both spans can be windows of the same launch."""
        start_s, end_s = other.start_s - self.start_s, other.end_s - self.end_s
        if abs(start_s) <= _SKEW_S:
            return True
        shorter_s = min(self.duration_s, other.duration_s)
        if self.overlap_s(other) < _LEAST_OVERLAP * shorter_s:
            return False
        shift_s = _SAME_SHIFT_S + _SAME_SHIFT_REL * abs(start_s)
        return abs(start_s) <= _LONGEST_START_S or abs(end_s - start_s) > shift_s


class Apart(NamedTuple):
    """A node with a window that does not fit.

    later_s    start of the window less the start of the window of `reference`
    overlap_s  common time of the two windows
    shorter_s  duration of the shorter of the two
    """

    reference: str
    later_s: float
    overlap_s: float
    shorter_s: float


def windows_apart(spans: Mapping[str, Span], first: str | None) -> dict[str, Apart]:
    """The nodes whose windows do not fit the windows of most nodes.

    first  the node that decides if two groups are equally large
    """
    likely = spans.get(first or "") or next(iter(spans.values()), None)
    if likely is None or all(map(likely.fits, spans.values())):
        return {}  # the usual case: a node that fits all nodes belongs to the majority
    fitting = {
        name: sum(span.fits(other) for other in spans.values()) for name, span in spans.items()
    }
    reference = max(spans, key=lambda name: (fitting[name], name == first))
    own = spans[reference]
    return {
        name: Apart(
            reference,
            span.start_s - own.start_s,
            max(own.overlap_s(span), 0.0),
            min(own.duration_s, span.duration_s),
        )
        for name, span in spans.items()
        if not own.fits(span)
    }
