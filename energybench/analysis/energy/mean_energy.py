"""Mean energy of windows as an estimate: the scatter of the windows, and their common effects."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from energybench.analysis.energy.boundary_parts import Row, mean_effects, total_j
from energybench.analysis.uncertainty.coverage_factors import Z95, student_quantile
from energybench.analysis.uncertainty.effects import combine, not_negative, scaled
from energybench.analysis.uncertainty.repeats import MIN_REPEATS, arithmetic_mean, scatter_effect
from energybench.model import Effect, Estimate


def gross(rows: Sequence[Row], n: int) -> Estimate | None:
    """Mean energy of `n` windows.

    None if no part was measured or modelled: a sum over nothing is not 0 J.
    """
    totals = {i: total for i in range(n) if (total := total_j(rows, i)) is not None}
    if not totals or all(row.part.state == "missing" for row in rows):
        return None
    complete = list(totals)
    return mean(list(totals.values()), common(rows, complete), single(rows, complete))


def common(rows: Sequence[Row], complete: Sequence[int]) -> tuple[Effect, ...]:
    """Effects shared by all windows: scales, lags, models, bounds.

    The number of windows does not shrink these effects.

    complete  indices of the windows in which every part was measured
    """
    effects: list[Effect] = []
    for row in rows:
        cells = [row.cells[i] for i in complete]
        effects += mean_effects(cells)
        if row.scale_rel and cells:
            mean_j = arithmetic_mean([cell.energy_j or 0.0 for cell in cells])
            effects += scaled(row.scale_rel, mean_j)
    return tuple(effects)


def single(rows: Sequence[Row], complete: Sequence[int]) -> tuple[Effect, ...]:
    """Modelled effects of the mean of a few windows that differ from window to window.

    Of a single window: all such effects, because a single window has no scatter. Of fewer than
    eight windows: power unseen by a part-time sensor, because the scatter may be small by chance.
    Of more windows: none.
    """
    n = len(complete)
    if n == 1:
        return tuple(effect for row in rows for effect in row.cells[complete[0]].random)
    if n >= MIN_REPEATS:
        return ()
    effects = []
    for row in rows:
        unseen = [e for i in complete for e in row.cells[i].random if e.kind == "unseen"]
        if unseen:
            u = math.hypot(*(effect.u for effect in unseen)) / n
            effects.append(msgspec.structs.replace(unseen[0], u=u))
    return tuple(effects)


def mean(values: Sequence[float], common: Sequence[Effect], single: Sequence[Effect]) -> Estimate:
    """Mean of windows, with their scatter and the common effects.

    single  modelled effects that differ from window to window, from `single`. The effects replace
            the scatter of a single value. Beside the scatter of a few values, they count as far as
            they reach beyond the scatter
    """
    scatter = scatter_effect(values)
    random = tuple(single)
    if scatter is not None:
        random = (scatter, *_beyond(scatter, random))
    return not_negative(combine(arithmetic_mean(values), (*random, *common)))


def _beyond(scatter: Effect, modelled: Sequence[Effect]) -> tuple[Effect, ...]:
    """The modelled effects, made smaller: together with the scatter they reach as far as the
    modelled effects alone. None if the scatter reaches further.
    """
    modelled_reach = Z95 * math.hypot(*(effect.u for effect in modelled))
    scatter_reach = student_quantile(scatter.dof or 1.0) * scatter.u
    if modelled_reach <= scatter_reach:
        return ()
    return scaled(modelled, math.sqrt(1 - (scatter_reach / modelled_reach) ** 2))
