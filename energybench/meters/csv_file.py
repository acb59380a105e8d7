"""A meter's CSV: its time column, its value column and the readings."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.meters.readings import Choice, LoggedReading, Unit, known_unit, unit_of
from energybench.meters.times import Times

_SEPARATORS = ",;\t"
_TIME = re.compile(r"time|date|epoch|utc|^(t|ts)(_m?s)?$", re.IGNORECASE)


class _Row(NamedTuple):
    line: int
    cells: list[str]


def read(path: str, text: str, choice: Choice) -> tuple[str, Unit, list[LoggedReading]]:
    """Column's name, unit and readings. Raises BadInput."""
    if choice.select is not None:
        raise BadInput(
            "--select",
            "chooses a series of a Prometheus answer; this file is CSV",
            "--column NAME chooses a column",
        )
    rows = _rows(path, text)
    header = next(rows, None)
    if header is None:
        raise BadInput(path, "has no header", "a first line that names the columns")
    names = [cell.strip() for cell in header.cells]
    where = f"{path} line {header.line}"
    if len(names) < 2:
        raise BadInput(
            where,
            f"one column only ({names[0][:40]!r})",
            "a time column and a value column, separated by , ; or tab",
        )
    if all(re.fullmatch(r"[-\d.:TZ+ eE]+", name) for name in names):
        raise BadInput(
            where,
            "is not a header but a reading",
            "a first line that names the columns and their units, say time,power_w",
        )
    clock = next((i for i, name in enumerate(names) if _TIME.search(name)), 0)
    value = _value(names, clock, choice, where)
    unit = unit_of(names[value], choice.unit, where)
    times, readings = Times(path, choice.timezone), []
    for row in rows:
        if len(row.cells) != len(names):
            raise BadInput(
                f"{path} line {row.line}",
                f"has {len(row.cells)} columns, the header {len(names)}",
                "the file was cut off, or a value holds the separator",
            )
        readings.append(
            LoggedReading(row.line, times.of(row.cells[clock].strip(), row.line), row.cells[value])
        )
    return f"column {names[value]!r}", unit, readings


def _rows(path: str, text: str) -> Iterator[_Row]:
    """Rows with content, and the number of the last line of each. The separator is the header's."""
    first = next(
        (line for line in text.splitlines() if line.strip() and not line.startswith("#")), ""
    )
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].startswith("#"):
                yield _Row(reader.line_num, cells)
    except csv.Error as error:
        raise BadInput(
            f"{path} line {reader.line_num}",
            f"is not CSV: {error}",
            "export the meter's readings anew",
        ) from None


def _value(names: list[str], clock: int, choice: Choice, where: str) -> int:
    """Index of the value column: the chosen column, the only column, or the only column with a
    unit. Raises BadInput.
    """
    columns = {i: name for i, name in enumerate(names) if i != clock}
    shown = ", ".join(columns.values())
    if choice.column is not None:
        return _named(columns, choice.column, where, shown)
    if len(columns) == 1:
        return next(iter(columns))
    with_unit = [i for i, name in columns.items() if known_unit(name) is not None]
    if len(with_unit) == 1:
        return with_unit[0]
    raise BadInput(where, f"has {len(columns)} value columns", f"--column, one of {shown}")


def _named(columns: dict[int, str], wanted: str, where: str, shown: str) -> int:
    matching = [i for i, name in columns.items() if name == wanted]
    if len(matching) == 1:
        return matching[0]
    what = f"{where} has no such column"
    if matching:
        what = f"{where} has {len(matching)} such columns"
    raise BadInput(f"--column {wanted}", what, f"it has {shown}")
