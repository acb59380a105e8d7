"""Checks of a meter's clock offset that the data leave open."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.arrays import Floats
from energybench.analysis.uncertainty.coverage_factors import Z95
from energybench.errors import BadInput
from energybench.meters import clock_offset, single_spikes
from energybench.meters.series import MeterSeries, MeterSteps, check_sampling
from energybench.model import Window

_REMEDY = "--max-offset S with the known agreement of the clocks, or measure again with --idle 30"


def fit(
    series: MeterSeries,
    by_meter: MeterSteps,
    run: clock_offset.RunPower | None,
    spacing_s: float,
    max_offset_s: float,
) -> tuple[clock_offset.Offset, MeterSteps]:
    """The offset of the meter's clock, and the mean powers that tell it: all, or those without
    single readings above all others, whichever follow the run better. Raises BadInput.
    """
    low = single_spikes.without(by_meter)
    try:
        offset = clock_offset.fit(series, by_meter, run, spacing_s, max_offset_s)
    except BadInput as error:
        if low.end_s.size == by_meter.end_s.size:
            raise
        try:
            return clock_offset.fit(series, low, run, spacing_s, max_offset_s), low
        except BadInput:
            raise error from None
    if low.end_s.size == by_meter.end_s.size:
        return offset, by_meter
    try:
        other = clock_offset.fit(series, low, run, spacing_s, max_offset_s)
    except BadInput:
        return offset, by_meter
    if max_offset_s == 0 or (other.correlation or 0.0) > (offset.correlation or 0.0):
        return other, low
    return offset, by_meter


def check_covered(
    series: MeterSeries,
    t_s: Floats,
    repeats: Sequence[Window],
    start_s: float,
    offset: clock_offset.Offset,
) -> None:
    """Check that the readings cover the repeats. An offset of several that fit alike is the reason
    if the readings cover the repeats without it. Raises BadInput.

    t_s  times of the readings on the run's clock, with the offset taken off
    """
    try:
        check_sampling(series, t_s, repeats, start_s)
    except BadInput as error:
        if offset.distinct or offset.offset_s == 0:
            raise
        try:
            check_sampling(series, t_s + offset.offset_s, repeats, start_s)
        except BadInput:
            raise error from None
        raise BadInput(
            series.where,
            "this run does not tell the offset of the meter's clock: several offsets fit alike, as "
            f"of a load that repeats, and with the best one ({offset.offset_s:+.1f} s) the "
            "readings do not cover every repeat",
            _REMEDY,
        ) from None


def check_unknown(
    series: MeterSeries,
    by_meter: MeterSteps,
    repeats: Sequence[Window],
    offset: clock_offset.Offset,
    max_offset_s: float,
    accuracy_rel: float,
) -> None:
    """An offset that the data leave open must not change the energy much. Raises BadInput."""
    if (offset.determined and offset.distinct) or max_offset_s == 0:
        return
    reach, why = max_offset_s, clock_offset.why_unknown(offset)
    if offset.determined:
        reach, why = min(Z95 * offset.u_s, max_offset_s), "several offsets fit alike"
    change = clock_offset.swing(by_meter, repeats, offset.offset_s, reach)
    if change > accuracy_rel:
        what = (
            f"this run does not tell the offset of the meter's clock ({why}), and within "
            f"±{reach:.0f} s the energy changes by ±{change:.1%}"
        )
        raise BadInput(series.where, what, _REMEDY)
