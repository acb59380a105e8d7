"""The sensitivity of projections in words: a tornado for each answer, break-evens, and four
questions about the candidate's fleet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from energybench.model import (
    AnswerName,
    BreakEven,
    Estimate,
    FixedQuestion,
    Projection,
    Sensitivity,
    Swing,
)
from energybench.units import WHOLE
from energybench.value_ranges import show_now, show_place, show_searched, show_span
from energybench_reports.view.layout import Axis, AxisTick, Mark, Section, Table
from energybench_reports.view.wording import TableCell, or_dash, plain, published, published_range

_ANSWERS: Mapping[AnswerName, str] = {
    "saved_mwh_per_month": "energy saved a month",
    "saved_cost_per_month": "money saved a month",
    "saved_tco2e_per_month": "carbon saved a month",
}
_ROOM = 0.06  # beside the outermost ends, as a share of the axis
_TICKS = 4  # about so many labels on an axis


def section(projections: Sequence[tuple[str, Projection]]) -> Section:
    """The tables of all projections with a sensitivity. projections: (title, projection)."""
    tables = tuple(
        table
        for title, projection in projections
        if projection.sensitivity is not None
        for table in _tables(title, projection, projection.sensitivity)
        if table.rows
    )
    about = (
        "Each input is moved alone, and the others stay. A bar shows the answer from the low to "
        "the high end of the input's range, with a stroke at the high end; the vertical line is "
        "the answer of the projection. Errors that several inputs share are not moved together. A "
        "break-even is the value of one input at which a saving is 0."
    )
    return Section("sensitivity", "Sensitivity", about, tables)


def _tables(title: str, projection: Projection, sensitivity: Sensitivity) -> list[Table]:
    tables = []
    for name, words in _ANSWERS.items():
        swings = [swing for swing in sensitivity.swings if swing.answer == name]
        answer: Estimate | None = getattr(projection, name)
        if swings and answer is not None:
            tables.append(_tornado(f"{title}: {words}", words, projection, swings, answer))
    tables.append(_break_evens(f"{title}: break-even", projection, sensitivity.break_evens))
    if sensitivity.questions:
        tables.append(_questions(f"{title}: the candidate's fleet", sensitivity.questions))
    return tables


# ---------------------------------------------------------------- tornado


def _tornado(
    title: str, words: str, projection: Projection, swings: Sequence[Swing], answer: Estimate
) -> Table:
    unit = plain(swings[0].unit)
    ends = [end for swing in swings for end in (swing.at_low, swing.at_high)]
    scale = _LinearScale(min(*ends, answer.value), max(*ends, answer.value))
    axis = Axis(f"{words}, {unit}" if unit else words, scale.ticks(), scale.percent(answer.value))
    marks = tuple(
        Mark(
            scale.percent(min(swing.at_low, swing.at_high)),
            scale.percent(swing.at_high),
            scale.percent(max(swing.at_low, swing.at_high)),
        )
        for swing in swings
    )
    rows = tuple(
        (
            TableCell(plain(swing.label or swing.input)),
            TableCell(show_span(swing.at_low, swing.at_high, answer, unit)),
            _range(projection, swing),
        )
        for swing in swings
    )
    head = ("input", "answer at the ends", "range of the input")
    return Table(title, head, rows, axis=axis, marks=marks)


def _range(projection: Projection, swing: Swing) -> TableCell:
    """A stated range with the digits of the scenario, an interval with those of its value."""
    unit = plain(swing.input_unit)
    if swing.interval_of is not None:
        words = f"95 % interval, {swing.interval_of}"
        span = show_span(*swing.stated, projection.value_of(swing.input), unit)
        return TableCell(span, words)
    return TableCell(published_range(*swing.stated, unit), "stated range")


class _LinearScale:
    """Positions in percent between two values, with room at both ends."""

    def __init__(self, low: float, high: float) -> None:
        span = (high - low) or abs(low) or 1.0
        self._start, self._span = low - _ROOM * span, (1 + 2 * _ROOM) * span

    def percent(self, value: float) -> float:
        place = (value - self._start) / self._span
        return round(100 * min(max(place, 0.0), 1.0), 2)

    def ticks(self) -> tuple[AxisTick, ...]:
        """Multiples of 1, 2 or 5 times a power of ten."""
        power = 10.0 ** math.floor(math.log10(self._span / _TICKS))
        step = next(
            power * factor for factor in (1, 2, 5, 10) if power * factor >= self._span / _TICKS
        )
        first = math.ceil(self._start / step)
        last = math.floor((self._start + self._span) / step)
        return tuple(
            AxisTick(self.percent(i * step), published(round(i * step, 12)).replace("-", "−"))
            for i in range(first, last + 1)
        )


# ---------------------------------------------------------------- break-evens and questions


def _break_evens(title: str, projection: Projection, evens: Sequence[BreakEven]) -> Table:
    rows = tuple(
        (
            TableCell(_ANSWERS[even.answer]),
            TableCell(plain(even.label or even.input)),
            _break_even(projection, even),
            TableCell(show_now(even.current, projection.value_of(even.input), plain(even.unit))),
            TableCell(show_searched(*even.searched, plain(even.unit)), tone="muted"),
        )
        for even in evens
    )
    return Table(title, ("saving", "input", "is 0 at", "now", "searched"), rows)


def _break_even(projection: Projection, even: BreakEven) -> TableCell:
    if even.value is None:
        return TableCell("no solution in the range", tone="muted")
    notes = []
    if even.jumps and even.unit in WHOLE:
        below, above = published(even.value - 1), published(even.value, even.unit)
        notes.append(f"the saving changes sign between {below} and {above}")
    elif even.jumps:
        notes.append("the saving jumps over 0 there, for nodes are whole")
    if even.crossings > 1:
        notes.append(f"the first of {even.crossings}")
    place = show_place(even.value, projection.value_of(even.input), plain(even.unit))
    return TableCell(place, "; ".join(notes))


def _questions(title: str, questions: Sequence[FixedQuestion]) -> Table:
    """A row for each question, with the same quantities in its columns."""
    head = ("fixed", *(plain(words) for words, _, _ in questions[0].answers))
    rows = tuple(
        (
            TableCell(question.fixed, plain(question.why)),
            *(or_dash(estimate, unit, prefixed=False) for _, estimate, unit in question.answers),
        )
        for question in questions
    )
    about = (
        "The candidate's fleet, if one quantity stays that of the baseline nodes whose load moves. "
        "Nodes are whole, and run at the candidate's utilisation."
    )
    return Table(title, head, rows, about)
