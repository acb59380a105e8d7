"""Names of columns that state a content besides mean power or energy."""

from __future__ import annotations

import re
from collections.abc import Iterable

from energybench.meters import power_words
from energybench.meters.readings import known_unit, unknown_unit

_POWER = re.compile(r"power|watt|leistung|puissance|potencia|\bpwr\b|^p$", re.I)
_ENERGY = re.compile(r"energ|zähler|verbrauch|consum|k?wh|joule", re.I)
# first words of names as power analysers write them
_OTHER = frozenset(
    (
        *("u", "v", "i", "a", "lambda", "phi", "f", "fu", "fi", "freq", "frequency", "pf", "cos"),
        *("uthd", "ithd", "thd", "temp", "temperature", "voltage", "current", "spannung", "strom"),
    )
)
# words beside the P of P-1, P_total and P (L1)
_BESIDE_P = frozenset(
    (
        *(
            "total",
            "tot",
            "sum",
            "sigma",
            "avg",
            "average",
            "mean",
            "active",
            "act",
            "w",
            "kw",
            "l",
        ),
        *("a", "b", "c", "phase"),
    )
)


def is_power(name: str) -> bool:
    """Whether a name states a power."""
    if _POWER.search(name) is not None:
        return True
    words = [word for word in power_words.words(name) if not word.isdigit()]
    return words[:1] == ["p"] and _BESIDE_P.issuperset(words[1:])


def is_energy(name: str) -> bool:
    """Whether a name states an energy."""
    return _ENERGY.search(name) is not None


def is_other_quantity(name: str) -> bool:
    """Whether a name states a quantity such as a voltage, a current, a frequency or a phase angle,
    as U-1, I-1 and LAMBDA-1 do.
    """
    words = [word for word in power_words.words(name) if not word.isdigit()]
    return unknown_unit(name) is not None or (bool(words) and words[0] in _OTHER)


def says(
    name: str, stated_unit: str | None, unit: str | None = None, beside: Iterable[str] = ()
) -> str:
    """The content of a column by its name, if the name contradicts the use as power or energy, or
    the unit of --unit. "" if the name agrees.

    stated_unit  unit of --unit
    unit         unit in the layout of the file
    beside       names of the remaining columns
    """
    other_quantity = power_words.contradiction(name, beside)
    if other_quantity is not None:
        return other_quantity
    if stated_unit is None:
        return ""
    unit = known_unit(name) or unit
    if unit is None:
        scale = unknown_unit(name) or ""
        if len(scale) == 1 and not re.search(r"[\[(]", name):
            return ""  # feed_a is not a current in A
        return f"readings in {scale!r}, of which --unit says {stated_unit}" if scale else ""
    return f"readings in {unit}, of which --unit says {stated_unit}" if unit != stated_unit else ""


def as_option(names: list[str], column: int) -> str:
    """The name of a column for an option, or the number of the column (from 1) if the name cannot
    be typed, occurs twice, or contains the = of --select.
    """
    name = names[column]
    typed = name.isprintable() and "\ufffd" not in name and "=" not in name and name.strip()
    return name if typed and names.count(name) == 1 else str(column + 1)
