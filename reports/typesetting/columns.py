"""Widths of a table's columns, chosen like in browsers: a column has room for its longest word, and
the rest goes to the columns with much text (CSS 2.2, 17.5.2.2, automatic table layout).
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench_reports.typesetting.fonts import Glyphs, glyphs
from energybench_reports.view.layout import Table
from energybench_reports.view.wording import TableCell

PADDING_EM = 1.0  # between two columns
_LONGEST_WORD_EM = 9.0  # a longer word is broken
_MOST_EM = 250.0  # largest room requested by a column, for a text of any length
_AXIS_EM = 15.0
_NOTE = 0.87  # size of a note against the text above it
_LONGEST_VALUE = 24  # characters of a value with its unit, or of an interval
_LONGEST_TEXT = 500  # inspected characters of a cell


def widths(table: Table, total_em: float) -> tuple[tuple[float, ...], float]:
    """Relative widths of the columns, with the axis (if any) as the third, and the size of type
    against the size around the table: below 1 for a table that is too wide.

    total_em  width of the page
    """
    measured = glyphs()
    least, wanted = [], []
    for number, name in enumerate(table.head):
        cells = [row[number] for row in table.rows]
        words, lines = _column(name, cells, measured, whole=name in table.right)
        least.append(words + PADDING_EM)
        wanted.append(min(lines, _MOST_EM) + PADDING_EM)
    if table.axis is not None:
        least.insert(min(2, len(least)), _AXIS_EM)
        wanted.insert(min(2, len(wanted)), _AXIS_EM)
    size = 1.0
    if sum(least) > total_em:
        size = max(total_em / sum(least), 0.72)
        total_em = max(total_em / size, sum(least))
    room = total_em - sum(least)
    asked = [max(wide - narrow, 0.0) for wide, narrow in zip(wanted, least, strict=True)]
    # every cell has a single line: the rest goes to the columns in proportion
    if sum(asked) <= room:
        chosen = [max(pair) for pair in zip(least, wanted, strict=True)]
        return tuple(round(width / sum(chosen), 4) for width in chosen), round(size, 3)
    chosen = [
        narrow + room * (more / sum(asked)) for narrow, more in zip(least, asked, strict=True)
    ]
    return tuple(round(width / sum(chosen), 4) for width in chosen), round(size, 3)


def _column(
    name: str, cells: Sequence[TableCell], measured: Glyphs, *, whole: bool
) -> tuple[float, float]:
    """(least width, longest line) of a column, em. A note is smaller, on a separate line.

    whole  whether the cells of the column are numbers, which are not broken
    """
    word = max((_breakable(measured.width(piece)) for piece in name.split()), default=0.0)
    line = measured.width(name)
    for cell in cells:
        value = whole or cell.note.startswith("[")
        for text, scale in ((cell.text, 1.0), (cell.note, _NOTE)):
            text = text[:_LONGEST_TEXT]
            if value and len(text) < _LONGEST_VALUE:
                word = max(word, measured.width(text) * scale)  # is never broken
            else:
                pieces = (measured.width(piece) * scale for piece in text.split())
                word = max([word, *map(_breakable, pieces)])
            line = max(line, measured.width(text) * scale)
    return word, line


def _breakable(word_em: float) -> float:
    """The least room of a word: a longer word is broken."""
    return min(word_em, _LONGEST_WORD_EM)
