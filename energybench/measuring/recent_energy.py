"""Energy and power of the moments just measured, from the readings in memory: the basis for ending
a warm-up, a rest or the repeats. The result of the run is computed anew from the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.measure import (
    Record,
    energies_so_far,
    sampling_rel,
)
from energybench.measuring.recent_samples import Recent
from energybench.measuring.stagger import part_time
from energybench.model import REPEAT, Channel, Trace, Window
from energybench.store.run import Header, RecordLine, record

_BEFORE_S = 1.0  # of readings before a moment, for the last ticks before the start
# Readings before a repeat for the energy of the repeat, s. Ten minutes show whether two counters
# are a single register, how much a part-time sensor misses, and the beat of a sensor's ticks.
_BEFORE_REPEAT_S = 600.0
# The energies of this many last repeats are computed again at every new repeat: later ticks tell
# the beat of a sensor better, and also the energy between two ticks at the edges of an earlier
# repeat. Eight is also the least number of repeats for a stopping rule.
_REVISED = 8


class RecentEnergy:
    """Answers from the readings in memory.

    counts_repeats  whether `repeats` will be asked for: energies of repeats are then computed as
                    the repeats end
    measures        whether a counting sensor measures, rather than models
    slowest_s       update period of the slowest counting sensor, s; 0: nothing is measured
    """

    def __init__(self, header: Header, ranges: Ranges, *, counts_repeats: bool) -> None:
        self._header, self._ranges, self._counts_repeats = header, ranges, counts_repeats
        self.samples = (
            Recent(header.channels, _BEFORE_REPEAT_S) if counts_repeats else Recent(header.channels)
        )
        measured = [channel for channel in header.channels if _counts(channel)]
        self.measures = bool(measured)
        self.slowest_s = max((channel.update_period_s or 0.0 for channel in measured), default=0.0)
        self._energies_j: list[float | None] = []
        self._durations_s: list[float] = []
        self._revised: list[Window] = []  # the last repeats, with energies not final yet

    # ------------------------------------------------------------ a moment

    def power_w(self, start_s: float, end_s: float) -> float | None:
        """Mean power of a moment; None: nothing is measured, or a sensor was not read for more than
        half of the moment, as on a busy machine: the power would be that of neighbouring moments.
        """
        if end_s <= start_s or not self.measures:
            return None
        moment, traces = self._moment(start_s, end_s, _BEFORE_S)
        counting = [trace for trace in traces if _counts(trace.channel)]
        if any(_longest_gap_s(trace, start_s, end_s) > (end_s - start_s) / 2 for trace in counting):
            return None
        (energy_j,) = energies_so_far(moment, traces, self._ranges)
        return energy_j / (end_s - start_s) if energy_j else None

    def sampling_rel(self, start_s: float, end_s: float) -> float | None:
        """Relative standard uncertainty of a moment's energy because of part-time sensors; None: no
        part-time sensor, or not known.
        """
        if part_time(self._header.channels) is None:
            return None
        return sampling_rel(*self._moment(start_s, end_s, _BEFORE_S), self._ranges)

    def _moment(
        self, start_s: float, end_s: float, before_s: float
    ) -> tuple[Record, tuple[Trace, ...]]:
        window = Window(label=REPEAT, start_s=start_s, end_s=end_s)
        return record(self._header, (RecordLine(window=window),)), self.samples.traces(
            start_s - before_s
        )

    # ------------------------------------------------------------ repeats

    def repeat_opened(self, start_s: float) -> None:
        """Hold the readings for the energy of the new repeat."""
        if self._counts_repeats:
            first_s = self._revised[0].start_s if self._revised else start_s
            self.samples.hold_since_s = first_s - _BEFORE_REPEAT_S

    def repeat_closed(self, window: Window) -> None:
        """Compute the energy of the finished repeat, and revise the energies of a few earlier
        repeats. Older energies stand, and a late repeat costs no more than an early repeat.
        """
        if not self._counts_repeats:
            return
        self._revised = [*self._revised, window][-_REVISED:]
        self._durations_s.append(window.duration_s)
        lines = tuple(RecordLine(window=revised) for revised in self._revised)
        traces = self.samples.traces(self._revised[0].start_s - _BEFORE_REPEAT_S)
        energies_j = energies_so_far(record(self._header, lines), traces, self._ranges)
        earlier = len(self._durations_s) - len(self._revised)
        self._energies_j = [*self._energies_j[:earlier], *energies_j]

    def repeats(self) -> Sequence[float]:
        """Energies of the finished repeats, J; durations in s if an energy is not known, or is 0
        because no sensor gave a reading.
        """
        energies_j = [energy_j for energy_j in self._energies_j if energy_j]
        return energies_j if len(energies_j) == len(self._durations_s) else self._durations_s


def _counts(channel: Channel) -> bool:
    """Whether a channel is a counting sensor that measures."""
    return channel.counts and channel.quality == "measured"


def _longest_gap_s(trace: Trace, start_s: float, end_s: float) -> float:
    """Longest time without a reading, from the start of a moment to its end, s."""
    inside = trace.t_s[trace.ok & (trace.t_s > start_s) & (trace.t_s < end_s)]
    return float(np.diff(np.concatenate(([start_s], inside, [end_s]))).max())
