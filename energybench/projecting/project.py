"""A scenario and measured comparisons → MWh, money and CO2e a month, line by line, and published
claims against the values that their inputs give.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.formula import Step
from energybench.model import (
    TIME_X_ASSUMED_POWER,
    AnswerName,
    BoundaryName,
    Comparison,
    Doubt,
    Estimate,
    Input,
    Line,
    Projection,
    base_inputs,
    open_quantities,
)
from energybench.projecting import claims, doubts, fleet, mix
from energybench.projecting.claim_frames import ClaimFrames
from energybench.projecting.fleet_inputs import STANDARD, check_overhead
from energybench.projecting.line_chain import LineChain
from energybench.projecting.scenario import Results, Scenario, ScenarioInput
from energybench.projecting.scenario_checks import check_texts
from energybench.projecting.sensitivity import sensitivity as answers_by_input

RESULTS: Mapping[AnswerName, str] = {
    "saved_mwh_per_month": "MWh",
    "saved_cost_per_month": "",  # in the scenario's currency
    "saved_tco2e_per_month": "t CO2e",
}


def project(
    scenario: Scenario,
    comparisons: Sequence[Comparison] = (),
    where: str = "",
    *,
    with_sensitivity: bool = False,
) -> Projection:
    """Carry comparisons (none for a published claim) through a scenario.

    where             the scenario's file or name, for error messages
    with_sensitivity  whether to compute `Projection.sensitivity`
    Raises BadInput if a key is missing, a formula refers to an unknown name, a formula has no
    finite result, or a comparison does not fit the scenario.
    """
    where = where or scenario.name

    # base inputs, and the lines that mix several applications
    wanted = _wanted(scenario)
    measured = _measured(scenario, comparisons, wanted, where)
    replaced = {*measured.inputs, *(step.name for step in measured.steps)}
    chain = LineChain(
        _inputs(scenario, measured, bool(comparisons), where),
        [step.name for step in scenario.lines],
        where,
        [unknown.name for unknown in scenario.unknowns if unknown.name not in replaced],
        replaced,
        compared=bool(comparisons),
    )
    lines = _added(chain, measured.steps)

    # the lines of the fleet model, then the scenario's own
    boundary = comparisons[0].boundary if comparisons else scenario.boundary
    model = _model(scenario, chain, lines, boundary)
    if scenario.model is not None:
        names = {*chain.inputs, *chain.unknowns, *chain.formulas}
        names |= {step.name for step in (*model.steps, *scenario.lines)}
        # a comparison makes an unknown known
        names |= {unknown.name for unknown in scenario.unknowns}
        check_texts(scenario, names, where)
    lines += _added(chain, (*model.steps, *scenario.lines))

    # claims and answers
    frames = ClaimFrames(scenario, chain, comparisons, wanted)
    checked = claims.check_claims(scenario.claims, scenario.unknowns, frames, chain)
    _check_used(scenario, chain)
    energy, money, carbon = (
        _result(name, getattr(model.results, name), chain, scenario) for name in RESULTS
    )

    # how the answers follow from single inputs
    sensitivity = None
    if with_sensitivity:
        answers = {
            name: (line, RESULTS[name] or scenario.currency or "")
            for name in RESULTS
            if (line := getattr(model.results, name)) is not None
        }
        sensitivity = answers_by_input(
            scenario, chain, answers, {**model.quantities, **chain.inputs}, boundary
        )

    # inputs of claims and of lines over unknowns alone
    of_lines = base_inputs(lines)
    others = tuple(entry for entry in checked.inputs if entry not in of_lines)

    # every weakness of the projection, once
    stated = [
        entry
        for entry in scenario.inputs
        if entry.name in chain.inputs and entry.name not in measured.inputs
    ]
    weaknesses = [
        *(entry.doubt for entry in scenario.doubts if entry.holds(replaced)),
        *doubts.of_inputs(
            scenario,
            comparisons,
            stated,
            (*base_inputs(lines, others), *open_quantities(checked.solution)),
            checked.claims,
        ),
        *doubts.of_saving(energy, comparisons),
        *measured.doubts,
        *model.doubts,
        *_carried(comparisons),
    ]
    return Projection(
        scenario=scenario.name,
        title=_title(scenario, comparisons),
        about=scenario.about,
        comparisons=tuple((one.baseline, one.candidate) for one in comparisons),
        mode=scenario.mode,
        boundary=boundary,
        model=scenario.model,
        lines=tuple(lines),
        currency=scenario.currency,
        claims=checked.claims,
        solution=checked.solution,
        sensitivity=sensitivity,
        inputs=others,
        saved_mwh_per_month=energy,
        saved_cost_per_month=money,
        saved_tco2e_per_month=carbon,
        doubts=tuple(dict.fromkeys(weaknesses)),
    )


# ---------------------------------------------------------------- inputs


def _wanted(scenario: Scenario) -> dict[str, str]:
    """Name of an input or unknown → quantity of a comparison that replaces it."""
    inputs = {one.name: one.measured for one in scenario.inputs if one.measured is not None}
    unknowns = {one.name: one.measured for one in scenario.unknowns if one.measured is not None}
    return inputs | unknowns


def _measured(
    scenario: Scenario, comparisons: Sequence[Comparison], wanted: Mapping[str, str], where: str
) -> mix.Measured:
    if not comparisons:
        return mix.Measured({}, (), ())
    if not wanted:
        raise BadInput(
            where,
            "takes no comparison: none of the scenario's inputs is measured",
            'mark an input, for example with measured = "energy_ratio"',
        )
    return mix.measured(wanted, comparisons, scenario.mix, where)


def _added(chain: LineChain, steps: Sequence[Step]) -> list[Line]:
    """The lines that have a value; open lines stand in the chain alone."""
    return [line for step in steps if (line := chain.add(step)) is not None]


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
    return entry.stated_input


def _check_used(scenario: Scenario, chain: LineChain) -> None:
    """Refuse an input that no formula uses: a misspelt name would otherwise pass in silence. A
    site's facts serve several scenarios, and one of them need not use every fact.
    """
    standard = STANDARD if scenario.model == "fleet" else {}
    for entry in scenario.inputs:
        if entry.of_site or entry.name in chain.used:
            continue
        if entry.name in standard or entry.name not in chain.inputs:
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
    """Lines of the model, doubts about them, and the names of the lines that hold the answers.

    quantities  inputs, and lines that stand for an input, by name
    """

    quantities: Mapping[str, Input]
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
            line.name: Input(
                name=line.name,
                value=line.value,
                unit=line.unit,
                source="",
                label=line.label,
                above=True,
            )
            for line in lines
        },
    }
    check_overhead(quantities, boundary, chain.where)
    if scenario.model is None:
        return _Model(quantities, (), scenario.results, ())
    month = fleet.fleet(quantities, scenario.mode, boundary, scenario.currency, chain.where)
    chain.inputs.update(month.inputs)
    stated = scenario.results
    results = Results(
        saved_mwh_per_month=stated.saved_mwh_per_month or month.saved_mwh,
        saved_cost_per_month=stated.saved_cost_per_month or month.saved_cost,
        saved_tco2e_per_month=stated.saved_tco2e_per_month or month.saved_tco2e,
    )
    return _Model(quantities, month.steps, results, month.doubts)


# ---------------------------------------------------------------- claims, results, doubts


def _result(
    name: AnswerName, line: str | None, chain: LineChain, scenario: Scenario
) -> Estimate | None:
    """The value of the line that holds an answer; None if the line needs an unknown.

    The unit of the line is checked: kWh would pass for a saving a thousand times larger in MWh.
    """
    if line is None:
        return None
    key = f"{chain.where}: results.{name}"
    if line not in chain.formulas:
        names = ", ".join(chain.formulas)
        raise BadInput(key, f"names {line}, which is not a line", f"one of {names}")
    unit = RESULTS[name] or scenario.currency
    if unit is None:
        raise BadInput(
            f"{chain.where}: currency",
            f"is missing, and results.{name} is money",
            'currency = "USD"',
        )
    stated = chain.formulas[line][0].unit
    if stated != unit:
        raise BadInput(
            key,
            f"names {line}, whose unit is {stated!r}",
            f"the unit of this result is {unit!r}",
        )
    return chain.estimates.get(line)


def _title(scenario: Scenario, comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return scenario.title
    title = f"{scenario.title}: mix of {len(comparisons)} applications"
    if len(comparisons) == 1:
        title = f"{scenario.title}: {mix.label(comparisons[0])}"
    assumed = any(mix.assumed(comparison) for comparison in comparisons)
    return f"{title} ({TIME_X_ASSUMED_POWER})" if assumed else title


def _carried(comparisons: Sequence[Comparison]) -> list[Doubt]:
    """The comparisons' own doubts; with several comparisons, each doubt names its application."""
    several = len(comparisons) > 1
    return [
        doubt.carried_from(mix.label(comparison)) if several else doubt
        for comparison in comparisons
        for doubt in comparison.doubts
    ]
