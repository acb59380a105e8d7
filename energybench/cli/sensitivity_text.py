"""The sensitivity of a projection in a terminal: a tornado, break-evens, and four questions about
the candidate's fleet.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import (
    AnswerName,
    BreakEven,
    Estimate,
    FixedQuestion,
    Projection,
    Sensitivity,
    Swing,
)
from energybench.units import WHOLE, show, show_figure
from energybench.value_ranges import show_now, show_place, show_searched, show_span, show_stated

ANSWERS: dict[AnswerName, str] = {
    "saved_mwh_per_month": "energy saved a month",
    "saved_cost_per_month": "money saved a month",
    "saved_tco2e_per_month": "carbon saved a month",
}
_WIDTH = 24  # characters of a bar


def rows(result: Projection, sensitivity: Sensitivity) -> list[str]:
    lines = ["sensitivity"]
    if not sensitivity.swings and not sensitivity.break_evens:
        return [*lines, "  the scenario has no answer whose inputs could be varied"]
    for answer, words in ANSWERS.items():
        swings = [swing for swing in sensitivity.swings if swing.answer == answer]
        if swings:
            lines += [f" {words}, one input at a time over its range", *_tornado(result, swings)]
    if sensitivity.break_evens:
        lines.append(" break-even: the value of one input at which a saving is 0")
        lines += [_break_even(result, even) for even in sensitivity.break_evens]
    if sensitivity.questions:
        lines.append(" the candidate's fleet, if one quantity stays that of the baseline")
        lines += [row for question in sensitivity.questions for row in _question(question)]
    return lines


def _tornado(result: Projection, swings: Sequence[Swing]) -> list[str]:
    values = [value for swing in swings for value in (swing.at_low, swing.at_high)]
    least, most = min(values), max(values)
    answer: Estimate | None = getattr(result, swings[0].answer)
    return [
        f"  {_bar(swing, least, most)}  {swing.label or swing.input} {_range(result, swing)}: "
        f"{show_span(swing.at_low, swing.at_high, answer, swing.unit)}"
        for swing in swings
    ]


def _range(result: Projection, swing: Swing) -> str:
    """A stated range with the digits of the scenario, an interval with those of its value."""
    if swing.interval_of is not None:
        span = show_span(*swing.stated, result.value_of(swing.input), swing.input_unit)
        return f"{span} (95 % interval, {swing.interval_of})"
    return show_stated(*swing.stated, swing.input_unit)


def _bar(swing: Swing, least: float, most: float) -> str:
    """'····████····': where the answer goes within the span of all swings."""
    span = (most - least) or 1.0
    ends = sorted((swing.at_low, swing.at_high))
    start = min(int((ends[0] - least) / span * _WIDTH), _WIDTH - 1)
    end = max(round((ends[1] - least) / span * _WIDTH), start + 1)
    return "·" * start + "█" * (end - start) + "·" * (_WIDTH - end)


def _break_even(result: Projection, even: BreakEven) -> str:
    name = f"  {ANSWERS[even.answer]}: {even.label or even.input}"
    span = show_searched(*even.searched, even.unit)
    if even.value is None:
        return f"{name}: no solution in the range {span}"
    measured = result.value_of(even.input)
    value = show_place(even.value, measured, even.unit)
    now = show_now(even.current, measured, even.unit)
    words = f"{name}: {value} (now {now}"
    if even.jumps and even.unit in WHOLE:
        words += f"; the saving {_sign_change(even)}"
    elif even.jumps:
        words += "; the saving jumps over 0 there, for nodes are whole"
    if even.crossings > 1:
        words += f"; the first of {even.crossings}"
    return f"{words}; searched {span})"


def _sign_change(even: BreakEven) -> str:
    """'changes sign between 3 and 4 nodes'."""
    assert even.value is not None
    below, above = show_figure(even.value - 1), show_figure(even.value, even.unit)
    return f"changes sign between {below} and {above}"


def _question(question: FixedQuestion) -> list[str]:
    lines = [f"  fixed {question.fixed}: {question.why}"]
    given = [(words, value, unit) for words, value, unit in question.answers if value is not None]
    return lines + [
        f"      {words}: {show(value, unit, prefixed=False)}" for words, value, unit in given
    ]
