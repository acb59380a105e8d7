"""One reading for each renewal of a meter that is read more often than it renews its value: the
renewals that agree with the run's own sensors, where those tell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from energybench.meters import clock_offset, renewal, renewal_grid
from energybench.meters.agreement import Agreement, on_run
from energybench.meters.attached_run import Meter
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, spacing_s

# Changes of the values by less than this share of their range may be noise of single rows.
_CLEAR = 0.05
# Renewals are looked for if every row leaves this much of the meter's variance unexplained.
_UNEXPLAINED = 0.0005
# They are believed if they explain this much of it, and leave less than the first share of what
# every row leaves; the second, where changes by chance may lie on the grid as well; the third,
# where the value changes at nearly every renewal, so that the changes alone show the grid.
_EXPLAINS, _LEFT, _LEFT_BY_CHANCE, _LEFT_OF_CERTAIN = 0.9, 0.5, 0.2, 0.9
_EACH = 0.8
# The times of irregular renewals are known to a row only, and leave more.
_LEFT_IRREGULAR = 0.7
# Counts that a counter rises from row to row, at least, to show that a row without a rise is old.
_COUNTS = 3.0


class Renewed(NamedTuple):
    """One reading for each renewal, and the period of the renewals, s."""

    series: MeterSeries
    period_s: float


def of(series: MeterSeries, meter: Meter, run: RunPower | None, zero_s: float) -> Renewed | None:
    """None if every row of the log is a new reading, as far as its values show."""
    if series.kind == "counter":
        return _of_counter(series)
    renewed = _beside_run(series, meter, run, zero_s)
    if renewed is not None:
        return renewed
    period_s = renewal.period_s(series, run, zero_s, meter)
    return None if period_s is None else Renewed(renewal.renewals(series, period_s), period_s)


def _of_counter(series: MeterSeries) -> Renewed | None:
    """A counter whose steps are small rises at every renewal, and between two renewals never."""
    if series.raw[-1] - series.raw[0] < _COUNTS * (series.raw.size - 1):
        return None
    for grid in renewal_grid.likely(series, 0)[:1]:
        if grid.evident and grid.changes >= _EACH:
            return Renewed(renewal_grid.renewals(series, grid), grid.period_s)
    return None


def _beside_run(
    series: MeterSeries, meter: Meter, run: RunPower | None, zero_s: float
) -> Renewed | None:
    """The renewals on the grid that agrees best with the run, or at every change of the value, if
    the rows agree clearly better as values of their renewals than as new readings.

    Changes that are the load's may lie on a grid as well; then every row agrees with the run.
    """
    spacing = spacing_s(series)
    if run is not None and not clock_offset.varies(on_run(series, spacing, zero_s), run):
        return None
    leasts = dict.fromkeys((0, int(_CLEAR * np.ptp(series.raw))))
    grids = [grid for least in leasts for grid in renewal_grid.likely(series, least)]
    if run is None:
        certain = [grid for grid in grids if grid.evident and grid.changes >= _EACH]
        return _renewed(series, certain[0]) if certain else None
    irregular_s = renewal.irregular_period_s(series)
    if not grids and irregular_s is None:
        return None
    agreement = Agreement(series, run, zero_s, meter.max_offset_s)
    stated = [meter.averaging_s] if meter.averaging_s is not None else []
    widths = [spacing, spacing / 2, spacing / 50, *stated]
    unexplained = 1 - max(agreement.best(series, width, 2 * spacing) for width in widths) ** 2
    if unexplained < _UNEXPLAINED:
        return None
    left_by_grid = [
        (_left(agreement, renewal_grid.shown(series, grid), grid.period_s, widths), i)
        for i, grid in enumerate(grids)
    ]
    left, i = min(left_by_grid, default=(1.0, 0))
    if grids and _clear(grids[i], left, unexplained):
        return _renewed(series, grids[i])
    if irregular_s is not None:
        left = _left(agreement, renewal.shown(series), irregular_s, widths)
        if left <= min(_LEFT_IRREGULAR * unexplained, 1 - _EXPLAINS):
            return Renewed(renewal.renewals(series, irregular_s), irregular_s)
    return None


def _left(agreement: Agreement, shown: MeterSeries, period_s: float, widths: list[float]) -> float:
    """Share of the variance of the rows that the run does not explain, if each row shows the value
    of the last renewal. shown: every row at the time of its renewal.
    """
    reach_s = 2 * period_s
    return 1 - max(agreement.best(shown, w, reach_s) for w in (period_s, *widths)) ** 2


def _clear(grid: renewal_grid.Grid, left: float, unexplained: float) -> bool:
    if grid.evident and grid.changes >= _EACH and left <= _LEFT_OF_CERTAIN * unexplained:
        return True
    most = _LEFT if grid.evident else _LEFT_BY_CHANCE
    return left <= min(most * unexplained, 1 - _EXPLAINS)


def _renewed(series: MeterSeries, grid: renewal_grid.Grid) -> Renewed:
    return Renewed(renewal_grid.renewals(series, grid), grid.period_s)
