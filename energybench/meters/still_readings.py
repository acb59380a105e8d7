"""A meter that stood still while the load went on: a reading of power that stays exactly the same
while the run's own sensors move, and a counter that did not count for a while.

Equal readings alone show nothing: a coarse meter repeats its value at a steady load, and a coarse
counter rises seldom. The sensors inside the node or board tell the power of that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.errors import BadInput
from energybench.meters import clock_offset
from energybench.meters.clock_offset import RunPower
from energybench.meters.readings import LeftOut
from energybench.meters.series import MeterSeries, MeterSteps, spacing_s
from energybench.model import Doubt, Window
from energybench.units import short_figure

Indices = npt.NDArray[np.intp]
# The meter showed one value in a row of readings, and not by chance: so many equal readings are
# expected less often than the first number in the whole file. Shorter rows than the second number,
# of readings, are not looked at.
_BY_CHANCE, _LEAST = 1e-3, 4
# The load moved if the power that the sensors predict did so by this many steps of the meter, and
# by this share.
_STEPS, _MOVES = 4.0, 0.03
# Mean power between two rises of a counter, as a share of that of the rises around it, below which
# the sensors are asked; the number of rises around; and rises of the file, at least.
_LOW, _AROUND, _RISES = 0.67, 11, 8
# Readings without a rise. One alone may come from a counter that is renewed as often as it is read.
_STILL = 2
# Energy is missing from this share of the predicted energy on; standard deviations of a prediction.
_MISSING, _DEVIATIONS, _MAD = 0.2, 3.0, 1.4826
_FOLLOWS = 0.7  # correlation, as for the offset of the clock
_TRIED = 2000  # offsets, and readings at each
# Missing energy, as a share of the meter's limit of error, up to which it is a doubt alone.
_MATTERS = 0.25


class _Prediction(NamedTuple):
    """The meter's power by the run's sensors: level_w + slope · power inside, ± scatter_w.

    lowest_w  lowest power of the meter
    """

    run: RunPower
    offset_s: float
    slope: float
    level_w: float
    scatter_w: float
    lowest_w: float

    def energy_j(self, start_s: Floats, end_s: Floats) -> Floats:
        """Energy of the meter's load between times of the meter's clock, J: at the meter's lowest
        power for the times at which the sensors did not read.
        """
        first_s, last_s = float(self.run.t_s[0]), float(self.run.t_s[-1])
        start_s, end_s = start_s - self.offset_s, end_s - self.offset_s
        joules = np.interp(end_s, self.run.t_s, self.run.energy_j)
        joules -= np.interp(start_s, self.run.t_s, self.run.energy_j)
        read_s = np.clip(end_s, first_s, last_s) - np.clip(start_s, first_s, last_s)
        unread_s = end_s - start_s - read_s
        return np.asarray(self.slope * joules + self.level_w * read_s + self.lowest_w * unread_s)

    def power_w(self, start_s: Floats, end_s: Floats) -> Floats:
        """Mean power of the load, W; nan if the sensors did not read for all of the time."""
        read = start_s - self.offset_s >= self.run.t_s[0]
        read &= end_s - self.offset_s <= self.run.t_s[-1]
        return np.where(read, self.energy_j(start_s, end_s) / (end_s - start_s), np.nan)


# ---------------------------------------------------------------- power


def without_frozen(
    series: MeterSeries,
    width_s: float,
    run: RunPower | None,
    zero_s: float,
    max_offset_s: float,
) -> MeterSeries:
    """The series of a power without the readings of a meter that was frozen: of each stay, the
    first reading is kept, and the others are left out.

    width_s  time over which a reading averages; zero_s: time 0 of the run's clock
    """
    stays = _stays(series.raw) if run is not None and not series.held else []
    if not stays or run is None:
        return series
    t_s = series.t_s - zero_s
    watts = np.asarray(series.raw * series.resolution, dtype=np.float64)
    by_meter = MeterSteps(t_s - max(width_s, 1e-3), t_s, watts)
    fresh = np.ones(t_s.size, dtype=bool)
    for stay in stays:
        fresh[stay[1:]] = False
    # Without the stays, few readings may fit at another offset; with the stays, a meter that was
    # frozen for long does not follow. Every fit that follows has to show a frozen meter.
    fits = [
        fit
        for part in (by_meter, MeterSteps(*(column[fresh] for column in by_meter)))
        if (fit := _prediction(part, run, max_offset_s)) is not None
    ]
    predicted_w = [fit.power_w(by_meter.start_s, by_meter.end_s) for fit in fits]
    step_w = _STEPS * (series.reading_step_w or series.resolution)
    frozen = [
        stay
        for stay in stays
        if fits
        and all(
            _range_w(power_w[stay]) > max(step_w, _MOVES * abs(float(watts[stay[0]])))
            and _not_by_chance(series.raw, stay, power_w, step_w)
            for power_w in predicted_w
        )
    ]
    return _left_out(series, frozen) if frozen else series


def _stays(raw: npt.NDArray[np.int64]) -> list[Indices]:
    """Readings of one value in a row; those at the end of the meter's range are left to the doubt
    about a meter that shows no more.
    """
    equal = np.concatenate(([False], np.diff(raw) == 0, [False]))
    edges = np.flatnonzero(np.diff(equal.astype(np.int8)))
    return [
        np.arange(first, after + 1)
        for first, after in edges.reshape(-1, 2).tolist()
        if after - first + 1 >= _LEAST and raw[first] < raw.max()
    ]


def _not_by_chance(
    raw: npt.NDArray[np.int64], stay: Indices, power_w: Floats, step_w: float
) -> bool:
    """Whether so many equal neighbours are not expected, by their share among all neighbours
    elsewhere, or among those between which the load moves.
    """
    equal = np.diff(raw) == 0
    moved = np.abs(np.diff(power_w)) > step_w
    within = np.zeros(equal.size, dtype=bool)
    within[stay[:-1]] = True
    for counted in (np.ones(equal.size, dtype=bool), moved):
        elsewhere = counted & ~within
        share = (int((equal & elsewhere).sum()) + 1) / (int(elsewhere.sum()) + 2)
        if share ** int((counted & within).sum()) * raw.size < _BY_CHANCE:
            return True
    return False


def _range_w(predicted_w: Floats) -> float:
    """By how much the load moved within a stay, W: the meter may see a move at either end of the
    stay a reading earlier or later, and a single reading is not a move.
    """
    inside = np.sort(predicted_w[1:-1][np.isfinite(predicted_w[1:-1])])
    if inside.size < 2:
        return 0.0
    trimmed = inside[1:-1] if inside.size >= 2 * _LEAST else inside
    return float(trimmed[-1] - trimmed[0])


def _left_out(series: MeterSeries, frozen: Sequence[Indices]) -> MeterSeries:
    keep = np.ones(series.t_s.size, dtype=bool)
    rows = []
    for stay in frozen:
        keep[stay[1:]] = False
        first, value = int(series.places[stay[0]]), series.raw[stay[0]] * series.resolution
        reason = f"stands still at the {value:.6g} W of {series.word} {first} while the run's own "
        rows += [LeftOut(int(series.places[i]), f"{reason}sensors move") for i in stay[1:]]
    return series._replace(
        t_s=series.t_s[keep],
        raw=series.raw[keep],
        places=series.places[keep],
        left_out=(*series.left_out, *rows),
    )


def check_zeros(series: MeterSeries, t_s: Floats, repeats: Sequence[Window]) -> None:
    """A load that runs draws power. Raises BadInput for a zero within a repeat."""
    if series.kind != "power" or series.held:
        return
    for window in repeats:
        zeros = (series.raw == 0) & (t_s > window.start_s) & (t_s < window.end_s)
        if zeros.any():
            raise BadInput(
                series.place(int(np.flatnonzero(zeros)[0])),
                "shows 0 W while the run was on",
                "the meter failed, or it is another outlet or another node",
            )


# ---------------------------------------------------------------- counters


def counter_doubts(
    series: MeterSeries,
    run: RunPower | None,
    zero_s: float,
    max_offset_s: float,
    windows: Sequence[Window],
    accuracy_rel: float,
) -> tuple[Doubt, ...]:
    """A doubt about energy that a counter lost while it stood still. Raises BadInput if the energy
    of a window lacks more than a little.
    """
    rises = np.flatnonzero(np.diff(series.raw) > 0) + 1
    if series.kind != "counter" or run is None or rises.size < _RISES:
        return ()
    first, after = rises[:-1], rises[1:]
    t_s = series.t_s - zero_s
    seconds, joules = t_s[after] - t_s[first], np.diff(series.raw[rises]) * series.resolution
    spacing = spacing_s(series)
    highest_w = (joules + series.resolution) / np.maximum(seconds - spacing, spacing / 2)
    low = (after - first > _STILL) & (highest_w < _LOW * _local_median(joules / seconds))
    if not low.any():
        return ()
    by_meter = MeterSteps(t_s[first], t_s[after], np.asarray(joules / seconds))
    prediction = _prediction(MeterSteps(*(part[~low] for part in by_meter)), run, max_offset_s)
    if prediction is None:
        return ()
    energies = np.min(
        [
            prediction.energy_j(by_meter.start_s + late, by_meter.end_s + late)
            for late in (-spacing, 0.0, spacing)
        ],
        axis=0,
    )
    energies -= _DEVIATIONS * prediction.scatter_w * seconds
    # the value may be as old as a reading at either end
    missing = energies * (1 - spacing / seconds) - joules - series.resolution
    still = np.flatnonzero(low & (missing > _MISSING * energies))
    return _judged(series, prediction, by_meter, rises, still, windows, accuracy_rel)


def _judged(
    series: MeterSeries,
    prediction: _Prediction,
    by_meter: MeterSteps,
    rises: Indices,
    still: Indices,
    windows: Sequence[Window],
    accuracy_rel: float,
) -> tuple[Doubt, ...]:
    """still: indices of the intervals between rises in which the counter stood still."""
    start_s, end_s = by_meter.start_s - prediction.offset_s, by_meter.end_s - prediction.offset_s
    energies = prediction.energy_j(by_meter.start_s, by_meter.end_s)
    lost_j = energies - by_meter.power_w * (end_s - start_s)
    doubted: list[tuple[int, float]] = []
    for window in windows:
        within = [i for i in still if end_s[i] > window.start_s and start_s[i] < window.end_s]
        if not within:
            continue
        inside = (start_s < window.end_s) & (end_s > window.start_s)
        share = float(lost_j[within].sum()) / float(energies[inside].sum())
        text = _text(series, rises, within[0], float(energies[within[0]]))
        if share > _MATTERS * accuracy_rel:
            raise BadInput(
                series.place(int(rises[within[0]])),
                text,
                "the energy of that time is missing in the counter: log the meter's power, or "
                "measure again",
            )
        doubted.append((within[0], share))
    if not doubted:
        return ()
    i, share = max(doubted, key=lambda one: one[1])
    message = f"{series.where} lacks {share:.2%} of the energy of a repeat or idle phase: after "
    message += f"{series.word} {series.places[rises[i]]}, "
    return (
        Doubt(
            code="meter-outliers",
            message=message + _text(series, rises, i, float(energies[i])),
            remedy="look at these lines: the meter or its logger may have failed; log the meter's "
            "power beside its energy",
        ),
    )


def _text(series: MeterSeries, rises: Indices, i: int, energy_j: float) -> str:
    first, after = int(rises[i]), int(rises[i + 1])
    seconds = float(series.t_s[after] - series.t_s[first])
    # the last reading without a rise
    stood_s = float(series.t_s[after - 1] - series.t_s[first])
    return (
        f"{series.what} stood still for {stood_s:.3g} s (to {series.word} "
        f"{series.places[after - 1]}) and did not make up for it, while the run's own sensors tell "
        f"of {short_figure(energy_j / seconds, 4)} W"
    )


def _local_median(values: Floats) -> Floats:
    half = _AROUND // 2
    padded = np.concatenate((values[:half][::-1], values, values[-half:][::-1]))
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, _AROUND), axis=-1))


# ---------------------------------------------------------------- both


def _prediction(by_meter: MeterSteps, run: RunPower, max_offset_s: float) -> _Prediction | None:
    """The power by the sensors at the offset that fits best; None if the meter does not follow."""
    nearby = clock_offset.near(by_meter, run, max_offset_s)
    every = max(1, -(-nearby.start_s.size // _TRIED))
    nearby = MeterSteps(*(column[::every] for column in nearby))
    if nearby.start_s.size < clock_offset.ENOUGH:
        return None
    width_s = float(np.median(nearby.end_s - nearby.start_s))
    span_s = float(run.t_s[-1] - run.t_s[0])
    steps = int(min(4 * max_offset_s / max(width_s, 1e-3), _TRIED))
    offsets = np.linspace(-max_offset_s, max_offset_s, 2 * (steps // 2) + 1)
    usual_s = float(np.median(np.diff(nearby.end_s)))
    needed = max(clock_offset.ENOUGH, int(0.3 * span_s / max(usual_s, 1e-3)))
    r = [clock_offset.correlation(nearby, run, offset, needed) for offset in offsets.tolist()]
    best = int(np.argmax(np.nan_to_num(r, nan=-1.0)))
    if not r[best] >= _FOLLOWS:
        return None
    run_w, meter_w = clock_offset.pair(nearby, run, float(offsets[best]))
    slope, level_w = np.polyfit(run_w, meter_w, 1)
    scatter_w = _MAD * float(np.median(np.abs(meter_w - slope * run_w - level_w)))
    return _Prediction(
        run=run,
        offset_s=float(offsets[best]),
        slope=float(slope),
        level_w=float(level_w),
        scatter_w=scatter_w,
        lowest_w=float(nearby.power_w.min()),
    )
