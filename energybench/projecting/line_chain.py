"""Lines over base inputs, added from top to bottom and checked.

Every line is estimated from base inputs, never from the interval of another line:
errors that two lines share stay shared (JCGM 101:2008). A line that needs an unknown is open: it
has no value until the published claims are solved.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.formula import Formula, Step, parse
from energybench.model import Estimate, Input, Line
from energybench.projecting import estimating, figure_texts

_OPEN = "open"  # shown in place of a value that no solution gives


class Needs(NamedTuple):
    """Names that a formula needs, directly or through lines; the lines from top to bottom."""

    inputs: list[str]
    lines: list[str]
    unknowns: list[str]


class LineChain:
    """Base inputs by name, and the lines computed from them so far.

    names_below  names of lines that are not added yet, for the message about a formula that refers
                 downward
    where        file or name of the scenario, for messages
    unknowns     names without a value
    replaced     inputs, or lines that stand for an input, whose values a comparison gave
    compared     whether a comparison was given: without one, its lines are left out
    """

    def __init__(
        self,
        inputs: dict[str, Input],
        names_below: Iterable[str],
        where: str,
        unknowns: Iterable[str] = (),
        replaced: Iterable[str] = (),
        *,
        compared: bool = False,
    ) -> None:
        self.compared = compared
        self.left_out: set[str] = set()
        self.inputs, self.where = inputs, where
        self.names_below = list(names_below)
        self.unknowns, self.replaced = tuple(unknowns), frozenset(replaced)
        self.formulas: dict[str, tuple[Step, Formula]] = {}
        self.estimates: dict[str, Estimate] = {}
        self.values: dict[str, float] = {}
        self.used: set[str] = set()

    def add(self, step: Step) -> Line | None:
        """Check and estimate a line; None if the line is open or left out. Raises BadInput."""
        key = f"{self.where}: lines.{step.name}"
        owner = self._owner(step.name)
        if owner:
            raise BadInput(
                key, f"is also the name of {owner}", "a name stands for a single quantity"
            )
        formula = self._checked(step.formula, key, step.name)
        needs = self.needs(formula)
        self.formulas[step.name] = (step, formula)
        if step.with_comparison and not self.compared:
            self.left_out.add(step.name)
        if not self.left_out.isdisjoint((step.name, *needs.lines)):
            self.left_out.add(step.name)
            return None
        if needs.unknowns:
            return None
        value = self.estimates[step.name] = self._estimate(formula, needs, key)
        replaced = self.is_replaced(needs)
        return Line(
            name=step.name,
            value=value,
            unit=step.unit,
            formula=formula.text,
            inputs=tuple(self._input(name) for name in formula.names),
            note=figure_texts.kept(step.note, replaced, self.shown),
            label=figure_texts.kept(step.label, replaced, self.shown),
            group=step.group,
        )

    def check(self, text: str, key: str) -> Formula:
        """A formula that is not a line; all its names are known. Raises BadInput."""
        return self._checked(text, key, "")

    def estimate(self, formula: Formula, key: str) -> Estimate:
        """Estimate of a checked formula that needs no unknown."""
        return self._estimate(formula, self.needs(formula), key)

    def framed(
        self,
        inputs: dict[str, Input],
        unknowns: Iterable[str],
        steps: Iterable[Step] = (),
        replaced: Iterable[str] = (),
    ) -> LineChain:
        """The same lines over other inputs. A line that needs a name that is not there is left out.

        steps  lines that stand before all others
        """
        frame = LineChain(inputs, (), self.where, unknowns, replaced)
        for step in steps:
            frame.formulas[step.name] = (step, parse(step.formula, self.where))
        for name, (step, formula) in self.formulas.items():
            taken = name in inputs or name in frame.unknowns or name in frame.formulas
            if not taken and frame.resolves(formula):
                frame.formulas[name] = (step, formula)
        return frame

    def unit(self, name: str) -> str | None:
        """The unit of an input or line; None for an unknown and for any other text."""
        if name in self.inputs:
            return self.inputs[name].unit
        return self.formulas[name][0].unit if name in self.formulas else None

    def resolves(self, formula: Formula) -> bool:
        """Whether every name of the formula is an input, an unknown or a line."""
        return all(
            name in self.inputs or name in self.unknowns or name in self.formulas
            for name in formula.names
        )

    def needs(self, formula: Formula) -> Needs:
        pending, needed = list(formula.names), set()
        while pending:
            name = pending.pop()
            if name not in needed:
                needed.add(name)
                pending += self.formulas[name][1].names if name in self.formulas else ()
        return Needs(
            [name for name in self.inputs if name in needed],
            [name for name in self.formulas if name in needed],
            [name for name in self.unknowns if name in needed],
        )

    def inputs_of(self, line: str) -> list[str]:
        """Names of the base inputs that a line needs, directly or through other lines."""
        return self.needs(self.formulas[line][1]).inputs

    def is_replaced(self, needs: Needs) -> bool:
        """Whether a comparison gave a value behind these names."""
        return not self.replaced.isdisjoint([*needs.inputs, *needs.lines])

    def compute(self, formula: Formula, lines: Iterable[str], values: Mapping[str, Any]) -> Any:
        """A formula for numbers or arrays of its inputs and unknowns, through its lines."""
        values = dict(values)
        for name in lines:
            values[name] = self.formulas[name][1](values)
        return formula(values)

    def shown(self, name: str) -> str:
        """The value of a name as a text quotes it."""
        if name in self.inputs:
            return figure_texts.of_input(self.inputs[name])
        if name in self.estimates:
            unit = self.formulas[name][0].unit
            return figure_texts.of_value(self.estimates[name].value, unit)
        return _OPEN

    # ------------------------------------------------------------ estimates

    def _estimate(self, formula: Formula, needs: Needs, key: str) -> Estimate:
        # plain values first: strict arithmetic refuses a result that is not finite
        for name, entry in self.inputs.items():
            self.values.setdefault(name, entry.value.value)
        for name in needs.lines:
            if name not in self.values:
                self.values[name] = self.formulas[name][1].value(self.values, key)
        formula.value(self.values, key)

        # then the interval, from draws of the base inputs
        return estimating.estimate(
            lambda draws: self.compute(formula, needs.lines, draws),
            {name: self.inputs[name] for name in needs.inputs},
            formula.text,
            key,
        )

    # ------------------------------------------------------------ checks

    def _owner(self, name: str) -> str:
        if name in self.formulas:
            return "a line above"
        if name in self.inputs:
            return "an input"
        return "an unknown" if name in self.unknowns else ""

    def _checked(self, text: str, key: str, line: str) -> Formula:
        """The formula of a line, whose names are all known. Raises BadInput."""
        formula = parse(text, key)
        for name in formula.names:
            if not self._owner(name):
                raise self._bad_reference(name, key, line)
        self.used.update(formula.names)
        return formula

    def _bad_reference(self, name: str, key: str, line: str) -> BadInput:
        if name == line:
            return BadInput(
                key, "refers to itself", "a line is computed from inputs and from lines above it"
            )
        if name in self.names_below:
            return BadInput(
                key,
                f"refers to {name}, which stands further down",
                "move that line up; two lines cannot be computed from each other",
            )
        names = [*self.inputs, *self.unknowns, *self.formulas]
        close = difflib.get_close_matches(name, names, 3, 0.5)
        remedy = f"did you mean {' or '.join(close)}?" if close else f"have {', '.join(names)}"
        return BadInput(key, f"refers to {name}, which is neither an input nor a line", remedy)

    def _input(self, name: str) -> Input:
        if name in self.inputs:
            return self.inputs[name]
        step = self.formulas[name][0]
        return Input(
            name=name,
            value=self.estimates[name],
            unit=step.unit,
            source="line above",
            label=step.label,
            above=True,
        )
