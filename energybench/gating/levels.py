"""Levels of a test's energy in its history: a level that was accepted, and a step that nobody has
accepted yet. Pure.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from energybench.gating.change import mean_log
from energybench.gating.records import Record

# A step is larger than _SCATTERS times the median deviation within the two groups: 4 standard
# deviations of a normal scatter. Few sessions show little of their scatter: _MORE_FOR_ONE divided
# by the number of sessions is added to _SCATTERS. For unchanged tests with a scatter of 2 % between
# sessions, up to 4 % of the histories then seem to have a step of 5 % or more. A judgement.
_LEAST = 6
_SCATTERS, _MORE_FOR_ONE = 6.0, 30.0


class Step(NamedTuple):
    """A step between two groups of sessions, an earlier and a later group.

    rel       (level of the later sessions / level of the earlier sessions) − 1
    time_utc  of the first later session
    """

    rel: float
    time_utc: str


def since_accepted(saved: Sequence[Record]) -> tuple[Sequence[Record], str | None]:
    """The records since the last start of a new level, and the time of the starting record. A
    history without a new level: every record, and None.
    """
    starts = [i for i, some in enumerate(saved) if some.new_level]
    if not starts:
        return saved, None
    return saved[starts[-1] :], saved[starts[-1]].time_utc


def step(history: Sequence[Record], measured: Sequence[str], least_rel: float) -> Step | None:
    """The step of a history, the oldest record first; None: the history has no step.

    least_rel  smallest step, 0.05 for 5 %
    """
    logs = [mean_log(some, measured) for some in history]
    if len(logs) < _LEAST:
        return None
    first = min(range(1, len(logs)), key=lambda i: sum(_deviations(logs, i)))
    size = statistics.median(logs[first:]) - statistics.median(logs[:first])
    scatter = statistics.median(_deviations(logs, first))
    if abs(size) <= max((_SCATTERS + _MORE_FOR_ONE / len(logs)) * scatter, math.log1p(least_rel)):
        return None
    return Step(math.expm1(size), history[first].time_utc)


def _deviations(logs: Sequence[float], first: int) -> list[float]:
    """Distances from the median of the value's group; the second group begins at `first`."""
    groups = (logs[:first], logs[first:])
    return [abs(x - statistics.median(group)) for group in groups for x in group]
