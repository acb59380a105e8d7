"""The offset of a meter's clock, from the correlation of the meter's power with the run's power.

The meter's mean powers are regressed on the run's mean power over the same intervals, moved by
every offset of a search. With slope and intercept free (fans, losses, further loads of the meter),
the likelihood of an offset depends on the correlation r alone: L = -n/2 · log(1 - r²) (profile
likelihood, normal errors), with n reduced for residuals that resemble their neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.coverage_factors import CONFIDENCE
from energybench.errors import BadInput
from energybench.meters.series import MeterSeries, MeterSteps
from energybench.model import Window
from energybench.units import short_figure

MAX_OFFSET_S = 120.0  # clocks of BMCs and PDUs without NTP are by_meter minutes off
# a run whose power varies by less than this (standard deviation over mean) moves no
# meter beyond its own steps
_VARIES = 0.02
_FOLLOWS = 0.7  # correlation: below it the run explains less than half of the meter's variance
_MOVES = 2.0  # steps of a meter by which a load moves its reading in any case
# intervals that are joined of a counter that does not follow one by one, and joined intervals of a
# run, at least: few would follow some run by chance
_JOINED, _MANY = 4, 20
ENOUGH = 5  # readings: slope, intercept and offset take three
_MOST = 2000  # readings of the coarse search; the fine search takes every reading
# local maxima of the coarse search to refine: equal repeats give a maximum per repeat
_PEAKS = 4
_ANCHOR_S = 1e-3  # the run's wall clock is kept to a millisecond


class RunPower(NamedTuple):
    """The sum of the run's sensors.

    Shapes [n]: joules at t_s; fuzz_s: half-width of the interval that a time is known to;
    resolves_s: the time over which the slowest sensor averages, or between two of its updates.
    """

    t_s: Floats
    energy_j: Floats
    fuzz_s: float
    resolves_s: float = 0.0


class Offset(NamedTuple):
    """How far the meter's clock is ahead of the true time.

    u_s          standard uncertainty of `offset_s`
    correlation  of the meter's power with the run's own power at this offset; None: not compared
    determined   whether the data show the offset; if not, it is 0 within --max-offset
    """

    offset_s: float
    u_s: float
    correlation: float | None
    determined: bool
    # False: other offsets, a reading or more away, fit nearly as well; u_s then spans them
    distinct: bool = True
    # the side whose power is too even to tell the offset; "" if it is determined, or not searched
    even: Literal["run", "meter", ""] = ""


def run_power(curves: Sequence[Curve], start_s: float, end_s: float) -> RunPower | None:
    """The sum of the curves over their common time; curves missing for most of [start_s, end_s] are
    left out. None: no curve.
    """
    curves = covering(curves, start_s, end_s)
    if not curves:
        return None
    first, last = max(float(c.t_s[0]) for c in curves), min(float(c.t_s[-1]) for c in curves)
    points = np.unique(np.concatenate([c.t_s[(c.t_s >= first) & (c.t_s <= last)] for c in curves]))
    if points.size < ENOUGH:
        return None
    energy = np.sum([np.interp(points, c.t_s, c.energy_j) for c in curves], axis=0)
    fuzz_s = max(float(np.median(c.fuzz_s)) for c in curves)
    return RunPower(points, energy, fuzz_s, max(max(c.period_s, c.window_s) for c in curves))


def covering(curves: Sequence[Curve], start_s: float, end_s: float) -> list[Curve]:
    """The curves that are there for most of [start_s, end_s]."""
    return [
        c
        for c in curves
        if min(c.t_s[-1], end_s) - max(c.t_s[0], start_s) >= 0.8 * (end_s - start_s)
    ]


def fit(
    series: MeterSeries,
    by_meter: MeterSteps,
    run: RunPower | None,
    spacing_s: float,
    max_offset_s: float,
) -> Offset:
    """The offset that aligns the meter with the run; `by_meter`: the meter's mean powers, on the
    run's clock. Raises BadInput if the meter does not follow the run.
    """
    unknown = Offset(0.0, max_offset_s / math.sqrt(3), None, False)
    if run is None or max_offset_s == 0:
        return unknown
    span = float(run.t_s[-1] - run.t_s[0])
    step = (
        float(np.median(by_meter.end_s - by_meter.start_s))
        if series.kind == "counter"
        else spacing_s
    )
    needed = max(ENOUGH, int(0.5 * span / step))
    coarse_step = min(max(step / 2, max_offset_s / 4000), max_offset_s / 8)
    coarse = np.arange(-max_offset_s, max_offset_s + coarse_step / 2, coarse_step)
    thinned = _thinned(by_meter, run, max_offset_s)
    share = thinned.start_s.size / max(near(by_meter, run, max_offset_s).start_s.size, 1)
    rough = np.array(
        [correlation(thinned, run, offset, max(ENOUGH, int(needed * share))) for offset in coarse]
    )
    if not varies(thinned, run):
        return unknown._replace(even="run")
    if thinned.power_w.size and np.ptp(thinned.power_w) == 0:
        _refuse_constant(series, thinned, run)
        return unknown._replace(even="meter")
    if not np.isfinite(rough).any():
        return unknown
    fine = _refined(coarse, rough, coarse_step, step)
    nearby = near(by_meter, run, max_offset_s)
    sharp = np.array([correlation(nearby, run, offset, needed) for offset in fine])
    offsets, r = np.concatenate((coarse, fine)), np.concatenate((rough, sharp))
    order = np.argsort(offsets)
    offsets, r = offsets[order], np.nan_to_num(r[order], nan=-1.0)
    best = int(np.argmax(r))
    uneven = series.kind == "counter" and r[best] < _FOLLOWS
    if uneven and step < _JOINED * spacing_s and span >= _MANY * _JOINED * step:
        # renewed at times of its own, a counter rises unevenly from row to row
        return fit(series, _joined(by_meter), run, spacing_s, max_offset_s)
    _refuse(series, float(offsets[best]), float(r[best]), max_offset_s, coarse_step)
    return _estimate(offsets, r, best, independent(nearby, run, float(offsets[best])), step, run)


def _joined(by_meter: MeterSteps) -> MeterSteps:
    """The mean powers of several intervals in a row."""
    firsts = np.arange(0, by_meter.start_s.size - _JOINED + 1, _JOINED)
    start_s, end_s = by_meter.start_s[firsts], by_meter.end_s[firsts + _JOINED - 1]
    joules = np.add.reduceat(by_meter.power_w * (by_meter.end_s - by_meter.start_s), firsts)
    if firsts.size and by_meter.start_s.size > firsts[-1] + _JOINED:
        firsts, start_s, end_s, joules = firsts[:-1], start_s[:-1], end_s[:-1], joules[:-1]
    return MeterSteps(start_s, end_s, np.asarray(joules / (end_s - start_s)))


def _refuse_constant(series: MeterSeries, by_meter: MeterSteps, run: RunPower) -> None:
    """Raise BadInput for a constant meter beside a run that moves by more than the meter's step."""
    run_w, _ = pair(by_meter, run, 0.0)
    step_w = series.reading_step_w or series.resolution
    if series.kind == "power" and run_w.size >= ENOUGH and np.ptp(run_w) > _MOVES * step_w:
        raise BadInput(
            series.where,
            "does not follow this run: its readings all show "
            f"{short_figure(by_meter.power_w[0], 4)} W, and the run's own sensors show "
            f"{short_figure(run_w.min(), 4)} to {short_figure(run_w.max(), 4)} W",
            "another node's or board's meter, another column, or a meter that stood still",
        )


