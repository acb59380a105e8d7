"""Plain text, 100 columns wide, for the screen and for logs."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from energybench.model import Document
from energybench_reports.view.document import build
from energybench_reports.view.layout import EXPLAINED, Answer, Section, Table, View
from energybench_reports.view.wording import TableCell

WIDTH = 100
SIDE_BY_SIDE = 3  # most measurements side by side; further measurements follow below
MANY = 50  # most rows of a grid of the overview
_ORDINARY = 15  # columns of the longest word that is kept on a line
_GAP = 3  # between two columns of rich's SIMPLE_HEAD box
# Characters of the private use area stand for spaces at which rich must not break a line. Foreign
# text has been cleaned of the private use area.
_NARROW, _FIXED = "\ue000", "\ue001"
_INTERVAL = re.compile(r"\[[^\[\]]{1,40}\]")

Columns = Sequence[Sequence[TableCell]]


class Terminal:
    """Text without colour codes. Foreign text is never read as markup."""

    name = "terminal"
    about = "For the screen and the log: plain text, 100 columns, no colour codes."
    suffix = ".txt"

    def render(self, document: Document) -> bytes:
        page = io.StringIO()
        # An empty environment and a fixed width: the bytes depend on the document alone.
        console = Console(
            file=page,
            width=WIDTH,
            color_system=None,
            force_terminal=False,
            force_jupyter=False,
            markup=False,
            emoji=False,
            highlight=False,
            _environ={},
        )
        _page(console, build(document, detail=False))
        text = page.getvalue().replace(_NARROW, "\u202f").replace(_FIXED, " ")
        tidy = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n")))
        return (tidy.strip("\n") + "\n").encode()


def _page(console: Console, view: View) -> None:
    _heading(console, view.title, "=")
    if view.overview:
        _heading(console, "Overview", "-")
        for table in view.overview:
            _any_size(console, table)
        console.print()
    for answer in view.answers:
        _answer(console, answer)
    if view.empty:
        _say(console, "This document contains no results.")
    for note in view.notes:
        _say(console, note)
    if view.weaknesses:
        _heading(console, "Doubts", "-")
        for weakness in view.weaknesses:
            title = weakness.title
            if weakness.code != title:
                title += f" [{weakness.code}]"
            _say(console, title)
            for message, subjects in weakness.messages:
                about = f"{', '.join(subjects)}: " if subjects else ""
                _say(console, f"{about}{message}", indent=2, hang=2)
            _say(console, f"remedy: {weakness.remedy}", indent=2, hang=8)
        _say(console, EXPLAINED)
    for section in view.sections:
        if not section.detail:
            _section(console, section)
    console.print()
    _say(console, view.imprint)


def _answer(console: Console, answer: Answer) -> None:
    _say(console, answer.line, hang=2)
    for sentence in (answer.sentence, answer.verdict_words):
        if sentence:
            _say(console, sentence, indent=2)
    console.print()


def _section(console: Console, section: Section) -> None:
    _heading(console, section.title, "-")
    for line in section.brief:
        _say(console, line, hang=2)
    if section.brief:
        return
    _say(console, section.about)
    for table in section.tables:
        pieces = (
            tuple(piece.transposed() for piece in table.split(SIDE_BY_SIDE))
            if section.key == "measurements"
            else (table,)
        )
        for piece in pieces:
            if piece.rows:
                _grid(console, piece)


def _any_size(console: Console, table: Table) -> None:
    """A grid; of many rows a line each, because a grid of them takes long to lay out."""
    if len(table.rows) <= MANY:
        _grid(console, table)
        return
    console.print()
    _say(console, table.title)
    for row in table.rows:
        figures = "; ".join(
            f"{name} {cell.text}" for name, cell in zip(table.head[1:], row[1:], strict=True)
        )
        _say(console, f"{row[0].line}: {figures}", hang=2)
    if table.about:
        _say(console, table.about)


def _listed(console: Console, table: Table) -> None:
    """A paragraph below the name of each row."""
    for row in table.rows:
        _say(console, row[0].line, hang=2)
        cells = zip(table.head[1:], row[1:], strict=True)
        _say(console, "; ".join(f"{name}: {cell.line}" for name, cell in cells), indent=2)


def _is_too_wide(table: Table, columns: Columns, stacked: bool) -> bool:
    """Whether numbers or words would break in the middle at the width of the page."""
    return sum(_floors(table, columns, stacked)) + _GAP * (len(columns) - 1) > WIDTH


def _grid(console: Console, table: Table) -> None:
    """A grid; a paragraph for each row if even stacked figures are too wide for a grid."""
    console.print()
    if table.title:
        _say(console, table.title)
    columns = tuple(zip(*table.rows, strict=True))
    stacked = _is_too_wide(table, columns, stacked=False)
    if stacked and _is_too_wide(table, columns, stacked=True):
        _listed(console, table)
        if table.about:
            _say(console, table.about)
        return
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, width in zip(table.head, _widths(table, columns, stacked), strict=True):
        grid.add_column(
            _text(name),
            justify="right" if name in table.right else "left",
            overflow="fold",
            width=width,
        )
    for row in table.rows:
        grid.add_row(*(_text("\n".join(_lines(cell, stacked))) for cell in row))
    console.print(grid)
    if table.about:
        _say(console, table.about)


def _lines(cell: TableCell, stacked: bool) -> list[str]:
    """The cell's text with the note beside the text or, if stacked, under the text."""
    return [cell.text, cell.aside] if stacked and cell.note else [cell.line]


