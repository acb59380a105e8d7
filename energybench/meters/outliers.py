"""Single readings far from any power that the run's own sensors and the meter's resolution explain:
rows of a different meter, or energy that a counter loses now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.meters.clock_offset import Offset, RunPower
from energybench.meters.series import MeterSeries, MeterSteps, spacing_s
from energybench.model import Doubt, Window
from energybench.units import counted

# Standard deviations of a normal distribution per median absolute deviation (Rousseeuw & Croux,
# Journal of the American Statistical Association 88, 1993).
_MAD = 1.4826
# A reading is an outlier if the difference exceeds this number of standard deviations (probability
# 10⁻¹⁵ for a normal distribution), this number of steps of the meter, and this share of the power.
_DEVIATIONS, _STEPS, _SHARE = 8.0, 3.0, 0.05
# Number of readings around a reading for the median, which is the usual difference from the fit.
# Fans, the load of parts without a sensor and a meter that smooths change the difference for longer
# than half of this number.
_AROUND = 9
# A reading may show the sensors' power at times up to this number of readings before and after.
_NEARBY = 3.0
# The sensors' power at these times may move by at most this share of a difference.
_MOVES = 0.25
# If more than this share of a counter's readings repeat the previous reading, the counter is
# renewed less often than the logger reads: a difference then does not belong to a single interval.
_REPEATED = 0.05
# The outliers of the repeats are a doubt from this number on, and from this share of the energy on
# (a quarter of the target of `sensor_doubts`), if most outliers lie on one side.
_LEAST, _MATTERS, _ONE_SIDED = 3, 0.005, 0.8
# If fewer outliers are expected outside of the repeats, the absence of outliers outside of the
# repeats decides nothing: renewals come at regular times.
_EXPECTED = 2.0
_ROWS = 3  # rows that a doubt names
_MOMENTS = 1_000_000  # largest number of moments of the sensors' power
_SAME_TIME_S = 1e-5  # s since 1970 are known to 0.2 µs


class Differences(NamedTuple):
    """Shapes [n], of the intervals of the meter.

    watts    difference from the power by the fit and the neighbouring readings
    outside  whether the difference makes the reading an outlier
    usual_w  power by the fit and the neighbouring readings
    shows_w  difference from which a reading is an outlier
    """

    watts: Floats
    outside: npt.NDArray[np.bool_]
    usual_w: Floats
    shows_w: Floats


def doubts(
    series: MeterSeries,
    t_s: Floats,
    by_meter: MeterSteps,
    run: RunPower | None,
    offset: Offset,
    repeats: Sequence[Window],
    *,
    per_interval: bool,
) -> tuple[Doubt, ...]:
    """A doubt if single readings in the repeats change the energy by more than a little.

    t_s           times of the readings, on the run's clock
    by_meter      mean powers of the meter, on the run's clock, before the offset is taken off
    per_interval  every energy in the file is the energy since the previous row
    """
    counter = series.kind == "counter" and not per_interval
    if run is None or series.held:
        return ()
    if counter and float((np.diff(series.raw) == 0).mean()) > _REPEATED:
        return ()
    start, end = by_meter.start_s - offset.offset_s, by_meter.end_s - offset.offset_s
    keep = (start >= run.t_s[0]) & (end <= run.t_s[-1])
    if int(keep.sum()) < 2 * _AROUND or spacing_s(series) < _moment_s(run):
        return ()
    shown = MeterSteps(start[keep], end[keep], by_meter.power_w[keep])
    differences = _differences(series, shown, run, 2 * offset.u_s)
    within = np.zeros(shown.end_s.size, dtype=bool)
    for window in repeats:
        within |= (shown.start_s >= window.start_s) & (shown.end_s <= window.end_s)
    outliers = differences.outside & within
    seconds = np.gradient(shown.end_s)
    joules = differences.watts * seconds
    net_j, all_j = float(joules[outliers].sum()), float(np.abs(joules[outliers]).sum())
    total_j = float((shown.power_w * seconds)[within].sum())
    if outliers.sum() < _LEAST or abs(net_j) < max(_MATTERS * total_j, _ONE_SIDED * all_j):
        return ()
    if counter and _renewed_between(differences, seconds, within):
        return ()
    # the readings at the ends of the intervals
    ends = np.searchsorted(t_s, shown.end_s[outliers] - _SAME_TIME_S)
    return (_doubt(series, series.places[np.minimum(ends, t_s.size - 1)], net_j / total_j),)


def _doubt(series: MeterSeries, places: npt.NDArray[np.int64], change_rel: float) -> Doubt:
    """places: of the outliers; change_rel: their energy as a share of that of the repeats."""
    shown = ", ".join(str(place) for place in places[:_ROWS].tolist())
    more = ", …" if places.size > _ROWS else ""
    return Doubt(
        code="meter-outliers",
        message=f"{counted(places.size, 'reading')} of {series.where} in the repeats lie far from "
        "the power that the run's own sensors and the readings beside them explain, and change the "
        f"energy by {change_rel:+.1%} ({series.word}s {shown}{more})",
        remedy="look at these lines: they may be rows of another meter (take one meter with "
        "--select, or log a file for each), or readings that failed (empty these cells); nothing, "
        "if parts without a sensor draw such power for moments",
    )


def _differences(
    series: MeterSeries, shown: MeterSteps, run: RunPower, offset_u_s: float
) -> Differences:
    start, end, meter_w = shown
    inside_w = _mean_w(run, start, end)
    slope = _slope(inside_w, meter_w)
    rest = meter_w - slope * inside_w
    around = _local_median(rest)
    usual_w = slope * inside_w + around
    watts = rest - around
    scatter = _MAD * float(np.median(np.abs(watts)))
    explained = np.maximum(_DEVIATIONS * scatter, _SHARE * np.abs(usual_w))
    explained = np.maximum(explained, _STEPS * _step_w(series, end - start))
    # a reading may show the power of any moment near it
    moves_w = slope * _range_w(run, start, end, spacing_s(series), offset_u_s)
    shows_w = np.maximum(explained, moves_w / _MOVES)
    return Differences(watts, np.abs(watts) > shows_w, usual_w, shows_w)


def _slope(inside_w: Floats, meter_w: Floats) -> float:
    """Power of the meter per power inside the node: at least 1, as for a meter of a whole node."""
    away = inside_w - inside_w.mean()
    square = float(away @ away)
    return max(float(away @ meter_w) / square, 1.0) if square > 0 else 1.0


def _step_w(series: MeterSeries, seconds: Floats) -> Floats:
    """The step of a reading, W."""
    if series.kind == "counter":
        return np.asarray(series.resolution / seconds)
    return np.full(seconds.size, series.reading_step_w or series.resolution)


def _mean_w(run: RunPower, start: Floats, end: Floats) -> Floats:
    joules = np.interp(end, run.t_s, run.energy_j) - np.interp(start, run.t_s, run.energy_j)
    return np.asarray(joules / (end - start))


def _local_median(values: Floats) -> Floats:
    half = _AROUND // 2
    padded = np.concatenate((values[:half][::-1], values, values[-half:][::-1]))
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, _AROUND), axis=-1))


def _moment_s(run: RunPower) -> float:
    """The shortest time for which the sensors show a mean power, s. Within shorter times the steps
    of the sensors dominate.
    """
    span_s = float(run.t_s[-1] - run.t_s[0])
    return max(
        10 * run.fuzz_s,
        float(np.median(np.diff(run.t_s))),
        run.resolves_s,
        span_s / _MOMENTS,
    )


def _range_w(
    run: RunPower, start: Floats, end: Floats, spacing: float, offset_u_s: float
) -> Floats:
    """Highest minus lowest power of the sensors near every interval, W."""
    moment_s = _moment_s(run)
    reach_s = _NEARBY * spacing + offset_u_s
    edges = np.arange(run.t_s[0], run.t_s[-1], moment_s)
    if edges.size < 2:
        return np.zeros(start.size)
    moments_w = np.diff(np.interp(edges, run.t_s, run.energy_j)) / moment_s
    first = np.searchsorted(edges, start - reach_s, side="right") - 1
    last = np.searchsorted(edges, end + reach_s, side="left")
    first, last = np.clip(first, 0, moments_w.size - 1), np.clip(last, 1, moments_w.size)
    # minimum and maximum over [first, last) of every interval, in alternate places
    padded = np.append(moments_w, moments_w[-1])
    bounds = np.stack((first, np.maximum(last, first + 1)), axis=1).ravel()
    highest = np.maximum.reduceat(padded, bounds)[::2]
    return np.asarray(highest - np.minimum.reduceat(padded, bounds)[::2])


def _renewed_between(
    differences: Differences, seconds: Floats, within: npt.NDArray[np.bool_]
) -> bool:
    """Whether a counter's outliers may come from a value that is renewed about as often as the
    logger reads: some differences then hold one renewal more or less. Outliers by renewals come at
    every power, with an energy in proportion to the power. Energy that a counter loses now and then
    is not in proportion to the power.
    """
    outliers = differences.outside
    amounts, level_w = np.abs(differences.watts * seconds)[outliers], differences.usual_w[outliers]
    alike = float(((amounts - amounts.mean()) ** 2).sum())
    renewed_s = float(amounts @ level_w) / max(float(level_w @ level_w), 1e-300)
    in_proportion = float(((amounts - renewed_s * level_w) ** 2).sum())
    if alike < in_proportion / 2:
        return False
    # the share of outliers in the repeats, and outside of the repeats if outliers would be visible
    visible = renewed_s * differences.usual_w / seconds > differences.shows_w
    beside = visible & ~within
    expected = float((outliers & within).sum() / within.sum() * beside.sum())
    return expected < _EXPECTED or bool((outliers & beside).any())
