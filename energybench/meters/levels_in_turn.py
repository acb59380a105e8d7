"""Levels of several meters in turn, row by row, beside the power of the run's own sensors: the
sensors take the movement of the load out of the readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.meters.clock_offset import RunPower

# Usual and least number of rows in a block: after a missing row, the meters are exchanged.
_BLOCK, _LEAST = 24, 20
# Least share of the rows that lie in blocks with meters in turn.
_MOST = 0.75
# Least difference between two meters: a share of the power, the scatter of the rows of one meter,
# and the steps of the meter.
_APART, _SCATTERS, _STEPS = 0.02, 4.0, 3.0
# If the power of the sensors comes in turn as well, by more than this share of the difference and
# by more than its own scatter, the load keeps step with the rows, and the block decides nothing.
_IN_STEP = 0.6
# Least power by the fit, as a share of the mean power
_LEAST_W = 0.1
_ENOUGH = 8  # readings for the fit
# Times before and after a row, in spacings, at which the load may keep step with the rows: clocks
# differ, and a reading may show a moment.
_SHIFTS = (-0.75, -0.5, -0.25, 0.0, 0.25)


class Rows(NamedTuple):
    """Shapes [n], of successive rows: values, and power by the sensors during each row, W.

    moments_w  powers by the sensors at moments near each row, W; shape [m, n]
    """

    values: Floats
    inside_w: Floats
    moments_w: Floats


def beside(values: Floats, t_s: Floats, run: RunPower | None) -> Rows | None:
    """The rows within the sensors' readings; None if the sensors do not resolve single rows.

    t_s  times of the rows on the run's clock
    """
    if run is None or t_s.size < 2:
        return None
    spacing_s = float(np.median(np.diff(t_s)))
    if spacing_s < 2 * max(run.resolves_s, 10 * run.fuzz_s):
        return None
    keep = (t_s - spacing_s >= run.t_s[0]) & (t_s <= run.t_s[-1])
    if int(keep.sum()) < max(_LEAST, _ENOUGH):
        return None
    # a reading shows the mean power since the row before, or the power of a moment
    moment_s = max(run.resolves_s, 10 * run.fuzz_s, spacing_s / 10)
    end_s, shown = t_s[keep], values[keep]
    moments_w = np.array([_mean_w(run, end_s + at * spacing_s, moment_s) for at in _SHIFTS])
    mean_w, moment_w = _mean_w(run, end_s, spacing_s), _mean_w(run, end_s, moment_s)
    inside_w = max((mean_w, moment_w), key=lambda watts: _correlation(shown, watts))
    return Rows(shown, inside_w, moments_w)


def in_turn(rows: Rows, count: int, step: float) -> bool:
    """Whether the rows come from a number of meters in turn.

    step  of the values
    """
    level, slope = _fit(rows)
    ratios = rows.values / level
    sensors = [slope * watts / level.mean() for watts in (rows.inside_w, *rows.moments_w)]
    decided = separate = 0
    for piece in np.array_split(np.arange(ratios.size), max(1, ratios.size // _BLOCK)):
        if piece.size < _LEAST:
            continue
        turn = np.arange(piece.size) % count
        apart = _apart(ratios[piece], turn, count)
        within = _scatter(ratios[piece], turn, count)
        least = max(_APART, _STEPS * step / float(level[piece].mean()))
        share = _IN_STEP * max(apart, least)
        if any(_in_step(watts[piece], turn, count, share) for watts in sensors):
            continue
        decided += piece.size
        if apart >= max(least, _SCATTERS * within):
            separate += piece.size
    return decided >= _LEAST and separate >= _MOST * decided


def _in_step(sensors: Floats, turn: npt.NDArray[np.intp], count: int, share: float) -> bool:
    """Whether the means of the turns differ by more than a share, and than their own scatter."""
    means = np.array([float(sensors[turn == i].mean()) for i in range(count)])
    apart = float(means.max() - means.min())
    return apart > max(share, float(np.std(sensors - means[turn])))


def _fit(rows: Rows) -> tuple[Floats, float]:
    """The values by a straight line over the sensors' power, and its slope."""
    values, inside_w = rows.values, rows.inside_w
    away = inside_w - inside_w.mean()
    square = float(away @ away)
    slope = max(float(away @ values) / square, 0.0) if square > 0 else 0.0
    level = values.mean() + slope * away
    least = max(_LEAST_W * float(values.mean()), 1e-9)
    return np.asarray(np.maximum(level, least)), slope


def _mean_w(run: RunPower, end_s: Floats, width_s: float) -> Floats:
    """Mean power by the sensors over the time before each end."""
    joules = np.interp(end_s, run.t_s, run.energy_j)
    return np.asarray((joules - np.interp(end_s - width_s, run.t_s, run.energy_j)) / width_s)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def _medians(values: Floats, turn: npt.NDArray[np.intp], count: int) -> Sequence[float]:
    return [float(np.median(values[turn == i])) for i in range(count)]


def _apart(values: Floats, turn: npt.NDArray[np.intp], count: int) -> float:
    """Largest difference between the median values of two meters."""
    medians = _medians(values, turn, count)
    return max(medians) - min(medians)


def _scatter(values: Floats, turn: npt.NDArray[np.intp], count: int) -> float:
    """Median distance of a value from the median of its meter."""
    medians = np.array(_medians(values, turn, count))
    return float(np.median(np.abs(values - medians[turn])))
