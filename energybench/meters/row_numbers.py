"""Columns that count the rows of a file (No., index, sample), and rise like a counter of energy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from energybench.meters import name_parts
from energybench.meters.readings import Row

_NUMBERING = frozenset(
    (
        *(
            "no",
            "nr",
            "num",
            "number",
            "index",
            "idx",
            "record",
            "records",
            "rec",
            "sample",
            "samples",
        ),
        *("seq", "sequence", "id", "row", "line", "zeile", "lfd", "count", "cnt", "n", "store"),
        *("point", "scan", "entry", "unnamed", "nummer", "packet", "frame", "message", "msg"),
    )
)
# share of the steps that are equal: a logger that was started again counts anew
_MOST = 0.95


def counts_rows(name: str, rows: Sequence[Row], column: int) -> bool:
    """Whether a column numbers the rows, by its name and by its cells: whole numbers with one step
    throughout.
    """
    named = all(word.isdigit() or word in _NUMBERING for word in name_parts.words(name))
    if not named or name.isdigit():
        return False  # the number of a column without a name
    cells = [row.cells[column].strip() for row in rows]
    if len(cells) < 3 or not all(cell.isascii() and cell.isdigit() for cell in cells):
        return False
    steps = [int(after) - int(before) for before, after in pairwise(cells)]
    usual = max(set(steps), key=steps.count)
    return usual != 0 and steps.count(usual) >= _MOST * len(steps)
