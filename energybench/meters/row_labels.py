"""Cells beside the readings of a table that state the content of the rows: the statistic, the
quantity, the unit, or the slice of a board.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.errors import BadInput
from energybench.meters import boards, column_names, power_words, supply_sides
from energybench.meters.columns import Columns
from energybench.meters.readings import Choice, Row, Table, cell_unit, states_unit

_MOST_VALUES = 8  # most distinct texts in a column that states the content of the rows
_UNIT_COLUMNS = frozenset(("unit", "units", "einheit", "uom", "unité", "unidad"))


def says(table: Table, choice: Choice, chosen: Columns) -> str:
    """The content of the rows by the name and the cells beside the readings, if the content
    contradicts the use as mean power or energy; "" without a contradiction. Raises BadInput if
    cells contradict and a person chose neither the rows nor the column of the readings.
    """
    name = table.names[chosen.value]
    beside = () if table.headerless else table.names
    by_name = column_names.says(name, choice.unit, table.units.get(name), beside)
    by_rows = _by_rows(table, choice, chosen)
    if by_rows:
        column, other_quantity = by_rows
        if not by_name and choice.column is None and column not in chosen.selected:
            shown = chosen.rows[0].cells[column].strip()
            option = column_names.as_option(table.names, chosen.value)
            raise BadInput(
                table.where,
                f"column {table.names[column]!r} says {shown!r}: the rows hold {other_quantity}",
                f"log the mean active power or the energy; --column {option!r}, if the rows hold "
                "that",
            )
        by_name = by_name or other_quantity
    by_name = by_name or _by_unit(table, choice, chosen) or _by_side(table, choice, name)
    return by_name or _of_slice(table, choice, chosen)


def _by_rows(table: Table, choice: Choice, chosen: Columns) -> tuple[int, str] | None:
    """The column in which every cell states a quantity or statistic besides the mean power and
    energy, and the stated quantity; None without such a column.
    """
    for column, values in _few(table, chosen):
        name = "" if table.headerless else table.names[column]
        if power_words.tells_state(name) and column not in chosen.selected:
            continue
        beside = values
        if column in chosen.selected:
            beside = [row.cells[column].strip() for row in _whole(table)]
        if len(values) > 1 and any(power_words.is_part(value, values) for value in values):
            continue  # states of a single device
        other_quantities = [power_words.of_value(name, value, beside) for value in values]
        if all(other_quantities):
            return column, other_quantities[0] or ""
    return None


def _by_unit(table: Table, choice: Choice, chosen: Columns) -> str:
    """The content of a column of units that contradicts --unit; "" without a contradiction."""
    for column, values in _few(table, chosen):
        others = [value for value in values if cell_unit(value) != choice.unit]
        if choice.unit and others and _are_units(table, column, values):
            return f"readings in {', '.join(others)}, of which --unit says {choice.unit}"
    return ""


def unit(table: Table, chosen: Columns) -> str | None:
    """The unit that a column of units states for the rows; None if the file has no column of units.
    Raises BadInput if the cells state several units, or a unit that is not of power or energy.
    """
    for column, values in _few(table, chosen):
        if not _are_units(table, column, values):
            continue
        units = {cell_unit(value) for value in values}
        if len(units) == 1 and None not in units:
            return units.pop()
        raise BadInput(
            table.where,
            f"column {table.names[column]!r} holds {', '.join(values)}, which is not one unit of "
            "power or energy",
            "rows of one unit: log the mean active power in W or the energy in kWh",
        )
    return None


def _are_units(table: Table, column: int, values: Sequence[str]) -> bool:
    """Whether a column holds units; a column called unit may name devices as well."""
    named = table.names[column].strip().lower() in _UNIT_COLUMNS
    return named and any(states_unit(value) for value in values)


def _by_side(table: Table, choice: Choice, name: str) -> str:
    """The opposite side of the power supply, if the column or a value of --select states the
    opposite side; "".
    """
    if table.headerless:
        return ""
    of_rows = supply_sides.labels_say(dict(choice.select), choice.side)
    return supply_sides.says(name, choice.side, table.names) or of_rows


def _of_slice(table: Table, choice: Choice, chosen: Columns) -> str:
    """boards.SLICE if the meter is of a board and the rows are of a slice of a board; else ""."""
    if choice.board is None:
        return ""
    for column, values in _few(table, chosen):
        if len(values) == 1 and boards.is_slice(table.names[column], values[0]):
            return boards.SLICE
    return boards.SLICE if boards.is_slice("", table.names[chosen.value]) else ""


def _few(table: Table, chosen: Columns) -> list[tuple[int, list[str]]]:
    """The columns with few distinct texts, besides times and readings, and the distinct texts."""
    columns = []
    for column in range(len(table.names)):
        if column in (*chosen.times, chosen.value) or column == chosen.milliseconds:
            continue
        values: dict[str, None] = {}
        for row in chosen.rows:
            values[row.cells[column].strip()] = None
            if len(values) > _MOST_VALUES + 1:
                break
        texts = [value for value in values if value]
        if 0 < len(texts) <= _MOST_VALUES:
            columns.append((column, texts))
    return columns


def _whole(table: Table) -> Sequence[Row]:
    return [row for row in table.rows if len(row.cells) >= len(table.names)]
