"""Inputs of a scenario from comparisons: from a single comparison unchanged; from several, as the
load of a fleet that runs the applications in stated shares of baseline node-hours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.analysis.comparison.node_time import node_time_ratio
from energybench.analysis.uncertainty.effects import exact
from energybench.errors import BadInput
from energybench.formula import Step
from energybench.model import (
    TIME_X_ASSUMED_POWER,
    Comparison,
    Doubt,
    Estimate,
    Evidence,
    Input,
    has_stamp,
)
from energybench.projecting.mix_lines import mean_lines, quantity_line
from energybench.projecting.scenario import QUANTITIES, QUANTITY_LABELS
from energybench.units import SHARE

MAX_COMPARISONS = 40
_IDLE = ("idle_power_baseline_w", "idle_power_candidate_w")
_SHARE_SUM = 1e-6
# R against S·P_b/P_c of one comparison: they differ by the order of quotient and mean over repeats
_CONSISTENT = 0.02

_Quantities = Mapping[str, Estimate | None]  # quantity → value; None: not in the comparison


class Measured(NamedTuple):
    """Inputs by name, the lines that mix the inputs of several comparisons, and doubts."""

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
    """Inputs and lines for `wanted` (input name → quantity), of one comparison or several.

    shares  application → share of baseline node-hours; empty: equal shares
    An idle power that no comparison has is left out, so that the scenario's own value stands.
    Raises BadInput.
    """
    _check(comparisons, where)
    quantities = [_quantities(comparison, where) for comparison in comparisons]
    weights = _weights(comparisons, shares, where)
    doubts = tuple(
        doubt
        for comparison, values in zip(comparisons, quantities, strict=True)
        for doubt in _inconsistent(comparison, values)
    )
    if len(comparisons) == 1:
        inputs = _single(wanted, quantities[0], comparisons[0])
        return Measured(inputs, (), doubts)
    inputs = _application_inputs(comparisons, quantities, weights, bool(shares))
    steps = (*_mixed(wanted, quantities), *mean_lines(len(comparisons), set(wanted.values())))
    return Measured(inputs, steps, doubts)


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
                "give each application once",
            )
    boundaries = dict.fromkeys(comparison.boundary for comparison in comparisons)
    if len(boundaries) > 1:
        raise BadInput(
            where,
            f"the comparisons have different boundaries: {', '.join(boundaries)}",
            "measure all at one boundary",
        )


# ---------------------------------------------------------------- one comparison


def _quantities(comparison: Comparison, where: str) -> dict[str, Estimate | None]:
    """The quantities, node for node.

    Raises BadInput if a quantity besides the idle powers is missing or not positive.
    """
    hours, speedup = comparison.node_hours, comparison.speedup
    if min(hours) <= 0 or speedup.value <= 0:
        raise BadInput(
            where,
            f"the comparison {label(comparison)} has no node-hours",
            "measure both sides again",
        )
    quantities: dict[str, Estimate | None] = {
        "energy_ratio": comparison.energy_ratio,
        "speedup": node_time_ratio(comparison),
    }
    for i, side in enumerate(("baseline", "candidate")):
        quantities[f"power_{side}_w"] = comparison.power_w[i]
        quantities[f"idle_power_{side}_w"] = comparison.idle_power_w[i]
    for quantity, value in quantities.items():
        if value is not None and value.low < value.high and not value.effects:
            raise BadInput(
                where,
                f"the {quantity} of the comparison {label(comparison)} has an interval without "
                "effects: a projection would lose it",
                "compare the runs again: energybench compare A B --json",
            )
        if quantity not in _IDLE and (value is None or value.value <= 0):
            raise BadInput(
                where,
                f"the comparison {label(comparison)} has no {quantity}",
                "measure both sides with a sensor: `energybench doctor`",
            )
    return quantities


def _source(comparison: Comparison) -> str:
    method = f"{TIME_X_ASSUMED_POWER}: " if assumed(comparison) else ""
    return f"{method}{label(comparison)}, boundary {comparison.boundary}"


def _evidence(comparison: Comparison) -> Evidence:
    if assumed(comparison):
        return "estimated"
    if has_stamp(comparison.stamps, "partly-estimated"):
        return "partly-estimated"
    replayed = has_stamp(comparison.stamps, "replayed")
    return "replayed" if replayed else "measured"


def _inconsistent(comparison: Comparison, quantities: _Quantities) -> list[Doubt]:
    ratio, speedup = quantities["energy_ratio"], quantities["speedup"]
    baseline_w, candidate_w = quantities["power_baseline_w"], quantities["power_candidate_w"]
    if ratio is None or speedup is None or baseline_w is None or candidate_w is None:
        return []
    product = speedup.value * baseline_w.value / candidate_w.value
    if abs(product - ratio.value) <= _CONSISTENT * ratio.value:
        return []
    message = (
        f"{label(comparison)}: the energy ratio is {ratio.value:.3g}, speedup and powers give "
        f"{product:.3g}"
    )
    remedy = "compare the runs again; the projection prefers speedup and powers to the energy ratio"
    return [Doubt(code="ratio-inconsistent", message=message, remedy=remedy)]


def _single(
    wanted: Mapping[str, str], quantities: _Quantities, comparison: Comparison
) -> dict[str, Input]:
    inputs = {}
    for name, quantity in wanted.items():
        value = quantities[quantity]
        if value is not None:
            inputs[name] = Input(
                name=name,
                value=value,
                unit=QUANTITIES[quantity],
                source=_source(comparison),
                label=f"{QUANTITY_LABELS[quantity]}: {label(comparison)}",
                evidence=_evidence(comparison),
            )
    return inputs


# ---------------------------------------------------------------- several applications


def _weights(
    comparisons: Sequence[Comparison], shares: Mapping[str, float], where: str
) -> list[float]:
    """Shares of baseline node-hours, in the order of the comparisons; equal if none are stated."""
    if not shares:
        return [1 / len(comparisons)] * len(comparisons)
    weights: dict[int, float] = {}
    for name, share in shares.items():
        weights[_comparison_named(name, comparisons, weights, where)] = share
    for i, comparison in enumerate(comparisons):
        if i not in weights:
            raise BadInput(
                f"{where}: mix",
                f"gives no share to {label(comparison)}",
                "name every application, or none for equal shares",
            )
    total = sum(weights[i] for i in range(len(comparisons)))
    if abs(total - 1) > _SHARE_SUM:
        raise BadInput(
            f"{where}: mix",
            f"adds up to {total:g}",
            "shares of the baseline's node-hours add up to 1",
        )
    return [weights[i] for i in range(len(comparisons))]


def _comparison_named(
    name: str, comparisons: Sequence[Comparison], weights: Mapping[int, float], where: str
) -> int:
    """The position of the only comparison that fits a name of [mix]. Raises BadInput if several
    fit, or none, or if the comparison has a share already.
    """
    matches = [i for i, comparison in enumerate(comparisons) if is_called(comparison, name)]
    if len(matches) == 1 and matches[0] not in weights:
        return matches[0]
    problem = "names a comparison that has its share already"
    if not matches:
        problem = "fits no comparison"
    elif len(matches) > 1:
        problem = "fits several comparisons"
    labels = ", ".join(label(comparison) for comparison in comparisons)
    raise BadInput(f"{where}: mix.{name}", problem, f"the labels are {labels}")


def is_called(comparison: Comparison, name: str) -> bool:
    """Whether `name` is a label of the comparison, or the word at the beginning of both labels
    ('milc' of 'milc cpu' and 'milc cuda'); upper and lower case are the same.
    """
    word = re.compile(re.escape(name) + r"(?![A-Za-z0-9_])", re.IGNORECASE)
    labels = (*comparison.labels, label(comparison))
    return any(name.casefold() == one.casefold() for one in labels) or all(
        word.match(side) for side in comparison.labels
    )


def is_application(comparison: Comparison, name: str) -> bool:
    """Whether the comparison is one of the application `name`: it is called so, and no recorded
    workload contradicts its labels.
    """
    return is_called(comparison, name) and not contradicting_workload(comparison, name)


def contradicting_workload(comparison: Comparison, name: str) -> str:
    """A workload that a side recorded and that is not the application `name`; "" if there is none.
    Capital letters and punctuation count for nothing, and one name may be a part of the other:
    "MILC 48" is a run of milc.
    """
    application = _letters(name)
    for workload in comparison.workloads:
        recorded = _letters(workload)
        if recorded and recorded not in application and application not in recorded:
            return workload
    return ""


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _application_inputs(
    comparisons: Sequence[Comparison],
    quantities: Sequence[_Quantities],
    weights: Sequence[float],
    stated: bool,
) -> dict[str, Input]:
    """Share and quantities of every application, by names that end in its number (from 1)."""
    prefix = "[mix]" if stated else "equal shares, none were stated"
    inputs: dict[str, Input] = {}
    applications = zip(comparisons, quantities, weights, strict=True)
    for i, (comparison, values, weight) in enumerate(applications, 1):
        inputs[f"share_{i}"] = Input(
            name=f"share_{i}",
            value=exact(weight),
            unit=SHARE,
            source=f"{prefix}: {label(comparison)}",
            label=f"share of baseline node-hours: {label(comparison)}",
        )
        numbered = {f"{quantity}_{i}": quantity for quantity in QUANTITIES}
        inputs.update(_single(numbered, values, comparison))
    return inputs


def _mixed(wanted: Mapping[str, str], quantities: Sequence[_Quantities]) -> list[Step]:
    """A line for each wanted quantity that at least one application has."""
    steps = []
    for name, quantity in wanted.items():
        numbers = [i for i, values in enumerate(quantities, 1) if values[quantity] is not None]
        if numbers:
            unit = QUANTITIES[quantity]
            words = QUANTITY_LABELS[quantity]
            steps.append(quantity_line(name, quantity, words, unit, numbers))
    return steps


__all__ = ["QUANTITIES", "Measured", "assumed", "is_called", "label", "measured"]
