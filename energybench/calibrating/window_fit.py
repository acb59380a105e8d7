"""Averaging window and lag of a sensor, by least squares against a square wave of known edges.

Model: a value published at T is the mean power over [T - lag - window, T - lag]. The wave's two
levels, and their drift while the device warms up, are fitted as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats

# the longest average documented is 1 s (NVML), the longest lag seen under 0.1 s
LONGEST_WINDOW_S, LONGEST_LAG_S = 3.0, 0.6
# edges of a load are known to a fraction of a millisecond: changes within less than 5 ms cannot be
# told
FINEST_TICK_S = 0.005
_FOLLOWS = 0.3  # share of the variance that the load explains if a channel follows the load
_NOT_SQUARE = 0.005  # of the step: no load is known to be square better than that
_LEAST_READINGS = 20
_ZOOMS = 6
_CONVERGED = 0.05  # change of the grid's width from which no further grid is tried


class SquareWave(NamedTuple):
    """The load that was driven, as the mean over the parts (cores) of its device.

    Shapes [n]: the edges of all parts in order, s, and the time that the load was on until then;
    u_s: standard uncertainty of an edge.
    """

    edges_s: Floats
    done_s: Floats
    u_s: float = 0.0

    @classmethod
    def of(cls, parts: Sequence[Sequence[tuple[float, float]]], u_s: float = 0.0) -> SquareWave:
        """From the begin and the end of each on-phase of every part."""
        on, off = np.array([phase for phases in parts for phase in phases]).reshape(-1, 2).T
        edges = np.concatenate((on, off))
        steps = np.repeat((1.0, -1.0), on.size) / len(parts)
        order = np.argsort(edges, kind="stable")
        edges, level = edges[order], np.cumsum(steps[order])
        done = np.concatenate(([0.0], np.cumsum(level[:-1] * np.diff(edges))))
        return cls(edges, done, u_s)

    def seconds_on(self, t: Floats) -> Floats:
        """Time that the load was on until t."""
        return np.asarray(np.interp(t, self.edges_s, self.done_s), dtype=np.float64)


class Means(NamedTuple):
    """Readings as mean powers.

    Shapes [n]: end of each mean, watts, and span (None if the span is to be fitted: the window);
    half_s: half-width of the interval that an end is known to.
    """

    end_s: Floats
    watts: Floats
    span_s: Floats | None
    half_s: float


class Fit(NamedTuple):
    """Window and lag with standard uncertainties, and the power with the load off and on.

    residual: root mean square, in steps of the load.
    """

    window_s: float
    window_u_s: float
    lag_s: float
    lag_u_s: float
    low_w: float
    high_w: float
    residual: float


def fit(means: Means, load: SquareWave, period_s: float) -> Fit | None:
    """Mean and standard deviation of the posterior of window and lag (flat prior, normal residuals)
    on a grid.

    None if the channel does not follow the load.
    """
    means = _during(means, load)
    count = means.end_s.size
    if count < _LEAST_READINGS:
        return None
    windows, lags, squares = _zoomed(means, load, period_s)
    # moments of the posterior
    best = np.unravel_index(int(squares.argmin()), squares.shape)
    window, lag = float(windows[best[0]]), float(lags[best[1]])
    variance = _variance(means, load, window, lag, squares, period_s)
    weight = np.exp(-(squares - squares.min()) / (2 * variance))
    weight /= weight.sum()
    window, window_sd = _moments(windows, weight.sum(axis=1))
    lag, lag_sd = _moments(lags, weight.sum(axis=0))
    # does the channel follow the load?
    low_w, step_w = _levels(means, load, window, np.array([lag]))[0][0, :2].tolist()
    total = float(((means.watts - means.watts.mean()) ** 2).sum())
    if 1 - float(squares.min()) / total < _FOLLOWS or step_w <= 0:
        return None
    # an end is known to a rectangle between two polls, and to the edge of the load
    edge_u_s = (means.half_s**2 / 3 + load.u_s**2) ** 0.5
    return Fit(
        window,
        float(np.hypot(window_sd, edge_u_s)),
        lag,
        float(np.hypot(lag_sd, edge_u_s)),
        low_w,
        low_w + step_w,
        float((squares.min() / count) ** 0.5 / step_w),
    )


def _during(means: Means, load: SquareWave) -> Means:
    """The readings during the load, and a lag before and after."""
    inside = means.end_s > load.edges_s[0] - LONGEST_LAG_S
    inside &= means.end_s < load.edges_s[-1] + LONGEST_LAG_S
    return means._replace(
        end_s=means.end_s[inside],
        watts=means.watts[inside],
        span_s=None if means.span_s is None else means.span_s[inside],
    )


def _zoomed(means: Means, load: SquareWave, period_s: float) -> tuple[Floats, Floats, Floats]:
    """A grid of windows and lags as wide as the readings leave open, and the sums of squares."""
    free = means.span_s is None
    windows = np.zeros(1)
    if free:
        windows = np.concatenate(([0.0], np.geomspace(2e-3, LONGEST_WINDOW_S, 24)))
    least_lag = -(FINEST_TICK_S + period_s / 4)  # a lag is not negative, its estimate may be
    lags = np.arange(least_lag, LONGEST_LAG_S, 0.01)
    squares = _squares(means, load, windows, lags)
    for _ in range(_ZOOMS):
        best = np.unravel_index(int(squares.argmin()), squares.shape)
        window, lag = float(windows[best[0]]), float(lags[best[1]])
        # three standard deviations
        limit = squares.min() + 9 * _variance(means, load, window, lag, squares, period_s)
        possible = squares <= limit
        before = np.array((np.ptp(windows), np.ptp(lags)))
        if free:
            windows = _closer(windows, possible.any(axis=1), 0.0, LONGEST_WINDOW_S)
        lags = _closer(lags, possible.any(axis=0), least_lag, LONGEST_LAG_S)
        squares = _squares(means, load, windows, lags)
        # a grid that becomes no narrower is as wide as the readings leave open
        if np.allclose(before, (np.ptp(windows), np.ptp(lags)), rtol=_CONVERGED):
            break
    return windows, lags, squares


def _variance(
    means: Means, load: SquareWave, window: float, lag: float, squares: Floats, period_s: float
) -> float:
    """Variance of one reading, W². Readings with overlapping windows share their noise, so that
    fewer readings count.
    """
    step_w = float(_levels(means, load, window, np.array([lag]))[0][0, 1])
    spacing = period_s or float(np.median(np.diff(means.end_s)))
    residual = float(squares.min()) / (means.end_s.size - 6)
    least = max(residual, (_NOT_SQUARE * step_w) ** 2, 1e-12)
    return least * max(1.0, window / max(spacing, 1e-6))


def _closer(grid: Floats, possible: npt.NDArray[np.bool_], least: float, most: float) -> Floats:
    """A finer grid over the possible cells, with a cell to spare on both sides; a wider grid if the
    possible cells reach the end of the old grid.
    """
    at, beyond = np.flatnonzero(possible), float(np.ptp(grid)) / 2
    low = grid[at[0] - 1] if at[0] > 0 else grid[0] - beyond
    high = grid[at[-1] + 1] if at[-1] < grid.size - 1 else grid[-1] + beyond
    return np.linspace(max(low, least), min(high, most), 25)


def _moments(grid: Floats, weight: Floats) -> tuple[float, float]:
    """Mean and standard deviation, a cell's width included."""
    mean = float((grid * weight).sum())
    cell = float(grid[1] - grid[0]) if grid.size > 1 else 0.0
    return mean, float((((grid - mean) ** 2 * weight).sum() + cell**2 / 12) ** 0.5)


