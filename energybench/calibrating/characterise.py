"""What a sensor does to the power it shows: update period, averaging window, lag, and what a
counter counts, from a known load.

Model: what is published at T is the mean power over [T - lag - window, T - lag]. A counter's
increment over one period is such a mean too: where the window is the whole period it integrates
everything, where it is shorter it counts samples. The load is a square wave whose edges are known;
its two levels (and their drift while the device warms up) are fitted along.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.unwrap import unwrap
from energybench.calibrating.publications import (
    Publications,
    changes,
    publications,
    update_period,
)
from energybench.model import Trace

__all__ = ["Figures", "SquareWave", "changes", "characterise", "publications", "update_period"]

LONGEST_WINDOW_S, LONGEST_LAG_S = (
    3.0,
    0.6,
)  # the longest average documented is 1 s (NVML), the longest lag seen under 0.1 s
# edges of a load are known to a fraction of a millisecond: what happens within less than 5 ms
# cannot be told
_FINEST_TICK_S = 0.005
# a faster counter is read as the mean power between readings so far apart: its ticks are then 4 %
# of them
_DECIMATED_S = 0.025
_FOLLOWS = 0.3  # share of the variance the load must explain before a channel is said to follow it
_NOT_SQUARE = 0.005  # of the step: no load is known to be square better than that
_POOR, _NO_FIT = (
    0.1,
    0.25,
    # root mean square of the residual, in steps, from which a fit is called poor, and none (a step
    # is half of that at random)
)
_WHOLE = 0.1  # a counter's window within a tenth of its period is the whole period


class SquareWave(NamedTuple):
    """The load that was driven.

    Shapes [n]: when each on-phase began and ended, s; u_s: how well that is known.
    """

    on_s: Floats
    off_s: Floats
    u_s: float = 0.0

    def seconds_on(self, t: Floats) -> Floats:
        """How long the load was on until t."""
        edges = np.column_stack((self.on_s, self.off_s)).ravel()
        done = np.repeat(np.concatenate(([0.0], np.cumsum(self.off_s - self.on_s))), 2)[1:-1]
        return np.asarray(np.interp(t, edges, done), dtype=np.float64)


class Figures(NamedTuple):
    """What was found out; None: could not be. window_s of a counter: what it sees of each period, 0
    where that is all of it.
    """

    update_period_s: float | None = None
    update_period_u_s: float | None = None
    window_s: float | None = None
    window_u_s: float | None = None
    lag_s: float | None = None
    lag_u_s: float | None = None
    low_w: float | None = None  # what the channel shows with the load off and on
    high_w: float | None = None
    notes: tuple[str, ...] = ()


class _Means(NamedTuple):
    """Readings as mean powers.

    Shapes [n]: end of each, watts, and its span where that is known (a fast counter's).
    """

    end_s: Floats
    watts: Floats
    span_s: Floats | None
    half_s: float  # how well the ends are known


class _Fit(NamedTuple):
    window_s: float
    window_u_s: float
    lag_s: float
    lag_u_s: float
    low_w: float
    high_w: float
    explained: float  # share of the variance
    residual: float  # root mean square, in steps


def characterise(trace: Trace, load: SquareWave) -> Figures:
    """Fit one channel that was polled fast while the load was driven."""
    if not trace.ok.any():
        return Figures(
            notes=("every read failed under load: this board or driver does not support it",)
        )
    values = trace.raw[trace.ok]
    if (values == values[0]).all():
        shown = values[0] * trace.channel.resolution
        unit = "J" if trace.channel.kind == "counter" else "W"
        return Figures(
            notes=("always zero" if shown == 0 else f"always the same value ({shown:.6g} {unit})",)
        )
    found = update_period(trace)
    period, period_u = found if found is not None else (None, None)
    notes: list[str] = []
    failed = float(np.mean(~trace.ok))
    if failed > 0.01:
        notes.append(f"{failed:.0%} of the reads failed under fast polling")
    if period is None:
        t = trace.t_s[trace.ok]
        notes.append(
            "its updates could not be told: it was read every "
            f"{1e3 * float(np.median(np.diff(t))):.2g} ms"
        )
    means = _counter(trace, period) if trace.channel.kind == "counter" else _power(trace, period)
    fit = _fit(means, load, period or 0.0)
    figures = Figures(period, period_u, notes=tuple(notes))
    if fit is None:
        return figures._replace(
            notes=(*notes, "does not follow this load: window and lag cannot be told")
        )
    if fit.residual > _NO_FIT:
        notes.append(
            f"no fit: {fit.residual:.0%} of the step is left over; the load was disturbed, or this "
            "is no plain average: window and lag cannot be told"
        )
        return figures._replace(low_w=fit.low_w, high_w=fit.high_w, notes=tuple(notes))
    figures = figures._replace(
        lag_s=fit.lag_s, lag_u_s=fit.lag_u_s, low_w=fit.low_w, high_w=fit.high_w
    )
    if fit.residual > _POOR:
        notes.append(
            f"a poor fit: {fit.residual:.0%} of the step is left over, so it is no plain average, "
            "or the load was disturbed"
        )
    window, window_u, said = (
        _counter_window(fit, means, period)
        if trace.channel.kind == "counter"
        else _power_window(fit, period)
    )
    return figures._replace(window_s=window, window_u_s=window_u, notes=(*notes, *said))


def _power_window(fit: _Fit, period: float | None) -> tuple[float | None, float | None, list[str]]:
    if fit.window_u_s > max(fit.window_s, period or 0.0) / 2:
        return (
            None,
            None,
            [
                f"its window cannot be told ({1e3 * fit.window_s:.0f} ± {1e3 * fit.window_u_s:.0f} "
                "ms): drive it for longer"
            ],
        )
    said = []
    if period and fit.window_s + 2 * fit.window_u_s < (1 - _WHOLE) * period:
        said.append(f"sees {fit.window_s / period:.0%} of the time")
    return fit.window_s, fit.window_u_s, said


def _counter_window(
    fit: _Fit, means: _Means, period: float | None
) -> tuple[float | None, float | None, list[str]]:
    if means.span_s is not None or period is None:
        return (
            None,
            None,
            [
                "whether it integrates all of its power cannot be told: it ticks faster than the "
                "load's edges are known"
            ],
        )
    if (
        abs(fit.window_s - period) <= max(_WHOLE * period, 3 * fit.window_u_s)
        and fit.window_u_s < 0.3 * period
    ):
        return 0.0, fit.window_u_s, ["integrates all of its power"]
    if fit.window_u_s > 0.2 * period:
        return (
            None,
            None,
            [
                f"whether it integrates all of its power cannot be told ({1e3 * fit.window_s:.0f} "
                f"± {1e3 * fit.window_u_s:.0f} ms of each period)"
            ],
        )
    if fit.window_s > period:
        return (
            None,
            None,
            [
                f"each increment is a mean over {fit.window_s / period:.1f} periods: it counts an "
                "average, nothing is left out"
            ],
        )
    return (
        fit.window_s,
        fit.window_u_s,
        [f"counts samples: sees {fit.window_s / period:.0%} of the time"],
    )


def _power(trace: Trace, period: float | None) -> _Means:
    made = _thinned(publications(trace, period))
    return _Means(
        made.t_s,
        np.asarray(made.raw * trace.channel.resolution, dtype=np.float64),
        None,
        made.half_s,
    )


def _counter(trace: Trace, period: float | None) -> _Means:
    """Mean power of each period; between readings 10 ms apart where the counter is too fast for
    that.
    """
    counted = unwrap(trace)
    if counted.t_s.size < 2:
        return _Means(np.empty(0), np.empty(0), None, 0.0)
    joules = np.round(counted.energy_j / trace.channel.resolution).astype(np.int64)
    smooth = Trace(
        channel=trace.channel, t_s=counted.t_s, raw=joules, ok=np.ones(joules.size, dtype=np.bool_)
    )
    if period is None or period < _FINEST_TICK_S:
        made = _thinned(publications(smooth, None), _DECIMATED_S)
        spans = np.diff(made.t_s)
        watts = np.diff(made.raw) * trace.channel.resolution / spans
        return _Means(made.t_s[1:] - (period or 0.0) / 2, watts, spans, made.half_s)
    made = publications(smooth, period)
    steps = np.diff(made.raw)
    single = (
        np.flatnonzero((steps[1:] != 0) & (steps[:-1] != 0)) + 1
    )  # where an update was passed over, the next holds two
    return _Means(
        made.t_s[1:][single],
        steps[single] * trace.channel.resolution / np.diff(made.t_s)[single],
        None,
        made.half_s,
    )


def _thinned(made: Publications, spacing_s: float = _FINEST_TICK_S) -> Publications:
    """No two nearer than that: thousands of readings of one second tell nothing more, and cost
    time.
    """
    keep = np.flatnonzero(np.diff(np.floor(made.t_s / spacing_s), prepend=-np.inf) > 0)
    return (
        made
        if keep.size > made.t_s.size / 2
        else Publications(made.t_s[keep], made.raw[keep], made.half_s)
    )


def _fit(means: _Means, load: SquareWave, period: float) -> _Fit | None:
    """Window and lag by least squares: mean and standard deviation of their posterior (flat prior,
    normal residuals) on a grid.

    None where the channel does not follow the load.
    """
    inside = (means.end_s > load.on_s[0] - LONGEST_LAG_S) & (
        means.end_s < load.off_s[-1] + LONGEST_LAG_S
    )
    means = means._replace(
        end_s=means.end_s[inside],
        watts=means.watts[inside],
        span_s=None if means.span_s is None else means.span_s[inside],
    )
    n = means.end_s.size
    if n < 20:
        return None
    free = means.span_s is None
    windows = (
        np.concatenate(([0.0], np.geomspace(2e-3, LONGEST_WINDOW_S, 24))) if free else np.zeros(1)
    )
    least_lag = -(_FINEST_TICK_S + period / 4)  # a lag is not negative, its estimate may be
    lags = np.arange(least_lag, LONGEST_LAG_S, 0.01)
    left = _squares(means, load, windows, lags)
    total = float(((means.watts - means.watts.mean()) ** 2).sum())
    for _ in range(6):  # zoom until the grid is as wide as what the readings leave open
        best = np.unravel_index(int(left.argmin()), left.shape)
        open_ = left <= left.min() + 9 * _variance(
            means, load, float(windows[best[0]]), float(lags[best[1]]), left, period
        )
        windows = _closer(windows, open_.any(axis=1), 0.0, LONGEST_WINDOW_S) if free else windows
        lags = _closer(lags, open_.any(axis=0), least_lag, LONGEST_LAG_S)
        left = _squares(means, load, windows, lags)
    best = np.unravel_index(int(left.argmin()), left.shape)
    window, lag = float(windows[best[0]]), float(lags[best[1]])
    weight = np.exp(-(left - left.min()) / (2 * _variance(means, load, window, lag, left, period)))
    weight /= weight.sum()
    window, window_sd = _moments(windows, weight.sum(axis=1))
    lag, lag_sd = _moments(lags, weight.sum(axis=0))
    solution, _ = _levels(means, load, window, lag)
    step = solution[1]
    explained = 1 - float(left.min()) / total
    if explained < _FOLLOWS or step <= 0:
        return None
    known = (means.half_s**2 / 3 + load.u_s**2) ** 0.5  # rectangular between two polls
    residual = float((left.min() / n) ** 0.5 / step)
    return _Fit(
        window,
        float(np.hypot(window_sd, known)),
        lag,
        float(np.hypot(lag_sd, known)),
        solution[0],
        solution[0] + step,
        explained,
        residual,
    )


def _variance(
    means: _Means, load: SquareWave, window: float, lag: float, left: Floats, period: float
) -> float:
    """Of one reading, W²: readings whose windows overlap share their noise, so that fewer of them
    count.
    """
    step = _levels(means, load, window, lag)[0][1]
    spacing = period or float(np.median(np.diff(means.end_s)))
    return max(float(left.min()) / (means.end_s.size - 6), (_NOT_SQUARE * step) ** 2, 1e-12) * max(
        1.0, window / max(spacing, 1e-6)
    )


def _closer(grid: Floats, open_: npt.NDArray[np.bool_], least: float, most: float) -> Floats:
    """A finer grid over what is still open, with a cell to spare on both sides; a wider one where
    what is open goes on beyond it.
    """
    at, beyond = np.flatnonzero(open_), float(np.ptp(grid)) / 2
    low = grid[at[0] - 1] if at[0] > 0 else grid[0] - beyond
    high = grid[at[-1] + 1] if at[-1] < grid.size - 1 else grid[-1] + beyond
    return np.linspace(max(low, least), min(high, most), 25)


def _moments(grid: Floats, weight: Floats) -> tuple[float, float]:
    mean = float((grid * weight).sum())
    cell = float(grid[1] - grid[0]) if grid.size > 1 else 0.0
    return mean, float((((grid - mean) ** 2 * weight).sum() + cell**2 / 12) ** 0.5)


def _squares(means: _Means, load: SquareWave, windows: Floats, lags: Floats) -> Floats:
    """Sum of squared residuals for each window and lag, the levels fitted.

    Shape [windows, lags].
    """
    return np.array(
        [
            [_levels(means, load, window, lag)[1] for lag in lags.tolist()]
            for window in windows.tolist()
        ]
    )


def _levels(
    means: _Means, load: SquareWave, window: float, lag: float
) -> tuple[list[float], float]:
    """Least squares of watts on (1, share of the time on, drift, drift of the step): the
    coefficients and the sum of squares left.
    """
    end = means.end_s - lag
    span = np.maximum(window, 1e-6) if means.span_s is None else means.span_s
    on = (load.seconds_on(end) - load.seconds_on(end - span)) / span
    t = (end - end.mean()) / max(float(np.ptp(end)), 1e-9)
    columns = np.stack((np.ones_like(on), on, t, on * t))
    normal = columns @ columns.T + 1e-9 * np.eye(4)
    right = columns @ means.watts
    solution = np.linalg.solve(normal, right)
    left = means.watts - solution @ columns
    return [float(x) for x in solution], float(left @ left)
