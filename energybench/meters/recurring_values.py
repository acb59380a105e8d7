"""Values that a meter shows again and again, exactly alike, far from the readings beside them: a
load that jumps does not come to the same last digit each time, and a meter that failed does.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from energybench.meters.screening import Value

_TIMES = 3  # by chance a value stands twice
# Share of the value by which the readings beside it differ.
_FAR = Decimal("0.2")
# A load that jumps to one power varies there as it does elsewhere: the value is suspect if no other
# reading comes within this share of it, while the readings beside it show this share of distinct
# values.
_AROUND = Decimal("0.02")
_DISTINCT = 0.1


class Recurring(NamedTuple):
    """One value as written, and the places where it stands."""

    text: str
    places: tuple[int, ...]


class _Stay(NamedTuple):
    """Readings of one value in a row, and the values before and after."""

    readings: list[Value]
    before: Decimal
    after: Decimal


def recurring(values: Sequence[Value]) -> tuple[Recurring, ...]:
    """The values of power that are suspect, in the order of the file."""
    stays: dict[Decimal, list[_Stay]] = {}
    rows = [(watts, list(same)) for watts, same in groupby(values, key=_watts)]
    for (before, _), (watts, same), (after, _) in zip(rows, rows[1:], rows[2:], strict=False):
        stays.setdefault(watts, []).append(_Stay(same, before, after))
    return tuple(
        Recurring(
            value_stays[0].readings[0].text,
            tuple(r.place for stay in value_stays for r in stay.readings),
        )
        for watts, value_stays in stays.items()
        if len(value_stays) >= _TIMES
        and _stands_off(watts, value_stays)
        and _alone(watts, stays, value_stays)
    )


def _watts(reading: Value) -> Decimal:
    return reading.value if reading.value is not None else Decimal(0)


def _stands_off(watts: Decimal, stays: Sequence[_Stay]) -> bool:
    """Whether all readings beside the value are far from it, each pair on the same side."""
    far = _FAR * watts
    return all(
        abs(beside - watts) > far for stay in stays for beside in (stay.before, stay.after)
    ) and all((stay.before < watts) == (stay.after < watts) for stay in stays)


def _alone(watts: Decimal, every: dict[Decimal, list[_Stay]], stays: Sequence[_Stay]) -> bool:
    """Whether the readings beside the value vary, and the value does not."""
    beside = [power for stay in stays for power in (stay.before, stay.after)]
    vary = len(set(beside)) >= max(_TIMES, _DISTINCT * len(beside))
    around = _AROUND * watts
    return vary and not any(0 < abs(other - watts) <= around for other in every)
