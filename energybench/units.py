"""Units and numbers as a person reads them.

Values are converted here, at the edges of the program; SI everywhere inside.
"""

from __future__ import annotations

import math

from energybench.model import Estimate

S_PER_H = 3600.0
G_PER_LB = 453.59237  # international pound, exact since 1959

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
_SCALED = {"J", "W", "s", "Wh", "flop/s", "B", "B/s"}


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


def show(estimate: Estimate | None, unit: str = "") -> str:
    """'12.35 kJ [12.10, 12.60]': value and interval to two significant digits of the half-width;
    'not measured' for None.

    A number that is exact by definition ('560 W') stands without interval and without decimals
    that the number does not have. If the half-width is so large that its digits would leave the
    value less than two ('12 [0.61, 29 000]'), value, low and high are rounded separately, to two
    significant digits.
    """
    if estimate is None:
        return "not measured"
    factor, label = prefix(estimate.value, unit)
    value, low, high = estimate.value / factor, estimate.low / factor, estimate.high / factor
    if high == low:
        exact_places = next((p for p in range(4) if round(value, p) == value), None)
        if exact_places is None:
            return show_value(estimate.value, unit, 4)
        return _with_unit(number(value, exact_places), label)
    places = min(decimals((high - low) / 2), 6)
    lost = value != 0 and places < min(decimals(abs(value)), 6)
    parts = [_two_digits(x) if lost and x else number(x, places) for x in (value, low, high)]
    return f"{_with_unit(parts[0], label)} [{parts[1]}, {parts[2]}]"


def show_stated(value: float, low: float, high: float, unit: str = "") -> str:
    """'428 W [373, 483]': a value and range that a person stated, with all their digits."""
    factor, label = prefix(value, unit)
    parts = [_all_digits(x / factor) for x in (value, low, high)]
    return f"{_with_unit(parts[0], label)} [{parts[1]}, {parts[2]}]"


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit else text


def _two_digits(x: float) -> str:
    """To two significant digits; very large and very small numbers with an exponent."""
    return number(x, decimals(abs(x))) if 1e-4 <= abs(x) < 1e9 else f"{x:.2g}"


def _all_digits(x: float) -> str:
    """The fewest decimals that leave the number unchanged, apart from binary rounding."""
    for places in range(13):
        if math.isclose(round(x, places), x, rel_tol=1e-12):
            return number(x, places)
    return f"{x:.12g}"


def show_value(value: float | None, unit: str = "", significant: int = 3) -> str:
    """'12.3 kJ', for a table with the interval in a different place; 'not measured' for None."""
    if value is None:
        return "not measured"
    factor, label = prefix(value, unit)
    scaled = value / factor
    places = decimals(abs(scaled), significant) if scaled else 0
    return _with_unit(number(scaled, min(places, 6)), label)


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
