"""A meter's CSV: which column is the time, which the value."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.meters.readings import Choice, Reading, Unit, known_unit, unit_of
from energybench.meters.times import Times

_SEPARATORS = ",;\t"
_TIME = re.compile(r"time|date|epoch|utc|^(t|ts)(_m?s)?$", re.IGNORECASE)


class _Row(NamedTuple):
    line: int
    cells: list[str]


def read(path: str, text: str, choice: Choice) -> tuple[str, Unit, list[Reading]]:
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
            "is no header but a reading",
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
            Reading(row.line, times.of(row.cells[clock].strip(), row.line), row.cells[value])
        )
    return f"column {names[value]!r}", unit, readings


def _rows(path: str, text: str) -> Iterator[_Row]:
    """Rows that say something, with the line each ends on. The separator is the header's."""
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
            f"is no CSV: {error}",
            "export the meter's readings anew",
        ) from None


def _value(names: list[str], clock: int, choice: Choice, where: str) -> int:
    """Index of the value column: the one named, the only one, or the only one with a unit."""
    others = [i for i in range(len(names)) if i != clock]
    shown = ", ".join(names[i] for i in others)
    if choice.column is not None:
        found = [i for i in others if names[i] == choice.column]
        if len(found) != 1:
            raise BadInput(
                f"--column {choice.column}",
                f"{where} has {len(found) or 'no'} such column{'s' if found else ''}",
                f"it has {shown}",
            )
        return found[0]
    if len(others) == 1:
        return others[0]
    united = [i for i in others if known_unit(names[i]) is not None]
    if len(united) == 1:
        return united[0]
    raise BadInput(where, f"has {len(others)} value columns", f"--column, one of {shown}")
