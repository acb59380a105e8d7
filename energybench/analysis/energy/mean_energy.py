"""Mean energy of windows as an estimate: their scatter, and the effects that all of them share."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.energy.boundary_parts import Row, mean_effects, total_j
from energybench.analysis.uncertainty.effects import combine, not_negative
from energybench.analysis.uncertainty.repeats import scatter_effect
from energybench.model import Effect, Estimate


def gross(rows: Sequence[Row], n: int) -> Estimate | None:
    """Mean energy of `n` windows; None where no part was measured or modelled: the sum of nothing
    is not 0 J.
    """
    whole = [i for i in range(n) if total_j(rows, i) is not None]
    if not whole or all(row.part.state == "missing" for row in rows):
        return None
    return mean(
        [total for i in whole if (total := total_j(rows, i)) is not None],
        common(rows, whole),
        random(rows, whole),
    )


def common(rows: Sequence[Row], whole: Sequence[int]) -> tuple[Effect, ...]:
    """Effects that every window shares: gains, lags, models, bounds.

    They never shrink with the number of windows.
    """
    effects: list[Effect] = []
    for row in rows:
        cells = [row.cells[i] for i in whole]
        effects += mean_effects(cells)
        if row.gain is not None and cells:
            u_rel, distribution, key, name = row.gain
            at_mean = sum(cell.energy_j or 0.0 for cell in cells) / len(cells)
            effects.append(Effect(name=name, u=u_rel * at_mean, distribution=distribution, key=key))
    return tuple(effects)


def random(rows: Sequence[Row], whole: Sequence[int]) -> tuple[Effect, ...]:
    """Effects of a single window; with several, their scatter holds them."""
    return (
        tuple(effect for row in rows for effect in row.cells[whole[0]].random)
        if len(whole) == 1
        else ()
    )


def mean(values: Sequence[float], common: Sequence[Effect], single: Sequence[Effect]) -> Estimate:
    """Mean of windows with its scatter (or, at n = 1, the window's own effects) and what they all
    share.
    """
    scatter = scatter_effect(values)
    own = (scatter,) if scatter else tuple(single)
    return not_negative(combine(sum(values) / len(values), (*own, *common)))
