"""Units and numbers for a person.

Values are converted here, at the edges of the program; SI everywhere inside.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from energybench.model import Estimate

S_PER_H = 3600.0
G_PER_LB = 453.59237  # international pound, exact since 1959

MOST_WHOLE = 2**63 - 1
_SAME = 1e-7  # relative difference of values that are equal except for rounding
_LARGEST_IN_FULL = 1e9  # figures from here on have an exponent
_LEAST_IN_FULL = 1e-4  # and figures below
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

_PREFIXES = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
)
_SCALED = {"J", "W", "s", "J s", "Wh", "flop/s", "flop", "B", "B/s"}
# Indivisible things: their numbers have no decimals.
WHOLE = frozenset({"boards", "cars", "GPUs", "homes", "instances", "nodes", "servers", "sockets"})
# Units with a plural in s: "2 nodes" but "1 node".
_PLURALS = WHOLE | {"days", "months", "years"}
SHARE = "share"  # a number between 0 and 1, shown as a percentage
MOST_DIGITS = 5  # significant digits of a value, however narrow its interval


def counted(number: int, noun: str, nouns: str = "") -> str:
    """'1 node', '4 nodes': a number of things. nouns: the plural, unless `noun` with an s."""
    return f"{number} {noun if number == 1 else nouns or f'{noun}s'}"


def whole_number(text: str) -> int | None:
    """The number in a text of ASCII digits; None for any other text, and for a number above 2**63 -
    1.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MOST_WHOLE)):
        return None
    value = int(text)
    return value if value <= MOST_WHOLE else None


def decimal_number(text: str) -> float | None:
    """The finite number in a text of ASCII digits, as 12, -0.5 or 1e-3; None for any other text.
    Python's float() also takes "nan", "1_000", " 5 " and the digits of other scripts.
    """
    if _DECIMAL.fullmatch(text) is None:
        return None
    value = float(text)
    return value + 0.0 if math.isfinite(value) else None  # no negative zero


def lb_per_mwh_to_g_per_kwh(intensity: float) -> float:
    """Carbon intensity, from the unit of the U.S. EPA."""
    return intensity * G_PER_LB / 1000


def prefix(value: float, unit: str) -> tuple[float, str]:
    """Divisor and prefixed unit that bring `value` between 1 and 1000: 12 345 J → (1000, "kJ").
    Times above 1 s stay in s.
    """
    if unit not in _SCALED or value == 0 or not math.isfinite(value):
        return 1.0, unit
    for factor, letter in _PREFIXES:
        if unit == "s" and factor > 1:
            continue
        if abs(value) >= factor:
            return factor, letter + unit
    return 1.0, unit


def decimals(uncertainty: float, digits: int = 2) -> int:
    """Decimal places that show `digits` significant digits of the uncertainty (GUM 7.2.6: two)."""
    if uncertainty <= 0 or not math.isfinite(uncertainty):
        return 3
    return digits - 1 - math.floor(math.log10(uncertainty))


def number(value: float, places: int) -> str:
    """Fixed notation with a narrow no-break space between thousands; negative places round to tens,
    hundreds, …
    """
    rounded = round(value, places) + 0.0  # no negative zero
    return f"{rounded:,.{max(places, 0)}f}".replace(",", "\u202f")


class Rounded(NamedTuple):
    """Numbers for a person. low, high: None for an exact number."""

    value: str
    unit: str
    low: str | None = None
    high: str | None = None


def rounded(
    value: float, low: float, high: float, unit: str = "", *, prefixed: bool = True
) -> Rounded:
    """Value and interval to two significant digits of the half-width.

    A number that is exact by definition gets no further decimals. Whole things have no decimals,
    and no interval if the interval holds no other whole number; a part of them (12.5 busy nodes)
    has three significant digits, unless its interval is wider. A share is a percentage. A value
    has at most five significant digits. If the half-width is so large that its digits would leave
    the value less than two, value, low and high are rounded separately, to two significant digits:
    12 [0.61, 29 000].

    prefixed  whether the unit may get a prefix; otherwise the numbers stay in the unit itself
    """
    (value, low, high), unit = as_shown(unit, value, low, high)
    factor, label = prefix(value, unit) if prefixed else (1.0, unit)
    value, low, high = value / factor, low / factor, high / factor
    if high == low:
        text = number(value, places_of(value, low, high, unit) or 0)
        return Rounded(text, _unit_of(text, label))
    places = places_of(value, low, high, unit)
    parts = [
        _two_digits(x) if places is None and x else number(x, places or 0)
        for x in (value, low, high)
    ]
    label = _unit_of(parts[0], label)
    if unit in WHOLE and len(set(parts)) == 1:
        return Rounded(parts[0], label)
    return Rounded(parts[0], label, parts[1], parts[2])


def places_of(value: float, low: float, high: float, unit: str) -> int | None:
    """Decimal places of a value with its interval; None if the interval is so wide that value, low
    and high are rounded separately.
    """
    if high == low:
        exact_places = next((p for p in range(4) if round(value, p) == value), None)
        if exact_places is None:
            exact_places = min(decimals(abs(value), 4), 6)
        return min(exact_places, _most_places(value, unit))
    half = (high - low) / 2
    # an interval of a few nodes hides the part of a node
    most = 0 if unit in WHOLE and half >= 1 else _most_places(value, unit)
    places = min(decimals(half), most)
    whole = unit in WHOLE and all(map(_is_whole, (value, low, high)))
    lost = value != 0 and not whole and places < min(decimals(abs(value)), 6)
    return None if lost else places


