"""Columns and rows that are parts of one load: the feeds of a node with several power supplies, the
phases of a line, the outlets of a PDU. Only their sum is the power of the load.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from energybench.meters.readings import Choice, Table

_FEED = r"psu|ps|pdu|(?:power)?supply|feed|inlet|input|phase|line|leg|rail|l"
_OUTLET = r"outlet|socket|plug|port|channel|ch"
_NUMBER = r"[\s_#.-]*(?:\d{1,2}|[a-d])(?![a-z0-9])"
_NUMBERED_FEED = re.compile(rf"(?<![a-z])(?:{_FEED}){_NUMBER}", re.IGNORECASE)
_NUMBERED_PART = re.compile(rf"(?<![a-z])(?:{_FEED}|{_OUTLET}){_NUMBER}", re.IGNORECASE)
_NAMES_FEEDS = re.compile(rf"(?:{_FEED})(?:[\s_-]*(?:id|no|nr|name|number|index))?", re.IGNORECASE)
_TOTAL = re.compile(r"(?<![a-z])(?:total|sum|gesamt|overall|combined|node|system)(?![a-z])", re.I)


def total(names: Sequence[str]) -> str | None:
    """The only name of a sum of the other columns, or None."""
    totals = [name for name in names if _TOTAL.search(name)]
    return totals[0] if len(totals) == 1 < len(names) else None


def are_feeds(names: Sequence[str]) -> bool:
    """Whether the columns are numbered feeds, alike but for the number."""
    return _alike(names, _NUMBERED_FEED)


def are_parts(names: Sequence[str]) -> bool:
    """Whether the columns are numbered feeds or outlets, alike but for the number."""
    return _alike(names, _NUMBERED_PART)


def _alike(names: Sequence[str], numbered: re.Pattern[str]) -> bool:
    stems = {_without_number(name, numbered) for name in names}
    return len(names) > 1 and len(stems) == 1 and None not in stems


def names_feeds(column: str) -> bool:
    """Whether a column, by its name, tells the rows of several feeds apart."""
    return _NAMES_FEEDS.fullmatch(column.strip()) is not None


def others(table: Table, choice: Choice, value: int) -> tuple[str, ...]:
    """The other feeds beside the chosen column, or beside the rows that --select takes."""
    name = table.names[value]
    stem = _without_number(name, _NUMBERED_FEED)
    if stem is not None:
        return tuple(
            repr(other)
            for other in table.names
            if other != name and _without_number(other, _NUMBERED_FEED) == stem
        )
    for label, wanted in choice.select:
        if label in table.names and names_feeds(label):
            column = table.names.index(label)
            cells = (row.cells[column].strip() for row in table.rows if column < len(row.cells))
            return tuple(f"{label}={cell}" for cell in dict.fromkeys(cells) if cell != wanted)
    return ()


def _without_number(name: str, numbered: re.Pattern[str]) -> str | None:
    """The name without the number of the part; None if the name has none."""
    match = numbered.search(name)
    return None if match is None else f"{name[: match.start()]}#{name[match.end() :]}".lower()
