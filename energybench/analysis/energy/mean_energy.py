"""Mean energy of windows as an estimate: their scatter, and the effects that all windows share."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.energy.boundary_parts import Row, mean_effects, total_j
from energybench.analysis.uncertainty.effects import combine, not_negative, scaled
from energybench.analysis.uncertainty.repeats import arithmetic_mean, scatter_effect
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
    """Effects that all windows share: scales, lags, models, bounds.

    The number of windows does not shrink them.

    complete  indices of the windows in which every part was measured
    """
    effects: list[Effect] = []
    for row in rows:
        cells = [row.cells[i] for i in complete]
        effects += mean_effects(cells)
        if row.scale_rel is not None and cells:
            mean_j = arithmetic_mean([cell.energy_j or 0.0 for cell in cells])
            effects += scaled((row.scale_rel,), mean_j)
    return tuple(effects)


def single(rows: Sequence[Row], complete: Sequence[int]) -> tuple[Effect, ...]:
    """Effects of the only window; none for several windows, whose scatter contains them."""
    if len(complete) != 1:
        return ()
    return tuple(effect for row in rows for effect in row.cells[complete[0]].random)


def mean(values: Sequence[float], common: Sequence[Effect], single: Sequence[Effect]) -> Estimate:
    """Mean of windows, with their scatter and the common effects.

    single  effects of a window; they stand in for the scatter of a single value
    """
    scatter = scatter_effect(values)
    random = (scatter,) if scatter else tuple(single)
    return not_negative(combine(arithmetic_mean(values), (*random, *common)))
