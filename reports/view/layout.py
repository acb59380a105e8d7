"""The parts of a view: tables, intervals on an axis, answers, sections. Without the syntax of any
format.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from energybench.model import Estimate
from energybench_reports.view.wording import TableCell, Tone

# Candidates for the labels on an axis of ratios.
_STEPS = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9),
    *(1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 7.0),
    *(10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 500.0, 1000.0),
)
_WIDEST = 1e4  # an axis spans at most 1/_WIDEST to _WIDEST; ratios beyond are drawn at its ends
_BESIDE = 3  # results that stand side by side in any format


class AxisTick(NamedTuple):
    """A labelled position on an axis, in percent of the axis' width."""

    at: float
    label: str


class Axis(NamedTuple):
    """An axis for intervals; that of ratios is logarithmic.

    `reference` (position of the ratio 1, or of the value to compare with) and `band` (positions
    between which ratios are equivalent) are in percent of the axis' width.
    """

    title: str
    ticks: tuple[AxisTick, ...]
    reference: float
    band: tuple[float, float] | None = None


class Mark(NamedTuple):
    """An interval on an axis, in percent of the axis' width."""

    low: float
    value: float
    high: float
    tone: Tone = ""


class Table(NamedTuple):
    """Rows of cells.

    Columns named in `right` hold numbers. With an `axis`, each row may have a mark on the axis, and
    a second mark of another quantity.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    about: str = ""
    right: frozenset[str] = frozenset()
    axis: Axis | None = None
    marks: tuple[Mark | None, ...] = ()
    second_marks: tuple[Mark | None, ...] = ()

    def transposed(self) -> Table:
        """Columns as rows, so that a few results stand side by side."""
        rows = tuple(
            (TableCell(self.head[i]), *(row[i] for row in self.rows))
            for i in range(1, len(self.head))
        )
        return Table(
            self.title, (self.head[0], *(row[0].text for row in self.rows)), rows, self.about
        )

    def beside(self) -> Table:
        """A few results side by side; many results stay rows."""
        return self.transposed() if 0 < len(self.rows) <= _BESIDE else self

    def split(self, size: int) -> tuple[Table, ...]:
        """Pieces of at most `size` rows."""
        return tuple(
            self._replace(rows=self.rows[i : i + size]) for i in range(0, len(self.rows), size)
        )


class Answer(NamedTuple):
    """The headline of a result.

    `figure` is None if the result has no figure; `line` is the whole headline in a line of text,
    with the stamps. `stamps` stand beside the title: every format prints them.
    """

    kind: str
    title: str
    figure_name: str
    figure: TableCell | None
    sentence: str
    verdict: str
    verdict_words: str
    tone: Tone
    assumed: bool
    facts: tuple[tuple[str, TableCell], ...]
    line: str
    graphic: Table | None = None
    stamps: tuple[str, ...] = ()


# Last line of the doubts of a report.
EXPLAINED = "`energybench explain CODE` states the meaning and the test of a doubt."


class Weakness(NamedTuple):
    """Doubts with a common code and remedy: messages, with the labels of the weakened results.

    title  the doubt in words; the code itself for a code that this version does not know
    """

    title: str
    code: str
    remedy: str
    messages: tuple[tuple[str, tuple[str, ...]], ...]


class Picture(NamedTuple):
    """A PNG in base64, the caption under the picture, and the text for a screen reader."""

    png: str
    caption: str
    alt: str


class Figure(NamedTuple):
    """A chart for a section of the report, without the properties of any format.

    section   key of the section
    drawing   Vega-Lite specification over named data, in the colours of a light page
    data      rows by name
    caption   under the chart
    alt       the text for a screen reader
    panel_px  width of one of several panels, whose number in a row depends on the format; None for
              a chart of any width
    """

    section: str
    drawing: Mapping[str, Any]
    data: Mapping[str, Sequence[Mapping[str, Any]]]
    caption: str
    alt: str
    panel_px: int | None = None


class Section(NamedTuple):
    """Tables under one heading.

    `detail`: for the full report only. `brief`: lines for a text screen, instead of the
    tables. `pictures`: shown in HTML only. `figures`: made by `energybench_reports.figures`, for
    the formats that set them.
    """

    key: str
    title: str
    about: str
    tables: tuple[Table, ...]
    detail: bool = False
    brief: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    figures: tuple[Figure, ...] = ()


SIDE_BY_SIDE = 4  # most measurements side by side; with more, a measurement is a row


def arranged(section: Section) -> tuple[Table, ...]:
    """The section's tables with rows; a few measurements stand side by side."""
    turn = section.key == "measurements" and all(
        len(table.rows) <= SIDE_BY_SIDE for table in section.tables
    )
    return tuple(table.transposed() if turn else table for table in section.tables if table.rows)


