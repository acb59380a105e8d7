"""The work of a program on all nodes of a job, from the repeats of the whole job."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.energy import mean_energy
from energybench.analysis.measurement import quantities
from energybench.analysis.uncertainty.effects import scaled
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import Effect, Estimate, Window, Work


def of_all(works: Sequence[Work | None], windows: Sequence[Window]) -> list[Work] | None:
    """The works of the repeats; None: a repeat does not state its work."""
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
    """Units of work for each second; None if a repeat states no work, or lasted no time."""
    times_s = [window.duration_s for window in windows]
    if not works or not all(times_s):
        return None
    half_s = sum(window.start_half_s + window.end_half_s for window in windows)
    return quantities.rate_of(works, times_s, half_s)
