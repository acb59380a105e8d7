"""The period at which a meter renews its power reading, if a logger asks more often: a BMC may
renew the reading every ten seconds while the log has a row per second.

The readings of a steady load change when the load changes, with any meter: changes of the load do
not show the period of the meter.
"""

from __future__ import annotations

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.meters.attached_run import Meter
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, spacing_s

# If values stay for at least this number of readings, as a rule, the meter renews less often than
# the logger asks.
_STAYS = 2.5
# Least share of the changes at multiples of the period of renewal, or with the load.
_REGULAR = 0.95
_RENEWALS = 10
# The changes are renewals if the variance of the number of rows from change to change is below this
# share of the variance for changes by chance.
_EVEN = 0.5
# Largest error of a time between changes, in spacings of the readings: the times of both changes
# are known only to the spacing.
_OFF = 1.2
# The load moves if the power moves by this number of the meter's steps.
_MOVES = 2.0
# Largest ratio of changes of the readings to moves of the load, or of moves to changes, if the load
# causes the changes.
_ALIKE = 1.25
_TRIED = 5  # changes whose distances from the moves of the load are the offsets to try


def period_s(
    series: MeterSeries, run: RunPower | None, zero_s: float, meter: Meter
) -> float | None:
    """Period at which the meter renews its values, if the logger asked several times per period;
    None if every reading is new, or if the load may have caused every change.

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
    # readings show the time of a change to the spacing of the readings
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
    """Whether the load may cause the changes. The number of changes must be similar to the number
    of moves of the load. In addition every change comes at a constant time after a move, or a
    person states that a reading averages over less than a period.

    A meter that renews its readings keeps a value while the load moves, or changes the value while
    the load stays, or has a varying delay after the moves.
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
    """The times without those that follow a kept time by less than `least_s`: two readings may show
    a single change.
    """
    if times_s.size == 0:
        return times_s
    kept = [float(times_s[0])]
    for time_s in times_s[1:].tolist():
        if time_s - kept[-1] >= least_s:
            kept.append(time_s)
    return np.array(kept)


def _share_near(times_s: Floats, others_s: Floats, near_s: float) -> float:
    """Share of the times with a time of `others_s` within `near_s`."""
    right = np.searchsorted(others_s, times_s)
    after = np.abs(others_s[np.minimum(right, others_s.size - 1)] - times_s)
    before = np.abs(others_s[np.maximum(right - 1, 0)] - times_s)
    return float((np.minimum(after, before) <= near_s).mean())


def irregular_period_s(series: MeterSeries) -> float | None:
    """Mean time between two changes of the value, s, if the times between changes are alike. None
    if the times scatter like times between changes by chance, or if hardly a row repeats the value
    before.
    """
    rows = np.diff(np.flatnonzero(np.diff(series.raw)))
    if rows.size < 2 * _RENEWALS or (rows > 1).sum() < _RENEWALS:
        return None
    mean = float(rows.mean())
    # changes by chance: a geometric distribution
    return mean * spacing_s(series) if rows.var() < _EVEN * mean * (mean - 1) else None


def shown(series: MeterSeries) -> MeterSeries:
    """Every row at the time at which the value came: several rows share a time."""
    new = np.diff(series.raw, prepend=series.raw[0] - 1) != 0
    return series._replace(
        t_s=series.t_s[np.maximum.accumulate(np.where(new, np.arange(new.size), 0))]
    )


def renewals(series: MeterSeries, period_s: float) -> MeterSeries:
    """One reading per renewal: at every change of the value, and once per period in between."""
    spacing = spacing_s(series)
    late_s = spacing / 2
    kept, times = [0], [float(series.t_s[0])]
    for i in range(1, series.t_s.size):
        if series.raw[i] != series.raw[i - 1]:
            kept.append(i)
            times.append(float(series.t_s[i]))
        elif series.t_s[i] - times[-1] > period_s + late_s:
            # an equal value, renewed when the renewal was due
            kept.append(i)
            times.append(times[-1] + period_s)
    return series._replace(
        t_s=np.array(times), raw=series.raw[kept], places=series.places[kept], rows_s=spacing
    )