class View(NamedTuple):
    """A document in words.

    overview  every result in a row, if the document has several; the answers and sections show the
              first of them
    terms     the words of the method that this document needs
    logo      address of the publisher's logo, with the picture inside; "" without
    paper     size of a page ("a4"); "" without a publication
    """

    title: str
    imprint: str
    notes: tuple[str, ...]
    overview: tuple[Table, ...]
    answers: tuple[Answer, ...]
    weaknesses: tuple[Weakness, ...]
    sections: tuple[Section, ...]
    labels: dict[str, str]
    terms: frozenset[str] = frozenset()
    logo: str = ""
    paper: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show: neither a result nor a grade."""
        return not self.answers and not self.sections


# ---------------------------------------------------------------- ratios on a logarithmic axis


class _LogScale(NamedTuple):
    """Ends of an axis, as natural logarithms of ratios."""

    start: float
    end: float

    def contains(self, x: float) -> bool:
        return self.start <= math.log(x) <= self.end

    def percent(self, x: float) -> float:
        """Position of a ratio in percent. A ratio beyond an end of the axis is at that end."""
        place = (math.log(x) - self.start) / (self.end - self.start) if x > 0 else 0.0
        return round(100 * min(max(place, 0.0), 1.0), 2)


def ratio_axis(
    title: str,
    estimates: Sequence[Estimate | None],
    margin: float = 0.0,
    tones: Sequence[Tone] = (),
    apart: float = 17.0,
) -> tuple[Axis | None, tuple[Mark | None, ...]]:
    """An axis over 1 and every interval, and a mark for every estimate.

    The mark of an estimate of 0 or less is None; without positive estimates the axis is None too.
    `apart`: least distance of two labels, percent.
    """
    positive = [estimate for estimate in estimates if estimate is not None and estimate.value > 0]
    if not positive:
        return None, tuple(None for _ in estimates)
    scale = _scale(positive)
    at = scale.percent
    steps = [AxisTick(at(step), f"{step:g}") for step in _STEPS if scale.contains(step)]
    band = (at(1 / (1 + margin)), at(1 + margin)) if margin > 0 else None
    marks = tuple(
        _mark(scale, estimate, tones[i] if i < len(tones) else "")
        for i, estimate in enumerate(estimates)
    )
    return Axis(title, _thinned(steps, at(1.0), apart), at(1.0), band), marks


def _mark(scale: _LogScale, estimate: Estimate | None, tone: Tone) -> Mark | None:
    if estimate is None or estimate.value <= 0:
        return None
    at = scale.percent
    return Mark(at(estimate.low), at(estimate.value), at(estimate.high), tone)


def _scale(positive: Sequence[Estimate]) -> _LogScale:
    """From the lowest to the highest interval, with room at the ends. An interval that reaches
    down to 0 is drawn to a tenth of the value.
    """
    lows = [estimate.low if estimate.low > 0 else estimate.value / 10 for estimate in positive]
    low = max(min(1.0, *lows), 1 / _WIDEST)
    high = min(max(1.0, *(estimate.high for estimate in positive)), _WIDEST)
    room = max(0.06 * math.log(high / low), 0.1)
    return _LogScale(math.log(low) - room, math.log(high) + room)


def _thinned(ticks: Sequence[AxisTick], one: float, apart: float) -> tuple[AxisTick, ...]:
    """Ticks with distances of `apart` percent or more; the tick at the ratio 1 always stays."""
    spaced = [tick for tick in ticks if tick.at == one]
    for tick in ticks:
        if all(abs(tick.at - neighbour.at) >= apart for neighbour in spaced):
            spaced.append(tick)
    return tuple(sorted(spaced))
