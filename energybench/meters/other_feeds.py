"""Feeds of a table beside the chosen one: other columns, or other rows, of the same load."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.meters import feeds
from energybench.meters.columns import Columns, column_unit
from energybench.meters.readings import Row, Table


def of_table(table: Table, chosen: Columns) -> tuple[str, ...]:
    """The other feeds beside the chosen column, and beside the rows that --select takes."""
    return (*_columns(table, chosen), *_rows(table, chosen))


def _columns(table: Table, chosen: Columns) -> list[str]:
    """Columns with the unit of the chosen column whose names differ from its name in one part, as
    psu1_w and psu2_w do.
    """
    name, rows = table.names[chosen.value], chosen.rows
    others: list[str] = []
    if table.headerless:
        return others  # the names are numbers of columns
    for column, other in enumerate(table.names):
        if column == chosen.value or column in (*chosen.times, *chosen.selected):
            continue
        if other != name and not feeds.are_alike(name, other):
            continue
        if column_unit(table, rows, column) != column_unit(table, rows, chosen.value):
            continue
        if feeds.draws_power(row.cells[column] for row in rows):
            others.append(f"column {column + 1}" if other == name else repr(other))
    return others


def _rows(table: Table, chosen: Columns) -> list[str]:
    """Rows of other values in the columns of --select that name the parts of one load."""
    if not chosen.selected or not chosen.rows:
        return []
    taken = _labels(table, chosen.rows[0], chosen.selected)
    cells: dict[tuple[str, ...], list[str]] = {}
    for row in table.rows:
        if len(row.cells) >= len(table.names):
            labels = _labels(table, row, chosen.selected)
            cells.setdefault(tuple(labels.values()), []).append(row.cells[chosen.value])
    others = []
    for values, texts in cells.items():
        other = feeds.other_feed(taken, dict(zip(taken, values, strict=True)))
        if other and feeds.draws_power(texts):
            others.append(other)
    return others


def _labels(table: Table, row: Row, columns: Sequence[int]) -> dict[str, str]:
    return {table.names[column]: row.cells[column].strip() for column in columns}
