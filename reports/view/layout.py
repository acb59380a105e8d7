"""The parts a view is laid out from: tables, intervals on an axis, answers, sections.

No format's syntax in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from energybench.model import Estimate
from energybench_reports.view.wording import Cell, Tone

_STEPS = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.3,
    0.5,
    0.7,
    0.8,
    0.9,
    1.0,
    1.1,
    1.25,
    1.5,
    2.0,
    3.0,
    5.0,
    7.0,
    10.0,
    20.0,
    30.0,
    50.0,
    100.0,
    200.0,
    500.0,
    1000.0,
)
_WIDEST = (
    1e4  # an axis of ratios spans at most 1/_WIDEST to _WIDEST; what lies outside stands at its end
)
_BESIDE = 3  # results that stand side by side in any format


class Tick(NamedTuple):
    """A labelled position on an axis, in percent of its width."""

    at: float
    label: str


class Axis(NamedTuple):
    """A logarithmic axis for intervals.

    `reference` (what 1 means) and `band` (equivalence) are in percent of its width.
    """

    title: str
    ticks: tuple[Tick, ...]
    reference: float
    band: tuple[float, float] | None = None


class Mark(NamedTuple):
    """An interval on an axis, in percent of its width."""

    low: float
    value: float
    high: float
    tone: Tone = ""


class Table(NamedTuple):
    """Rows of cells.

    Columns named in `right` hold numbers. With an `axis`, each row may have a mark on it.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    about: str = ""
    right: frozenset[str] = frozenset()
    axis: Axis | None = None
    marks: tuple[Mark | None, ...] = ()

    def transposed(self) -> Table:
        """Columns as rows, so that a few results stand side by side."""
        rows = tuple(
            (Cell(self.head[i]), *(row[i] for row in self.rows)) for i in range(1, len(self.head))
        )
        return Table(
            self.title, (self.head[0], *(row[0].text for row in self.rows)), rows, self.about
        )

    def beside(self) -> Table:
        """A few results side by side; more of them stay rows."""
        return self.transposed() if 0 < len(self.rows) <= _BESIDE else self

    def split(self, size: int) -> tuple[Table, ...]:
        """Pieces of at most `size` rows."""
        return tuple(
            self._replace(rows=self.rows[i : i + size]) for i in range(0, len(self.rows), size)
        )


class Answer(NamedTuple):
    """What a result says first.

    `figure` is None where there is none to give; `line` says it all in one line of text.
    """

    kind: str
    title: str
    figure_name: str
    figure: Cell | None
    sentence: str
    verdict: str
    verdict_words: str
    tone: Tone
    assumed: bool
    facts: tuple[tuple[str, Cell], ...]
    line: str
    graphic: Table | None = None


class Weakness(NamedTuple):
    """Doubts of one code and remedy: their messages, each with the results it weakens."""

    code: str
    remedy: str
    said: tuple[tuple[str, tuple[str, ...]], ...]


class Picture(NamedTuple):
    """A PNG in base64, what stands under it and what is read out instead of it."""

    png: str
    caption: str
    alt: str


class Section(NamedTuple):
    """Tables under one heading.

    `detail`: for the full report only. `brief`: what a screen of text says instead of the tables.
    Pictures: only in html.
    """

    key: str
    title: str
    about: str
    tables: tuple[Table, ...]
    detail: bool = False
    brief: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


class View(NamedTuple):
    """A document in words."""

    title: str
    imprint: str
    notes: tuple[str, ...]
    answers: tuple[Answer, ...]
    weaknesses: tuple[Weakness, ...]
    sections: tuple[Section, ...]
    labels: dict[str, str]


# ---------------------------------------------------------------- ratios on a logarithmic axis


def ratio_axis(
    title: str,
    estimates: Sequence[Estimate | None],
    margin: float = 0.0,
    tones: Sequence[Tone] = (),
    apart: float = 17.0,
) -> tuple[Axis | None, tuple[Mark | None, ...]]:
    """An axis that holds every interval and 1, with one mark an estimate.

    None where there is nothing positive to draw.
    """
    drawn = [estimate for estimate in estimates if estimate is not None and estimate.value > 0]
    if not drawn:
        return None, tuple(None for _ in estimates)
    low = max(
        min(
            1.0, *(estimate.low if estimate.low > 0 else estimate.value / 10 for estimate in drawn)
        ),
        1 / _WIDEST,
    )
    high = min(max(1.0, *(estimate.high for estimate in drawn)), _WIDEST)
    pad = max(0.06 * math.log(high / low), 0.1)
    start, end = math.log(low) - pad, math.log(high) + pad

    def at(x: float) -> float:
        place = (math.log(x) - start) / (end - start) if x > 0 else 0.0
        return round(100 * min(max(place, 0.0), 1.0), 2)

    ticks = _thinned(
        [Tick(at(step), f"{step:g}") for step in _STEPS if start <= math.log(step) <= end],
        at(1.0),
        apart,
    )
    band = (at(1 / (1 + margin)), at(1 + margin)) if margin > 0 else None
    marks = tuple(
        Mark(
            at(estimate.low),
            at(estimate.value),
            at(estimate.high),
            tones[i] if i < len(tones) else "",
        )
        if estimate is not None and estimate.value > 0
        else None
        for i, estimate in enumerate(estimates)
    )
    return Axis(title, ticks, at(1.0), band), marks


def _thinned(ticks: Sequence[Tick], one: float, apart: float) -> tuple[Tick, ...]:
    """Ticks at least `apart` percent from each other; that at 1 always stays."""
    kept = [tick for tick in ticks if tick.at == one]
    for tick in ticks:
        if all(abs(tick.at - other.at) >= apart for other in kept):
            kept.append(tick)
    return tuple(sorted(kept))
