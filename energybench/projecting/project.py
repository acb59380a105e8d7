"""A scenario and measured comparisons → MWh, money and CO2e a month, line by line, and published
claims against the values that their inputs give.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.model import (
    TIME_X_ASSUMED_POWER,
    BoundaryName,
    Claim,
    Comparison,
    Doubt,
    Estimate,
    Input,
    Line,
    Projection,
)
from energybench.projecting import claims, doubts, fleet, mix
from energybench.projecting.fleet_inputs import STANDARD, check_overhead
from energybench.projecting.formula import Step
from energybench.projecting.line_chain import ABOVE, LineChain
from energybench.projecting.scenario import Results, Scenario, ScenarioInput

RESULTS = {
    "saved_mwh_per_month": "MWh",
    "saved_cost_per_month": "",  # in the scenario's currency
    "saved_tco2e_per_month": "t CO2e",
}


def project(
    scenario: Scenario, comparisons: Sequence[Comparison] = (), where: str = ""
) -> Projection:
    """Carry comparisons (none for a published claim) through a scenario. `where`: the scenario's
    file or name, for error messages.

    Raises BadInput if a key is missing, a formula refers to an unknown name, a formula has no
    finite result, or a comparison does not fit the scenario.
    """
    where = where or scenario.name

    # base inputs, and the lines that mix several applications
    measured = _measured(scenario, comparisons, where)
    inputs = _inputs(scenario, measured, bool(comparisons), where)
    chain = LineChain(inputs, [step.name for step in scenario.lines], where)
    lines = [chain.add(step) for step in measured.steps]

    # the lines of the fleet model, then the scenario's own
    boundary = comparisons[0].boundary if comparisons else scenario.boundary
    model = _model(scenario, chain, lines, boundary)
    lines += [chain.add(step) for step in (*model.steps, *scenario.lines)]

    # claims and answers
    tested = _claims(scenario, measured, chain)
    _check_used(scenario, chain)
    energy, money, carbon = (
        _result(name, getattr(model.results, name), lines, scenario, where) for name in RESULTS
    )

    # every weakness of the projection, once
    stated = [
        entry
        for entry in scenario.inputs
        if entry.name in chain.inputs and entry.name not in measured.inputs
    ]
    weaknesses = [
        *scenario.doubts,
        *doubts.of_inputs(scenario, comparisons, stated, _needed(chain, model.results)),
        *doubts.of_saving(energy, comparisons),
        *measured.doubts,
        *model.doubts,
        *_carried(comparisons),
    ]
    return Projection(
        scenario=scenario.name,
        title=_title(scenario, comparisons),
        lines=tuple(lines),
        currency=scenario.currency,
        claims=tested,
        saved_mwh_per_month=energy,
        saved_cost_per_month=money,
        saved_tco2e_per_month=carbon,
        doubts=tuple(dict.fromkeys(weaknesses)),
    )


# ---------------------------------------------------------------- inputs


def _measured(scenario: Scenario, comparisons: Sequence[Comparison], where: str) -> mix.Measured:
    if not comparisons:
        return mix.Measured({}, (), ())
    wanted = {entry.name: entry.measured for entry in scenario.inputs if entry.measured is not None}
    if not wanted:
        raise BadInput(
            where,
            "takes no comparison: none of the scenario's inputs is measured",
            'mark an input, for example with measured = "energy_ratio"',
        )
    return mix.measured(wanted, comparisons, scenario.mix, where)


def _inputs(
    scenario: Scenario, measured: mix.Measured, compared: bool, where: str
) -> dict[str, Input]:
    """Base inputs by name: values of the comparisons replace values of the scenario."""
    mixed = {step.name for step in measured.steps}
    inputs = dict(measured.inputs)
    for entry in scenario.inputs:
        key = f"{where}: inputs.{entry.name}"
        if entry.name in measured.inputs and entry.measured is None:
            raise BadInput(
                key,
                "has a name that the inputs of the comparisons use",
                "choose a different name",
            )
        if entry.name not in measured.inputs and entry.name not in mixed:
            inputs[entry.name] = _stated_input(entry, compared, key)
    return inputs


def _stated_input(entry: ScenarioInput, compared: bool, key: str) -> Input:
    if entry.value is None:
        lacking = (
            f"the comparison has no {entry.measured}"
            if compared
            else "comes from a comparison, and no comparison was given"
        )
        raise BadInput(
            key,
            lacking,
            "energybench compare A B --json > FILE, then project … FILE; or state a value",
        )
    return Input(
        name=entry.name,
        value=entry.value,
        unit=entry.unit,
        source=f"{entry.evidence}: {entry.source}" if entry.evidence else entry.source,
        stated=entry.stated,
    )


def _check_used(scenario: Scenario, chain: LineChain) -> None:
    """Refuse an input that no formula uses: a misspelt name would otherwise pass in silence."""
    standard = STANDARD if scenario.model == "fleet" else {}
    for entry in scenario.inputs:
        if entry.name in chain.used or entry.name in standard or entry.name not in chain.inputs:
            continue
        absent = [name for name in standard if name not in chain.inputs]
        close = difflib.get_close_matches(entry.name, absent, 1, 0.5)
        raise BadInput(
            f"{chain.where}: inputs.{entry.name}",
            "is used by no line and no claim",
            f"did you mean {close[0]}?" if close else "leave it out, or use it in a line",
        )


# ---------------------------------------------------------------- the fleet model


class _Model(NamedTuple):
    """Lines of the model, doubts about them, and the names of the lines that hold the answers."""

    steps: tuple[Step, ...]
    results: Results
    doubts: tuple[Doubt, ...]


def _model(
    scenario: Scenario, chain: LineChain, lines: Sequence[Line], boundary: BoundaryName
) -> _Model:
    """The lines of the scenario's model, if the scenario names a model. Inputs that the model takes
    for granted join the chain. Raises BadInput.
    """
    # quantities of a mix are lines, and the model uses them like inputs
    quantities: Mapping[str, Input] = {
        **chain.inputs,
        **{
            line.name: Input(name=line.name, value=line.value, unit=line.unit, source=ABOVE)
            for line in lines
        },
    }
    check_overhead(quantities, boundary, chain.where)
    if scenario.model is None:
        return _Model((), scenario.results, ())
    month = fleet.fleet(quantities, scenario.mode, boundary, scenario.currency, chain.where)
    chain.inputs.update(month.inputs)
    stated = scenario.results
    results = Results(
        saved_mwh_per_month=stated.saved_mwh_per_month or month.saved_mwh,
        saved_cost_per_month=stated.saved_cost_per_month or month.saved_cost,
        saved_tco2e_per_month=stated.saved_tco2e_per_month or month.saved_tco2e,
    )
    return _Model(month.steps, results, month.doubts)


# ---------------------------------------------------------------- claims, results, doubts


def _claims(scenario: Scenario, measured: mix.Measured, chain: LineChain) -> tuple[Claim, ...]:
    replaced = [
        entry.name
        for entry in scenario.inputs
        if entry.name in measured.inputs or (entry.measured and measured.steps)
    ]
    return tuple(
        claims.check_claim(claim, chain, replaced, chain.where) for claim in scenario.claims
    )


def _result(
    name: str, line: str | None, lines: Sequence[Line], scenario: Scenario, where: str
) -> Estimate | None:
    """The value of the line that holds an answer.

    The unit of the line is checked: kWh would pass for a saving a thousand times larger in MWh.
    """
    if line is None:
        return None
    key = f"{where}: results.{name}"
    answer = next((entry for entry in lines if entry.name == line), None)
    if answer is None:
        names = ", ".join(entry.name for entry in lines)
        raise BadInput(key, f"names {line}, which is not a line", f"one of {names}")
    unit = RESULTS[name] or scenario.currency
    if unit is None:
        raise BadInput(
            f"{where}: currency", f"is missing, and results.{name} is money", 'currency = "USD"'
        )
    if answer.unit != unit:
        raise BadInput(
            key,
            f"names {line}, whose unit is {answer.unit!r}",
            f"the unit of this result is {unit!r}",
        )
    return answer.value


def _title(scenario: Scenario, comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return scenario.title
    title = f"{scenario.title}: mix of {len(comparisons)} applications"
    if len(comparisons) == 1:
        title = f"{scenario.title}: {mix.label(comparisons[0])}"
    assumed = any(mix.assumed(comparison) for comparison in comparisons)
    return f"{title} ({TIME_X_ASSUMED_POWER})" if assumed else title


def _needed(chain: LineChain, results: Results) -> set[str]:
    """Base inputs of the answers; of all lines if the scenario names no answer."""
    answers = [line for name in RESULTS if (line := getattr(results, name)) is not None]
    return {name for line in answers or chain.lines for name in chain.inputs_of(line)}


def _carried(comparisons: Sequence[Comparison]) -> list[Doubt]:
    """The comparisons' own doubts; with several comparisons, each doubt names its application."""
    several = len(comparisons) > 1
    return [
        doubt.carried_from(mix.label(comparison)) if several else doubt
        for comparison in comparisons
        for doubt in comparison.doubts
    ]
