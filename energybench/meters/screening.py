"""Screening of single readings of a meter. A few readings that no load explains are left out, with
their places and values; many such readings are a reason to refuse the file.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.meters.readings import LeftOut
from energybench.model import Kind
from energybench.units import counted

# More left-out readings than this share of the file, and than this number, refuse the file.
MOST_LEFT_OUT, _MANY = 0.1, 3
# Pattern of values inside a reason, and number of reasons to name beside the first reason.
_VALUES, _REASONS = re.compile(r"\(.*?\)|'.*?'|-?\d[\d.,]*"), 3
# Words of a register that was not read: every bit set, the largest signed value, and rows of nines
# (IPMI and SNMP use 0xFFFF, hwmon of Grace 0xFFFFFFFF mW, Modbus meters 0x7FFF).
_REGISTER = frozenset(
    (
        "65535",
        "65534",
        "32767",
        "32768",
        "16777215",
        "2147483647",
        "4294967295",
    )
)
_SENTINELS = _REGISTER | frozenset("9" * n for n in range(4, 11))
# A sentinel within this factor of a neighbouring reading is a reading.
_NEAR = Decimal(2)
# Ratio of a spike to both neighbours. A board or a node that goes from idle to full load and back
# draws 3 to 8 times the idle power (datasheets: 60 to 500 W for a board), and stays at full load
# for several readings.
_SPIKE = Decimal(10)
# A load with at least this power on both sides of a few zeros did not stop drawing power.
_LOAD_W = Decimal(10)
_FEW_ZEROS = 10  # as a hole in the file may be ten readings long


class Value(NamedTuple):
    """A reading in W or J (or the reason why the cell holds no reading), with place and time."""

    place: int
    t_s: float
    value: Decimal | None
    text: str
    reason: str = ""


class StartedAnew(BadInput):
    """A counter that starts anew, or a column that is not a counter."""


class Screened(NamedTuple):
    """Readings that a load explains, rows left out, and rows that are kept with a doubt."""

    values: list[Value]
    left_out: list[LeftOut]
    spikes: list[LeftOut]


def screen(
    where: str, word: str, kind: Kind, values: Sequence[Value], most_w: float | None
) -> Screened:
    """The readings that a load explains. most_w: no real power exceeds this limit, W.

    Raises BadInput if no load explains many of the readings.
    """
    reasons: dict[int, str] = {i: v.reason for i, v in enumerate(values) if v.value is None}
    for i, reading in enumerate(values):
        if reading.value is not None and reading.value < 0:
            reasons[i] = f"the value is negative ({reading.text})"
            if reading.text.strip() == "-1":
                reasons[i] = "-1 stands for a failed reading"
    if kind == "power":
        reasons |= _power(values, reasons, most_w)
    else:
        reasons |= _counter(where, word, values, reasons, most_w)
    left_out = [LeftOut(values[i].place, reasons[i]) for i in sorted(reasons)]
    check_few(f"{where} {word}", left_out, len(values))
    kept = [reading for i, reading in enumerate(values) if i not in reasons]
    if len(kept) < 2:
        place, what = where, f"holds {counted(len(kept), 'reading')}"
        if left_out:
            place, what = (
                f"{where} {word} {left_out[0].place}",
                f"{left_out[0].reason}; {what} beside",
            )
        raise BadInput(place, what, "a series has at least two")
    return Screened(kept, left_out, spikes(kept) if kind == "power" else [])


def check_few(where: str, left_out: Sequence[LeftOut], count: int) -> None:
    """Raises BadInput if many rows hold no reading, with the first row of every reason.

    where: 'meter.csv line'
    """
    if len(left_out) <= max(_MANY, MOST_LEFT_OUT * count):
        return
    firsts: dict[str, LeftOut] = {}
    for row in left_out:
        firsts.setdefault(_VALUES.sub("", row.reason).strip(), row)
    first, *others = firsts.values()
    beside = "".join(f"; {row.place}: {row.reason}" for row in others[:_REASONS])
    what = f"{first.reason}, and {len(left_out) - 1} more of {count} rows are no readings{beside}"
    remedies = ["name another column, or cut out the rows without a reading"]
    if any("negative" in row.reason for row in firsts.values()):
        negative = (
            "a load draws no negative power: exchange the meter's terminals, or name another column"
        )
        remedies = [negative, *(["cut out the other rows"] if others else [])]
    raise BadInput(f"{where} {first.place}", what, "; ".join(remedies))


def _power(values: Sequence[Value], bad: dict[int, str], most_w: float | None) -> dict[int, str]:
    reasons = _sentinels(values, [i for i in range(len(values)) if i not in bad])
    good = [i for i in range(len(values)) if i not in bad and i not in reasons]
    above = [i for i in good if most_w is not None and _watts(values[i]) > most_w]
    # if most readings are above the limit, the unit is wrong, and the check of the level refuses
    # the file
    if len(above) <= len(good) / 2:
        limit = f"{most_w or 0:g} W"
        for i in above:
            reasons[i] = f"{values[i].text} is above {limit}, more than such a load can draw"
    return reasons | _zeros(values, [i for i in good if i not in reasons])


def _sentinels(values: Sequence[Value], good: Sequence[int]) -> dict[int, str]:
    """Sentinels that a meter shows in place of a reading, by index, with a reason. A sentinel close
    to neighbouring readings is a real reading.

    A meter that fails for a while shows a sentinel in every row, and a run of sentinels is not a
    confirmation: neighbours are the nearest readings that are not sentinels. In a file with only
    sentinels, the words of a register are failed readings, and a number of nines may be a reading.
    """
    suspects = [i for i in good if _is_sentinel(values[i].text)]
    others = [i for i in good if not _is_sentinel(values[i].text)]
    reasons = {}
    for i in suspects:
        position = bisect_left(others, i)
        beside = [_watts(values[j]) for j in others[max(position - 2, 0) : position + 2]]
        if not beside and not _is_sentinel(values[i].text, _REGISTER):
            continue
        if not _near(_watts(values[i]), beside):
            reasons[i] = f"{values[i].text} stands for a failed reading"
    # a number that stands for a failed reading once stands for a failed reading everywhere, also
    # within a load of similar power
    failed = {values[i].value for i in reasons}
    for i in suspects:
        if values[i].value in failed:
            reasons[i] = f"{values[i].text} stands for a failed reading"
    return reasons


def spikes(values: Sequence[Value]) -> list[LeftOut]:
    """Readings of at least ten times the power of both neighbours, if the neighbours are alike. The
    cause may be the load, or a meter that failed for a reading.
    """
    rows = []
    for before, reading, after in zip(values, values[1:], values[2:], strict=False):
        low, high = sorted((_watts(before), _watts(after)))
        if 0 < high <= _NEAR * low and _watts(reading) >= _SPIKE * high:
            reason = f"{reading.text} stands alone between {before.text} and {after.text}"
            rows.append(LeftOut(reading.place, reason))
    return rows


def _watts(reading: Value) -> Decimal:
    return reading.value if reading.value is not None else Decimal(0)


def _is_sentinel(text: str, words: frozenset[str] = _SENTINELS) -> bool:
    match = re.match(r"\s*(\d+)(?:[.,](\d+))?", text)
    if match is None:
        return False
    digits = match[1] + (match[2] or "")
    return {match[1], digits, digits.rstrip("0")} & words != set()


def _near(watts: Decimal, beside: Sequence[Decimal]) -> bool:
    return any(other / _NEAR <= watts <= other * _NEAR for other in beside)


def _zeros(values: Sequence[Value], good: Sequence[int]) -> dict[int, str]:
    """A few readings of 0 between readings of a load: the load did not stop drawing power."""
    reasons: dict[int, str] = {}
    start: int | None = None
    for position, i in enumerate(good):
        if _watts(values[i]) == 0:
            start = position if start is None else start
            continue
        if start is not None and start > 0 and position - start <= _FEW_ZEROS:
            before, after = _watts(values[good[start - 1]]), _watts(values[i])
            if min(before, after) >= _LOAD_W:
                for j in good[start:position]:
                    reasons[j] = f"0 W between {values[good[start - 1]].text} and {values[i].text}"
        start = None
    return reasons


def _counter(
    where: str, word: str, values: Sequence[Value], bad: dict[int, str], most_w: float | None
) -> dict[int, str]:
    """Single readings of a counter that interrupt the rise of the energy, by index, with a reason.
    Raises BadInput if the counter starts anew.
    """
    reasons: dict[int, str] = {}
    good = [i for i in range(len(values)) if i not in bad]
    rising: list[int] = []
    for position, i in enumerate(good):
        joules = _watts(values[i])
        ahead = good[position + 1 : position + 4]
        if rising and _jumps(values[rising[-1]], values[i], most_w):
            reasons[i] = f"the energy jumps to {values[i].text}"
        elif not rising or joules >= _watts(values[rising[-1]]):
            rising.append(i)
        elif sum(_watts(values[j]) >= _watts(values[rising[-1]]) for j in ahead) * 2 > len(ahead):
            reasons[i] = f"the energy falls to {values[i].text} for one reading"
        elif joules >= _watts(values[rising[-2]]) if len(rising) > 1 else ahead:
            # the reading before was too high
            reasons[rising[-1]] = f"the energy rises to {values[rising[-1]].text} for one reading"
            rising[-1] = i
        else:
            raise StartedAnew(
                f"{where} {word} {values[i].place}",
                f"the energy falls from {values[rising[-1]].text} to {values[i].text}",
                "the counter started anew: cut the file, or repeat the run; --per-interval, if "
                "each row holds the energy used since the row before",
            )
    return reasons


def _jumps(before: Value, after: Value, most_w: float | None) -> bool:
    seconds = after.t_s - before.t_s
    if most_w is None or seconds <= 0:
        return False
    # a coarse counter may show a whole count at once
    return float(_watts(after) - _watts(before)) > most_w * (seconds + 3600.0)
