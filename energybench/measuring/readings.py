"""Raw values of a collector with their times."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

from energybench.model import Pause
from energybench.plugins import LONGEST_READ_S, Collector, Reading


class Tick(NamedTuple):
    """A poll of a collector, with a reading for each of its channels.

    missed  scheduled polls that were skipped just before this poll, because the process came late
    slow    scheduled polls that were skipped during an earlier read
    pause   time before this poll in which the process did not run, although a core was free; None:
            the process ran
    """

    due_s: float
    late_s: float
    burst: bool
    missed: int
    slow: int
    readings: list[Reading]
    pause: Pause | None = None


def stamped(
    collector: Collector, count: int, now: Callable[[], float], first: int = 0
) -> list[Reading]:
    """Read a collector of `count` channels. A value without its own time holds for the middle of
    the read.

    first  number of the first channel within the run
    """
    before_s = now()
    try:
        values: Sequence[int | Reading | None] = collector.read()
    except Exception:  # a plugin's fault costs its readings, not the run: counted as failed
        values = ()
    after_s = now()
    middle_s, late = (before_s + after_s) / 2, after_s - before_s > LONGEST_READ_S
    readings = []
    for i in range(count):
        value = values[i] if i < len(values) else None
        if isinstance(value, Reading):
            readings.append(Reading(_counts(value.raw), value.t_s, first + i))
        else:
            readings.append(Reading(None if late else _counts(value), middle_s, first + i))
    return readings


def _counts(raw: object) -> int | None:
    """Counts of a sample; a float or a number beyond 64 bits is a failed read."""
    try:
        counts = operator.index(raw)  # type: ignore[arg-type]
    except TypeError:
        return None
    return counts if -(2**63) <= counts < 2**63 else None
