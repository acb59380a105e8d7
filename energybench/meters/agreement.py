"""How well a meter's readings agree with the run's own sensors, if each reading averages over a
given time: the correlation at the best offset of the clock near a first guess.
"""

from __future__ import annotations

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.meters import clock_offset
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, MeterSteps, spacing_s, steps

_OFFSETS, _COARSE = 41, 500
_MOST = 500  # readings of the search: the shape of a step needs no more
_CHANGES = 5
# Pieces of a time constant of exponential smoothing; time constants after which nothing is left.
# The pieces of a whole run, at most: smoothing over less than such a piece is not told.
_PIECES, _GONE, _MOST_PIECES = 8, 8, 1_000_000


class Agreement:
    """A run's power, the time 0 of its clock, and the offset that the spacing of the readings
    finds.
    """

    def __init__(
        self, series: MeterSeries, run: RunPower, zero_s: float, max_offset_s: float
    ) -> None:
        self.run, self.zero_s, self.max_offset_s = run, zero_s, max_offset_s
        spacing = spacing_s(series)
        count = min(int(4 * max_offset_s / spacing), _COARSE) + 1
        coarse = np.linspace(-max_offset_s, max_offset_s, count)
        by_meter = self._near(series, spacing)
        self.centre_s = float(coarse[int(np.argmax(self._correlations(by_meter, coarse)))])
        self.step_s = 2 * max_offset_s / count

    def best(self, series: MeterSeries, width_s: float, reach_s: float | None = None) -> float:
        """The highest correlation of the readings, as averages over width_s, at offsets within
        reach of the first guess.
        """
        reach_s = max(width_s if reach_s is None else reach_s, self.step_s)
        by_meter = self._near(series, width_s)
        return float(self._correlations(by_meter, self._offsets(reach_s)).max())

    def best_exponential(self, series: MeterSeries, constant_s: float) -> float:
        """The same, if the meter smooths exponentially with this time constant, and each reading
        shows a moment of the smoothed power.
        """
        smoothed = _smoothed(self.run, constant_s)
        by_meter = self._near(series, constant_s / _PIECES)
        offsets = self._offsets(max(2 * constant_s, spacing_s(series), self.step_s))
        return float(self._correlations(by_meter, offsets, smoothed).max())

    def _offsets(self, reach_s: float) -> Floats:
        most = self.max_offset_s
        offsets = np.linspace(self.centre_s - reach_s, self.centre_s + reach_s, _OFFSETS)
        return np.asarray(np.unique(np.clip(offsets, -most, most)))

    def _near(self, series: MeterSeries, width_s: float) -> MeterSteps:
        by_meter = clock_offset.near(
            on_run(series, width_s, self.zero_s), self.run, self.max_offset_s
        )
        every = max(1, by_meter.start_s.size // _MOST)
        return MeterSteps(*(column[::every] for column in by_meter))

    def _correlations(
        self, by_meter: MeterSteps, offsets: Floats, run: RunPower | None = None
    ) -> Floats:
        run = run or self.run
        needed = max(_CHANGES, int(0.5 * (run.t_s[-1] - run.t_s[0]) / _mean_step(by_meter)))
        correlations = [clock_offset.correlation(by_meter, run, float(o), needed) for o in offsets]
        return np.asarray(np.nan_to_num(np.array(correlations), nan=0.0), dtype=np.float64)


def on_run(series: MeterSeries, width_s: float, zero_s: float) -> MeterSteps:
    """The readings as averages over width_s, on the run's clock."""
    by_meter = steps(series, width_s)
    return MeterSteps(by_meter.start_s - zero_s, by_meter.end_s - zero_s, by_meter.power_w)


def _smoothed(run: RunPower, constant_s: float) -> RunPower:
    """The run's power after exponential smoothing, from the time on at which it has settled."""
    first_s, last_s = float(run.t_s[0]), float(run.t_s[-1])
    step_s = max(constant_s / _PIECES, (last_s - first_s) / _MOST_PIECES)
    t_s = np.arange(first_s, last_s, step_s)
    joules = np.interp(t_s, run.t_s, run.energy_j)
    weights = np.exp(-np.arange(0.0, _GONE, step_s / constant_s))
    watts = np.diff(joules) / step_s
    if watts.size < weights.size:
        return run
    smoothed_w = np.convolve(watts, weights / weights.sum(), mode="valid")
    t_s = t_s[t_s.size - smoothed_w.size - 1 :]
    return run._replace(t_s=t_s, energy_j=np.concatenate(([0.0], np.cumsum(smoothed_w * step_s))))


def _mean_step(by_meter: MeterSteps) -> float:
    if by_meter.end_s.size < 2:
        return 1.0
    return max(float(by_meter.end_s[-1] - by_meter.end_s[0]) / (by_meter.end_s.size - 1), 1e-3)
