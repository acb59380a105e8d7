"""The parts of a meter's file: units, a person's choices, tables, and readings as written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from energybench.errors import BadInput
from energybench.model import Kind


class Unit(NamedTuple):
    kind: Kind
    factor: Decimal  # W or J of one unit


UNITS = {
    "W": Unit("power", Decimal(1)),
    "kW": Unit("power", Decimal(1000)),
    "mW": Unit("power", Decimal("0.001")),
    "uW": Unit("power", Decimal("0.000001")),
    "J": Unit("counter", Decimal(1)),
    "kJ": Unit("counter", Decimal(1000)),
    "mJ": Unit("counter", Decimal("0.001")),
    "uJ": Unit("counter", Decimal("0.000001")),
    "Wh": Unit("counter", Decimal(3600)),
    "kWh": Unit("counter", Decimal(3_600_000)),
}
_WORDS = {name.lower(): name for name in UNITS} | {
    "watt": "W",
    "watts": "W",
    "kilowatt": "kW",
    "kilowatts": "kW",
    "milliwatt": "mW",
    "milliwatts": "mW",
    "microwatts": "uW",
    "µw": "uW",
    "μw": "uW",  # Greek mu beside the micro sign
    "joule": "J",
    "joules": "J",
    "kilojoules": "kJ",
    "millijoules": "mJ",
    "microjoules": "uJ",
    "µj": "uJ",
    "μj": "uJ",
    "watthours": "Wh",
    "kilowatthours": "kWh",
}
# words behind the unit of a column's name
_BEHIND_UNIT = ("total", "sum", "avg", "average", "mean", "raw", "reading", "value", "now")
# names such as PowerConsumedWatts and EnergykWh (Redfish)
_GLUED = ("kWh", "Wh", "Watts", "Joules")


class Choice(NamedTuple):
    """A person's statements about a file; None or empty: as in the file.

    select        (column or label, value) of the readings to take; all have to fit
    time_columns  the column of times, or the columns of date and time
    time_format   of the times, as Python's strptime takes it
    board         the board that the meter sees: rows of that UUID are taken
    per_interval  each energy is that since the row before, not that of a counter
    side          of the power supply of a node on which the meter sits; None: a board's meter
    host          name of the run's node; None: not known
    """

    unit: str | None = None
    column: str | None = None
    timezone: str | None = None
    select: tuple[tuple[str, str], ...] = ()
    time_columns: tuple[str, ...] = ()
    time_format: str | None = None
    board: str | None = None
    per_interval: bool = False
    side: Literal["ac", "dc"] | None = None
    host: str | None = None


class NotATime(BadInput):
    """A single text that is not a time of the log."""


class Undecided(BadInput):
    """A file that can be read in several ways.

    parts    the options may be parts of one load, of which only the sum is right
    options  command-line options (with their value), each of which may do
    works    options with which the file is read
    """

    def __init__(
        self,
        where: str,
        what: str,
        remedy: str,
        options: Sequence[tuple[str, ...]] = (),
        *,
        parts: bool = False,
    ) -> None:
        super().__init__(where, what, remedy)
        self.options = tuple(options)
        self.parts = parts
        self.works: tuple[tuple[str, ...], ...] = ()


class Row(NamedTuple):
    """The cells of one row, and its place in the file (a line)."""

    place: int
    cells: list[str]


class Table(NamedTuple):
    """Rows of named columns, before anybody knows which are times and which are readings.

    where        the place of the names, for messages
    headerless   the names are numbers of columns, because the file has none
    units        units of columns that the layout states beside the names
    value        the column of the readings, if the layout states it
    times        the columns of the times, if the layout states them
    month_first  dates such as 03/01/2026 begin with the month, by the layout
    comma        whether a comma in a number can be a decimal comma
    records      an empty cell is a field that the record does not have
    """

    path: str
    where: str
    names: list[str]
    rows: list[Row]
    word: str = "line"
    headerless: bool = False
    units: Mapping[str, str] = {}
    value: str | None = None
    times: tuple[str, ...] = ()
    month_first: bool | None = None
    comma: bool = True
    records: bool = False


class LoggedReading(NamedTuple):
    """One reading as written: place in the file, s since 1970, text of the value."""

    place: int
    t_s: float
    text: str


class LeftOut(NamedTuple):
    """A row that holds no reading: its place in the file, and the reason."""

    place: int
    reason: str


def unit_of(name: str, stated: str | None, where: str) -> Unit:
    """The stated unit, or the unit in a column's name ('power_w', 'power [W]', 'Watts',
    'energy_kwh'). Raises BadInput.
    """
    if stated is not None:
        if stated not in UNITS:
            raise BadInput(f"--unit {stated}", "is not a unit of power or energy", ", ".join(UNITS))
        return UNITS[stated]
    unit = known_unit(name)
    if unit is not None:
        return UNITS[unit]
    bracketed = _bracketed(name)
    what = f"column {name!r} has no unit"
    if bracketed:
        what = f"column {name!r}: {bracketed!r} is not a known unit"
    if bracketed in _MEGA:
        # a mega stands for a milli in names: a node draws no megawatt
        raise Undecided(where, what, "--unit, or W or J", [("--unit", _MEGA[bracketed])])
    if (quantity := unknown_unit(name)) is not None:
        # no unit is suggested: one of another scale may fit the run
        if not bracketed:
            what = f"column {name!r} says {quantity!r}, which is no unit of power or energy"
        remedy = "name a column of power or energy, or convert this one to W or J; --unit, if the "
        raise BadInput(where, what, f"{remedy}name means something else")
    options = [("--unit", unit) for unit in _likely_units(name)]
    raise Undecided(where, what, f"--unit, one of {', '.join(UNITS)}", options)


_MEGA = {"MW": "mW", "MJ": "mJ", "MWh": "kWh"}
# Words of a name that state another quantity than power or energy, or a scale of their own:
# current, voltage, apparent and reactive power, heat, frequency, temperature, shares.
_OTHER_QUANTITY = re.compile(
    r"m?a|amps?|amperes?|current|[mk]?v|volts?|voltage|[km]?va|[km]?var|btus?|[kmg]?hz|"
    r"deg\w?|celsius|temp\w*|percent|pct|rpm|pf|factor|cos|dbm?|hp|x10+|%|"
    r"(?:deci|centi|hecto|deka|deca|mega|giga)(?:watts?|joules?)|[cdghmt]w|daw|[gmt]j|[gmtµμ]wh|k?cal|k?ev|ergs?",
    re.IGNORECASE,
)
# a multiple of a unit: [0.1 W], [W/10]
_SCALED = re.compile(r"\d\s*[x×*·]?\s*[kmuµμ]?(?:wh?|j)\b|\b[kmuµμ]?(?:wh?|j)\s*[/x×*·]\s*\d", re.I)


def unknown_unit(name: str) -> str | None:
    """The first word of a column's name, after the first of several, that states another quantity
    or a scale that is not known; None: none does.
    """
    bracketed = _bracketed(name)
    if bracketed and _SCALED.search(bracketed):
        return bracketed
    words = [word for word in re.split(r"[^\w%]+|_", name) if word]
    parts = [part for word in words for part in re.split(r"(?<=[a-z])(?=[A-Z])", word)]
    for word in (*(words[1:] or words), *(parts[1:] or parts)):
        if _OTHER_QUANTITY.fullmatch(word):
            return word
    return None


def states_unit(text: str) -> bool:
    """Whether a cell or a label states a unit, of whatever quantity: W, VA, hW; not PSU1."""
    return cell_unit(text) is not None or unknown_unit(text) is not None


def _likely_units(name: str) -> tuple[str, ...]:
    if name.isdigit():
        return "W", "kW", "Wh", "kWh", "J"
    energy = re.search(r"energ|zähler|verbrauch|total|consum", name, re.IGNORECASE)
    if energy:
        return "kWh", "Wh", "J", "mJ", "uJ"
    power = re.search(r"power|watt|leistung|puissance|potencia|pwr|^p", name, re.IGNORECASE)
    return ("W", "kW", "mW", "uW") if power else ("W", "kW", "mW", "kWh", "Wh", "J")


# Fields whose unit their documentation states (NVIDIA, DCGM field identifiers: power in W, total
# energy since the driver was loaded in mJ), as dcgm-exporter names them.
_DOCUMENTED = {
    "DCGM_FI_DEV_POWER_USAGE": "W",
    "DCGM_FI_DEV_POWER_USAGE_INSTANT": "W",
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": "mJ",
}


def known_unit(name: str) -> str | None:
    """The unit at the end of a name, before words like 'total'; None if the name has no unit."""
    if name in _DOCUMENTED:
        return _DOCUMENTED[name]
    bracketed = _bracketed(name)
    if bracketed is not None:
        return cell_unit(bracketed)
    words = [
        word for word in re.split(r"[\W\d_]+", name) if word and word.lower() not in _BEHIND_UNIT
    ]
    if not words:
        return None
    glued = next((unit for unit in _GLUED if words[-1].endswith(unit)), "")
    return cell_unit(words[-1]) or cell_unit(glued)


def _bracketed(name: str) -> str | None:
    match = re.search(r"[\[(]\s*([^\])]*?)\s*[\])]", name)
    return match[1] if match else None


def cell_unit(word: str) -> str | None:
    """The unit that a word is, or None."""
    if word in UNITS:
        return word
    if word[:1] == "M" and word[1:2] in "WJ" and len(word) < 4:
        return None  # mega, not milli
    return _WORDS.get(word.lower())
