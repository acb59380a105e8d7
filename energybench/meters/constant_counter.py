"""A column that rises by exactly the same number in every row while the load moves: it counts rows
or seconds, and no energy.
"""

from __future__ import annotations

import numpy as np

from energybench.errors import BadInput
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries

# rows that tell, at least
_ROWS = 20
# share of its mean by which the run's power moves from row to row, at least
_MOVES = 0.2


def check(series: MeterSeries, run: RunPower | None, zero_s: float) -> None:
    """Raises BadInput if a counter rises by one number throughout, and the power of the run's
    sensors over the same rows does not stay the same.
    """
    if series.kind != "counter" or run is None:
        return
    t_s = series.t_s - zero_s
    during = (t_s >= run.t_s[0]) & (t_s <= run.t_s[-1])
    rises = np.diff(series.raw[during])
    if rises.size < _ROWS or np.ptp(rises):
        return
    watts = np.diff(np.interp(t_s[during], run.t_s, run.energy_j)) / np.diff(t_s[during])
    low, high = np.quantile(watts, (0.05, 0.95))
    if high - low < _MOVES * float(watts.mean()):
        return
    raise BadInput(
        series.where,
        f"{series.what} rises by exactly the same in each of {rises.size} rows, while the run's "
        f"own sensors move between {low:.4g} and {high:.4g} W",
        "the column counts rows or seconds: name the column of the power or of the energy",
    )
