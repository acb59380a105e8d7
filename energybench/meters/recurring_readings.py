"""Recurring values of a meter that count in the energy of a repeat and do not come from the load:
the run's own sensors show whether the power moved like the readings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.meters.clock_offset import RunPower
from energybench.meters.recurring_values import Recurring
from energybench.meters.series import MeterSeries, MeterSteps
from energybench.model import Window

Indices = npt.NDArray[np.intp]
# Least ratio of the move that the sensors inside show to the move of the meter. A whole node moves
# by 0.8 to 1.6 times the move of the sensors; parts without a sensor, and readings at the edge of a
# move, make the ratio smaller.
_OF_THE_MOVE = 0.4
# Least share of unexplained stays in the repeats for a doubt: at single edges the clocks or the
# averaging of meter and sensors differ.
_UNEXPLAINED = 0.5


def in_repeats(
    series: MeterSeries,
    by_meter: MeterSteps,
    inside: RunPower | None,
    offset_s: float,
    repeats: Sequence[Window],
) -> MeterSeries:
    """The series with fewer recurring values: a value stays if its readings lie within a repeat,
    so that they count in the energy, and if the sensors do not explain these readings.

    by_meter  mean powers of the meter, before the offset of its clock is taken off
    """
    start_s, end_s = by_meter.start_s - offset_s, by_meter.end_s - offset_s
    inside_w = _means(start_s, end_s, inside)
    middle_s = (start_s + end_s) / 2
    counts = np.zeros(middle_s.size, dtype=np.bool_)
    for window in repeats:
        counts |= (middle_s > window.start_s) & (middle_s < window.end_s)
    # powers that hold have no interval before the first reading
    places = series.places[series.places.size - middle_s.size :]
    unexplained_values = []
    for value in series.recurring:
        stays = _stays(np.flatnonzero(np.isin(places, value.places)))
        counted = [stay for stay in stays if counts[stay].any()]
        strange = [stay for stay in counted if not _moves(stay, by_meter.power_w, inside_w)]
        if strange and len(strange) >= _UNEXPLAINED * len(counted):
            left = [int(place) for stay in strange for place in places[stay[counts[stay]]]]
            unexplained_values.append(Recurring(value.text, tuple(dict.fromkeys(left))))
    return series._replace(recurring=tuple(unexplained_values))


def _means(start_s: Floats, end_s: Floats, inside: RunPower | None) -> Floats:
    """Mean power of the sensors over every interval, W; nan where they did not read."""
    if inside is None:
        return np.full(start_s.size, np.nan)
    joules = np.interp(end_s, inside.t_s, inside.energy_j)
    joules -= np.interp(start_s, inside.t_s, inside.energy_j)
    read = (start_s >= inside.t_s[0]) & (end_s <= inside.t_s[-1])
    return np.where(read, joules / np.maximum(end_s - start_s, 1e-9), np.nan)


def _stays(at: Indices) -> list[Indices]:
    """Indices that follow one another, together."""
    return np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if at.size else []


def _moves(stay: Indices, meter_w: Floats, inside_w: Floats) -> bool:
    """Whether the power inside moves to the value, or away from it, as the readings do."""
    middle = float(np.median(inside_w[stay]))
    first, last = int(stay[0]), int(stay[-1])
    moves = []
    for beside, own in ((first - 1, first), (last + 1, last)):
        if 0 <= beside < meter_w.size and np.isfinite(inside_w[beside]) and np.isfinite(middle):
            by_meter = float(meter_w[beside] - meter_w[own])
            moves.append((float(inside_w[beside]) - middle) * np.sign(by_meter) / abs(by_meter))
    return bool(moves) and max(moves) >= _OF_THE_MOVE
