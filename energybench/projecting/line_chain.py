"""Lines over base inputs, added from top to bottom and checked.

Every line is estimated from base inputs, never from the interval of another line:
errors that two lines share stay shared (JCGM 101:2008).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from energybench.analysis.uncertainty.effects import propagate
from energybench.errors import BadInput
from energybench.model import Estimate, Input, Line
from energybench.projecting.formula import Formula, Step, parse

ABOVE = "line above"  # the source of an input that is the value of an earlier line


class LineChain:
    """Base inputs by name, and the lines computed from them so far.

    `names_below`: names of lines that are not added yet, for the message about a formula that
    refers downward. `where`: file or name of the scenario, for messages.
    """

    def __init__(self, inputs: dict[str, Input], names_below: Iterable[str], where: str) -> None:
        self.inputs, self.where = inputs, where
        self.names_below = list(names_below)
        self.lines: dict[str, tuple[Step, Formula, Estimate]] = {}
        self.values: dict[str, float] = {}
        self.used: set[str] = set()

    def add(self, step: Step) -> Line:
        """Check and estimate a line. Raises BadInput."""
        key = f"{self.where}: lines.{step.name}"
        if step.name in self.lines or step.name in self.inputs:
            owner = "a line above" if step.name in self.lines else "an input"
            raise BadInput(
                key, f"is also the name of {owner}", "a name stands for a single quantity"
            )
        formula = self._checked(step.formula, key, step.name)
        value = self._estimate(formula, key)
        inputs = tuple(self._input(name) for name in formula.names)
        self.lines[step.name] = (step, formula, value)
        return Line(
            name=step.name,
            value=value,
            unit=step.unit,
            formula=formula.text,
            inputs=inputs,
            note=step.note,
        )

    def derive(self, text: str, key: str) -> tuple[Estimate, set[str]]:
        """Estimate of a formula that is not a line, and the names of all inputs and lines that the
        formula needs.
        """
        formula = self._checked(text, key, "")
        base, needed = self._rests_on(formula)
        return self._estimate(formula, key), {*base, *needed}

    def inputs_of(self, line: str) -> list[str]:
        """Names of the base inputs that a line needs, directly or through other lines."""
        return self._rests_on(self.lines[line][1])[0]

    def _estimate(self, formula: Formula, key: str) -> Estimate:
        # plain values first: strict arithmetic refuses a result that is not finite
        for name, entry in self.inputs.items():
            self.values.setdefault(name, entry.value.value)
        base, needed = self._rests_on(formula)
        for name in needed:
            if name not in self.values:
                self.values[name] = self.lines[name][1].value(self.values, key)
        formula.value(self.values, key)

        # then the interval, from draws of the base inputs
        steps = [(name, self.lines[name][1]) for name in needed]

        def compute(draws: Mapping[str, object]) -> object:
            values = dict(draws)
            for name, line in steps:
                values[name] = line(values)
            return formula(values)

        return propagate(compute, {name: self.inputs[name].value for name in base})

    def _rests_on(self, formula: Formula) -> tuple[list[str], list[str]]:
        """Base inputs and lines (from top to bottom) that a formula needs, directly or through
        other lines.
        """
        pending, needed = list(formula.names), set()
        while pending:
            name = pending.pop()
            if name not in needed:
                needed.add(name)
                pending += self.lines[name][1].names if name in self.lines else ()
        inputs = [name for name in self.inputs if name in needed]
        return inputs, [name for name in self.lines if name in needed]

    def _checked(self, text: str, key: str, line: str) -> Formula:
        """The formula of a line, whose names are all inputs or lines above. Raises BadInput."""
        formula = parse(text, key)
        for name in formula.names:
            if name not in self.inputs and name not in self.lines:
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
        names = [*self.inputs, *self.lines]
        close = difflib.get_close_matches(name, names, 3, 0.5)
        remedy = f"did you mean {' or '.join(close)}?" if close else f"have {', '.join(names)}"
        return BadInput(key, f"refers to {name}, which is neither an input nor a line", remedy)

    def _input(self, name: str) -> Input:
        if name in self.inputs:
            return self.inputs[name]
        step, _, value = self.lines[name]
        return Input(name=name, value=value, unit=step.unit, source=ABOVE)
