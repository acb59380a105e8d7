"""J ↔ kWh ↔ MWh and numbers for people.

Units are converted only here and only at the edges; SI everywhere else.
"""

from __future__ import annotations

import math

from energybench.model import Estimate

J_PER_KWH = 3.6e6
J_PER_MWH = 3.6e9
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


def j_to_kwh(energy_j: float) -> float:
    return energy_j / J_PER_KWH


def j_to_mwh(energy_j: float) -> float:
    return energy_j / J_PER_MWH


def mwh_to_j(energy_mwh: float) -> float:
    return energy_mwh * J_PER_MWH


def w_to_mw(power_w: float) -> float:
    return power_w / 1e6


def lb_per_mwh_to_g_per_kwh(intensity: float) -> float:
    """Carbon intensity as the U.S. EPA states it."""
    return intensity * G_PER_LB / 1000


def prefix(value: float, unit: str) -> tuple[float, str]:
    """Divisor and prefixed unit under which `value` reads between 1 and 1000: 12 345 J → (1000,
    "kJ"). Time stays in s above 1 ms.
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
    """Fixed notation with thousands kept apart by a narrow no-break space; negative places round to
    tens, hundreds, …
    """
    rounded = round(value, places) + 0.0  # no negative zero
    return f"{rounded:,.{max(places, 0)}f}".replace(",", "\u202f")


def show(estimate: Estimate | None, unit: str = "") -> str:
    """'12.35 kJ [12.10, 12.60]': value and interval to two significant digits of the half-width;
    'not measured' for None.

    A number that is exact by definition ('560 W') stands bare, without decimals it does not have.
    Where the half-width is so large that its digits would round the value to less than two ('12
    [0.61, 29 000]'), value and edges have two significant digits each of their own.
    """
    if estimate is None:
        return "not measured"
    factor, label = prefix(estimate.value, unit)
    value, low, high = estimate.value / factor, estimate.low / factor, estimate.high / factor
    if high == low:
        places = next((p for p in range(4) if round(value, p) == value), None)
        return (
            show_value(estimate.value, unit, 4)
            if places is None
            else f"{number(value, places)}{' ' + label if label else ''}"
        )
    places = min(decimals((high - low) / 2), 6)
    lost = value != 0 and places < min(decimals(abs(value)), 6)
    parts = [_own_digits(x) if lost and x else number(x, places) for x in (value, low, high)]
    return f"{parts[0]}{' ' + label if label else ''} [{parts[1]}, {parts[2]}]"


def _own_digits(x: float) -> str:
    """To two significant digits of its own; with an exponent where that would be a row of zeros."""
    return number(x, decimals(abs(x))) if 1e-4 <= abs(x) < 1e9 else f"{x:.2g}"


def show_value(value: float | None, unit: str = "", significant: int = 3) -> str:
    """A bare number for a table whose interval stands elsewhere: '12.3 kJ'; 'not measured' for
    None.
    """
    if value is None:
        return "not measured"
    factor, label = prefix(value, unit)
    scaled = value / factor
    places = decimals(abs(scaled), significant) if scaled else 0
    return f"{number(scaled, min(places, 6))}{' ' + label if label else ''}"


def percent(share: Estimate) -> str:
    """'50.1 % [48.3, 52.0]' of a share."""
    return show(Estimate(value=100 * share.value, low=100 * share.low, high=100 * share.high), "%")


def relative(estimate: Estimate) -> str:
    """'−3.1 % … +8.2 %' of the value; empty where the value is 0."""
    if estimate.value == 0:
        return ""
    down, up = (
        (edge - estimate.value) / abs(estimate.value) * 100
        for edge in (estimate.low, estimate.high)
    )
    return f"{down:+.1f} % … {up:+.1f} %".replace("-", "−")