def _floors(table: Table, columns: Columns, stacked: bool) -> list[int]:
    """Least width of each column as long as other columns can still be narrowed: figures stay on
    one line, prose may wrap.
    """
    floors = []
    for name, column in zip(table.head, columns, strict=True):
        widths = [
            cell_len(line)
            for cell in column
            if cell.aside.startswith("[")
            for line in _lines(cell, stacked)
        ]
        figures = max(widths, default=0)
        least = 14 if figures == 0 and not stacked else _longest_word(name, column)
        floors.append(max(min(figures, WIDTH // 2), min(cell_len(name), 12), least))
    return floors


def _longest_word(name: str, column: Sequence[TableCell]) -> int:
    """Width of the longest of the ordinary words of a column and of its name, at least 6;
    identifiers may break.
    """
    lines = (name, *(cell.line for cell in column))
    words = [cell_len(word) for line in lines for word in line.split()]
    return max([6, *(width for width in words if width <= _ORDINARY)])


def _widths(table: Table, columns: Columns, stacked: bool) -> list[int]:
    """Column widths that fill at most the page. The widest column is narrowed first, figures last.

    No text is ever cut off.
    """
    widths = [
        max(cell_len(name), *(cell_len(line) for cell in column for line in _lines(cell, stacked)))
        for name, column in zip(table.head, columns, strict=True)
    ]
    floors = _floors(table, columns, stacked)
    while sum(widths) + _GAP * (len(widths) - 1) > WIDTH:
        roomy = [i for i, width in enumerate(widths) if width > floors[i]] or range(len(widths))
        widest = max(roomy, key=lambda i: widths[i])
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
    return widths


def _text(text: str) -> Text:
    """Text in which numbers and intervals are never broken between lines."""
    fixed = _INTERVAL.sub(lambda match: match[0].replace(" ", _FIXED), text)
    return Text(fixed.replace("\u202f", _NARROW))


def _heading(console: Console, text: str, rule: str) -> None:
    console.print()
    _say(console, text)
    console.print(Text(rule * min(WIDTH, cell_len(text))))


def _say(console: Console, text: str, indent: int = 0, hang: int = 0) -> None:
    """A paragraph, wrapped; continuation lines are indented by `hang` more columns."""
    for i, line in enumerate(_text(text).wrap(console, WIDTH - indent - hang)):
        console.print(Padding(line, (0, 0, 0, indent + (hang if i else 0))))
