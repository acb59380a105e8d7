"""An output → work, figure of merit, checks and doubts. Pure: no output makes an exception."""

from __future__ import annotations

import math
from typing import NamedTuple

from energybench.adapters.adapter_file import LoadedAdapter
from energybench.adapters.excerpt import Excerpt
from energybench.adapters.problem import Inputs, fingerprint
from energybench.adapters.values import Missing, Values, scan
from energybench.errors import BadInput, brief
from energybench.foreign_text import visible
from energybench.model import Doubt, Verification, Work
from energybench.model.adapter import CheckRule

_MOST_PATTERN = 120  # characters of a pattern in a message
_MOST_VALUE = 40  # characters of a value in a message
_NO_WORK = "work is a number above 0"


class Outcome(NamedTuple):
    """The figures of a run in its output.

    work    None: the work is missing in the output
    figure  figure of merit; None: not stated
    values  the texts of all values
    """

    work: Work | None
    figure: float | None
    checks: tuple[Verification, ...]
    values: dict[str, str]
    doubts: tuple[Doubt, ...]


def outcome(loaded: LoadedAdapter, excerpt: Excerpt, inputs: Inputs) -> Outcome:
    """The figures of a run from its output."""
    adapter = loaded.adapter
    values = scan(excerpt.text, loaded.patterns)
    doubts = [*_of_excerpt(adapter.name, excerpt), *_of_inputs(adapter.name, inputs)]
    failed = [missing for missing in values.missing if missing.required]
    doubts += [_unmatched(adapter.name, _no_match(missing)) for missing in failed]
    work = None
    try:
        work = _work(loaded, values, inputs)
    except BadInput as error:
        if not failed:
            doubts.append(_unmatched(adapter.name, f"{error.where}: {error.what}"))
    figure = None
    if adapter.figure_of_merit is not None:
        figure = _number_or_none(loaded, adapter.figure_of_merit.value, values)
    # what the work lacks: patterns without a match, or else an amount that is no work
    lacking = len(failed) or int(work is None)
    complete = Verification(
        quantity=f"output read by {adapter.name}",
        value=float(lacking),
        tolerance=0.0,
        passed=not lacking,
    )
    checks = [check for rule in adapter.checks if (check := _check(loaded, rule, values))]
    return Outcome(work, figure, (complete, *checks), values.texts, tuple(doubts))


def _work(loaded: LoadedAdapter, values: Values, inputs: Inputs) -> Work:
    """The work of the run. Raises BadInput."""
    rule = loaded.adapter.work
    read = _read(loaded, rule.amount, values)
    try:
        amount = _number(loaded, rule.amount, values, "work.amount")
    except BadInput as error:
        raise BadInput(error.where, f"{error.what}{read}; {_NO_WORK}") from None
    if amount <= 0:
        raise BadInput("work.amount", f"{rule.amount!r} is {amount:g}{read}; {_NO_WORK}")
    flops = _number_or_none(loaded, rule.flops, values) if rule.flops else None
    try:
        return Work(
            amount=amount,
            unit=rule.unit,
            fingerprint=fingerprint(loaded.adapter, inputs, values),
            precision=rule.precision,
            flops=flops if flops is not None and flops >= 0 else None,
            arithmetic=rule.arithmetic or None,
        )
    except ValueError as error:
        raise BadInput("work", f"{error}{read}") from None


def _read(loaded: LoadedAdapter, text: str, values: Values) -> str:
    """' (read: cells = -3, steps = 7)': the values of a formula as the output states them, and the
    factors of its products.
    """
    names = dict.fromkeys(loaded.formulas[text].names)
    for pattern in loaded.patterns:
        if pattern.rule.product in names:
            names.update(dict.fromkeys(pattern.names))
    stated = [
        f"{name} = {brief(visible(values.texts[name]), _MOST_VALUE)}"
        for name in names
        if name in values.texts
    ]
    return f" (read: {', '.join(stated)})" if stated else ""


def _number(loaded: LoadedAdapter, text: str, values: Values, key: str) -> float:
    """The value of a formula. Raises BadInput if the value is not a finite number."""
    formula = loaded.formulas[text]
    for name in formula.names:
        if name not in values.texts:
            raise BadInput(key, f"the output does not state {name}")
        if name not in values.numbers:
            raise BadInput(key, f"{name} is {values.texts[name]!r}, not a number")
    return formula.value(values.numbers, key)


def _number_or_none(loaded: LoadedAdapter, text: str, values: Values) -> float | None:
    try:
        return _number(loaded, text, values, "")
    except BadInput:
        return None


def _check(loaded: LoadedAdapter, rule: CheckRule, values: Values) -> Verification | None:
    """A check of the result; None if the check needs a value that is optional and missing."""
    names = (rule.value,) if rule.equals else loaded.formulas[rule.value].names
    absent = [name for name in names if name not in values.texts]
    required = {
        name for pattern in loaded.patterns if pattern.rule.required for name in pattern.names
    }
    if absent and not required.intersection(absent):
        return None
    quantity = f"{loaded.adapter.name}: {rule.quantity}"
    if rule.equals:
        equal = values.texts.get(rule.value) == rule.equals
        return Verification(
            quantity=quantity, value=0.0 if equal else 1.0, tolerance=0.0, passed=equal
        )
    stated = _number_or_none(loaded, rule.value, values)
    apart = None if stated is None else stated - rule.target
    if apart is None or not math.isfinite(apart):
        return Verification(quantity=quantity, value=None, tolerance=rule.tolerance, passed=False)
    return Verification(
        quantity=quantity,
        value=apart,
        tolerance=rule.tolerance,
        passed=abs(apart) <= rule.tolerance,
    )


def _no_match(missing: Missing) -> str:
    return f"the pattern '{brief(visible(missing.pattern), _MOST_PATTERN)}' {missing.why}"


def _unmatched(name: str, what: str) -> Doubt:
    return Doubt(
        code="output-unmatched",
        message=f"adapter {name}: {what}, so the work of this run is not known",
        remedy=f"save the output, and try `energybench adapter check {name} OUTPUT`",
    )


def _of_excerpt(name: str, excerpt: Excerpt) -> list[Doubt]:
    doubts = []
    if excerpt.problem:
        doubts.append(
            Doubt(
                code="output-unread",
                message=f"adapter {name}: {excerpt.problem}",
                remedy="see whether the program writes its output where the adapter looks "
                "for it: [output] of the adapter",
            )
        )
    if excerpt.left_out:
        doubts.append(
            Doubt(
                code="output-cut",
                message=f"adapter {name}: the output is longer than is read: "
                f"{excerpt.left_out} bytes in the middle were left out",
                remedy="have the program print less; values at the beginning and the end are read",
            )
        )
    return doubts


def _of_inputs(name: str, inputs: Inputs) -> list[Doubt]:
    if not inputs.unread:
        return []
    return [
        Doubt(
            code="input-unread",
            message=f"adapter {name}: the input {', '.join(inputs.unread)} could not be read, so "
            "its content is not part of the problem's fingerprint",
            remedy="start `measure` in the folder of the input, and name the input as the program "
            "does; or see that both sides had the same input",
        )
    ]
