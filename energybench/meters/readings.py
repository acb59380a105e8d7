"""The parts of a meter's file: units, a person's choices, and readings as written."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.model import Kind


class Unit(NamedTuple):
    kind: Kind
    factor: Decimal  # W or J of one unit


UNITS = {
    "W": Unit("power", Decimal(1)),
    "kW": Unit("power", Decimal(1000)),
    "mW": Unit("power", Decimal("0.001")),
    "J": Unit("counter", Decimal(1)),
    "kJ": Unit("counter", Decimal(1000)),
    "Wh": Unit("counter", Decimal(3600)),
    "kWh": Unit("counter", Decimal(3_600_000)),
}
_WORDS = {name.lower(): name for name in UNITS} | {
    "watt": "W",
    "watts": "W",
    "kilowatt": "kW",
    "kilowatts": "kW",
    "milliwatts": "mW",
    "joule": "J",
    "joules": "J",
    "kilojoules": "kJ",
    "watthours": "Wh",
    "kilowatthours": "kWh",
}


class Choice(NamedTuple):
    """A person's statements about a file; None: as in the file. select: (label, value) of a
    Prometheus series.
    """

    unit: str | None = None
    column: str | None = None
    timezone: str | None = None
    select: tuple[str, str] | None = None


class LoggedReading(NamedTuple):
    """One reading as written: place in the file, s since 1970, text of the value."""

    place: int
    t_s: float
    text: str


def unit_of(name: str, stated: str | None, where: str) -> Unit:
    """The stated unit, or the unit in a column's name ('power_w', 'power [W]', 'Watts',
    'energy_kwh'). Raises BadInput.
    """
    if stated is not None:
        if stated not in UNITS:
            raise BadInput(f"--unit {stated}", "is not a unit of power or energy", ", ".join(UNITS))
        return UNITS[stated]
    bracketed = re.search(r"[\[(]\s*([^\])]*?)\s*[\])]", name)
    unit = known_unit(name)
    if unit is not None:
        return UNITS[unit]
    if bracketed:
        raise BadInput(
            where,
            f"column {name!r}: {bracketed[1]!r} is not a known unit",
            f"--unit, one of {', '.join(UNITS)}",
        )
    raise BadInput(where, f"column {name!r} has no unit", f"--unit, one of {', '.join(UNITS)}")


def known_unit(name: str) -> str | None:
    """The unit at the end of a name, before words like 'total'; None if the name has no unit."""
    bracketed = re.search(r"[\[(]\s*([^\])]*?)\s*[\])]", name)
    if bracketed:
        return _known(bracketed[1])
    words = [
        word
        for word in re.split(r"[^A-Za-z]+", name)
        if word and word.lower() not in ("total", "sum", "avg", "average", "mean", "raw")
    ]
    return _known(words[-1]) if words else None


def _known(word: str) -> str | None:
    if word in UNITS:
        return word
    if word[:1] == "M" and word[1:2] in "WJ" and len(word) < 4:
        return None  # mega, not milli
    return _WORDS.get(word.lower())
