"""Milliseconds in a separate column beside a date and a time, as stored by power analysers (Date,
Time, Millisecond).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from energybench.errors import BadInput
from energybench.meters.readings import Row

_MILLISECONDS = re.compile(r"milli[ _-]?seconds?|milli[ _-]?sekunden?|millis|m[ _-]?sec", re.I)
_DIGITS = re.compile(r"\d{1,3}")
# least share of the rows with milliseconds; single rows may be cut off
_MOST = 0.9
# a time to whole seconds
_WHOLE = re.compile(r"(?<![\d:])(\d{1,2}:\d{2}:\d{2})(?![\d.,:])")


def milliseconds(
    names: Sequence[str], rows: Sequence[Row], times: tuple[int, ...]
) -> tuple[tuple[int, ...], int | None]:
    """The columns of the times without milliseconds, and the column of the times' milliseconds;
    None: the file has no milliseconds, or the times hold fractions of a second.
    """
    for column, name in enumerate(names):
        # `ms` alone may be the time that a reading took
        behind = len(times) == 2 and column - 1 in times and name.strip().lower() == "ms"
        if not rows or not (behind or _MILLISECONDS.fullmatch(name.strip())):
            continue
        others = tuple(i for i in times if i != column)
        belong = sum(_belongs(row, column, others) for row in rows)
        if others and belong >= _MOST * len(rows):
            return others, column
    return times, None


def date_and_time(names: Sequence[str], chosen: Sequence[int]) -> list[int]:
    """The columns of --time-column without milliseconds. Raises BadInput if three are left."""
    others = [i for i in chosen if len(chosen) < 3 or not _MILLISECONDS.fullmatch(names[i].strip())]
    if len(others) > 2:
        raise BadInput(
            "--time-column",
            f"stands {len(chosen)} times, and none of the columns is called milliseconds",
            "once, or twice: a column of dates and one of times",
        )
    return others


def _belongs(row: Row, column: int, times: Sequence[int]) -> bool:
    text = " ".join(row.cells[i].strip() for i in times)
    return bool(_DIGITS.fullmatch(row.cells[column].strip()) and _WHOLE.search(text))


def with_milliseconds(text: str, cell: str) -> str:
    """The text of a time, with the milliseconds added."""
    cell = cell.strip()
    if not _DIGITS.fullmatch(cell):
        return text
    return _WHOLE.sub(lambda match: f"{match[1]}.{cell:0>3}", text, count=1)
