"""The work of a program on all nodes of a job, from the repeats of the job as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.energy import mean_energy
from energybench.analysis.uncertainty.effects import (
    combine,
    not_negative,
    rectangular,
    scaled,
)
from energybench.analysis.uncertainty.repeats import arithmetic_mean, scatter_effect
from energybench.model import Effect, Estimate, Window, Work


def of_all(works: Sequence[Work | None], windows: Sequence[Window]) -> list[Work] | None:
    """The work of each repeat; None: a repeat does not state its work."""
    stated = [work for work in works[: len(windows)] if work is not None]
    return stated if stated and len(stated) == len(windows) else None


def energy_per_unit(
    works: Sequence[Work] | None, totals_j: Sequence[float], effects: Sequence[Effect]
) -> Estimate | None:
    """Energy for one unit of work. `effects`: of the mean energy, without the scatter."""
    if not works:
        return None
    amounts = [work.amount for work in works]
    values = [joules / amount for joules, amount in zip(totals_j, amounts, strict=True)]
    return mean_energy.mean(values, scaled(effects, 1 / arithmetic_mean(amounts)), ())


def rate(works: Sequence[Work] | None, windows: Sequence[Window]) -> Estimate | None:
    """Units of work for each second, with the scatter of the repeats."""
    times_s = [window.duration_s for window in windows]
    if not works or not all(times_s):
        return None
    value = sum(work.amount for work in works) / sum(times_s)
    half_s = sum(window.start_half_s + window.end_half_s for window in windows)
    scatter = scatter_effect(
        [work.amount / seconds for work, seconds in zip(works, times_s, strict=True)]
    )
    edges = rectangular("time-edges", half_s * value / sum(times_s))
    return not_negative(combine(value, (scatter or edges,)))
