"""The averaging time of a meter's power readings, from a comparison of the readings with the run's
own sensors: a BMC may smooth over many seconds, and the readings then follow the steps of the run
late.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from energybench.meters import clock_offset, renewed_readings, still_readings
from energybench.meters.agreement import Agreement, on_run
from energybench.meters.attached_run import Meter
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, spacing_s
from energybench.model import Doubt

# An averaging time is preferred to the spacing of the readings on three conditions. The spacing
# leaves at least the share _UNEXPLAINED of the meter's variance unexplained; the averaging time
# leaves at most the share _LEFT of this remainder, and explains at least the share _EXPLAINS of the
# variance.
_UNEXPLAINED, _LEFT, _EXPLAINS = 0.005, 0.5, 0.9
_WIDTHS_S = tuple(float(w) for w in np.geomspace(0.2, 120.0, 45))
# Exponential smoothing has a shape unlike plain averaging, and needs only this smaller unexplained
# share: short repeats show exponential smoothing in their energy.
_SHAPED = 0.0005
# Time constants of exponential smoothing, in spacings of the readings, and the width of an average
# with the same standard deviation, in time constants.
_CONSTANTS = tuple(float(c) for c in np.geomspace(0.5, 4.0, 13))
_AS_WIDE = math.sqrt(12.0)


class Smoothed(NamedTuple):
    """The series with one reading per renewal; the averaging time, s; and doubts about both."""

    series: MeterSeries
    averaging_s: float
    doubts: tuple[Doubt, ...]


def of(series: MeterSeries, meter: Meter, run: RunPower | None, zero_s: float) -> Smoothed:
    """The series and the averaging time: the stated time, or a time that fits clearly better than
    the spacing of the readings, or the spacing.
    """
    if series.held:
        return Smoothed(series, meter.averaging_s or spacing_s(series), ())
    doubts: list[Doubt] = []
    came_s = spacing_s(series)
    renewed = renewed_readings.of(series, meter, run, zero_s)
    if renewed is not None:
        series, renewed_s = renewed
        doubts.append(_renewed(series, came_s, renewed_s))
    spacing = spacing_s(series)
    if series.kind == "counter":
        return Smoothed(series, meter.averaging_s or spacing, tuple(doubts))
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
    if run is None or not clock_offset.varies(on_run(series, spacing, zero_s), run):
        return None
    agreement = Agreement(series, run, zero_s, max_offset_s)
    usual = agreement.best(series, spacing)
    if 1 - usual**2 < _SHAPED:
        return None
    fitting, span = (usual, spacing), float(run.t_s[-1] - run.t_s[0])
    if 1 - usual**2 >= _UNEXPLAINED:
        for width in _WIDTHS_S:
            if 1.5 * spacing < width < span / 3:
                fitting = max(fitting, (agreement.best(series, width), width))
    if _is_clear(fitting[0], usual):
        return fitting[1]
    # a meter that shows single moments does not smooth
    usual = max([usual, *(agreement.best(series, part * spacing) for part in (0.5, 0.02))])
    smoothing, constant_s = max(
        (agreement.best_exponential(series, factor * spacing), factor * spacing)
        for factor in _CONSTANTS
    )
    return _AS_WIDE * constant_s if _is_clear(smoothing, usual) else None


def _is_clear(better: float, usual: float) -> bool:
    """Whether a correlation explains the readings clearly better than the usual correlation."""
    return better**2 >= _EXPLAINS and 1 - better**2 <= _LEFT * (1 - usual**2)


def _renewed(series: MeterSeries, came_s: float, renewed_s: float) -> Doubt:
    remedy = "log the meter's own readings"
    if series.kind == "power":
        remedy += "; --averaging S states over which time each averages"
    return Doubt(
        code="meter-smooths",
        message=f"the readings of {series.where} come every {came_s:.3g} s, but their values "
        f"change every {renewed_s:.3g} s: one reading for each change was taken",
        remedy=remedy,
    )


def _averages(series: MeterSeries, width: float, spacing: float) -> Doubt:
    return Doubt(
        code="meter-smooths",
        message=f"the readings of {series.where} follow the run's steps as averages over "
        f"{width:.3g} s would, not over their spacing of {spacing:.3g} s: they were taken as such",
        remedy=f"state the time over which a reading averages: --averaging {width:.2g}",
    )
