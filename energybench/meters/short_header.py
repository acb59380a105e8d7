"""A CSV whose rows have more cells than its header: numbers with an unquoted comma, times with a
comma before the milliseconds (in a log without a header too), or a first column of row names that
the header does not name, as R's write.table writes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from energybench.errors import BadInput
from energybench.meters import column_names, moments
from energybench.meters.readings import Row, known_unit
from energybench.meters.values import split_unit

_TIME = re.compile(r"time|date|epoch|utc|^(t|ts)(_?(m|u|n)?s)?$|zeit|datum", re.I)
_MOST = 0.8  # share of the rows that are of a kind
_TRIED = 200  # rows that tell
_SECONDS = re.compile(r".*\d:\d\d:\d\d")
_FRACTION = re.compile(r"(\d{3}|\d{6})(Z|[+-]\d\d:?\d\d)?")
# "0" and "3118" of 0,3118; "1" and "234.5" of 1,234.5
_WHOLE, _BEHIND = re.compile(r"[-+−]?\d+"), re.compile(r"\d+|\d{3}(?:\.\d+)?")


def mended(path: str, rows: list[Row], head: int, separator: str) -> tuple[list[Row], int]:
    """The rows, and the index of the header: of a file with a header of fewer cells than its rows,
    with as many. head: the first row as wide as most rows; 0 also for a file without a header.

    Raises BadInput if numbers hold the separator.
    """
    if separator != ",":
        return rows, head
    if head == 0:
        return (_with_fractions(rows) if _is_log(rows) else rows), head
    header, width = rows[head - 1], len(rows[head].cells)
    body = [row.cells for row in rows[head : head + _TRIED] if len(row.cells) == width]
    if not (2 <= len(header.cells) < width and _is_header(header.cells)):
        return rows, head
    if width == len(header.cells) + 1:
        if _mostly(body, _has_row_name):
            named = Row(header.place, ["", *header.cells])
            return [*rows[: head - 1], named, *rows[head:]], head - 1
        if _mostly(body, _has_fraction) and _certain(body):
            return [*rows[:head], *_with_fractions(rows[head:])], head - 1
    if _mostly(body, lambda cells: _is_split(cells, len(header.cells))):
        what = f"rows have {width} cells and the header {len(header.cells)}: the comma stands "
        raise BadInput(
            f"{path} line {rows[head].place}",
            f"{what}in the numbers (or times) as well as between the cells",
            "export with ; between the cells or with decimal points and no separated thousands, or "
            "quote every cell that holds a comma",
        )
    return rows, head


def _is_header(cells: Sequence[str]) -> bool:
    """Whether cells name times and a reading, and hold no number."""
    if any(split_unit(cell) for cell in cells):
        return False
    readings = [cell for cell in cells if known_unit(cell) or column_names.is_power(cell)]
    return any(_TIME.search(cell) and cell not in readings for cell in cells) and bool(readings)


def _mostly(body: Sequence[list[str]], is_of_kind: Callable[[list[str]], bool]) -> bool:
    """Whether most rows are of a kind."""
    return bool(body) and sum(map(is_of_kind, body)) >= _MOST * len(body)


def _is_time(cell: str) -> bool:
    number = re.fullmatch(r"\d{10}(?:\d{3}|\d{6}|\d{9})?", cell)
    return bool(number or moments.moment(cell) or moments.is_date(cell) or moments.is_clock(cell))


def _has_row_name(cells: list[str]) -> bool:
    """Whether a row has a time in the second cell, and none in the first."""
    return not _is_time(cells[0]) and _is_time(cells[1])


def _has_fraction(cells: list[str]) -> bool:
    return bool(_SECONDS.fullmatch(cells[0]) and _FRACTION.fullmatch(cells[1]))


def _certain(body: Sequence[list[str]]) -> bool:
    """Whether second cells are milliseconds, and not the watts of 311,8: with a zone, or with zeros
    in front that no number has.
    """
    return any(
        re.fullmatch(r"0\d+|\d+[Z+-].*", cells[1]) or any("." in cell for cell in cells[2:])
        for cells in body
    )


def _is_log(rows: Sequence[Row]) -> bool:
    """Whether rows without a header begin with a time, a comma and milliseconds: some with zeros in
    front that no number has.
    """
    body = [row.cells for row in rows[:_TRIED] if len(row.cells) > 2]
    return _mostly(body, _has_fraction) and any(re.match(r"0\d", cells[1]) for cells in body)


def _with_fractions(rows: Sequence[Row]) -> list[Row]:
    """Rows whose second cell goes to the time in the first."""
    width = len(rows[0].cells)
    return [
        Row(row.place, [f"{row.cells[0]},{row.cells[1]}", *row.cells[2:]])
        if len(row.cells) == width
        else row
        for row in rows
    ]


def _is_split(cells: list[str], names: int) -> bool:
    """Whether the cells, some of them joined with the cell behind by a comma, are as many numbers
    and times as the names.
    """
    if not all(split_unit(cell) or _is_time(cell) for cell in cells):
        return False
    more, i = len(cells) - names, 0
    while i + 1 < len(cells) and more:
        number = _WHOLE.fullmatch(cells[i]) and _BEHIND.fullmatch(cells[i + 1])
        if number or (_SECONDS.fullmatch(cells[i]) and cells[i + 1].isdigit()):
            more, i = more - 1, i + 1
        i += 1
    return more == 0
