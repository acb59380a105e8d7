"""The result of an open window up to now, in constant memory and time: parts of ten minutes are
measured from the readings in memory as the parts end, and only the sum of the parts is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.joined import joined
from energybench.analysis.measurement.measure import Record, measure
from energybench.measuring.recent_samples import Recent
from energybench.model import REPEAT, Measurement, Trace
from energybench.store.run import Header, Opening, RecordLine, record

# Length of a part: minutes show whether two counters share a register, and how much a part-time
# sensor misses.
_PART_S = 600.0
# Readings after the end of a part, for the energy at the edge; and the least length of the last
# part, so that the sensors have updates in the last part.
_AFTER_S = 60.0
_BEFORE_S = 10.0  # of readings before a part, for the energy at its first edge


class Part(NamedTuple):
    """A part of the window, with the readings around it."""

    record: Record
    traces: Sequence[Trace]


class OpenWindow:
    """The parts of an open window, as the readings come.

    active  False: there are no parts, and another owner holds the readings
    """

    def __init__(self, header: Header, samples: Recent, *, active: bool = True) -> None:
        self._header, self._samples, self._active = header, samples, active
        self._lines: list[tuple[float, RecordLine]] = []
        self._start_s = math.inf  # of the present part

    def keep(self, line: RecordLine, t_s: float = math.inf) -> None:
        """Further items of the result beside the readings.

        t_s  time of the reading; infinite: belongs to every part
        """
        if self._active:
            self._lines.append((t_s, line))

    def hold(self, since_s: float) -> None:
        """Keep the readings after a time: an idle phase before the window begins."""
        if not self._active:
            return
        self._samples.hold_since_s = min(self._samples.hold_since_s, since_s - _BEFORE_S)

    def begin(self, start_s: float) -> None:
        if self._active:
            self._start_s = start_s
            self.hold(start_s)

    def end(self) -> None:
        if self._active:
            self._start_s = math.inf
            self._samples.hold_since_s = math.inf

    def next_part(self, now_s: float) -> Part | None:
        """The next finished part; None: not yet."""
        end_s = self._start_s + _PART_S
        if now_s < end_s + _AFTER_S:
            return None
        part = self._part(end_s)
        self._start_s = end_s
        self._samples.hold_since_s = end_s - _BEFORE_S
        # idle phases belong to the first part; readings of the host to the part of their arrival
        self._lines = [
            (t_s, line) for t_s, line in self._lines if line.window is None and t_s >= end_s
        ]
        return part

    def last_part(self) -> Part | None:
        """From the last part to the latest reading; None: no window is open."""
        return self._part(None) if math.isfinite(self._start_s) else None

    def _part(self, end_s: float | None) -> Part:
        traces = self._samples.traces(self._samples.hold_since_s)
        if end_s is None:
            end_s = max(
                (float(trace.t_s[-1]) for trace in traces if trace.t_s.size), default=-math.inf
            )
        opening = RecordLine(opening=Opening(label=REPEAT, start_s=self._start_s, repeat=0))
        lines = [line for _, line in self._lines]
        return Part(record(self._header, (*lines, opening), last_s=end_s), traces)


class Parts:
    """The sum of the parts so far. Used by one thread, in the order of the parts."""

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        self._sum: Measurement | None = None
        self.lost = False  # a part has no result: the sum is not known

    def add(self, part: Part) -> None:
        try:
            self._sum = self.with_last(part)
        except Exception:  # the files hold everything
            self.lost = True

    def with_last(self, part: Part) -> Measurement:
        """The result of all parts and a last part. Raises ValueError."""
        last = measure(*part, self._ranges)
        return last if self._sum is None else joined(self._sum, last)
