"""Names of columns that say what the column holds in place of mean power or energy."""

from __future__ import annotations

import re

from energybench.meters import name_parts
from energybench.meters.readings import known_unit, unknown_unit

# columns of limits and extremes are no readings
_LIMIT = re.compile(r"limit|(?:^|[\W_])cap(?:$|[\W_])|setpoint|tdp|budget|rated|nameplate", re.I)
_EXTREME = re.compile(r"(?:^|[\W_])(?:max(?:imum)?|peak|(?<!\d.)min(?:imum)?)(?:$|[\W_])", re.I)
_MEAN = re.compile(r"avg|average|mean", re.I)
_APPARENT = frozenset(
    ("apparent", "scheinleistung", "schein", "apparente", "aparente", "va", "kva", "mva")
)
_REACTIVE = frozenset(
    ("reactive", "blindleistung", "blind", "reactiva", "réactive", "var", "kvar", "mvar")
)
_POWER = re.compile(r"power|watt|leistung|puissance|potencia|\bpwr\b|^p$", re.I)


def is_power(name: str) -> bool:
    """Whether a name says power."""
    return _POWER.search(name) is not None


def contradiction(name: str) -> str | None:
    """What a column holds by its name in place of power or energy; None if its name allows either:
    'apparent power, in VA'.
    """
    words = set(name_parts.words(name))
    if words & _APPARENT:
        return "apparent power, in VA"
    if words & _REACTIVE:
        return "reactive power, in var"
    if _LIMIT.search(name):
        return "a limit"
    if _EXTREME.search(name) and not _MEAN.search(name):
        return "the extremes between two rows"
    return None


def says(name: str, stated_unit: str | None, unit: str | None = None) -> str:
    """What a column holds by its name, if it was taken for something else: another quantity, or
    another unit than --unit states. "" if its name agrees. unit: as the layout states it.
    """
    held = contradiction(name)
    if held is not None:
        return held
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
    """A column as an option names it: by its name, or by its number (from 1) if the name cannot be
    typed, stands twice, or holds the = of --select.
    """
    name = names[column]
    typed = name.isprintable() and "\ufffd" not in name and "=" not in name and name.strip()
    return name if typed and names.count(name) == 1 else str(column + 1)
