"""The lines of a projection at the values of its inputs: all that can be made again without its
scenario or its comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from energybench.errors import BadInput
from energybench.formula import parse
from energybench.model import Estimate, Projection
from energybench.proof.differences import REL, Difference


def differences_of_lines(stated: Projection) -> list[Difference]:
    """Lines that do not follow from their inputs, and answers that are no line."""
    return [*_of_lines(stated), *_of_answers(stated)]


def _of_lines(stated: Projection) -> Iterator[Difference]:
    """Lines whose value is not that of the formula at the values of the inputs, and inputs that are
    not the line above whose value they state.
    """
    above: dict[str, Estimate] = {}
    for line in stated.lines:
        values = {entry.name: entry.value.value for entry in line.inputs}
        for entry in line.inputs:
            if entry.above and above.get(entry.name) != entry.value:
                earlier = above.get(entry.name)
                line_above = f"{earlier.value:.9g}" if earlier is not None else "no line above"
                name = f"the input {entry.name} of the line {line.name}"
                yield Difference(name, f"{entry.value.value:.9g}", line_above)
        try:
            computed = parse(line.formula, line.name).value(values, line.name)
        except (BadInput, KeyError) as why:
            yield Difference(f"the line {line.name}", "stated", f"not computable ({why})")
            continue
        if not math.isclose(computed, line.value.value, rel_tol=REL, abs_tol=1e-12):
            yield Difference(f"the line {line.name}", f"{line.value.value:.9g}", f"{computed:.9g}")
        above[line.name] = line.value


def _of_answers(stated: Projection) -> Iterator[Difference]:
    """Answers that are no line of the projection in their unit."""
    answers = {
        "saved_mwh_per_month": "MWh",
        "saved_cost_per_month": stated.currency,
        "saved_tco2e_per_month": "t CO2e",
    }
    for name, unit in answers.items():
        answer = getattr(stated, name)
        if answer is None:
            continue
        if not any(line.unit == unit and line.value == answer for line in stated.lines):
            yield Difference(name, f"{answer.value:.9g}", "the value of no line")
