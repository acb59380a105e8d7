"""Suspect values: a meter shows exactly the value again and again, far from the readings before and
after. A load that jumps does not return to the last digit of a value; a failing meter does.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from energybench.meters.screening import Value

_TIMES = 3  # by chance a value stands twice
# Least distance of the readings before and after a suspect value, as a share of the value.
_FAR = Decimal("0.2")
# A load that jumps to a power varies at this power as much as at any power. A value is suspect if
# no different reading lies within _AROUND of the value (as a share of the value), and if at least a
# share of _DISTINCT of the readings before and after the value are distinct.
_AROUND = Decimal("0.02")
_DISTINCT = 0.1


class Recurring(NamedTuple):
    """A value as written in the file, and the places of its readings."""

    text: str
    places: tuple[int, ...]


class _Stay(NamedTuple):
    """Consecutive readings of a value, and the values before and after these readings."""

    readings: list[Value]
    before: Decimal
    after: Decimal


def recurring(values: Sequence[Value]) -> tuple[Recurring, ...]:
    """The suspect values of power, in the order of the file."""
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
    """Whether every reading before or after the value is far from the value, and both readings
    around a stay lie above, or both below the value.
    """
    far = _FAR * watts
    return all(
        abs(beside - watts) > far for stay in stays for beside in (stay.before, stay.after)
    ) and all((stay.before < watts) == (stay.after < watts) for stay in stays)


def _alone(watts: Decimal, every: dict[Decimal, list[_Stay]], stays: Sequence[_Stay]) -> bool:
    """Whether the readings before and after the value vary, and readings near the value do not."""
    beside = [power for stay in stays for power in (stay.before, stay.after)]
    vary = len(set(beside)) >= max(_TIMES, _DISTINCT * len(beside))
    around = _AROUND * watts
    return vary and not any(0 < abs(other - watts) <= around for other in every)
