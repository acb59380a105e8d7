"""A column of the energy used since the row before, as exports of smart meters have it: recognised,
because such values fall, and added up to a counter if the person says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from statistics import median

from energybench.errors import BadInput
from energybench.meters.readings import Undecided
from energybench.meters.screening import Value

# A counter falls when it starts anew, or for a single failed reading: not twice, and in a tenth of
# its rows.
_FALLS, _SHARE = 2, 0.1
# Spacings between two rows, at most: the energy of a missing row would be missing from the sum.
_GAP = 1.5


def check_rises(place: str, what: str, values: Sequence[Value]) -> None:
    """Raises Undecided if the energies fall so often that they may be energies of intervals.

    place  begins the place of a reading in the message, as 'meter.csv line'
    """
    numbers = [value for value in values if value.value is not None and value.value >= 0]
    falls = [(a, b) for a, b in pairwise(numbers) if (b.value or 0) < (a.value or 0)]
    if len(falls) < _FALLS or len(falls) <= _SHARE * len(numbers):
        return
    before, after = falls[0]
    raise Undecided(
        f"{place} {after.place}",
        f"{what}: the energy falls from {before.text} to {after.text}, and {len(falls) - 1} more "
        "times: a counter would only rise",
        "--per-interval, if each row holds the energy used since the row before",
        [("--per-interval",)],
    )


def added_up(place: str, what: str, values: Sequence[Value], most_w: float | None) -> list[Value]:
    """The values as those of a counter, which is 0 at the first row: the energy of the first row
    was used before. Raises BadInput for every row whose energy would be missing or wrong.
    """
    usual_s = median([b.t_s - a.t_s for a, b in pairwise(values)]) if len(values) > 1 else 0.0
    total = Decimal(0)
    counter = [_first(place, what, values[0])]
    for before, row in pairwise(values):
        seconds = row.t_s - before.t_s
        mistake = _mistake(row, seconds, usual_s, most_w)
        if mistake:
            raise BadInput(
                f"{place} {row.place}",
                f"{what}: {mistake}",
                "with --per-interval every row counts: cut the file to rows without a fault, "
                "around the run",
            )
        total += row.value or 0
        counter.append(row._replace(value=total))
    return counter


def _first(place: str, what: str, row: Value) -> Value:
    if row.value is None:
        raise BadInput(f"{place} {row.place}", f"{what}: {row.reason}", "cut this row out")
    return row._replace(value=Decimal(0))


def _mistake(row: Value, seconds: float, usual_s: float, most_w: float | None) -> str:
    """Why the energy of a row cannot be added; "" if it can."""
    if row.value is None:
        return row.reason
    if row.value < 0:
        return f"the energy is negative ({row.text})"
    if seconds <= 0:
        return "has the same time as the row before"
    if seconds > _GAP * usual_s:
        return (
            f"comes {seconds:.6g} s after the row before, other rows {usual_s:.6g} s: a row is "
            "missing"
        )
    if most_w is not None and float(row.value) > most_w * seconds:
        return f"{row.text} in {seconds:.6g} s is above {most_w:g} W, more than such a load draws"
    return ""
