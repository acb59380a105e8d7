"""Ranges of a quantity for a person: as stated, as a search gives them, or with the decimals of an
estimate of the same quantity.
"""

from __future__ import annotations

import math

from energybench.model import Estimate
from energybench.units import (
    MOST_DIGITS,
    WHOLE,
    all_digits,
    as_shown,
    decimals,
    number,
    places_of,
    show_figure,
    show_value,
    trimmed,
    with_unit,
)


def show_stated(low: float, high: float, unit: str = "") -> str:
    """'3.6 to 6.144 USD/h', '20 to 90 %': a stated range with all its digits."""
    (low, high), unit = as_shown(unit, low, high)
    return f"{all_digits(low)} to {with_unit(all_digits(high), unit)}"


def show_range(low: float, high: float, unit: str = "") -> str:
    """'846 to 1 488 W': a range of values without a probability, in the unit itself. Two digits of
    half its width and three of its ends, but at most five; whole numbers of whole things have all
    their digits. If the ends are then equal, a single figure is shown, because a search knows no
    more: '16.8'.
    """
    (low, high), unit = as_shown(unit, low, high)
    if not math.isfinite(low) or not math.isfinite(high):
        return with_unit(f"{low:g} to {high:g}", unit)
    places = _range_places(low, high, unit)
    ends = number(low, places), number(high, places)
    if ends[0] != ends[1]:
        missing = " (no whole number)" if _between_whole_numbers(low, high, unit) else ""
        return with_unit(f"{ends[0]} to {ends[1]}", unit) + missing
    return with_unit(trimmed(ends[0]), unit)


def show_within(value: float, low: float, high: float, unit: str = "") -> str:
    """'1 027 W': a value of a range, with the digits of `show_range`."""
    (value, low, high), unit = as_shown(unit, value, low, high)
    places = _range_places(low, high, unit)
    text = number(value, places)
    fixed = number(low, places) == number(high, places)
    return with_unit(trimmed(text) if fixed else text, unit)


def _range_places(low: float, high: float, unit: str) -> int:
    smallest, largest = sorted((abs(low), abs(high)))
    if not largest or (unit in WHOLE and low.is_integer() and high.is_integer()):
        return 0
    most, half = decimals(largest, MOST_DIGITS), (high - low) / 2
    places = min(decimals(half), most) if half > 0 else most
    places = max(places, decimals(largest, 3))
    if smallest >= largest / 4:
        places = max(places, min(decimals(smallest, 3), decimals(largest, 4)))
    whole = unit in WHOLE and not _between_whole_numbers(low, high, unit)
    return min(places, 0 if whole else 6)


def _between_whole_numbers(low: float, high: float, unit: str) -> bool:
    """Whether a range of counted things holds no whole number: 161.6 to 161.9."""
    return unit in WHOLE and math.floor(high) < math.ceil(low)


def show_span(low: float, high: float, beside: Estimate | None, unit: str = "") -> str:
    """'11.820 to 11.945': two values of a quantity with the decimals of its estimate, or three
    significant digits without one; '17.9 MWh at both ends' if the decimals do not tell them apart.
    """
    ends = [show_like(end, beside, unit, bare=True) for end in (low, high)]
    label = as_shown(unit)[1]
    if ends[0] == ends[1]:
        return f"{with_unit(ends[0], label)} at both ends"
    return f"{ends[0]} to {with_unit(ends[1], label)}"


def show_like(value: float, beside: Estimate | None, unit: str = "", *, bare: bool = False) -> str:
    """A value of a quantity with the decimals of an estimate of the quantity, but two significant
    digits at least; with three significant digits without an estimate or for an exact one.

    bare  without the unit
    """
    (value,), label = as_shown(unit, value)
    places = None
    if beside is not None and beside.low < beside.high:
        (middle, low, high), _ = as_shown(unit, beside.value, beside.low, beside.high)
        places = places_of(middle, low, high, label)
    if places is None:
        text = show_value(value, significant=3)
    else:
        text = number(value, max(places, min(decimals(abs(value)), 6)) if value else places)
    return text if bare else with_unit(text, label)


def show_place(value: float, beside: Estimate | None, unit: str = "") -> str:
    """A value of an input that a person states or that a search gives: whole things with all their
    digits, other values as in `show_like`.
    """
    return show_figure(value, unit) if unit in WHOLE else show_like(value, beside, unit)


def show_now(value: float, beside: Estimate | None, unit: str = "") -> str:
    """The present value of an input: as stated, or with the decimals of its interval."""
    measured = beside is not None and beside.low < beside.high
    return show_place(value, beside, unit) if measured else show_figure(value, unit)


def show_searched(low: float, high: float, unit: str = "") -> str:
    """'0.0238 to 238 USD/h': a searched range, to three significant digits."""
    if unit in WHOLE:
        return show_stated(low, high, unit)
    return f"{show_like(low, None, unit, bare=True)} to {show_like(high, None, unit)}"
