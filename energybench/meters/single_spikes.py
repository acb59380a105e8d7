"""Single readings above all others of a file: a meter that fails shows them, and so does a load
with short peaks, which the run's own sensors show as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.meters.clock_offset import Offset, RunPower
from energybench.meters.series import MeterSeries, MeterSteps
from energybench.model import Doubt, Window
from energybench.units import counted

Mask = npt.NDArray[np.bool_]
# At most this share of the readings are spikes; a load that peaks more often is a load.
_MOST = 0.1
# Least ratio of the lowest spike to the highest other reading: of readings that the search for the
# clock leaves out, and of readings that are a doubt if they recur.
_SEARCH, _APART = 1.2, 1.05
_TIMES = 3  # spikes in the repeats for a doubt
# Least share of the energy of the repeats for a doubt (as for outliers).
_MATTERS = 0.005
# The sensors show a peak if they show more than this ratio of their highest power elsewhere, within
# this number of readings.
_PEAK, _NEARBY = 1.03, 2.0
_ROWS = 3  # rows that a doubt names


def spikes(watts: Floats, least: float) -> Mask:
    """Single readings above all other readings.

    least  ratio of the lowest spike to the highest other reading
    """
    none = np.zeros(watts.size, dtype=np.bool_)
    # equal readings in a row count as one reading: a meter that logs changes repeats its last value
    starts = np.flatnonzero(np.concatenate(([True], np.diff(watts) != 0)))
    levels = watts[starts]
    order = np.argsort(-levels)
    highest = levels[order]
    most = min(int(_MOST * watts.size), levels.size - 1)
    if most < 1:
        return none
    ratios = highest[:most] / np.maximum(highest[1 : most + 1], 1e-9)
    # as many readings as a wide gap leaves above it, or else the readings above the widest gap
    gaps = np.flatnonzero(ratios >= _SEARCH)[::-1].tolist()
    gaps += [int(np.argmax(ratios))] if ratios.max() >= least else []
    ends = np.append(starts, watts.size)
    for gap in gaps:
        top = np.sort(order[: gap + 1])
        rows = int((ends[top + 1] - ends[top]).sum())
        if (np.diff(top) == 1).any() or rows > _MOST * watts.size:
            continue
        for group in top.tolist():
            none[ends[group] : ends[group + 1]] = True
        break
    return none


def without(by_meter: MeterSteps) -> MeterSteps:
    """The mean powers without single readings above all others: they would decide the search for
    the meter's clock.
    """
    kept = ~spikes(by_meter.power_w, _SEARCH)
    return MeterSteps(*(column[kept] for column in by_meter))


def doubts(
    series: MeterSeries,
    by_meter: MeterSteps,
    run: RunPower | None,
    offset: Offset,
    repeats: Sequence[Window],
    *,
    per_interval: bool,
) -> tuple[Doubt, ...]:
    """A doubt about single readings in the repeats above all others, if the sensors do not peak.

    by_meter  mean powers of the meter, on the run's clock, before the offset is taken off
    """
    if run is None or (series.kind == "counter" and not per_interval):
        return ()
    start, end = by_meter.start_s - offset.offset_s, by_meter.end_s - offset.offset_s
    keep = (start >= run.t_s[0]) & (end <= run.t_s[-1])
    high = spikes(np.where(keep, by_meter.power_w, 0.0), _APART) & keep
    within = np.zeros(end.size, dtype=np.bool_)
    for window in repeats:
        within |= (end > window.start_s) & (start < window.end_s)
    counts = high & within
    spacing_s = float(np.median(np.diff(end))) if end.size > 1 else 0.0
    if counts.sum() < _TIMES or spacing_s <= 0 or _peaks(run, end[high], spacing_s):
        return ()
    beside = float(np.median(by_meter.power_w[within & ~high])) if (within & ~high).any() else 0.0
    seconds = np.gradient(end)
    extra_j = float(((by_meter.power_w - beside) * seconds)[counts].sum())
    total_j = float((by_meter.power_w * seconds)[within].sum())
    if extra_j < _MATTERS * total_j:
        return ()
    # powers that hold, and counters, have no interval before the first reading
    places = series.places[series.places.size - end.size :][counts]
    named = [place for value in series.recurring for place in value.places]
    named += [row.place for row in series.spikes]
    if np.isin(places, named).all():
        return ()
    lines = ", ".join(str(place) for place in dict.fromkeys(places[: 4 * _ROWS].tolist()))
    return (
        Doubt(
            code="meter-spike",
            message=f"{counted(int(counts.sum()), 'reading')} of {series.where} in the repeats "
            "stand alone above all other readings, and the run's own sensors show no peak there; "
            f"with the power beside them the energy would be about {extra_j / total_j:.1%} lower "
            f"({series.word}s {lines})",
            remedy="look at the lines: if the meter failed, empty these cells and attach again",
        ),
    )


def _peaks(run: RunPower, at_s: Floats, spacing_s: float) -> bool:
    """Whether the sensors show their highest powers near some times alone."""
    edges = np.arange(run.t_s[0], run.t_s[-1], spacing_s / 2)
    if edges.size < 3:
        return True
    watts = np.diff(np.interp(edges, run.t_s, run.energy_j)) / (spacing_s / 2)
    middle = (edges[1:] + edges[:-1]) / 2
    near = np.zeros(middle.size, dtype=np.bool_)
    for moment in at_s.tolist():
        near |= np.abs(middle - moment) <= _NEARBY * spacing_s
    if near.all() or not near.any():
        return bool(near.all())
    return float(watts[near].max()) > _PEAK * float(watts[~near].max())
