"""How the answers of a projection follow from single inputs: swings over stated ranges (a tornado),
values at which a saving is 0, and the fleet with one quantity fixed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from energybench.model import (
    AnswerName,
    BoundaryName,
    BreakEven,
    FixedQuestion,
    Input,
    Sensitivity,
    Swing,
)
from energybench.projecting import currencies, fixed_questions
from energybench.projecting.crossings import crossings, whole_crossings
from energybench.projecting.fleet_inputs import STANDARD
from energybench.projecting.line_chain import LineChain
from energybench.projecting.scenario import Scenario
from energybench.units import SHARE, WHOLE

_FACTOR = 100.0  # a break-even is sought up to this factor below and above the value


def sensitivity(
    scenario: Scenario,
    chain: LineChain,
    answers: Mapping[AnswerName, tuple[str, str]],
    quantities: Mapping[str, Input],
    boundary: BoundaryName,
) -> Sensitivity:
    """Of the answers that have a value.

    answers     line and unit of each answer
    quantities  inputs, and lines that stand for an input, by name
    """
    known = {name: line for name, line in answers.items() if line[0] in chain.estimates}
    questions: tuple[FixedQuestion, ...] = ()
    if scenario.model == "fleet":
        questions = fixed_questions.questions(
            chain, quantities, scenario.mode, boundary, scenario.currency
        )
    return Sensitivity(
        swings=tuple(
            swing
            for name, (line, unit) in known.items()
            for swing in _swings(chain, name, line, unit)
        ),
        break_evens=tuple(
            even
            for name, (line, _) in known.items()
            for even in _break_evens(scenario, chain, name, line, quantities)
        ),
        questions=questions,
    )


def _compute(chain: LineChain, line: str, changes: Mapping[str, Any]) -> Any:
    """A line with some inputs or lines at other values: numbers or arrays."""
    formula = chain.formulas[line][1]
    needs = chain.needs(formula)
    values: dict[str, Any] = {name: chain.inputs[name].value.value for name in needs.inputs}
    values |= changes
    for name in needs.lines:
        if name not in changes:
            values[name] = chain.formulas[name][1](values)
    return formula(values)


# ---------------------------------------------------------------- swings


def _swings(chain: LineChain, answer: AnswerName, line: str, unit: str) -> Sequence[Swing]:
    """A swing for each input with a range, the widest first."""
    swings = []
    for name in chain.inputs_of(line):
        entry = chain.inputs[name]
        low, high = entry.ends
        if low == high:
            continue
        at_low, at_high = (float(_compute(chain, line, {name: end})) for end in (low, high))
        swing = _Swing(entry, (low, high), at_low, at_high)
        if swing.is_finite:
            swings.append(swing)
    swings.sort(key=lambda swing: -abs(swing.at_high - swing.at_low))
    return [
        Swing(
            answer=answer,
            input=swing.entry.name,
            label=swing.entry.label,
            stated=swing.ends,
            at_low=swing.at_low,
            at_high=swing.at_high,
            unit=unit,
            input_unit=swing.entry.unit,
            interval_of=(swing.entry.evidence or "unstated")
            if swing.entry.stated is None
            else None,
        )
        for swing in swings
    ]


class _Swing(NamedTuple):
    entry: Input
    ends: tuple[float, float]
    at_low: float
    at_high: float

    @property
    def is_finite(self) -> bool:
        return abs(self.at_low) < float("inf") and abs(self.at_high) < float("inf")


# ---------------------------------------------------------------- break-evens


def _break_evens(
    scenario: Scenario,
    chain: LineChain,
    answer: AnswerName,
    line: str,
    quantities: Mapping[str, Input],
) -> Iterable[BreakEven]:
    needs = chain.needs(chain.formulas[line][1])
    mixed = _mixed(chain, needs.lines)
    # quantities of a mix are moved as a whole, and not those of one application
    behind = {name for one in mixed for name in chain.needs(chain.formulas[one][1]).inputs}
    for name in (*(name for name in needs.inputs if name not in behind), *mixed):
        entry = quantities.get(name)
        if entry is None or (sought := _sought(scenario, entry)) == "never":
            continue
        searched = _searched(scenario, entry, quantities)
        if searched is None:
            continue
        seek = whole_crossings if entry.unit in WHOLE else crossings
        zeros = seek(partial(_with_input_at, chain, line, name), *searched)
        if zeros.everywhere or (zeros.first is None and sought == "if there is one"):
            continue
        yield BreakEven(
            answer=answer,
            input=name,
            label=entry.label or _label(chain, name),
            unit=entry.unit,
            current=entry.value.value,
            searched=searched,
            value=zeros.first,
            crossings=zeros.number,
            jumps=zeros.jumps,
        )


def _mixed(chain: LineChain, lines: Iterable[str]) -> list[str]:
    """The lines that stand for a quantity of several comparisons."""
    return [name for name in lines if name in chain.replaced]


def _with_input_at(chain: LineChain, line: str, name: str, value: Any) -> Any:
    return _compute(chain, line, {name: value})


def _label(chain: LineChain, name: str) -> str:
    return chain.formulas[name][0].label if name in chain.formulas else ""


def _sought(scenario: Scenario, entry: Input) -> Literal["always", "if there is one", "never"]:
    """Whether the break-even of an input is an answer. That there is none is an answer too, of a
    plain number (a speedup, a utilisation), of things that are counted and of a price; an input in
    another unit is named if the saving is 0 at a value of it. Constants stay as they are.
    """
    if entry.value.value <= 0 or (entry.evidence is None and not entry.above):
        return "never"
    if scenario.model == "fleet" and entry.name in STANDARD:
        return "always" if STANDARD[entry.name].sought else "if there is one"
    is_price = currencies.is_money(entry.unit) and "/" in entry.unit
    if entry.unit in ("", SHARE, *WHOLE) or is_price:
        return "always"
    return "if there is one"


def _searched(
    scenario: Scenario, entry: Input, quantities: Mapping[str, Input]
) -> tuple[float, float] | None:
    """From a hundredth to a hundred times the value, and the stated range, within the values that
    the model permits; None if there is no such range. A share ends at 1, and so does a plain
    number that is stated to be 1 at most.
    """
    value, ends = entry.value.value, entry.stated or ()
    reach = (value / _FACTOR, value * _FACTOR)
    low, high = min(*reach, *ends), max(*reach, *ends)
    if entry.unit == SHARE or (entry.unit == "" and ends and max(ends) <= 1):
        high = min(high, 1.0)
    if scenario.model == "fleet" and entry.name in STANDARD:
        standard = STANDARD[entry.name]
        low, high = max(low, standard.above), min(high, standard.most)
        side = entry.name.removeprefix("utilisation_")
        # without an idle power the model permits full load alone
        if side != entry.name and f"idle_power_{side}_w" not in quantities:
            return None
    if entry.unit in WHOLE:
        low, high = float(max(1, math.floor(low))), float(math.floor(high))
    return (low, high) if low < high else None
