"""What comparisons give a scenario: one as it stands, several as the load of a fleet that runs them
in stated shares of baseline node-hours.

With shares w, speedups S, ratios R and powers P of the applications, the load behaves like one
application with

    S = 1 / Σ(w/S)        P_baseline = Σ(w·P_b)        P_candidate = Σ(w/S·P_c) / Σ(w/S)        R =
                          Σ(w·P_b) / Σ(w·P_b/R)

so that R = S · P_baseline / P_candidate again: the mean weighted by the baseline's energy
(harmonic), which alone gives the energy saved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty.effects import exact, scale
from energybench.errors import BadInput
from energybench.model import TIME_X_ASSUMED_POWER, Comparison, Doubt, Estimate, Input
from energybench.projecting.formula import Step

QUANTITIES = {
    "energy_ratio": "",
    "speedup": "",
    "power_baseline_w": "W",
    "power_candidate_w": "W",
    "idle_power_baseline_w": "W",
    "idle_power_candidate_w": "W",
}
MAX_COMPARISONS = 40
_IDLE = ("idle_power_baseline_w", "idle_power_candidate_w")
_SHARE_SUM = 1e-6
_CONSISTENT = (
    0.02  # R against S·P_b/P_c of one comparison; they differ by how means over repeats are taken
)


class Measured(NamedTuple):
    """What comparisons give: inputs by name, and the lines that mix them where there are several."""

    inputs: dict[str, Input]
    steps: tuple[Step, ...]
    doubts: tuple[Doubt, ...]


def label(comparison: Comparison) -> str:
    """'milc cpu → milc cuda'."""
    return " → ".join(comparison.labels)


def assumed(comparison: Comparison) -> bool:
    """Whether a side had no energy sensor."""
    return comparison.title == TIME_X_ASSUMED_POWER or comparison.quality in ("estimated", None)


def measured(
    wanted: Mapping[str, str],
    comparisons: Sequence[Comparison],
    shares: Mapping[str, float],
    where: str,
) -> Measured:
    """Inputs and lines for `wanted` (input name → quantity), of one comparison or more.

    shares  application → share of baseline node-hours; empty: equal shares
    An idle power that no comparison has is left out, for the scenario's own value to stand. Raises
    BadInput.
    """
    _check(comparisons, where)
    found = [_quantities(comparison, where) for comparison in comparisons]
    weights = _shares(comparisons, shares, where)
    doubts = tuple(
        doubt
        for comparison, held in zip(comparisons, found, strict=True)
        for doubt in _inconsistent(comparison, held)
    )
    if len(comparisons) == 1:
        source = _source(comparisons[0])
        made = {
            name: held
            for name, quantity in wanted.items()
            if (held := found[0][quantity]) is not None
        }
        return Measured(
            {
                name: Input(name=name, value=held, unit=QUANTITIES[wanted[name]], source=source)
                for name, held in made.items()
            },
            (),
            doubts,
        )
    inputs = _application_inputs(comparisons, found, weights, bool(shares))
    known = {
        quantity: [i for i, held in enumerate(found, 1) if held[quantity] is not None]
        for quantity in QUANTITIES
    }
    steps = [
        Step(
            name=name,
            formula=_mixed(quantity, known[quantity]),
            unit=QUANTITIES[quantity],
            note=f"{quantity} of the mix of {len(comparisons)} applications",
        )
        for name, quantity in wanted.items()
        if known[quantity]
    ]
    return Measured(inputs, (*steps, *_means(len(comparisons))), doubts)


def _check(comparisons: Sequence[Comparison], where: str) -> None:
    if len(comparisons) > MAX_COMPARISONS:
        raise BadInput(
            where, f"was given {len(comparisons)} comparisons", f"at most {MAX_COMPARISONS}"
        )
    pairs = [(comparison.baseline, comparison.candidate) for comparison in comparisons]
    for i, pair in enumerate(pairs):
        if pair in pairs[:i]:
            raise BadInput(
                where,
                f"was given the comparison {label(comparisons[i])} twice",
                "each application once",
            )
    boundaries = dict.fromkeys(comparison.boundary for comparison in comparisons)
    if len(boundaries) > 1:
        raise BadInput(
            where,
            f"the comparisons have other boundaries: {', '.join(boundaries)}",
            "measure all at one boundary",
        )


def _quantities(comparison: Comparison, where: str) -> dict[str, Estimate | None]:
    """The quantities, node for node.

    Raises BadInput where one besides the idle powers is missing or not positive.
    """
    hours, speedup = comparison.node_hours, comparison.speedup
    if min(hours) <= 0 or speedup.value <= 0:
        raise BadInput(
            where,
            f"the comparison {label(comparison)} has no node-hours",
            "measure both sides again",
        )
    found: dict[str, Estimate | None] = {
        "energy_ratio": comparison.energy_ratio,
        "speedup": scale(
            speedup, hours[0] / hours[1] / speedup.value
        ),  # T_b·n_b / T_c·n_c: the sides may have used other numbers of nodes
    }
    for i, side in enumerate(("baseline", "candidate")):
        found[f"power_{side}_w"], found[f"idle_power_{side}_w"] = (
            comparison.power_w[i],
            comparison.idle_power_w[i],
        )
    for quantity, held in found.items():
        if quantity not in _IDLE and (held is None or held.value <= 0):
            raise BadInput(
                where,
                f"the comparison {label(comparison)} has no {quantity}",
                "measure both sides with a sensor: `energybench doctor`",
            )
    return found


def _source(comparison: Comparison) -> str:
    return (
        f"{TIME_X_ASSUMED_POWER if assumed(comparison) else 'measured'}: {label(comparison)}, boundary "
        f"{comparison.boundary}"
    )


def _inconsistent(comparison: Comparison, held: Mapping[str, Estimate | None]) -> list[Doubt]:
    ratio, speedup, above, below = (
        held[name] for name in ("energy_ratio", "speedup", "power_baseline_w", "power_candidate_w")
    )
    if ratio is None or speedup is None or above is None or below is None:
        return []
    product = speedup.value * above.value / below.value
    if abs(product - ratio.value) <= _CONSISTENT * ratio.value:
        return []
    message = (
        f"{label(comparison)}: the energy ratio is {ratio.value:.3g}, speedup and powers give "
        f"{product:.3g}"
    )
    return [
        Doubt(
            code="ratio-inconsistent",
            message=message,
            remedy="compare the runs again; the projection uses speedup and powers where it has them",
        )
    ]


# ---------------------------------------------------------------- several applications


def _shares(
    comparisons: Sequence[Comparison], shares: Mapping[str, float], where: str
) -> list[float]:
    """Of baseline node-hours, in the order of the comparisons; equal where none are stated."""
    if not shares:
        return [1 / len(comparisons)] * len(comparisons)
    found: list[float | None] = [None] * len(comparisons)
    for name, share in shares.items():
        matches = [i for i, comparison in enumerate(comparisons) if _is(comparison, name)]
        if len(matches) != 1 or found[matches[0]] is not None:
            said = (
                "fits no comparison"
                if not matches
                else "fits several comparisons"
                if len(matches) > 1
                else "names a comparison that has its share already"
            )
            raise BadInput(
                f"{where}: mix.{name}",
                said,
                "the labels are " + ", ".join(label(comparison) for comparison in comparisons),
            )
        found[matches[0]] = share
    for comparison, share_of in zip(comparisons, found, strict=True):
        if share_of is None:
            raise BadInput(
                f"{where}: mix",
                f"gives no share to {label(comparison)}",
                "name every application, or none for equal shares",
            )
    total = sum(share for share in found if share is not None)
    if abs(total - 1) > _SHARE_SUM:
        raise BadInput(
            f"{where}: mix",
            f"adds up to {total:g}",
            "shares of the baseline's node-hours add up to 1",
        )
    return [share for share in found if share is not None]


def _is(comparison: Comparison, name: str) -> bool:
    """Whether `name` is a label of the comparison, or the word both labels begin with ('milc' of
    'milc cpu' and 'milc cuda').
    """
    begins = re.compile(re.escape(name) + r"(?![A-Za-z0-9_])")
    return name in (*comparison.labels, label(comparison)) or all(
        begins.match(side) for side in comparison.labels
    )


def _application_inputs(
    comparisons: Sequence[Comparison],
    found: Sequence[Mapping[str, Estimate | None]],
    weights: Sequence[float],
    stated: bool,
) -> dict[str, Input]:
    inputs: dict[str, Input] = {}
    for i, (comparison, held, weight) in enumerate(
        zip(comparisons, found, weights, strict=True), 1
    ):
        source = (
            f"[mix]: {label(comparison)}"
            if stated
            else f"equal shares, none were stated: {label(comparison)}"
        )
        inputs[f"share_{i}"] = Input(name=f"share_{i}", value=exact(weight), unit="", source=source)
        for quantity, unit in QUANTITIES.items():
            value = held[quantity]
            if value is not None:
                inputs[f"{quantity}_{i}"] = Input(
                    name=f"{quantity}_{i}", value=value, unit=unit, source=_source(comparison)
                )
    return inputs


def _sum(terms: str, which: Sequence[int]) -> str:
    return "(" + " + ".join(terms.replace("#", str(i)) for i in which) + ")"


def _mixed(quantity: str, which: Sequence[int]) -> str:
    """Formula of a quantity of the mix, from those of the applications in `which`."""
    if quantity == "speedup":
        return f"1 / {_sum('share_# / speedup_#', which)}"
    if quantity == "energy_ratio":
        return (
            f"{_sum('share_# * power_baseline_w_#', which)} / "
            f"{_sum('share_# * power_baseline_w_# / energy_ratio_#', which)}"
        )
    if quantity == "power_candidate_w":
        return (
            f"{_sum('share_# / speedup_# * power_candidate_w_#', which)} / "
            f"{_sum('share_# / speedup_#', which)}"
        )
    return f"{_sum(f'share_# * {quantity}_#', which)} / {_sum('share_#', which)}"


def _means(count: int) -> list[Step]:
    """Three means of the energy ratios, each by its name: only the energy-weighted one gives the
    energy saved.
    """
    which = range(1, count + 1)
    product = " * ".join(f"energy_ratio_{i}" for i in which)
    return [
        Step(
            name="ratio_arithmetic_mean",
            formula=f"{_sum('energy_ratio_#', which)} / {count}",
            note="arithmetic mean of the energy ratios",
        ),
        Step(
            name="ratio_geometric_mean",
            formula=f"({product}) ** (1 / {count})",
            note="geometric mean of the energy ratios",
        ),
        Step(
            name="ratio_energy_weighted",
            formula=_mixed("energy_ratio", which),
            note="energy-weighted (harmonic) mean: total energy over total energy",
        ),
    ]


__all__ = ["TIME_X_ASSUMED_POWER", "QUANTITIES", "Measured", "assumed", "label", "measured"]
