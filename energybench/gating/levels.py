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

# A step is larger than so many times the median deviation within its two groups: 4 standard
# deviations of a normal scatter. Few sessions show little of their scatter: the other figure over
# their number is added. Of unchanged tests with 2 % between sessions, up to 4 % of the histories
# then seem to have a step of 5 % or more. A judgement.
_LEAST = 6
_SCATTERS, _MORE_FOR_ONE = 6.0, 30.0


class Step(NamedTuple):
    """Sessions that fall into two groups, one after the other.

    rel       level of the later sessions relative to that of the earlier ones, − 1
    time_utc  of the first later session
    """

    rel: float
    time_utc: str


def since_accepted(saved: Sequence[Record]) -> tuple[Sequence[Record], str | None]:
    """The records since the last one that starts a new level, and that record's time; of a history
    without such a record all, and None.
    """
    starts = [i for i, some in enumerate(saved) if some.new_level]
    if not starts:
        return saved, None
    return saved[starts[-1] :], saved[starts[-1]].time_utc


def step(history: Sequence[Record], measured: Sequence[str], least_rel: float) -> Step | None:
    """The step of a history, the oldest record first; None: it has none.

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
    """Distances from the median of the own group; the second group begins at `first`."""
    groups = (logs[:first], logs[first:])
    return [abs(x - statistics.median(group)) for group in groups for x in group]
