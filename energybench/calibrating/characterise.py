"""Figures of a sensor, from a known load: update period, averaging window, lag; whether a counter
integrates all power.

A counter's increment over one period is a mean power too. If the window of the mean is the whole
period, the counter integrates all power; if the window is shorter, the counter counts samples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from energybench.analysis.traces.unwrap import unwrap
from energybench.calibrating.publications import (
    Publications,
    changes,
    publications,
    update_period,
)
from energybench.calibrating.window_fit import FINEST_TICK_S, Fit, Means, SquareWave, fit
from energybench.model import Trace

__all__ = ["Figures", "SquareWave", "changes", "characterise", "publications", "update_period"]

# a faster counter is read as the mean power between readings this far apart: its ticks are then 4 %
# of the span
_DECIMATED_S = 0.025
# root mean square of the residual, in steps, above which a fit is called poor, and rejected (a
# random fit has half a step)
_POOR, _NO_FIT = 0.1, 0.25
_WHOLE = 0.1  # a counter's window within a tenth of its period is the whole period
_FAILED = 0.01  # share of failed reads that is worth a note


class Figures(NamedTuple):
    """The figures of a channel; None: unknown. window_s of a counter: the part of each period that
    the counter sees, 0 for the whole period.
    """

    update_period_s: float | None = None
    update_period_u_s: float | None = None
    window_s: float | None = None
    window_u_s: float | None = None
    lag_s: float | None = None
    lag_u_s: float | None = None
    low_w: float | None = None  # shown power with the load off and on
    high_w: float | None = None
    notes: tuple[str, ...] = ()


class _Window(NamedTuple):
    """The window as far as known, and a note in words."""

    window_s: float | None
    window_u_s: float | None
    notes: tuple[str, ...] = ()


def characterise(trace: Trace, load: SquareWave) -> Figures:
    """Fit one channel that was polled fast while the load was driven."""
    if not trace.ok.any():
        return Figures(
            notes=("every read failed under load: this board or driver does not support it",)
        )
    values = trace.raw[trace.ok]
    if (values == values[0]).all():
        return Figures(notes=(_constant(trace, int(values[0])),))
    period = update_period(trace)
    figures = Figures(notes=_polling_notes(trace))
    if period is not None:
        figures = figures._replace(update_period_s=period.value_s, update_period_u_s=period.u_s)
    return _with_window(figures, trace, load)


def _with_window(figures: Figures, trace: Trace, load: SquareWave) -> Figures:
    """Figures with window and lag, as far as the load shows them."""
    period_s, notes = figures.update_period_s, figures.notes
    counter = trace.channel.kind == "counter"
    means = _counter(trace, period_s) if counter else _power(trace, period_s)
    fitted = fit(means, load, period_s or 0.0)
    if fitted is None:
        note = "does not follow this load: window and lag cannot be told"
        return figures._replace(notes=(*notes, note))
    figures = figures._replace(low_w=fitted.low_w, high_w=fitted.high_w)
    if fitted.residual > _NO_FIT:
        note = (
            f"no fit: {fitted.residual:.0%} of the step is left over; the load was disturbed, or "
            "this is not a plain average: window and lag cannot be told"
        )
        return figures._replace(notes=(*notes, note))
    if fitted.residual > _POOR:
        note = (
            f"a poor fit: {fitted.residual:.0%} of the step is left over, so it is not a plain "
            "average, or the load was disturbed"
        )
        notes = (*notes, note)
    if counter:
        window = _counter_window(fitted, means, period_s)
    else:
        window = _power_window(fitted, period_s)
    return figures._replace(
        lag_s=fitted.lag_s,
        lag_u_s=fitted.lag_u_s,
        window_s=window.window_s,
        window_u_s=window.window_u_s,
        notes=(*notes, *window.notes),
    )


def _constant(trace: Trace, count: int) -> str:
    shown = count * trace.channel.resolution
    if shown == 0:
        return "always zero"
    unit = "J" if trace.channel.kind == "counter" else "W"
    return f"always the same value ({shown:.6g} {unit})"


def _polling_notes(trace: Trace) -> tuple[str, ...]:
    """Failed reads, and polls too slow for the sensor."""
    notes = []
    failed = float(np.mean(~trace.ok))
    if failed > _FAILED:
        notes.append(f"{failed:.0%} of the reads failed under fast polling")
    if update_period(trace) is None:
        spacing_ms = 1e3 * float(np.median(np.diff(trace.t_s[trace.ok])))
        notes.append(f"its updates could not be told: it was read every {spacing_ms:.2g} ms")
    return tuple(notes)


def _power_window(fitted: Fit, period_s: float | None) -> _Window:
    window_s, u_s = fitted.window_s, fitted.window_u_s
    if u_s > max(window_s, period_s or 0.0) / 2:
        note = (
            f"its window cannot be told ({1e3 * window_s:.0f} ± {1e3 * u_s:.0f} ms): drive it for "
            "longer"
        )
        return _Window(None, None, (note,))
    if period_s and window_s + 2 * u_s < (1 - _WHOLE) * period_s:
        return _Window(window_s, u_s, (f"sees {window_s / period_s:.0%} of the time",))
    return _Window(window_s, u_s)


def _counter_window(fitted: Fit, means: Means, period_s: float | None) -> _Window:
    unknown = "whether it integrates all of its power cannot be told"
    if means.span_s is not None or period_s is None:
        note = f"{unknown}: it ticks faster than the load's edges are known"
        return _Window(None, None, (note,))
    window_s, u_s = fitted.window_s, fitted.window_u_s
    full = abs(window_s - period_s) <= max(_WHOLE * period_s, 3 * u_s)
    if full and u_s < 0.3 * period_s:
        return _Window(0.0, u_s, ("integrates all of its power",))
    if u_s > 0.2 * period_s:
        note = f"{unknown} ({1e3 * window_s:.0f} ± {1e3 * u_s:.0f} ms of each period)"
        return _Window(None, None, (note,))
    if window_s > period_s:
        note = (
            f"each increment is a mean over {window_s / period_s:.1f} periods: it counts an "
            "average, nothing is left out"
        )
        return _Window(None, None, (note,))
    return _Window(window_s, u_s, (f"counts samples: sees {window_s / period_s:.0%} of the time",))


def _power(trace: Trace, period_s: float | None) -> Means:
    published = _thinned(publications(trace, period_s), FINEST_TICK_S)
    watts = np.asarray(published.raw * trace.channel.resolution, dtype=np.float64)
    return Means(published.t_s, watts, None, published.half_s)


def _counter(trace: Trace, period_s: float | None) -> Means:
    """Mean power of each period; for a counter too fast for periods, between readings 25 ms
    apart.
    """
    counted = unwrap(trace)
    if counted.t_s.size < 2:
        return Means(np.empty(0), np.empty(0), None, 0.0)
    resolution = trace.channel.resolution
    counts = np.round(counted.energy_j / resolution).astype(np.int64)
    rising = Trace(
        channel=trace.channel, t_s=counted.t_s, raw=counts, ok=np.ones(counts.size, dtype=np.bool_)
    )
    if period_s is None or period_s < FINEST_TICK_S:
        published = _thinned(publications(rising, None), _DECIMATED_S)
        spans = np.diff(published.t_s)
        watts = np.diff(published.raw) * resolution / spans
        return Means(published.t_s[1:] - (period_s or 0.0) / 2, watts, spans, published.half_s)
    published = publications(rising, period_s)
    steps, spans = np.diff(published.raw), np.diff(published.t_s)
    # after a missed update, the next increment holds two updates
    single = (steps[1:] != 0) & (steps[:-1] != 0) & (spans[1:] < 1.5 * period_s)
    single = np.flatnonzero(single) + 1
    watts = steps[single] * resolution / spans[single]
    return Means(published.t_s[1:][single], watts, None, published.half_s)


def _thinned(published: Publications, spacing_s: float) -> Publications:
    """Publications at least about spacing_s apart: thousands of readings in a second add no
    information, and cost time.
    """
    keep = np.flatnonzero(np.diff(np.floor(published.t_s / spacing_s), prepend=-np.inf) > 0)
    if keep.size > published.t_s.size / 2:
        return published
    return Publications(published.t_s[keep], published.raw[keep], published.half_s)
