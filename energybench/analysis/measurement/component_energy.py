"""Energy of some components of a node over any window, from its samples: for external figures, such
as Slurm's, at other times than the repeats.

The window is measured where the node was read. In the rest of the window the power at the edge is
assumed to go on, within the node's range of power.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy import mean_energy
from energybench.analysis.energy.boundary import NODE, Cover, Ranges, cover
from energybench.analysis.energy.boundary_parts import Row, sensor_rows, table
from energybench.analysis.sensors.curves import Curves
from energybench.analysis.sensors.mirrored_counters import mirrors
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.plausible import limit_w
from energybench.analysis.uncertainty.effects import exact, ranged
from energybench.model import BoundaryName, Estimate, Host, Trace, Window

# Averaging time for the power at an edge: long enough for a load that swings once a second, and for
# a sensor that is read every two seconds.
_EDGE_S = 5.0


class ComponentEnergy(NamedTuple):
    """Energy of some components of a node over a window.

    read_s     time of the window with readings of the node, s
    unread_s   time of the window before the first and after the last reading, s
    energy_j   of the components, in the time with readings. Its interval lacks the gain of the
               sensors, because another reader of the same sensors has the same error
    unread_j   of the components, in the time without readings
    others_j   of all other parts of the boundary, in the time with readings
    edge_w     mean power of the components at the two edges
    limit_w    largest power of the components
    """

    read_s: float
    unread_s: float
    energy_j: Estimate
    unread_j: Estimate
    others_j: Estimate
    edge_w: tuple[float, float]
    limit_w: float


class NodeSamples:
    """The samples of a node. The clock of the windows is the monotonic clock of the samples."""

    def __init__(
        self, traces: Sequence[Trace], host: Host, ranges: Ranges, components: Collection[str]
    ) -> None:
        channels = [trace.channel for trace in traces]
        mirrored = mirrors(traces)
        name: BoundaryName = "node-dc" if NODE in components else "compute"
        self._cover: Cover = cover(
            name, channels, host, ranges, mirrored.repeated, mirrored.unclear
        )
        checks = {
            source.channel.id: source.check.id
            for source in self._cover.sources
            if source.check is not None
        }
        self._curves = Curves(traces, checks)
        self._components = frozenset(components)
        self._sources = [
            source for source in self._cover.sources if source.part.component in components
        ]

    @property
    def span(self) -> tuple[float, float] | None:
        """First and last time with readings of all components; None if a component was not read."""
        curves = self._own_curves()
        if not curves:
            return None
        first = max(float(curve.t_s[0]) for curve in curves)
        last = min(float(curve.t_s[-1]) for curve in curves)
        return (first, last) if first < last else None

    def energy(self, start_s: float, end_s: float) -> ComponentEnergy | None:
        """Energy of the window; None without readings in the window."""
        span = self.span
        if span is None:
            return None
        start, end = max(start_s, span[0]), min(end_s, span[1])
        if end <= start:
            return None
        window = Window(label="row", start_s=start, end_s=end)
        rows = [
            row._replace(scale_rel=())
            for source in self._sources
            for row in sensor_rows(source, self._curves, [[window]])
        ]
        energy_j = mean_energy.gross(rows, 1)
        if energy_j is None:
            return None
        powers_w = self._powers_w(start, end)
        unread = max(start - start_s, 0.0), max(end_s - end, 0.0)
        edges = float(powers_w[0]), float(powers_w[-1])
        least_j, most_j = (sum(unread) * float(limit) for limit in (powers_w.min(), powers_w.max()))
        value_j = unread[0] * edges[0] + unread[1] * edges[1]
        return ComponentEnergy(
            read_s=end - start,
            unread_s=sum(unread),
            energy_j=energy_j,
            unread_j=ranged(
                "power outside the samples",
                min(max(value_j, least_j), most_j),  # rounding may bring the value out of the range
                least_j,
                most_j,
                meaning="limits",
            ),
            others_j=self._others(window),
            edge_w=edges,
            limit_w=sum(limit_w(source.channel) for source in self._sources),
        )

    def _own_curves(self) -> list[Curve]:
        curves = [self._curves.get(source.channel.id) for source in self._sources]
        known = [curve for curve in curves if curve is not None]
        return known if len(known) == len(curves) else []

    def _powers_w(self, start: float, end: float) -> Floats:
        """Mean powers of equal parts of a window, of some seconds each."""
        count = max(int((end - start) / _EDGE_S), 1)
        edges = np.linspace(start, end, count + 1)
        energy_j = sum(np.interp(edges, curve.t_s, curve.energy_j) for curve in self._own_curves())
        return np.asarray(np.diff(energy_j) / np.diff(edges))

    def _others(self, window: Window) -> Estimate:
        rows: list[Row] = [
            row
            for row in table(self._cover, self._curves, [window])
            if row.part.state != "missing"
            and not (row.part.state == "measured" and row.part.component in self._components)
        ]
        return (mean_energy.gross(rows, 1) if rows else None) or exact(0.0)
