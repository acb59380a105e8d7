"""A meter's CSV as a table: separators, preamble, header and a line of units."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from energybench.errors import BadInput
from energybench.meters import moments, short_header
from energybench.meters.readings import Row, Table, cell_unit
from energybench.meters.values import NO_READING, split_unit

_SEPARATORS = ";\t,|"
_SEP_LINE = re.compile(r"\s*sep=(.)\s*", re.IGNORECASE)  # Excel's first line
_TRIED = 200  # lines that tell the separator and the header


def read(path: str, lines: Sequence[str]) -> Table:
    """The table of a CSV, of a headerless log, or of columns separated by spaces.

    Raises BadInput.
    """
    lines = list(lines)
    first = next((line for line in lines if line.strip()), "")
    stated = _SEP_LINE.fullmatch(first)
    if stated:
        lines[lines.index(first)] = ""
    sample = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not sample:
        raise BadInput(path, "has no header", "a first line that names the columns")
    separator = stated[1] if stated else _separator(sample[:_TRIED])
    rows = list(_rows(lines, separator))
    if not rows:
        raise BadInput(path, "has no header", "a first line that names the columns")
    return _table(path, rows, separator)


def _separator(sample: Sequence[str]) -> str:
    """The separator that gives most lines the same number of cells; " " for runs of spaces."""
    scores = []
    for separator in _SEPARATORS:
        counts = Counter(len(_cells(line, separator)) for line in sample)
        cells, lines = max(counts.items(), key=lambda item: (item[1], item[0]))
        if cells > 1:
            scores.append((lines, separator))
    # a decimal comma stands inside the cells of the others: a comma has to do better
    best = max(scores, key=lambda score: score[0], default=None)
    return best[1] if best else " "


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _rows(lines: Sequence[str], separator: str) -> Iterator[Row]:
    """Rows with content, and the number of the last line of each; without comment lines."""
    if separator == " ":
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.lstrip().startswith("#"):
                yield Row(number, line.split())
        return
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator, strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader]
    except csv.Error:
        # a quotation mark without its partner swallows the rows after it
        rows = [(number, _line_cells(line, separator)) for number, line in enumerate(lines, 1)]
    for number, cells in rows:
        if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
            yield Row(number, [cell.strip() for cell in cells])


def _line_cells(line: str, separator: str) -> list[str]:
    """The cells of a line; the whole line as one cell if the line alone is not CSV."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return [line]


def _table(path: str, rows: list[Row], separator: str) -> Table:
    # lines before the header (the name of the device, its serial number) have other columns
    counts = Counter(len(row.cells) for row in rows[:_TRIED])
    width = max(counts.items(), key=lambda item: (item[1], item[0]))[0]
    width = _trimmed(rows, width)
    head = next(i for i, row in enumerate(rows) if len(row.cells) == width)
    rows, head = short_header.mended(path, rows, head, separator)
    width = len(rows[head].cells)
    header = rows[head]
    where = f"{path} line {header.place}"
    if width < 2:
        raise BadInput(
            where,
            f"one column only ({header.cells[0][:40]!r})",
            "a time column and a value column, separated by , ; or tab",
        )
    comma = separator == ";"
    if is_reading(header.cells):
        names = [str(i) for i in range(1, width + 1)]
        return Table(path, where, names, rows[head:], headerless=True, comma=comma)
    names = [cell.strip() for cell in header.cells]
    body = rows[head + 1 :]
    units: dict[str, str] = {}
    if body and _is_unit_line(body[0].cells):
        stated = [cell_unit(cell.strip("[]()")) for cell in body[0].cells]
        units = {name: unit for name, unit in zip(names, stated, strict=False) if unit}
        body = body[1:]
    # a header that is repeated, as by a logger that was started again
    body = [row for row in body if row.cells != header.cells]
    return Table(path, where, names, body, units=units, comma=comma)


def _trimmed(rows: Sequence[Row], width: int) -> int:
    """The number of cells without those that the separators at the ends of the rows make."""
    while width > 1 and not any(row.cells[-1] for row in rows if len(row.cells) == width):
        for row in rows:
            if len(row.cells) == width:
                row.cells.pop()
        width -= 1
    return width


def is_reading(cells: Sequence[str]) -> bool:
    """Whether a row holds a time and a number, and so is not a header."""
    texts = [cell.strip() for cell in cells]
    times = [is_time(text) for text in texts]
    if not any(times):
        return False
    rest = [text for text, time in zip(texts, times, strict=True) if not time]
    return any(split_unit(text) or text.lower() in NO_READING for text in rest if text)


def is_time(text: str) -> bool:
    """Whether a text is a time of the clock, a date, or a time of day."""
    if text.isdigit():
        return len(text) in (10, 13, 16, 19) or (len(text) == 14 and text.startswith("20"))
    return bool(
        re.fullmatch(r"\d{10}[.,]\d+", text)
        or moments.moment(text)
        or moments.is_date(text)
        or moments.is_clock(text)
    )


def _is_unit_line(cells: Sequence[str]) -> bool:
    """Whether the line below the header names units: words only, one of them of power or energy."""
    texts = [cell.strip().strip("[]()") for cell in cells]
    return any(cell_unit(text) for text in texts) and not any(
        is_time(text) or split_unit(text) for text in texts if text
    )
