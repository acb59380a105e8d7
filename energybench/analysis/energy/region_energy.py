"""Energy of a channel in each occurrence of a region.

A region may come and go between two readings, many times in a run, and always at the same point of
the work: the readings at its edges then err alike, and no number of occurrences shrinks the error.
The energy of all occurrences together has limits that hold for every load (`shared_segments`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Flags, Floats
from energybench.analysis.energy.shared_segments import Shared, shared
from energybench.analysis.energy.window_energy import WindowEnergy, energy
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.analysis.uncertainty.effects import bound, normal
from energybench.model import Window

Places = npt.NDArray[np.intp]

# Effects only of a window's edges, replaced by the limits.
_OF_EDGES = frozenset({"window-edges", "load-at-edges"})
# Effects of readings missing in an occurrence, but perhaps present in the next occurrence.
_OF_READINGS = frozenset({"sensor-lost", "gap"})
# An occurrence of at least this many segments of the curve is analysed as a separate window. Of
# very many occurrences at least this number is analysed.
_SEGMENTS = 2.0
_MOST_ALONE = 1_000


def energies(curve: Curve, windows: Sequence[Window]) -> tuple[WindowEnergy, ...]:
    """An energy for each occurrence. The mean has the limits of all occurrences together; the
    energies of single occurrences are interpolated.
    """
    starts_s = np.array([window.start_s for window in windows])
    ends_s = np.array([window.end_s for window in windows])
    interpolated_j = np.interp(ends_s, curve.t_s, curve.energy_j) - np.interp(
        starts_s, curve.t_s, curve.energy_j
    )
    cells = [WindowEnergy(joules) for joules in interpolated_j.tolist()]

    unread = np.flatnonzero(_is_unread(curve, starts_s, ends_s))
    _analyse_alone(curve, windows, cells, np.flatnonzero(_is_long(curve, starts_s, ends_s)), unread)
    together = [i for i, cell in enumerate(cells) if not _lost(cell)]
    if together:
        sum_of = shared(curve, starts_s[together], ends_s[together])
        _share(curve, cells, together, sum_of)
    return tuple(cells)


def _analyse_alone(
    curve: Curve, windows: Sequence[Window], cells: list[WindowEnergy], long: Places, unread: Places
) -> None:
    """Give the occurrences the effects of the sensor, which the interpolated energies lack. Of very
    many occurrences, an unanalysed occurrence has the effects of the occurrence before.

    long, unread  places of the long and of the unread occurrences
    """
    every = max(-(-long.size // _MOST_ALONE), 1)
    for i in {*long[::every].tolist(), *unread.tolist()}:
        cells[i] = _without(_OF_EDGES, energy(curve, windows[i]))
    analysed = set(unread.tolist())
    before = WindowEnergy(None)
    for place, i in enumerate(long.tolist()):
        if place % every == 0:
            before = _without(_OF_READINGS, cells[i])
        elif i not in analysed:
            cells[i] = cells[i]._replace(effects=before.effects)


def _is_long(curve: Curve, starts_s: Floats, ends_s: Floats) -> Flags:
    """Whether an occurrence lasts several segments."""
    times_s = curve.t_s

    def segment_s(t_s: Floats) -> Floats:
        place = np.clip(np.searchsorted(times_s, t_s, side="right") - 1, 0, times_s.size - 2)
        return np.asarray(times_s[place + 1] - times_s[place])

    edges_s = np.maximum(segment_s(starts_s), segment_s(ends_s))
    longest_s = np.maximum(edges_s, max(curve.period_s, curve.window_s))
    return np.asarray(ends_s - starts_s >= _SEGMENTS * longest_s)


def _is_unread(curve: Curve, starts_s: Floats, ends_s: Floats) -> Flags:
    """Whether an occurrence lies in a time without readings, or with uncertain readings."""
    unread = (starts_s < curve.t_s[0]) | (ends_s > curve.t_s[-1])
    for span in curve.spans:
        unread |= (starts_s < span.end_s) & (ends_s > span.start_s)
    return np.asarray(unread)


def _without(kinds: Collection[str], cell: WindowEnergy) -> WindowEnergy:
    effects = tuple(effect for effect in cell.effects if effect.kind not in kinds)
    return cell._replace(effects=effects)


def _lost(cell: WindowEnergy) -> bool:
    """Whether the sensor gave no reading at an end of the occurrence."""
    return cell.energy_j is None or any(effect.kind == "sensor-lost" for effect in cell.effects)


def _share(
    curve: Curve, cells: list[WindowEnergy], together: Sequence[int], sum_of: Shared
) -> None:
    """Distribute the total energy over the occurrences in proportion, and the limits in equal
    parts.
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
