"""[inputs.NAME] of a scenario file: a stated value, a value from the dated tables, or a place for a
measured value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from energybench.analysis.uncertainty.effects import ranged
from energybench.errors import BadInput
from energybench.model import Noun
from energybench.projecting import dated_tables as tables
from energybench.projecting.formula import is_name
from energybench.projecting.mix import QUANTITIES
from energybench.projecting.scenario import Evidence, ScenarioInput
from energybench.projecting.toml_tables import convert

_LOOK_UPS = {"sku": tables.price, "carbon": tables.carbon, "equivalence": tables.equivalence}


class _Entry(Noun, frozen=True, kw_only=True):
    """The table as written: one of value, sku, carbon, equivalence; or measured alone."""

    value: float | None = None
    sku: str | None = None
    carbon: str | None = None
    equivalence: str | None = None
    measured: str | None = None
    low: float | None = None
    high: float | None = None
    among: list[str] | None = None
    unit: str | None = None
    source: str | None = None
    evidence: Evidence | None = None
    key: str | None = None


def check_name(name: str, where: str) -> None:
    """Raises BadInput if an input or a line cannot be called by this name."""
    if not is_name(name):
        raise BadInput(
            where,
            f"{name!r} cannot be a name",
            "a letter, then letters, digits and _; neither the name of a function nor a word of "
            "Python's own",
        )


def scenario_input(
    name: str, table: Any, currency: str | None, where: str
) -> tuple[ScenarioInput, str | None]:
    """An input, and name and date of the price if the input is a listed price. Raises BadInput."""
    check_name(name, where)
    entry = convert(table, _Entry, where)
    way = _way(entry, where)
    if way in _LOOK_UPS:
        return _looked_up(name, entry, way, currency, where)
    return _stated(name, entry, where), None


def _way(entry: _Entry, where: str) -> str:
    """How the entry states its value: the name of the key; 'measured' without a value. Raises
    BadInput.
    """
    if entry.measured is not None and entry.measured not in QUANTITIES:
        raise BadInput(
            f"{where}.measured",
            f"{entry.measured!r} is not a quantity of a comparison",
            "one of " + ", ".join(QUANTITIES),
        )
    ways = [way for way in ("value", *_LOOK_UPS) if getattr(entry, way) is not None]
    if len(ways) > 1 or (not ways and entry.measured is None):
        raise BadInput(
            where,
            f"has {' and '.join(ways) or 'no value'}",
            "exactly one of value, sku, carbon, equivalence; or measured alone",
        )
    if entry.among is not None and entry.sku is None:
        raise BadInput(
            f"{where}.among", "belongs to a sku", "low and high state the range of a value"
        )
    return ways[0] if ways else "measured"


# ---------------------------------------------------------------- stated values


def _stated(name: str, entry: _Entry, where: str) -> ScenarioInput:
    """A value with its source, or a place for a measured value."""
    unit = _unit(entry, where)
    if entry.value is None:
        if entry.low is not None or entry.high is not None:
            raise BadInput(
                where,
                "has a range and no value",
                "give value, low and high; the comparison replaces all three",
            )
        return ScenarioInput(name=name, value=None, unit=unit, source="", measured=entry.measured)
    if not entry.source:
        raise BadInput(
            f"{where}.source", "is missing", "where the number was read, or how it was inferred"
        )
    low, high = _range(entry.value, entry.low, entry.high, where)
    return ScenarioInput(
        name=name,
        value=ranged(name, entry.value, low, high, entry.key),
        unit=unit,
        source=entry.source,
        evidence=entry.evidence,
        measured=entry.measured,
        stated=(low, high) if low < high else None,
    )


def _unit(entry: _Entry, where: str) -> str:
    """The stated unit; for a measured value the unit of its quantity."""
    if entry.measured is not None:
        unit = QUANTITIES[entry.measured]
        if entry.unit not in (None, unit):
            raise BadInput(
                f"{where}.unit", f"is {entry.unit!r}", f"{entry.measured} is in {unit!r}"
            )
        return unit
    if entry.unit is None:
        raise BadInput(f"{where}.unit", "is missing", 'for example "W"; "" for a plain number')
    return entry.unit


def _range(value: float, low: float | None, high: float | None, where: str) -> tuple[float, float]:
    """The stated range; a side without a limit ends at the value."""
    low, high = value if low is None else low, value if high is None else high
    if low > value:
        raise BadInput(
            f"{where}.low", f"{low:g} lies above the value {value:g}", "low ≤ value ≤ high"
        )
    if high < value:
        raise BadInput(
            f"{where}.high", f"{high:g} lies below the value {value:g}", "low ≤ value ≤ high"
        )
    return low, high


# ---------------------------------------------------------------- values from the dated tables


def _looked_up(
    name: str, entry: _Entry, way: str, currency: str | None, where: str
) -> tuple[ScenarioInput, str | None]:
    """A row of a table brings unit and source."""
    for key in ("unit", "source", "evidence", "measured"):
        if getattr(entry, key) is not None:
            raise BadInput(
                f"{where}.{key}",
                f"does not go with {way}, which brings its own",
                "leave it out, or state value, unit and source",
            )
    row = _LOOK_UPS[way](getattr(entry, way), f"{where}.{way}")
    source = row.source if row.date in row.source else f"{row.source} ({row.date})"
    low, high, price = entry.low, entry.high, None
    if entry.sku is not None:
        price = f"{entry.sku} ({row.date})"
        if currency != "USD":
            raise BadInput(
                f"{where}.sku",
                f"prices.csv is in USD, the scenario's currency is {currency or 'not stated'}",
                "state value, unit and source",
            )
    if entry.among is not None:
        least, most = _price_range(row.value, entry.among, where)
        low, high = least if low is None else low, most if high is None else high
        source += f"; range over {', '.join(entry.among)}"
    low, high = _range(row.value, low, high, where)
    converted = ScenarioInput(
        name=name,
        value=ranged(name, row.value, low, high, entry.key),
        unit=row.unit,
        source=source,
        evidence="seen",
        stated=(low, high) if low < high else None,
    )
    return converted, price


def _price_range(price: float, among: Sequence[str], where: str) -> tuple[float, float]:
    """The range of a price and the prices of the instances in `among`."""
    prices = [price, *(tables.price(sku, f"{where}.among").value for sku in among)]
    return min(prices), max(prices)
