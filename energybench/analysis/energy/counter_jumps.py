"""Energy that a counter lacks between two of its readings, by another sensor of the same device.

A counter that is set back by less than it counts between two readings still rises: its readings
alone look like a moment of low power. Power readings, or a second counter, of the same device go on
as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.window_energy import WindowEnergy
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import bound
from energybench.model import Doubt, Window
from energybench.units import show_value

# (points, factor): points on either side whose differences show a step between the two sensors, and
# the least size of a step in standard uncertainties. Few points show a step between two edges of
# the load, but their scatter is uncertain: with 5 degrees of freedom, 8 is exceeded in one case of
# 2000.
_POINTS = ((10, 5.0), (4, 8.0))
# Longest delay of a step of the load in either sensor, s, like the lags in `unseen_doubts`.
_LAG_S = 0.15
# Number of examined intervals with the largest lack; and the greatest number of steps back. With
# more steps, the two sensors usually differ this much.
_LARGEST, _MOST = 20, 3
# A smaller share of a window's energy changes no result.
_MATTERS = 2e-3


class Lack(NamedTuple):
    """Energy that the counter lacks between two of its points."""

    start_s: float
    end_s: float
    joules: float


def lacks(counter: Curve, witness: Curve) -> tuple[Lack, ...]:
    """Intervals with a lasting lack of energy in the counter compared with the witness, larger than
    the scatter around the interval and than the effect of nearby steps of the load.
    """
    within = (counter.t_s >= witness.t_s[0]) & (counter.t_s <= witness.t_s[-1])
    t_s, counted_j = counter.t_s[within], counter.energy_j[within]
    fuzz_s = counter.fuzz_s[within]
    fewest = min(points for points, _ in _POINTS)
    if t_s.size <= 2 * fewest:
        return ()
    apart_j = np.interp(t_s, witness.t_s, witness.energy_j) - counted_j
    lacking_j = np.diff(apart_j)
    largest = np.argsort(lacking_j)[-_LARGEST:]
    jumps: list[Lack] = []
    for i in sorted(largest[lacking_j[largest] > 0].tolist()):
        late_s = float(fuzz_s[i] + fuzz_s[i + 1])
        explained_j = _explained_j(counter, witness, float(t_s[i]), float(t_s[i + 1]), late_s)
        if lacking_j[i] <= explained_j:
            continue
        steps_j = [
            step.joules
            for points, times in _POINTS
            if (step := _step(t_s, apart_j, i, points)) is not None
            and step.joules > times * step.u_j + explained_j
        ]
        if steps_j:
            jumps.append(Lack(float(t_s[i]), float(t_s[i + 1]), max(steps_j)))
    return tuple(jumps) if len(jumps) <= _MOST else ()


class _Step(NamedTuple):
    """A step of the difference of two sensors, and its standard uncertainty, J."""

    joules: float
    u_j: float


def _step(t_s: Floats, apart_j: Floats, i: int, points: int) -> _Step | None:
    """The step between points i and i + 1, beside a slope, because the gains of the two sensors may
    differ; None if there are too few points.
    """
    low, high = i + 1 - points, i + 1 + points
    if low < 0 or high > t_s.size:
        return None
    times, joules = t_s[low:high] - t_s[i], apart_j[low:high]
    design = np.column_stack((np.ones(2 * points), times, np.arange(2 * points) >= points))
    fitted, _, rank, _ = np.linalg.lstsq(design, joules, rcond=None)
    if rank < design.shape[1]:
        return None
    left_j = joules - design @ fitted
    variance = float(left_j @ left_j) / (2 * points - design.shape[1])
    covariance = np.linalg.inv(design.T @ design) * variance
    return _Step(float(fitted[2]), float(np.sqrt(covariance[2, 2])))


def _explained_j(
    counter: Curve, witness: Curve, start_s: float, end_s: float, late_s: float
) -> float:
    """Energy by which the two sensors may differ there: a step of the load shown at different
    times, wrong times of the counter's updates, unseen power of a part-time sensor in a period, and
    whole counts.

    late_s  half-width of the error of the time between the two updates
    """
    # both sensors of a device publish about equally often
    period_s = witness.period_s + min(witness.late_s, counter.period_s)
    reach_s = period_s + witness.window_s + _LAG_S
    first = max(int(np.searchsorted(witness.t_s, start_s - reach_s)) - 1, 0)
    last = int(np.searchsorted(witness.t_s, end_s + reach_s, side="right")) + 1
    if witness.power_w is not None:
        watts = witness.power_w[first:last]
    else:
        watts = np.diff(witness.energy_j[first:last]) / np.diff(witness.t_s[first:last])
    if watts.size < 2:
        return float("inf")
    unseen_s = period_s - witness.window_s if witness.part_time else 0.0
    explained_j = float(np.ptp(watts)) * (counter.period_s + period_s + _LAG_S)
    explained_j += float(watts.max()) * (unseen_s + late_s)
    return explained_j + 2 * counter.channel.resolution


def widened(
    cells: Sequence[WindowEnergy],
    windows: Sequence[Window],
    found: Sequence[Lack],
    place: Place,
) -> tuple[WindowEnergy, ...]:
    """The energies of the windows. The energy that the counter lacks becomes a bound upward and a
    doubt.
    """
    return tuple(
        _widened(cell, window, found, place) for cell, window in zip(cells, windows, strict=True)
    )


def _widened(
    cell: WindowEnergy, window: Window, found: Sequence[Lack], place: Place
) -> WindowEnergy:
    inside = [lack for lack in found if lack.end_s > window.start_s and lack.start_s < window.end_s]
    joules = sum(lack.joules for lack in inside)
    if cell.energy_j is None or joules <= _MATTERS * cell.energy_j:
        return cell
    lasting_s = sum(lack.end_s - lack.start_s for lack in inside)
    side = bound("gap", joules, place, detail=f"{lasting_s:.1f} s")
    doubt = Doubt(
        code="counter-reset",
        message=f"the counter of {place.words} shows {show_value(joules, 'J')} less within "
        f"{lasting_s:.1g} s than another sensor of the same device: it may have been set back",
        remedy="do not reload drivers during a run; repeat it",
        subject=place.words,
    )
    return cell._replace(effects=(*cell.effects, side), doubts=(*cell.doubts, doubt))
