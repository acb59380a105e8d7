"""How often a meter renews its power reading, if a logger asks more often than that: a BMC may
renew it every ten seconds while the log has a row a second.

The readings of a steady load change when the load does, whatever the meter: changes that are those
of the load tell nothing of the meter.
"""

from __future__ import annotations

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.meters.attached_run import Meter
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, spacing_s

# A value that stays for at least this many readings, as a rule, was not renewed between.
_STAYS = 2.5
# Share of the changes that come at multiples of the period of renewal, or with the load.
_REGULAR = 0.95
_RENEWALS = 10
# Variance of the rows from change to change, as a share of that of changes by chance, below which
# the changes are those of renewals.
_EVEN = 0.5
# Readings by which a change may be off: both of its times are known to the spacing.
_OFF = 1.2
# The load moves if its power does by this many steps of the meter.
_MOVES = 2.0
# Changes of the readings per move of the load, if the changes are the load's.
_ALIKE = 1.25
_TRIED = 5  # changes that each give the offsets to try, one for every move of the load


def period_s(
    series: MeterSeries, run: RunPower | None, zero_s: float, meter: Meter
) -> float | None:
    """Period at which the meter renews its values, if the logger asked several times in each; None
    if every reading is new, or if the changes may all be those of the load.

    run, zero_s  power of the sensors inside the node or board, and time 0 of the run's clock
    """
    spacing = spacing_s(series)
    at = np.flatnonzero(np.diff(series.raw)) + 1
    if at.size < _RENEWALS:
        return None
    between = np.diff(series.t_s[at])
    period = float(np.median(between[between < 1.5 * np.median(between)]))
    if period < _STAYS * spacing:
        return None
    # readings tell the time of a change to their spacing
    count = np.maximum(np.round(between / period), 1)
    regular = np.abs(between - count * period) <= _OFF * spacing
    often = (count == 1).sum() >= max(_RENEWALS / 2, between.size / 2)
    if not often or float(regular.mean()) < _REGULAR:
        return None
    if run is not None and _is_of_load(series.t_s[at] - zero_s, series, run, meter, period):
        return None
    return period


def _is_of_load(
    changes_s: Floats, series: MeterSeries, run: RunPower, meter: Meter, period: float
) -> bool:
    """Whether the changes are as many as the moves of the load, and each comes at the same time
    after a move; or as many, and a person states that a reading averages over less than a period.

    A meter that renews its readings keeps a value while the load moves, or changes the value while
    the load stays, or is late by another time at every move.
    """
    spacing = spacing_s(series)
    moves_s = _moves(series, run, spacing)
    if moves_s.size < 2:
        return False
    changes_s = _apart(changes_s, 2 * spacing)
    alike = False
    first_s, last_s = float(moves_s[0]), float(moves_s[-1])
    for change_s in changes_s[:: max(changes_s.size // _TRIED, 1)]:
        for offset_s in change_s - moves_s:
            if abs(offset_s) > meter.max_offset_s + period:
                continue
            at = changes_s - offset_s
            at = at[(at >= first_s - _OFF * spacing) & (at <= last_s + period)]
            if not moves_s.size / _ALIKE <= at.size <= moves_s.size * _ALIKE:
                continue
            alike = True
            if _share_near(at, moves_s, _OFF * spacing) >= _REGULAR and (
                _share_near(moves_s, at, _OFF * spacing) >= _REGULAR
            ):
                return True
    return alike and meter.averaging_s is not None and meter.averaging_s < period


def _moves(series: MeterSeries, run: RunPower, spacing: float) -> Floats:
    """Times at which the load moves by more than the meter's steps from reading to reading."""
    grid = np.arange(float(run.t_s[0]), float(run.t_s[-1]), spacing)
    if grid.size < 3:
        return np.array([])
    watts = np.diff(np.interp(grid, run.t_s, run.energy_j)) / spacing
    step_w = _MOVES * (series.reading_step_w or series.resolution)
    moved = np.flatnonzero(np.abs(np.diff(watts)) > step_w)
    return _apart(np.asarray(grid[moved + 1]), 2 * spacing)


def _apart(times_s: Floats, least_s: float) -> Floats:
    """The first of times that are closer together than this: two readings see one change."""
    if times_s.size == 0:
        return times_s
    kept = [float(times_s[0])]
    for time_s in times_s[1:].tolist():
        if time_s - kept[-1] >= least_s:
            kept.append(time_s)
    return np.array(kept)


def _share_near(times_s: Floats, others_s: Floats, near_s: float) -> float:
    """Share of the times that have one of the others near."""
    right = np.searchsorted(others_s, times_s)
    after = np.abs(others_s[np.minimum(right, others_s.size - 1)] - times_s)
    before = np.abs(others_s[np.maximum(right - 1, 0)] - times_s)
    return float((np.minimum(after, before) <= near_s).mean())


def irregular_period_s(series: MeterSeries) -> float | None:
    """Mean time between two changes of the value, s, if the times are alike; None if they scatter
    as changes by chance do, or if hardly a row repeats the value before.
    """
    rows = np.diff(np.flatnonzero(np.diff(series.raw)))
    if rows.size < 2 * _RENEWALS or (rows > 1).sum() < _RENEWALS:
        return None
    mean = float(rows.mean())
    # changes by chance: a geometric distribution
    return mean * spacing_s(series) if rows.var() < _EVEN * mean * (mean - 1) else None


def shown(series: MeterSeries) -> MeterSeries:
    """Every row at the time at which its value came: several rows have one time."""
    new = np.diff(series.raw, prepend=series.raw[0] - 1) != 0
    return series._replace(
        t_s=series.t_s[np.maximum.accumulate(np.where(new, np.arange(new.size), 0))]
    )


def renewals(series: MeterSeries, period_s: float) -> MeterSeries:
    """One reading for each renewal: at each change of the value, and once a period in between."""
    spacing = spacing_s(series)
    late_s = spacing / 2
    kept, times = [0], [float(series.t_s[0])]
    for i in range(1, series.t_s.size):
        if series.raw[i] != series.raw[i - 1]:
            kept.append(i)
            times.append(float(series.t_s[i]))
        elif series.t_s[i] - times[-1] > period_s + late_s:
            # the same value again, renewed when it was due
            kept.append(i)
            times.append(times[-1] + period_s)
    return series._replace(
        t_s=np.array(times), raw=series.raw[kept], places=series.places[kept], rows_s=spacing
    )
