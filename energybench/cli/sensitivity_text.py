"""The sensitivity of a projection in a terminal: a tornado, break-evens, and four questions about
the candidate's fleet.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import AnswerName, BreakEven, FixedQuestion, Sensitivity, Swing
from energybench.units import WHOLE, show, show_figure, show_value

ANSWERS: dict[AnswerName, str] = {
    "saved_mwh_per_month": "energy saved a month",
    "saved_cost_per_month": "money saved a month",
    "saved_tco2e_per_month": "carbon saved a month",
}
_WIDTH = 24  # characters of a bar
_DIGITS = 3


def rows(sensitivity: Sensitivity) -> list[str]:
    lines = ["sensitivity"]
    if not sensitivity.swings and not sensitivity.break_evens:
        return [*lines, "  the scenario has no answer whose inputs could be varied"]
    for answer, words in ANSWERS.items():
        swings = [swing for swing in sensitivity.swings if swing.answer == answer]
        if swings:
            lines += [f" {words}, one input at a time over its range", *_tornado(swings)]
    if sensitivity.break_evens:
        lines.append(" break-even: the value of one input at which a saving is 0")
        lines += [_break_even(even) for even in sensitivity.break_evens]
    if sensitivity.questions:
        lines.append(" the candidate's fleet, if one quantity stays that of the baseline")
        lines += [row for question in sensitivity.questions for row in _question(question)]
    return lines


def _tornado(swings: Sequence[Swing]) -> list[str]:
    values = [value for swing in swings for value in (swing.at_low, swing.at_high)]
    least, most = min(values), max(values)
    return [
        f"  {_bar(swing, least, most)}  {swing.label or swing.input} {_range(swing)}: "
        f"{_value(swing.at_low)} to {_exact(swing.at_high, swing.unit)}"
        for swing in swings
    ]


def _range(swing: Swing) -> str:
    """A stated range with the digits of the scenario, the interval of a value with three."""
    low, high = swing.stated
    if swing.interval_of is not None:
        span = f"{_value(low)} to {_exact(high, swing.input_unit)}"
        return f"{span} (95 % interval, {swing.interval_of})"
    return f"{show_figure(low)} to {show_figure(high, swing.input_unit)}"


def _bar(swing: Swing, least: float, most: float) -> str:
    """'····████····': where the answer goes within the span of all swings."""
    span = (most - least) or 1.0
    ends = sorted((swing.at_low, swing.at_high))
    start = min(int((ends[0] - least) / span * _WIDTH), _WIDTH - 1)
    end = max(round((ends[1] - least) / span * _WIDTH), start + 1)
    return "·" * start + "█" * (end - start) + "·" * (_WIDTH - end)


def _break_even(even: BreakEven) -> str:
    name = f"  {ANSWERS[even.answer]}: {even.label or even.input}"
    low, high = even.searched
    start = show_figure(low) if even.unit in WHOLE else _value(low)
    span = f"{start} to {_break_even_value(high, even.unit)}"
    if even.value is None:
        return f"{name}: no solution in the range {span}"
    value, now = (_break_even_value(one, even.unit) for one in (even.value, even.current))
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


def _break_even_value(value: float, unit: str) -> str:
    """A number of whole things that a person states or that was found among whole numbers."""
    return show_figure(value, unit) if unit in WHOLE else _exact(value, unit)


def _question(question: FixedQuestion) -> list[str]:
    lines = [f"  fixed {question.fixed}: {question.why}"]
    given = [(words, value, unit) for words, value, unit in question.answers if value is not None]
    return lines + [f"      {words}: {show(value, unit)}" for words, value, unit in given]


def _exact(value: float, unit: str) -> str:
    """In the unit itself, without a prefix; between whole things too: 1 780 W, 2.76 nodes."""
    return f"{_value(value)} {unit}".strip()


def _value(value: float) -> str:
    return show_value(value, significant=_DIGITS)