def why_unknown(offset: Offset) -> str:
    """The reason why nothing tells the offset, in words."""
    if offset.even == "meter":
        return "the meter's readings are all alike, although the run's power varies"
    if offset.even == "run":
        return "the run's own power is too even"
    return "the meter and the run's sensors have too few readings in common"


def level(
    by_meter: MeterSteps, run: RunPower | None, offset_s: float
) -> tuple[float, float] | None:
    """Mean power of the meter and of the run's sensors over their common readings, W;
    None if there are no common readings.
    """
    if run is None:
        return None
    run_w, meter_w = pair(by_meter, run, offset_s)
    return (float(meter_w.mean()), float(run_w.mean())) if meter_w.size else None


def _refuse(series: MeterSeries, offset: float, r: float, max_offset_s: float, step: float) -> None:
    lines = f"{series.word}s {series.places[0]}-{series.places[-1]}"
    if r < _FOLLOWS:
        what = (
            f"{lines}: does not follow this run: best correlation {r:.2f}, at a clock offset of "
            f"{offset:+.1f} s"
        )
        raise BadInput(
            series.where,
            what,
            "another node's meter, another column, or a clock further off than --max-offset",
        )
    if abs(offset) > max_offset_s - step:
        what = f"{lines}: the best clock offset lies at the end of the search ({offset:+.1f} s)"
        raise BadInput(
            series.where,
            what,
            f"a --max-offset larger than {max_offset_s:g}, or the right --timezone",
        )


def _estimate(
    offsets: Floats, r: Floats, best: int, n: float, step: float, run: RunPower
) -> Offset:
    """Mean and standard deviation of the likelihood: of its peak, if the peak holds 95 % of the
    likelihood; otherwise of the whole search about the best offset.
    """
    log = -n / 2 * np.log(np.maximum(1 - np.maximum(r, 0.0) ** 2, 1e-12))
    weight = np.exp(log - log.max()) * np.gradient(offsets)
    weight /= weight.sum()
    here = np.abs(offsets - offsets[best]) <= step
    distinct = float(weight[here].sum()) >= CONFIDENCE
    if distinct:
        weight = np.where(here, weight, 0.0) / weight[here].sum()
    mean = float((weight * offsets).sum()) if distinct else float(offsets[best])
    spread = math.sqrt(float((weight * (offsets - mean) ** 2).sum()))
    floor = math.hypot(run.fuzz_s, _ANCHOR_S) / math.sqrt(3)
    return Offset(mean, math.hypot(spread, floor), float(r[best]), True, distinct)