def as_shown(unit: str, *values: float) -> tuple[tuple[float, ...], str]:
    """The values, and their unit, as a person reads them: a share as a percentage."""
    if unit == SHARE:
        return tuple(round(100 * value, 10) for value in values), "%"
    return values, unit


def show(estimate: Estimate | None, unit: str = "", *, prefixed: bool = True) -> str:
    """'12.35 kJ [12.10, 12.60]', rounded as in `rounded`; '560 W' for an exact number; 'not
    measured' for None.
    """
    if estimate is None:
        return "not measured"
    parts = rounded(estimate.value, estimate.low, estimate.high, unit, prefixed=prefixed)
    interval = "" if parts.low is None else f" [{parts.low}, {parts.high}]"
    return f"{with_unit(parts.value, parts.unit)}{interval}"


def _most_places(value: float, unit: str) -> int:
    """Most decimal places of a value: none of whole things, three significant digits of a part of
    them (12.5 nodes are busy), else five.
    """
    if unit in WHOLE:
        return 0 if _is_whole(value) else max(decimals(abs(value), 3), 0)
    return min(max(decimals(abs(value), MOST_DIGITS), 0), 6) if value else 6


def figure(value: float) -> str:
    """'1 048 576', '0.8125', '1.172e+12': a figure without an interval or a unit. Whole numbers
    have all their digits, other numbers four significant digits.
    """
    if value == 0 or (float(value).is_integer() and abs(value) < _LARGEST_IN_FULL):
        return number(value, 0)
    if not 1e-4 <= abs(value) < _LARGEST_IN_FULL:
        return f"{value:.4g}"
    places = decimals(abs(value), 4)
    text = number(value, places)
    return text.rstrip("0").rstrip(".") if places > 0 else text


def show_figure(value: float, unit: str = "") -> str:
    """'560 W', '1 880 W': a stated figure with all its digits."""
    (value,), unit = as_shown(unit, value)
    factor, label = prefix(value, unit) if abs(value) < 1 else (1.0, unit)
    return with_unit(all_digits(value / factor), label)


def short_figure(value: float, significant: int = 3) -> str:
    """'1 100', '-2 410', '0.5': a figure in a sentence, with so many significant digits at most and
    without an exponent.
    """
    if not math.isfinite(value) or 0 < abs(value) < _LEAST_IN_FULL:
        return f"{value:.{significant}g}"
    text = number(value, decimals(abs(value), significant) if value else 0)
    return trimmed(text)


def show_beside(estimate: Estimate, figure: float, unit: str = "") -> str:
    """The estimate in the unit itself with at least three digits, and with enough digits to
    distinguish its value from a neighbouring figure: 3 951 429 USD is not 4 000 000 USD.
    """
    (value, low, high, beside), label = as_shown(
        unit, estimate.value, estimate.low, estimate.high, figure
    )
    half = (high - low) / 2
    if half < _SAME * abs(value):
        half = 0.0
    places = decimals(abs(value), 3 if half > 0 else 4)
    if half > 0:
        places = max(places, min(decimals(half), decimals(abs(value), MOST_DIGITS)))
    places = min(places, 6)
    if not math.isclose(value, beside, rel_tol=_SAME):
        while places < 12 and number(value, places) == number(beside, places):
            places += 1
    if half == 0:
        return with_unit(number(value, places), label)
    ends = f"[{number(low, places)}, {number(high, places)}]"
    return f"{with_unit(number(value, places), label)} {ends}"


def _is_whole(value: float) -> bool:
    return math.isclose(value, round(value), rel_tol=_SAME, abs_tol=_SAME)


def trimmed(text: str) -> str:
    """'16.8' of '16.800'."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_unit(text: str, unit: str) -> str:
    return f"{text} {_unit_of(text, unit)}" if unit else text


def _unit_of(text: str, unit: str) -> str:
    """The unit of a shown number: '1 node', and '2 nodes'."""
    return unit[:-1] if text in ("1", "-1") and unit in _PLURALS else unit


def _two_digits(x: float) -> str:
    """To two significant digits; very large and very small numbers with an exponent."""
    return number(x, decimals(abs(x))) if 1e-4 <= abs(x) < 1e9 else f"{x:.2g}"


def all_digits(x: float) -> str:
    """The fewest decimals that leave the number unchanged, apart from binary rounding."""
    for places in range(13):
        if math.isclose(round(x, places), x, rel_tol=1e-12):
            return number(x, places)
    return f"{x:.12g}"


def show_value(
    value: float | None, unit: str = "", significant: int = 3, *, prefixed: bool = True
) -> str:
    """'12.3 kJ', for a table with the interval in a different place; 'not measured' for None."""
    if value is None:
        return "not measured"
    (value,), unit = as_shown(unit, value)
    factor, label = prefix(value, unit) if prefixed else (1.0, unit)
    scaled = value / factor
    places = decimals(abs(scaled), significant) if scaled else 0
    if 0 < abs(scaled) < _LEAST_IN_FULL:
        return with_unit(f"{scaled:.{significant}g}", label)
    if unit in WHOLE and _is_whole(scaled):
        places = min(places, 0)
    return with_unit(number(scaled, min(places, 6)), label)


def percent(share: Estimate) -> str:
    """'50.1 % [48.3, 52.0]' of a share."""
    return show(Estimate(value=100 * share.value, low=100 * share.low, high=100 * share.high), "%")


def relative(estimate: Estimate) -> str:
    """'−3.1 % … +8.2 %' of the value; empty for the value 0."""
    if estimate.value == 0:
        return ""
    down, up = (
        (edge - estimate.value) / abs(estimate.value) * 100
        for edge in (estimate.low, estimate.high)
    )
    return f"{down:+.1f} % … {up:+.1f} %".replace("-", "−")