def _squares(means: Means, load: SquareWave, windows: Floats, lags: Floats) -> Floats:
    """Sum of squared residuals for every window and lag, with fitted levels.

    Shape [windows, lags].
    """
    return np.array([_levels(means, load, window, lags)[1] for window in windows.tolist()])


def _levels(means: Means, load: SquareWave, window: float, lags: Floats) -> tuple[Floats, Floats]:
    """Least squares of watts on (1, share of the time on, drift, drift of the step) at every lag.

    Shapes [lags, 4] and [lags]: coefficients, and the remaining sums of squares.
    """
    end = means.end_s - lags[:, None]
    span = np.maximum(window, 1e-6) if means.span_s is None else means.span_s
    on = (load.seconds_on(end) - load.seconds_on(end - span)) / span
    t = (means.end_s - means.end_s.mean()) / max(float(np.ptp(means.end_s)), 1e-9)
    t = np.broadcast_to(t, on.shape)
    columns = np.stack((np.ones_like(on), on, t, on * t), axis=1)
    normal = columns @ columns.transpose(0, 2, 1) + 1e-9 * np.eye(4)
    solution = np.linalg.solve(normal, (columns @ means.watts)[..., None])
    residuals = means.watts - (solution.transpose(0, 2, 1) @ columns)[:, 0]
    return solution[..., 0], (residuals**2).sum(axis=1)