def near(by_meter: MeterSteps, run: RunPower, reach_s: float) -> MeterSteps:
    """The meter's mean powers that some offset of the search brings into the run."""
    keep = (by_meter.end_s >= run.t_s[0] - reach_s) & (by_meter.start_s <= run.t_s[-1] + reach_s)
    return MeterSteps(*(column[keep] for column in by_meter))


def _thinned(by_meter: MeterSteps, run: RunPower, reach_s: float) -> MeterSteps:
    nearby = near(by_meter, run, reach_s)
    every = max(1, -(-nearby.start_s.size // _MOST))
    return MeterSteps(*(column[::every] for column in nearby))


def pair(by_meter: MeterSteps, run: RunPower, offset: float) -> tuple[Floats, Floats]:
    """Mean power of the run and of the meter over the meter's intervals wholly inside the run."""
    start, end = by_meter.start_s - offset, by_meter.end_s - offset
    keep = (start >= run.t_s[0]) & (end <= run.t_s[-1])
    start, end = start[keep], end[keep]
    run_w = (np.interp(end, run.t_s, run.energy_j) - np.interp(start, run.t_s, run.energy_j)) / (
        end - start
    )
    return np.asarray(run_w), by_meter.power_w[keep]


def correlation(by_meter: MeterSteps, run: RunPower, offset: float, needed: int) -> float:
    """NaN if too few readings fall into the run, or a side is constant."""
    run_w, meter = pair(by_meter, run, offset)
    if run_w.size < needed:
        return math.nan
    run_w, meter = run_w - run_w.mean(), meter - meter.mean()
    scale = math.sqrt(float(run_w @ run_w) * float(meter @ meter))
    return float(run_w @ meter) / scale if scale > 0 else math.nan


def varies(by_meter: MeterSteps, run: RunPower) -> bool:
    """Whether the run's power varies enough to move a meter."""
    return _variation(by_meter, run) >= _VARIES


def _variation(by_meter: MeterSteps, run: RunPower) -> float:
    """Standard deviation over mean of the run's power, at the meter's own averaging."""
    width = float(np.median(by_meter.end_s - by_meter.start_s)) if by_meter.start_s.size else 0.0
    edges = np.arange(run.t_s[0], run.t_s[-1], max(width, 0.1))
    if edges.size < ENOUGH:
        return 0.0
    run_w = np.diff(np.interp(edges, run.t_s, run.energy_j)) / np.diff(edges)
    return float(run_w.std() / run_w.mean()) if run_w.mean() > 0 else 0.0


def _refined(coarse: Floats, r: Floats, coarse_step: float, step: float) -> Floats:
    """Offsets around the highest local maxima, a fiftieth of the spacing apart."""
    filled = np.nan_to_num(r, nan=-1.0)
    left, right = np.concatenate(([-2.0], filled[:-1])), np.concatenate((filled[1:], [-2.0]))
    peaks = np.flatnonzero((filled >= left) & (filled >= right))
    peaks = peaks[np.argsort(-filled[peaks])][:_PEAKS]
    around = np.arange(-coarse_step * 1.5, coarse_step * 1.5, max(step / 50, coarse_step / 200))
    return np.unique(np.concatenate([coarse[peak] + around for peak in peaks]))


def independent(by_meter: MeterSteps, run: RunPower, offset: float) -> float:
    """Number of independent residuals: n·(1 - ρ)/(1 + ρ) with the lag-1 autocorrelation ρ (Bayley &
    Hammersley 1946).
    """
    run_w, meter = pair(by_meter, run, offset)
    slope, level = np.polyfit(run_w, meter, 1)
    rest = meter - slope * run_w - level
    power = float(rest @ rest)
    rho = float(rest[1:] @ rest[:-1]) / power if power > 0 else 0.0
    rho = min(max(rho, 0.0), 0.99)
    return max(run_w.size * (1 - rho) / (1 + rho), 3.0)


def swing(
    by_meter: MeterSteps, repeats: Sequence[Window], offset_s: float, reach_s: float
) -> float:
    """Change of the repeats' energy (half-range over middle) with an offset within reach of
    `offset_s`, as far as there are readings.
    """
    edges = np.concatenate((by_meter.start_s[:1], by_meter.end_s))
    energy = np.concatenate(([0.0], np.cumsum(by_meter.power_w * np.diff(edges))))
    first, last = repeats[0].start_s, max(window.end_s for window in repeats)
    low, high = (
        max(offset_s - reach_s, float(edges[0]) - first),
        min(offset_s + reach_s, float(edges[-1]) - last),
    )
    if high <= low:
        return 0.0
    energies = [
        sum(
            float(np.diff(np.interp((w.start_s + d, w.end_s + d), edges, energy))[0])
            for w in repeats
        )
        for d in np.linspace(low, high, 201)
    ]
    return (max(energies) - min(energies)) / max(max(energies) + min(energies), 1e-300)
