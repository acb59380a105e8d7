"""Energy of one channel in each occurrence of a region.

A region may come and go between two readings, many times in a run, and always at the same point of
the work: the readings at its edges then err alike, and no number of occurrences shrinks the error.
The energy of all occurrences together has limits that hold for every load (`shared_segments`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.analysis.arrays import Flags, Floats
from energybench.analysis.energy.shared_segments import Shared, shared
from energybench.analysis.energy.window_energy import WindowEnergy, energy
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.analysis.uncertainty.effects import bound, normal
from energybench.model import Window

# Effects of the edges of a window alone, in place of which the limits stand.
_OF_EDGES = frozenset({"window-edges", "load-at-edges"})
# An occurrence shorter than this many segments of the curve is not analysed as a window of its own.
_SEGMENTS = 2.0


def energies(curve: Curve, windows: Sequence[Window]) -> tuple[WindowEnergy, ...]:
    """One energy for each occurrence. The mean has the limits of all occurrences together; how the
    energy is divided among them is interpolated.
    """
    starts_s = np.array([window.start_s for window in windows])
    ends_s = np.array([window.end_s for window in windows])
    alone = _alone(curve, starts_s, ends_s)
    interpolated_j = np.interp(ends_s, curve.t_s, curve.energy_j) - np.interp(
        starts_s, curve.t_s, curve.energy_j
    )
    cells = [
        _without_edges(energy(curve, window))
        if alone[i]
        else WindowEnergy(float(interpolated_j[i]))
        for i, window in enumerate(windows)
    ]
    together = [i for i, cell in enumerate(cells) if not _lost(cell)]
    if together:
        sum_of = shared(curve, starts_s[together], ends_s[together])
        _share(curve, cells, together, sum_of)
    return tuple(cells)


def _alone(curve: Curve, starts_s: Floats, ends_s: Floats) -> Flags:
    """Whether an occurrence is analysed as a window of its own: it is long, or lies in a time
    without readings.
    """
    times_s = curve.t_s

    def segment_s(t_s: Floats) -> Floats:
        place = np.clip(np.searchsorted(times_s, t_s, side="right") - 1, 0, times_s.size - 2)
        return np.asarray(times_s[place + 1] - times_s[place])

    edges_s = np.maximum(segment_s(starts_s), segment_s(ends_s))
    longest_s = np.maximum(edges_s, max(curve.period_s, curve.window_s))
    alone = ends_s - starts_s >= _SEGMENTS * longest_s
    alone |= (starts_s < times_s[0]) | (ends_s > times_s[-1])
    for span in curve.spans:
        alone |= (starts_s < span.end_s) & (ends_s > span.start_s)
    return np.asarray(alone)


def _without_edges(cell: WindowEnergy) -> WindowEnergy:
    effects = tuple(effect for effect in cell.effects if effect.kind not in _OF_EDGES)
    return cell._replace(effects=effects)


def _lost(cell: WindowEnergy) -> bool:
    """Whether the sensor gave nothing at one end of the occurrence."""
    return cell.energy_j is None or any(effect.kind == "sensor-lost" for effect in cell.effects)


def _share(
    curve: Curve, cells: list[WindowEnergy], together: Sequence[int], sum_of: Shared
) -> None:
    """Give the occurrences the energy of all of them together, each in its proportion, and an equal
    part of the limits.
    """
    place, count = place_of(curve.channel), len(together)
    sum_j = sum(cells[i].energy_j or 0.0 for i in together)
    factor = sum_of.value_j / sum_j if sum_j > 0 else 1.0
    shares = (
        bound("region-share", (sum_of.low_j - sum_of.value_j) / count, place, detail="less"),
        bound("region-share", (sum_of.high_j - sum_of.value_j) / count, place, detail="more"),
        normal("window-edges", sum_of.edges_u_j / math.sqrt(count), place),
    )
    effects = tuple(effect for effect in shares if effect.u)
    for i in together:
        energy_j = (cells[i].energy_j or 0.0) * factor
        cells[i] = cells[i]._replace(energy_j=energy_j, effects=(*cells[i].effects, *effects))
