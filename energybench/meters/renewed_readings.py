"""One reading per renewal, for a meter that is read more often than the meter renews its value. The
renewals agree with the run's own sensors, if the sensors show enough changes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from energybench.meters import clock_offset, renewal, renewal_grid
from energybench.meters.agreement import Agreement, on_run
from energybench.meters.attached_run import Meter
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, spacing_s

# Changes of the values by less than this share of the range may be noise of single rows.
_CLEAR = 0.05
# Renewals are searched if more than this share of the meter's variance stays unexplained with every
# row taken as a new reading.
_UNEXPLAINED = 0.0005
# Renewals are accepted if they explain the share _EXPLAINS of the variance, and leave at most the
# share _LEFT of the variance that every row leaves; at most _LEFT_BY_CHANCE if changes by chance
# may also lie on the grid. If the value changes at the share _EACH of the renewals, the changes
# alone show the grid, and _LEFT_OF_CERTAIN is enough.
_EXPLAINS, _LEFT, _LEFT_BY_CHANCE, _LEFT_OF_CERTAIN = 0.9, 0.5, 0.2, 0.9
_EACH = 0.8
# The times of irregular renewals are known only to a row, and leave more variance unexplained.
_LEFT_IRREGULAR = 0.7
# Least mean rise of a counter from row to row, in counts: with a smaller rise, a row without a rise
# may be a new reading.
_COUNTS = 3.0


class Renewed(NamedTuple):
    """One reading per renewal, and the period of the renewals, s."""

    series: MeterSeries
    period_s: float


def of(series: MeterSeries, meter: Meter, run: RunPower | None, zero_s: float) -> Renewed | None:
    """The renewals; None if every row of the log is a new reading, as far as the values show."""
    if series.kind == "counter":
        return _of_counter(series)
    renewed = _beside_run(series, meter, run, zero_s)
    if renewed is not None:
        return renewed
    period_s = renewal.period_s(series, run, zero_s, meter)
    return None if period_s is None else Renewed(renewal.renewals(series, period_s), period_s)


def _of_counter(series: MeterSeries) -> Renewed | None:
    """The renewals of a counter. A counter with small steps rises only at renewals, and at every
    renewal.
    """
    if series.raw[-1] - series.raw[0] < _COUNTS * (series.raw.size - 1):
        return None
    for grid in renewal_grid.likely(series, 0)[:1]:
        if grid.evident and grid.changes >= _EACH:
            return Renewed(renewal_grid.renewals(series, grid), grid.period_s)
    return None


def _beside_run(
    series: MeterSeries, meter: Meter, run: RunPower | None, zero_s: float
) -> Renewed | None:
    """The renewals on the grid that agrees best with the run, or at every change of the value. None
    if the rows do not agree clearly better as values of renewals than as new readings.

    Changes of the load may also lie on a grid, but then every row agrees with the run.
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
    """Share of the rows' variance that the run does not explain, if a row shows the value of the
    last renewal. shown: every row at the time of its renewal.
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
