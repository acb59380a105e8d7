"""The curves of a run's channels, made on request and dropped again.

The curves of a day take thirty megabytes for each channel. An analysis looks at one sensor and its
check at a time, so that only the latest curves stay in memory. Of dropped curves only the findings
stay: period, window, dropped readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Channel, Trace, Window

# Bytes of curves that stay in memory while another curve is made: the curves of an hour of a dozen
# channels.
_MOST_BYTES = 16_000_000


class Curves:
    """Curves by the id of the channel.

    channels  of the traces, in their order
    checks    id of the power channel that informs a counter, by the id of the counter
    work      the repeats
    """

    def __init__(
        self, traces: Sequence[Trace], checks: Mapping[str, str], work: Sequence[Window] = ()
    ) -> None:
        self._traces, self._checks, self._work = traces, checks, work
        self.channels: tuple[Channel, ...] = tuple(trace.channel for trace in traces)
        self._places = {channel.id: place for place, channel in enumerate(self.channels)}
        self._latest: dict[str, Curve | None] = {}  # the oldest first
        self._findings: dict[str, Curve | None] = {}

    def get(self, name: str) -> Curve | None:
        """The curve of a channel; None for an unknown channel, and if nothing was measured."""
        if name not in self._places:
            return None
        if name not in self._latest:
            self._make_room()
            self._latest[name] = self._informed(name)
        energy_curve = self._latest[name]
        if name not in self._findings:
            self._findings[name] = energy_curve and _without_points(energy_curve)
        return energy_curve

    def findings(self, name: str) -> Curve | None:
        """The curve of a channel without its points."""
        if name not in self._findings:
            self.get(name)
        return self._findings.get(name)

    def _informed(self, name: str) -> Curve | None:
        """The curve of a channel. The curve of the power channel that informs a counter stays as
        well, for the next request.
        """
        energy_curve = curve(self._traces[self._places[name]], self._work)
        if energy_curve is None:
            return None
        check = self._checks.get(name)
        power = None
        if check is not None and check in self._places:
            if check not in self._latest:
                self._latest[check] = self._uninformed(check)
            power = self._latest[check]
        return informed(energy_curve, power)

    def _uninformed(self, name: str) -> Curve | None:
        power = curve(self._traces[self._places[name]], self._work)
        return power and informed(power, None)

    def _make_room(self) -> None:
        """Drop the oldest curves, until a few large curves or many small curves are left."""
        while self._latest and self._bytes() > _MOST_BYTES:
            del self._latest[next(iter(self._latest))]

    def _bytes(self) -> int:
        """Memory of the latest curves: shared arrays count once."""
        arrays = {
            id(array): array.nbytes
            for kept in self._latest.values()
            if kept is not None
            for array in (kept.t_s, kept.energy_j, kept.fuzz_s, kept.power_w)
            if array is not None
        }
        return sum(arrays.values())


def _without_points(energy_curve: Curve) -> Curve:
    none = np.empty(0)
    power_w = None if energy_curve.power_w is None else none
    return energy_curve._replace(t_s=none, energy_j=none, fuzz_s=none, power_w=power_w)
