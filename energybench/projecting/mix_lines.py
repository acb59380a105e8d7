"""The lines that mix several applications; `#` in a term stands for the number of an application.

With shares w, speedups S, ratios R and powers P of the applications, the load behaves like one
application with

    S = 1 / Σ(w/S)        P_baseline = Σ(w·P_b)        P_candidate = Σ(w/S·P_c) / Σ(w/S)        R =
                          Σ(w·P_b) / Σ(w·P_b/R)

so that R = S · P_baseline / P_candidate again: the mean weighted by the baseline's energy
(harmonic). No different mean gives the energy saved.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from energybench.formula import Step
from energybench.model import ARITHMETIC_MEAN, ENERGY_WEIGHTED_MEAN, GEOMETRIC_MEAN

GROUP = "mix of the applications"
# quantities of which an energy ratio can be computed
_OF_A_RATIO = {"speedup", "power_baseline_w", "power_candidate_w"}


def quantity_line(name: str, quantity: str, words: str, unit: str, numbers: Sequence[int]) -> Step:
    """A quantity of the mix, from the applications (by number, from 1) that have the quantity."""
    return Step(
        name=name,
        formula=_mixed(quantity, numbers),
        unit=unit,
        # without a figure: a label with a figure is left out beside measured values
        label=f"{words}, mix of the applications",
        group=GROUP,
    )


def mean_lines(applications: int, wanted: Collection[str]) -> list[Step]:
    """Three means of the energy ratios, named apart: the energy-weighted mean alone gives the
    energy saved.

    wanted  quantities that the scenario takes from a comparison. A scenario that computes ratios
            from speedup and powers has means of these ratios: a mean of the measured ratios, whose
            effects cancel in another way, would be the same figure with a second interval
    """
    numbers = range(1, applications + 1)
    ratio, note = "energy_ratio_#", ""
    weighted = _mixed("energy_ratio", numbers)
    if "energy_ratio" not in wanted and set(wanted) >= _OF_A_RATIO:
        ratio, note = "speedup_# * power_baseline_w_# / power_candidate_w_#", "R = S · P_b / P_c"
        weighted = (
            f"{_sum('share_# * power_baseline_w_#', numbers)} / "
            f"{_sum('share_# / speedup_# * power_candidate_w_#', numbers)}"
        )
    product = " * ".join(ratio.replace("#", str(i)) for i in numbers)
    return [
        Step(
            name=ARITHMETIC_MEAN,
            formula=f"{_sum(ratio, numbers)} / {applications}",
            label="arithmetic mean of the energy ratios",
            note=note,
            group=GROUP,
        ),
        Step(
            name=GEOMETRIC_MEAN,
            formula=f"({product}) ** (1 / {applications})",
            label="geometric mean of the energy ratios",
            note=note,
            group=GROUP,
        ),
        Step(
            name=ENERGY_WEIGHTED_MEAN,
            formula=weighted,
            label="energy-weighted (harmonic) mean of the energy ratios",
            note="total energy over total energy",
            group=GROUP,
        ),
    ]


def _mixed(quantity: str, numbers: Sequence[int]) -> str:
    if quantity == "speedup":
        return f"1 / {_sum('share_# / speedup_#', numbers)}"
    if quantity == "energy_ratio":
        return (
            f"{_sum('share_# * power_baseline_w_#', numbers)} / "
            f"{_sum('share_# * power_baseline_w_# / energy_ratio_#', numbers)}"
        )
    if quantity == "power_candidate_w":
        return (
            f"{_sum('share_# / speedup_# * power_candidate_w_#', numbers)} / "
            f"{_sum('share_# / speedup_#', numbers)}"
        )
    return f"{_sum(f'share_# * {quantity}_#', numbers)} / {_sum('share_#', numbers)}"


def _sum(term: str, numbers: Sequence[int]) -> str:
    return "(" + " + ".join(term.replace("#", str(i)) for i in numbers) + ")"
