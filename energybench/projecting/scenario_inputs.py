"""[inputs.NAME] of a scenario file: a stated value, a value from the dated tables, or a place for a
measured value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from energybench.analysis.uncertainty.effects import ranged
from energybench.errors import BadInput
from energybench.formula import is_name
from energybench.model import BASIS_WORDS, CarbonBasis, Evidence, Noun, PueCategory, RangeMeaning
from energybench.projecting import currencies
from energybench.projecting import dated_tables as tables
from energybench.projecting.mix import QUANTITIES
from energybench.projecting.scenario import ScenarioInput, Stated
from energybench.toml_tables import convert, first_day

# JCGM 101:2008, 6.4.2.1: of a quantity of which only the limits are known, any value between them
# is equally likely
DEFAULT_RANGE: RangeMeaning = "uniform"
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
    range: RangeMeaning | None = None
    among: list[str] | None = None
    unit: str | None = None
    source: str | None = None
    evidence: Stated | None = None
    label: str = ""
    date: str | None = None
    basis: CarbonBasis | None = None
    category: PueCategory | None = None
    site: str = ""
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
    check_quantity(entry.measured, where)
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
    unit = unit_of(entry.measured, entry.unit, where)
    if entry.value is None:
        if (entry.low, entry.high, entry.range) != (None, None, None):
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
    meaning = _meaning(entry, low, high, where)
    _check_dated(entry, unit, where)
    basis = _basis(entry, unit, where)
    return ScenarioInput(
        name=name,
        value=ranged(name, entry.value, low, high, entry.key, meaning or DEFAULT_RANGE),
        unit=unit,
        source=_source(entry, basis, where),
        label=entry.label,
        evidence=_evidence(entry, where),
        date=entry.date or "",
        measured=entry.measured,
        stated=(low, high) if low < high else None,
        range=meaning,
        basis=basis,
        category=entry.category,
        site=entry.site,
    )


def _source(entry: _Entry, basis: CarbonBasis | None, where: str) -> str:
    """The source, with date, basis of a carbon intensity, category of a PUE, and site."""
    facts = [_date(entry.date, where)] if entry.date is not None else []
    facts += [BASIS_WORDS[basis]] if basis else []
    facts += [f"category {entry.category}"] if entry.category else []
    facts += [entry.site] if entry.site else []
    return f"{entry.source} ({', '.join(facts)})" if facts else str(entry.source)


def _check_dated(entry: _Entry, unit: str, where: str) -> None:
    """Raises BadInput for a price or carbon figure without a date, because both change."""
    noun = "a price" if currencies.is_money(unit) else "a carbon figure"
    if entry.date is None and (currencies.is_money(unit) or currencies.is_carbon(unit)):
        raise BadInput(
            f"{where}.date", f"is missing, and {noun} ({unit}) holds for a time", 'date = "2026-11"'
        )


def _basis(entry: _Entry, unit: str, where: str) -> CarbonBasis | None:
    """The basis of a carbon intensity: "own" if none is stated; None for any other input. Raises
    BadInput for a basis or category of an input that has none.
    """
    intensity = currencies.is_intensity(unit)
    if entry.basis is not None and not intensity:
        raise BadInput(f"{where}.basis", "belongs to a carbon intensity in g/kWh", "leave it out")
    if entry.category is not None and unit:
        raise BadInput(f"{where}.category", "belongs to a PUE, which has no unit", "leave it out")
    return (entry.basis or "own") if intensity else None


def _meaning(entry: _Entry, low: float, high: float, where: str) -> RangeMeaning | None:
    """The meaning of the range; None without a range. Raises BadInput for a meaning of nothing."""
    if entry.range is not None and entry.low is None and entry.high is None and not entry.among:
        raise BadInput(f"{where}.range", "stands without low and high", "low ≤ value ≤ high")
    return (entry.range or DEFAULT_RANGE) if low < high else None


def check_quantity(measured: str | None, where: str) -> None:
    """Raises BadInput if `measured` is stated and is not a quantity of a comparison."""
    if measured is not None and measured not in QUANTITIES:
        raise BadInput(
            f"{where}.measured",
            f"{measured!r} is not a quantity of a comparison",
            "one of " + ", ".join(QUANTITIES),
        )


def unit_of(measured: str | None, stated: str | None, where: str) -> str:
    """The stated unit; for a measured value the unit of its quantity."""
    if measured is not None:
        unit = QUANTITIES[measured]
        if stated not in (None, unit):
            raise BadInput(f"{where}.unit", f"is {stated!r}", f"{measured} is in {unit!r}")
        return unit
    if stated is None:
        raise BadInput(f"{where}.unit", "is missing", 'for example "W"; "" for a plain number')
    return stated


def _date(text: str, where: str) -> str:
    """The day, month or year to which a value belongs: "2026-11-01", "2026-11", "2026". Raises
    BadInput.
    """
    if first_day(text) is None:
        raise BadInput(f"{where}.date", f"{text!r} is not a date", '"2026-11-01"')
    return text


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


def _evidence(entry: _Entry, where: str) -> Evidence | None:
    """None of an exact constant. Raises BadInput for a constant with a range."""
    if entry.evidence != "exact":
        return entry.evidence or "unstated"
    if (entry.low, entry.high) != (None, None):
        raise BadInput(
            f"{where}.evidence",
            '"exact" is for a constant by definition, which has no range',
            "seen, inferred or assumed",
        )
    return None


def _looked_up(
    name: str, entry: _Entry, way: str, currency: str | None, where: str
) -> tuple[ScenarioInput, str | None]:
    """A row of a table brings unit and source."""
    for key in ("unit", "source", "evidence", "measured", "date", "basis", "category", "site"):
        if getattr(entry, key):
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
    meaning = _meaning(entry, low, high, where)
    converted = ScenarioInput(
        name=name,
        value=ranged(name, row.value, low, high, entry.key, meaning or DEFAULT_RANGE),
        unit=row.unit,
        source=source,
        label=entry.label,
        evidence="seen",
        date=row.date,
        stated=(low, high) if low < high else None,
        range=meaning,
        basis="location" if way == "carbon" else None,
    )
    return converted, price


def _price_range(price: float, among: Sequence[str], where: str) -> tuple[float, float]:
    """The range of a price and the prices of the instances in `among`."""
    prices = [price, *(tables.price(sku, f"{where}.among").value for sku in among)]
    return min(prices), max(prices)
