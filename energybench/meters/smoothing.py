"""The time over which a meter's power readings average, as the readings themselves show it beside
the run's own sensors: a BMC may smooth over many seconds, and its readings then follow the steps of
the run late.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.meters import clock_offset, renewal, still_readings
from energybench.meters.attached_run import Meter
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, MeterSteps, spacing_s, steps
from energybench.model import Doubt

# Another averaging time is believed if the spacing leaves this much of the meter's variance
# unexplained, the other time less than this share of it, and explains this much of the variance.
_UNEXPLAINED, _LEFT, _EXPLAINS = 0.005, 0.5, 0.9
_WIDTHS_S = tuple(float(w) for w in np.geomspace(0.2, 120.0, 45))
_OFFSETS, _COARSE = 41, 500
_MOST = 500  # readings of the search: the shape of a step needs no more
_CHANGES = 5


class Smoothed(NamedTuple):
    """The series, one reading for each renewal; its averaging time, s; and doubts about both."""

    series: MeterSeries
    averaging_s: float
    doubts: tuple[Doubt, ...]


def of(series: MeterSeries, meter: Meter, run: RunPower | None, zero_s: float) -> Smoothed:
    """The series and the averaging time to take: the stated time, or the time that fits clearly
    better than the spacing of the readings.
    """
    if series.held or series.kind == "counter":
        return Smoothed(series, meter.averaging_s or spacing_s(series), ())
    doubts: list[Doubt] = []
    came_s = spacing_s(series)
    renewed_s = renewal.period_s(series, run, zero_s, meter)
    if renewed_s is not None:
        series = renewal.renewals(series, renewed_s)
        doubts.append(_renewed(series, came_s, renewed_s))
    spacing = spacing_s(series)
    shown_s = spacing if meter.averaging_s is None else meter.averaging_s
    series = still_readings.without_frozen(series, shown_s, run, zero_s, meter.max_offset_s)
    if meter.averaging_s is not None:
        return Smoothed(series, meter.averaging_s, tuple(doubts))
    fitting = _fitting_s(series, run, zero_s, meter.max_offset_s)
    if fitting is not None:
        doubts.append(_averages(series, fitting, spacing))
    return Smoothed(series, fitting or spacing, tuple(doubts))


def _fitting_s(
    series: MeterSeries, run: RunPower | None, zero_s: float, max_offset_s: float
) -> float | None:
    """The averaging time that explains the readings clearly better than their spacing."""
    spacing = spacing_s(series)
    if run is None or not clock_offset.varies(_on_run(series, spacing, zero_s), run):
        return None
    # the offset that the spacing finds, then every averaging time near it
    by_meter = _thinned(clock_offset.near(_on_run(series, spacing, zero_s), run, max_offset_s))
    count = min(int(4 * max_offset_s / spacing), _COARSE) + 1
    coarse = np.linspace(-max_offset_s, max_offset_s, count)
    centre = float(coarse[int(np.argmax(_correlations(by_meter, run, coarse)))])
    step = 2 * max_offset_s / count
    usual = _best(series, run, zero_s, spacing, (centre, max(spacing, step), max_offset_s))
    if 1 - usual**2 < _UNEXPLAINED:
        return None
    fitting = (usual, spacing)
    span = float(run.t_s[-1] - run.t_s[0])
    for width in _WIDTHS_S:
        if 1.5 * spacing < width < span / 3:
            search = (centre, max(width, step), max_offset_s)
            fitting = max(fitting, (_best(series, run, zero_s, width, search), width))
    better, width = fitting
    if better**2 < _EXPLAINS or 1 - better**2 > _LEFT * (1 - usual**2):
        return None
    return width


def _on_run(series: MeterSeries, width: float, zero_s: float) -> MeterSteps:
    by_meter = steps(series, width)
    return MeterSteps(by_meter.start_s - zero_s, by_meter.end_s - zero_s, by_meter.power_w)


def _best(
    series: MeterSeries,
    run: RunPower,
    zero_s: float,
    width: float,
    search: tuple[float, float, float],
) -> float:
    """The highest correlation at offsets of the clock near a centre. search: centre, reach, and the
    largest offset.
    """
    centre, reach, most = search
    by_meter = _thinned(clock_offset.near(_on_run(series, width, zero_s), run, most))
    offsets = np.clip(np.linspace(centre - reach, centre + reach, _OFFSETS), -most, most)
    return float(_correlations(by_meter, run, np.unique(offsets)).max())


def _thinned(by_meter: MeterSteps) -> MeterSteps:
    every = max(1, by_meter.start_s.size // _MOST)
    return MeterSteps(*(column[::every] for column in by_meter))


def _correlations(by_meter: MeterSteps, run: RunPower, offsets: Floats) -> Floats:
    needed = max(_CHANGES, int(0.5 * (run.t_s[-1] - run.t_s[0]) / _median_step(by_meter)))
    correlations = [clock_offset.correlation(by_meter, run, float(o), needed) for o in offsets]
    return np.asarray(np.nan_to_num(np.array(correlations), nan=0.0), dtype=np.float64)


def _median_step(by_meter: MeterSteps) -> float:
    if by_meter.end_s.size < 2:
        return 1.0
    return max(float(np.median(np.diff(by_meter.end_s))), 1e-3)


def _renewed(series: MeterSeries, came_s: float, renewed_s: float) -> Doubt:
    return Doubt(
        code="meter-smooths",
        message=f"the readings of {series.where} come every {came_s:.3g} s, but their values "
        f"change every {renewed_s:.3g} s: one reading for each change was taken",
        remedy="log the meter's own readings; --averaging S states over which time each averages",
    )


def _averages(series: MeterSeries, width: float, spacing: float) -> Doubt:
    return Doubt(
        code="meter-smooths",
        message=f"the readings of {series.where} follow the run's steps as averages over "
        f"{width:.3g} s would, not over their spacing of {spacing:.3g} s: they were taken as such",
        remedy=f"state the time over which a reading averages: --averaging {width:.2g}",
    )
