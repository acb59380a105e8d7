"""The columns of times and readings in a table.

A table that can be read in several ways is refused. The refusal names the columns and a choice that
works.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.meters import (
    boards,
    column_names,
    column_refusals,
    moments,
    power_words,
    row_numbers,
    supply_sides,
    time_columns,
    time_format,
)
from energybench.meters.csv_file import is_time
from energybench.meters.devices import check_devices
from energybench.meters.readings import Choice, Row, Table, Undecided, cell_unit, known_unit
from energybench.meters.values import NO_READING, split_unit
from energybench.units import whole_number

_SAMPLE = 60  # rows to examine for the content of a column
_MOST = 0.8  # least share of a column's cells with the kind of content
_TIME = re.compile(r"time|date|epoch|utc|^(t|ts)(_?(m|u|n)?s)?$|zeit|datum|last_changed", re.I)


class Columns(NamedTuple):
    """Indices of the columns of times, of milliseconds of the times, of readings, and of the
    columns of --select; and the rows that the choice takes.
    """

    times: tuple[int, ...]
    value: int
    unit: str | None
    rows: list[Row]
    odd: list[Row]
    selected: tuple[int, ...] = ()
    milliseconds: int | None = None

    def time_of(self, row: Row) -> str:
        """The time of a row as a single text."""
        text = " ".join(row.cells[i].strip() for i in self.times)
        if self.milliseconds is None:
            return text
        return time_columns.with_milliseconds(text, row.cells[self.milliseconds])


def choose(table: Table, choice: Choice) -> Columns:
    """The columns and rows of a choice. Raises BadInput, or Undecided with possible choices."""
    width = len(table.names)
    rows, odd = [], []
    for row in table.rows:
        cells = row.cells
        while len(cells) > width and not cells[-1].strip():
            cells = cells[:-1]
        if len(cells) == width:
            rows.append(Row(row.place, cells))
        else:
            odd.append(row)
    rows = _selected(table, choice, rows)
    times = _times(table, choice, rows)
    times, milliseconds = time_columns.milliseconds(table.names, rows, times)
    used = times if milliseconds is None else (*times, milliseconds)
    selected = tuple(index(table, label, "--select") for label, _ in choice.select)
    if milliseconds is not None and milliseconds in selected:
        raise BadInput(
            f"--select {table.names[milliseconds]}",
            "the column holds the milliseconds of the times, so that rows would be lost",
            "leave the option out: the milliseconds are read with the times",
        )
    value, unit = _value(table, choice, rows, used)
    if table.records:
        # records of a further kind, such as records of a plug's radio, are not readings
        rows = [row for row in rows if all(row.cells[i] for i in (*times, value))]
    check_devices(table, rows, {*used, value}, choice.side, choice.host)
    if choice.board:
        boards.check_name(table.names[value], choice.board, table.path)
    return Columns(times, value, unit, rows, odd, selected, milliseconds)


# ---------------------------------------------------------------- rows


def _selected(table: Table, choice: Choice, rows: list[Row]) -> list[Row]:
    """The rows that fit every --select, or the board."""
    for label, wanted in choice.select:
        column = index(table, label, "--select")
        fitting = [row for row in rows if row.cells[column].strip() == wanted]
        if not fitting:
            values = dict.fromkeys(row.cells[column].strip() for row in rows)
            shown = ", ".join(list(values)[:8])
            name = column_names.as_option(table.names, column)
            options = [("--select", f"{name}={one}") for one in list(values)[:2]]
            raise Undecided(
                f"--select {label}={wanted}",
                f"no row of {table.path} has it",
                f"the column holds {shown}",
                options,
            )
        rows = fitting
    return _of_board(table, choice.board, rows) if choice.board else rows


def _of_board(table: Table, board: str, rows: list[Row]) -> list[Row]:
    """The rows of the board, if a column names boards. Raises BadInput if every row is of a
    different board.
    """
    wanted = boards.plain(board)
    for column in range(len(table.names)):
        fitting = [row for row in rows if boards.plain(row.cells[column]) == wanted]
        if fitting:
            return fitting
    for column, name in enumerate(table.names):
        cells = list(dict.fromkeys(row.cells[column].strip() for row in rows))
        if boards.is_board("gpu", board) and cells and all(boards.is_board(name, c) for c in cells):
            why = f"column {name!r} holds {', '.join(cells[:4])}"
            raise boards.other(board, table.path, why)
    return rows


def index(table: Table, name: str, option: str) -> int:
    """The column of a name or of a number (from 1). Raises BadInput."""
    matching = [i for i, other in enumerate(table.names) if other == name]
    if not matching:
        matching = [i for i, other in enumerate(table.names) if other.lower() == name.lower()]
    number = whole_number(name)
    if not matching and number is not None and 1 <= number <= len(table.names):
        matching = [number - 1]
    if len(matching) == 1:
        return matching[0]
    what = f"{table.where} has no such column"
    if matching:
        what = f"{table.where} has {len(matching)} such columns"
    raise BadInput(f"{option} {name}", what, f"it has {', '.join(table.names)}")


def sample(rows: Sequence[Row], column: int) -> list[str]:
    """Cells with content, from rows spread over the whole file."""
    step = max(1, len(rows) // _SAMPLE)
    cells = (row.cells[column].strip() for row in rows[::step])
    return [cell for cell in cells if cell.lower() not in NO_READING]


# ---------------------------------------------------------------- times


def _times(table: Table, choice: Choice, rows: Sequence[Row]) -> tuple[int, ...]:
    if choice.time_columns:
        chosen = [index(table, name, "--time-column") for name in choice.time_columns]
        chosen = time_columns.date_and_time(table.names, chosen)
        return tuple(_date_first(rows, chosen))
    if table.times and choice.time_format is None:
        return tuple(table.names.index(name) for name in table.times)
    width = range(len(table.names))
    whole = [i for i in width if _is_moment(table, choice, rows, i)]
    if whole:
        return (_one_time(table, rows, whole),)
    dates = [i for i in width if _share(sample(rows, i), moments.is_date)]
    clocks = [i for i in width if _share(sample(rows, i), moments.is_clock)]
    if len(dates) == len(clocks) == 1:
        return (dates[0], clocks[0])
    if clocks and not dates:
        raise BadInput(
            table.where,
            f"column {table.names[clocks[0]]!r} holds times of day, and no column holds dates",
            "log the date as well",
        )
    named = [i for i in width if _TIME.search(table.names[i])]
    # the reading of its first row says what is wrong
    return (named[0] if named else 0,)


def _date_first(rows: Sequence[Row], chosen: list[int]) -> list[int]:
    if len(chosen) == 2 and _share(sample(rows, chosen[0]), moments.is_clock):
        chosen.reverse()
    return chosen


def _is_moment(table: Table, choice: Choice, rows: Sequence[Row], column: int) -> bool:
    """Whether a column holds dates with times, or seconds since 1970."""
    cells = sample(rows, column)
    if choice.time_format is not None:
        layout = choice.time_format
        return _share(cells, lambda cell: time_format.moment(cell, layout) is not None)
    if table.units.get(table.names[column]) or (
        known_unit(table.names[column]) and not _TIME.search(table.names[column])
    ):
        return False
    return _share(
        cells,
        lambda cell: is_time(cell) and not moments.is_date(cell) and not moments.is_clock(cell),
    )


def _share(cells: Sequence[str], holds: object) -> bool:
    """Whether `holds` is true for most cells."""
    assert callable(holds)
    return bool(cells) and sum(bool(holds(cell)) for cell in cells) >= _MOST * len(cells)


def _one_time(table: Table, rows: Sequence[Row], whole: list[int]) -> int:
    """The column of times. Among several columns, columns that change from row to row, with the
    name of a time, and with a zone are preferred. Raises Undecided if several columns remain.
    """
    if len(whole) > 1:
        # a boot time or the start of a day stays the same
        changes = {i: len({row.cells[i] for row in rows}) for i in whole}
        most = max(changes.values())
        whole = [i for i in whole if changes[i] >= 0.9 * most]
    if len(whole) > 1:
        named = [i for i in whole if _TIME.search(table.names[i])]
        whole = named or whole
    if len(whole) > 1:
        # times with a zone, or since 1970, are certain without a stated zone
        zoned = [i for i in whole if _certain(sample(rows, i)[0])]
        whole = zoned or whole
    if len(whole) > 1:
        names = [table.names[i] for i in whole]
        options = [column_names.as_option(table.names, i) for i in whole]
        raise Undecided(
            table.where,
            f"columns {', '.join(map(repr, names))} all hold times",
            f"--time-column, one of {', '.join(options)}",
            [("--time-column", option) for option in reversed(options)],
        )
    return whole[0]


def _certain(cell: str) -> bool:
    read = moments.moment(cell)
    return read is None or read.zone is not None


# ---------------------------------------------------------------- readings


def _value(
    table: Table, choice: Choice, rows: Sequence[Row], times: Sequence[int]
) -> tuple[int, str | None]:
    """The column of the readings, and the unit of the column if the column states a unit."""
    selected = {index(table, label, "--select") for label, _ in choice.select}
    names = table.names
    columns = [i for i in range(len(names)) if i not in times and not _all_times(rows, i)]
    if choice.column is not None:
        column = index(table, choice.column, "--column")
        return column, column_unit(table, rows, column)
    if table.value is not None:
        column = table.names.index(table.value)
        return column, column_unit(table, rows, column)
    columns = [i for i in columns if i not in selected]
    columns = [i for i in columns if not row_numbers.counts_rows(names[i], rows, i)] or columns
    if choice.board:
        columns = [i for i in columns if boards.names(names[i], choice.board or "")] or columns
    if len(columns) > 1:
        columns = [i for i in columns if _share(sample(rows, i), split_unit)] or columns
    # apparent power, limits and extremes are not readings, unless a person names their column
    beside = () if table.headerless else names
    plain = [i for i in columns if power_words.contradiction(names[i], beside) is None]
    if columns and not plain:
        raise column_refusals.no_reading(table, columns)
    columns = _on_side(table, choice, plain, _narrowed(table, rows, plain))
    if len(columns) == 1:
        return columns[0], column_unit(table, rows, columns[0])
    raise column_refusals.several(table, columns)


def _narrowed(table: Table, rows: Sequence[Row], columns: list[int]) -> list[int]:
    """The columns with a unit; without units, columns with a name of power; else every column."""
    with_unit = [i for i in columns if column_unit(table, rows, i)]
    return with_unit or [i for i in columns if column_names.is_power(table.names[i])] or columns


def _on_side(
    table: Table, choice: Choice, columns: Sequence[int], narrowed: list[int]
) -> list[int]:
    """The narrowed columns without columns on the opposite side of the power supply. Raises
    Undecided or BadInput if no further column may hold readings.
    """
    if table.headerless or choice.side is None:
        return narrowed
    sides = {i: supply_sides.side(table.names[i], table.names) for i in columns}
    agree = [i for i in narrowed if sides[i] in (None, choice.side)]
    if agree or not narrowed:
        return agree
    # a column without a unit
    agree = [
        i
        for i in columns
        if sides[i] == choice.side or (sides[i] is None and column_names.is_power(table.names[i]))
    ]
    if agree:
        return agree
    raise column_refusals.other_side(table, choice.side, narrowed[0])


def _all_times(rows: Sequence[Row], column: int) -> bool:
    cells = sample(rows, column)
    return _share(cells, lambda cell: not cell.isdigit() and is_time(cell))


def column_unit(table: Table, rows: Sequence[Row], column: int) -> str | None:
    """The unit of a column: of the layout, of its name, or of its cells."""
    name = table.names[column]
    stated = table.units.get(name) or known_unit(name)
    if stated:
        return stated
    cells = sample(rows, column)
    units = [
        unit for cell in cells if (split := split_unit(cell)) and (unit := cell_unit(split[1]))
    ]
    if units and len(units) >= _MOST * len(cells):
        return units[0]
    # a unit in a column of its own, behind the numbers: 23.4,Joules
    behind = set(sample(rows, column + 1)) if column + 1 < len(table.names) else set()
    return cell_unit(behind.pop()) if len(behind) == 1 else None
