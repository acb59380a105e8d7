"""Refusals of a table in which the column of readings is uncertain."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.errors import BadInput
from energybench.meters import column_names, feeds, power_words, supply_sides
from energybench.meters.readings import Table, Undecided, known_unit


def other_side(table: Table, wanted: supply_sides.Side, column: int) -> BadInput:
    """The refusal of a column on the opposite side of the power supply (input or output)."""
    name, option = table.names[column], column_names.as_option(table.names, column)
    what = f"column {name!r} holds, by its name, {supply_sides.says(name, wanted, table.names)}"
    stays = f"--column {option!r}, if the name is wrong"
    if wanted == "ac":
        return Undecided(table.where, what, f"--dc; {stays}", [("--dc",)])
    return BadInput(table.where, what, f"leave --dc out; {stays}")


def several(table: Table, columns: Sequence[int]) -> Undecided:
    """The refusal of several columns of readings. The refusal suggests the column of the total or,
    without a total, the columns to try. A single feed of several feeds is never suggested, even if
    the remaining columns show too little energy.
    """
    names = [table.names[i] for i in columns]
    options = [column_names.as_option(table.names, i) for i in columns]
    what, remedy = f"has {len(columns)} value columns", "a column of readings"
    if options:
        remedy = f"--column, one of {', '.join(options)}"
    whole, one_feed = feeds.total(names), _one_of_several(table, names)
    first = [
        (name, option)
        for name, option in zip(names, options, strict=True)
        if (name == whole if whole is not None else name not in one_feed)
    ]
    first.sort(key=lambda pair: _unlikely(pair[0]))
    parts = [] if table.headerless else feeds.parts_among(names)
    if parts:
        what += f", which may be parts of one load: {', '.join(parts)}"
        if len(parts) < len(names):
            what = f"has {len(columns)} value columns, of which {', '.join(parts)} may be parts of "
            what += "one load"
        remedy = "write their sum into one column, if several of them feed the load; "
        remedy += f"--column, one of {', '.join(options)}, if one of them feeds all of it"
    return Undecided(
        table.where,
        what,
        remedy,
        [("--column", option) for _, option in first],
        parts=bool(parts),
    )


def _unlikely(name: str) -> int:
    """The rank of a column among the columns to try: 0 for power, 1 for energy, 2 for an unclear
    name, 3 for a name that states a different quantity.
    """
    if column_names.is_power(name):
        return 0
    if known_unit(name) or column_names.is_energy(name):
        return 1
    return 3 if column_names.is_other_quantity(name) else 2


def _one_of_several(table: Table, names: Sequence[str]) -> list[str]:
    """The names of single feeds among several feeds; [] if the columns have only numbers."""
    return [] if table.headerless else feeds.feeds_among(names, by_word=False)


def no_reading(table: Table, columns: Sequence[int]) -> BadInput:
    """The refusal of columns whose names state a quantity besides mean power and energy."""
    name, option = table.names[columns[0]], column_names.as_option(table.names, columns[0])
    beside = () if table.headerless else table.names
    other_quantity = power_words.contradiction(name, beside)
    what = f"its only column of readings is {name!r}"
    if len(columns) > 1:
        what = f"has {len(columns)} value columns: {', '.join(table.names[i] for i in columns)}; "
        what += f"the first is {name!r}"
    remedy = "log the mean active power or the energy"
    if all(power_words.is_part(table.names[i], beside) for i in columns):
        remedy = "log the power of the whole load"
        if len(columns) > 1:
            remedy = "write the sum of the parts into one column: only the sum is the load"
    return BadInput(
        table.where,
        f"{what}, which by its name holds {other_quantity}",
        f"{remedy}; --column {option!r}, if the column holds the mean power or the energy of the "
        "whole load",
    )
