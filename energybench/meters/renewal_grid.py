"""The regular times at which a meter renews its value, from the rows of a log between which the
value changed.

If a row differs from the previous row, a renewal lies between the two rows. If two rows are equal,
no renewal lies between, or the load did not move. The renewals of a meter lie on a regular grid of
times. If every row is a new reading, changes come with the load or by chance, and not on a grid.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.meters.series import MeterSeries, spacing_s

Mask = npt.NDArray[np.bool_]
# Range of rows per renewal for the search. Renewals nearly as frequent as the rows leave too few
# equal neighbours. Renewals far apart are determined by the times between two changes.
_FEWEST_ROWS, _MOST_ROWS = 1.08, 8.0
# Rows of the first search, and best grids to keep. Every further search takes twice the rows, and
# periods near the best grids.
_ROWS, _KEPT = 400, 12
# Phases in a period, and turns of the phase over the rows between two tried periods.
_PHASES, _TURNS = 32, 0.12
# Most grids to return, and least turns of the phase over the rows between two returned grids.
_LIKELY, _DISTINCT = 8, 0.4
# A grid is discarded if the log likelihood is lower than the best log likelihood by this much.
_FAR_LESS = 12.0
# Rates to try around a likely rate at the end; largest difference of log likelihood between rates
# of a common grid.
_NEAR, _ALIKE = 33, 2.0
_CHUNK = 64  # periods at once, for the size of arrays
# Probability of a change without a renewal, because a time of the log may be wrong.
_STRAY = 0.01
_CHANGES = 10
# A grid is evident if the log likelihood exceeds the logarithm of the number of tried grids by this
# much.
_EVIDENT = 7.0


class Grid(NamedTuple):
    """Renewals every period_s, with a renewal at time_s of the meter's clock.

    changes  share of the renewals at which the value changed
    evident  whether changes by chance would hardly fit a grid as well
    """

    period_s: float
    time_s: float
    changes: float
    evident: bool


def likely(series: MeterSeries, least: int) -> list[Grid]:
    """The most likely grids for changes of the value by more than `least` counts, the likeliest
    first. Smaller changes are ignored.
    """
    moves = np.abs(np.diff(series.raw))
    told = (moves == 0) | (moves > least)
    changed = moves > least
    if changed.sum() < _CHANGES or (told & ~changed).sum() < _CHANGES:
        return []
    start_s, end_s = series.t_s[:-1][told], series.t_s[1:][told]
    return _search(start_s, end_s, changed[told], spacing_s(series))


def _search(start_s: Floats, end_s: Floats, changed: Mask, spacing: float) -> list[Grid]:
    zero_s = float(start_s[0])
    start_s, end_s = start_s - zero_s, end_s - zero_s
    first = _densest(changed, min(_ROWS, changed.size))
    size = first.stop - first.start
    span_s = max(float(end_s[first.stop - 1] - start_s[first.start]), spacing)
    slowest, fastest = 1 / (_MOST_ROWS * spacing), 1 / (_FEWEST_ROWS * spacing)
    rates = np.arange(slowest, fastest, _TURNS / span_s)
    tried = rates.size * _PHASES
    rows = first
    while True:
        evidence, phases, shares = _evidence(start_s[rows], end_s[rows], changed[rows], 1 / rates)
        if size >= changed.size:
            break
        best = np.argsort(-evidence)[:_KEPT]
        size = min(2 * size, changed.size)
        rows = _around(first, size, changed.size)
        old_step, span_s = _TURNS / span_s, float(end_s[rows.stop - 1] - start_s[rows.start])
        near = np.arange(-old_step, old_step * 1.01, _TURNS / span_s)
        rates = np.unique((rates[best][:, None] + near[None, :]).ravel())
        rates = rates[(rates >= slowest) & (rates <= fastest)]
    rates = _middles(start_s, end_s, changed, rates[_apart(rates, evidence, _DISTINCT / span_s)])
    evidence, phases, shares = _evidence(start_s, end_s, changed, 1 / rates)
    needed, least = math.log(tried) + _EVIDENT, max(float(evidence.max()) - _FAR_LESS, 0.0)
    return [
        Grid(
            period_s=1 / float(rates[i]),
            time_s=zero_s + float(phases[i]),
            changes=float(shares[i]),
            evident=bool(evidence[i] >= needed),
        )
        for i in np.argsort(-evidence).tolist()
        if evidence[i] > least
    ]


def _middles(start_s: Floats, end_s: Floats, changed: Mask, rates: Floats) -> Floats:
    """For every rate, the middle of the nearby rates that are nearly as likely as the best nearby
    rate.
    """
    span_s = float(end_s[-1] - start_s[0])
    middles = []
    for rate in rates.tolist():
        near = rate + np.linspace(-_DISTINCT, _DISTINCT, _NEAR) / span_s
        evidence, _, _ = _evidence(start_s, end_s, changed, 1 / near)
        middles.append(float(near[evidence >= evidence.max() - _ALIKE].mean()))
    return np.array(middles)


def _apart(rates: Floats, evidence: Floats, least: float) -> list[int]:
    """Indices of the best rates that differ by at least `least` from every better rate."""
    kept: list[int] = []
    for i in np.argsort(-evidence).tolist():
        if all(abs(rates[i] - rates[j]) >= least for j in kept):
            kept.append(i)
        if len(kept) == _LIKELY:
            break
    return kept


def _densest(changed: Mask, size: int) -> slice:
    """The stretch of `size` rows with the most changes, where the load moves."""
    before = np.concatenate(([0], np.cumsum(changed)))
    first = int(np.argmax(before[size:] - before[: before.size - size]))
    return slice(first, first + size)


def _around(inner: slice, size: int, most: int) -> slice:
    first = min(max((inner.start + inner.stop - size) // 2, 0), most - size)
    return slice(first, first + size)


def _evidence(
    start_s: Floats, end_s: Floats, changed: Mask, periods_s: Floats
) -> tuple[Floats, Floats, Floats]:
    """For every period at the best phase: log likelihood of the changes minus the log likelihood of
    changes by chance; time of a renewal, s; and share of the renewals with a change.
    """
    parts = [
        _of_chunk(start_s, end_s, changed, periods_s[i : i + _CHUNK])
        for i in range(0, periods_s.size, _CHUNK)
    ]
    evidence, phases, shares = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return evidence, phases, shares


def _of_chunk(
    start_s: Floats, end_s: Floats, changed: Mask, periods_s: Floats
) -> tuple[Floats, Floats, Floats]:
    with_renewal, total = [], []
    for rows in (changed, ~changed):
        with_renewal.append(_with_renewal(start_s[rows], end_s[rows], periods_s))
        total.append(int(rows.sum()))
    moved, still = with_renewal
    share = np.clip(moved / np.maximum(moved + still, 1), 1e-3, 1 - 1e-3)
    log = moved * np.log(share) + still * np.log1p(-share)
    log += (total[0] - moved) * math.log(_STRAY) + (total[1] - still) * math.log1p(-_STRAY)
    rows_n = total[0] + total[1]
    by_chance = sum(n * math.log(n / rows_n) for n in total if n)
    best = np.argmax(log, axis=1)
    row = np.arange(periods_s.size)
    # the middle of the phases that fit equally well
    alike = log >= log[row, best][:, None] - 1e-9
    angle = np.exp(2j * np.pi * np.arange(_PHASES) / _PHASES)
    phase = np.angle((alike * angle).sum(axis=1)) / (2 * np.pi) % 1.0
    return log[row, best] - by_chance, phase * periods_s, share[row, best]


def _with_renewal(start_s: Floats, end_s: Floats, periods_s: Floats) -> Floats:
    """Number of rows with a renewal between start and end of the row. Shape [periods, phases]."""
    n, width = periods_s.size, 2 * _PHASES + 2
    begins = start_s[None, :] / periods_s[:, None] % 1.0
    ends = begins + np.minimum((end_s - start_s)[None, :] / periods_s[:, None], 1.0)
    offset = (np.arange(n) * width)[:, None]
    low = np.floor(begins * _PHASES).astype(np.intp) + 1 + offset
    high = np.floor(ends * _PHASES).astype(np.intp) + 1 + offset
    edges = np.bincount(low.ravel(), minlength=n * width) - np.bincount(
        high.ravel(), minlength=n * width
    )
    counts = np.cumsum(edges.reshape(n, width), axis=1)
    return np.asarray(counts[:, :_PHASES] + counts[:, _PHASES : 2 * _PHASES], dtype=np.float64)


def shown(series: MeterSeries, grid: Grid) -> MeterSeries:
    """Every row at the time of the renewal of its value: several rows share a time."""
    number = np.floor((series.t_s - grid.time_s) / grid.period_s)
    return series._replace(t_s=grid.time_s + number * grid.period_s)


def renewals(series: MeterSeries, grid: Grid) -> MeterSeries:
    """One reading per renewal, at the time of the renewal on the grid. The value is from the middle
    row of a renewal, which shows the right value even if the times are a little wrong.
    """
    turns = (series.t_s - grid.time_s) / grid.period_s
    number = np.floor(turns)
    order = np.lexsort((np.abs(turns - number - 0.5), number))
    first = np.flatnonzero(np.diff(number[order], prepend=-np.inf) > 0)
    middle = order[first]
    return series._replace(
        t_s=grid.time_s + number[middle] * grid.period_s,
        raw=series.raw[middle],
        places=series.places[middle],
        rows_s=spacing_s(series),
    )
