"""Words that qualify a power: apparent or reactive, a statistic other than the mean, a limit or a
rating, a part of the load. The same words hold for names of columns, for cells of rows, and for
labels of series.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from energybench.meters import name_parts

_APPARENT = frozenset(
    ("apparent", "schein", "scheinleistung", "apparente", "aparente", "va", "kva", "mva")
)
_REACTIVE = frozenset(
    ("reactive", "blind", "blindleistung", "reactiva", "réactive", "var", "kvar", "mvar")
)
_UNITS = frozenset(("va", "kva", "mva", "var", "kvar", "mvar"))  # among the words above
_LIMIT = frozenset(
    (
        *("limit", "limits", "cap", "setpoint", "sollwert", "tdp", "budget", "rated", "rating"),
        *("nameplate", "default", "grenz", "limite", "límite"),
    )
)
_RATING = frozenset(
    (
        *("ceiling", "threshold", "thresholds", "schwelle", "alarm", "target", "soll", "nominal"),
        *("nenn", "nominale", "contracted", "souscrite", "requested", "allocated", "available"),
        *("headroom", "reserved", "capacity"),
    )
)
_EXTREME = frozenset(
    (
        *("max", "maximum", "maximal", "maximale", "maxima", "máxima", "máximo", "maxi", "highest"),
        *("largest", "min", "minimum", "minimal", "minimale", "minima", "mínima", "mínimo"),
        *("lowest", "smallest", "mindest", "peak", "peaks", "crest", "inrush", "spitze", "spitzen"),
        *("höchst", "hoechst", "pico", "pointe", "crête", "crete"),
    )
)
_MEAN = frozenset(
    (
        *("avg", "average", "averaged", "mean", "mittel", "mittelwert", "mittlere"),
        *("durchschnitt", "durchschnitts", "moyenne", "media", "medio", "promedio"),
    )
)
_PERCENTILE = frozenset(("percentile", "percentiles", "quantile", "perzentil", "median"))
_PERCENTILES = frozenset(("50", "75", "80", "90", "95", "97", "98", "99", "999"))
_SCATTER = frozenset(("std", "stdev", "stddev", "variance", "deviation"))
_FORECAST = frozenset(("predicted", "prediction", "forecast", "prognose"))
_PART = frozenset(
    (
        *("idle", "dynamic", "static", "leakage", "baseline", "marginal", "incremental", "net"),
        *("leerlauf",),
    )
)
# Words that mean a part of the load only beside a sibling that says idle: `active` alone is active
# power, as opposed to apparent power.
_PART_BESIDE_IDLE = frozenset(("active", "busy", "used", "working"))
# values that say a part of the load without a word of power, under any label
_ALONE = frozenset(("idle", "dynamic", "active"))
_WHOLE = frozenset(("active", "gross", "incl", "including", "total"))

# Words glued together: pmax, powerlimit, maxpower, peakwatts, spitzenleistung.
_QUALIFYING = (
    _LIMIT
    | _RATING
    | _EXTREME
    | _MEAN
    | _PART
    | (_APPARENT | _REACTIVE) - _UNITS
    | frozenset(("active", "wirk"))
)
_QUALIFIER = "|".join(sorted(_QUALIFYING, key=len, reverse=True))
_GLUED = (
    re.compile(rf"(p|power|pwr|watts?|wattage)({_QUALIFIER})"),
    re.compile(
        rf"({_QUALIFIER})(p|power|pwr|watts?|wattage|k?w|leistung|last|wert|verbrauch|energie)"
    ),
)
# A word that states a power, an energy or their unit.
_POWER = frozenset(
    (
        *("power", "pwr", "watt", "watts", "wattage", "w", "kw", "mw", "p", "leistung", "energy"),
        *("puissance", "potencia", "potenza", "energie", "joules", "j", "wh", "kwh", "demand"),
        *("consumption", "consumed", "verbrauch"),
    )
)
# Labels and columns whose values name the quantity or the statistic of a reading.
_KINDS = frozenset(
    (
        *(
            "statistic",
            "statistics",
            "stat",
            "stats",
            "aggregation",
            "aggregate",
            "agg",
            "function",
        ),
        *("type", "kind", "quantity", "measurement", "metric", "field", "component"),
    )
)
_QUANTILES = frozenset(("quantile", "percentile", "quantiles", "percentiles"))
# Columns of notes, and of the state of one device: a load test at its peak, a node that is idle.
_NOTES = frozenset(
    (
        *(
            "note",
            "notes",
            "comment",
            "comments",
            "remark",
            "remarks",
            "description",
            "message",
            "mark",
        ),
        *("marker", "test", "run", "workload", "benchmark", "stage", "step", "event", "tariff"),
        *("rate", "period", "policy", "governor", "profile", "config", "availability"),
    )
)
_STATES = frozenset(
    ("state", "status", "quality", "flag", "reason", "reasons", "valid", "health", "pstate")
)
# Values that say how a device works, and not what its power is: compute_mode=Default.
_STATE_WORDS = frozenset(("default", "available", "allocated", "requested", "reserved", "nominal"))
_MOST_WORDS = 12  # of a value that names a quantity; longer texts are sentences


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words and numbers of a name, in small letters, also of words that are written as one:
    PowerMax, Pmax, maxPower, MaxConsumedWatts, Spitzenleistung.
    """
    parts: list[str] = []
    for word in name_parts.words(name):
        glued = next((match for glue in _GLUED if (match := glue.fullmatch(word))), None)
        parts.extend(glued.groups() if glued else (word,))
    return tuple(parts)


def contradiction(name: str, beside: Iterable[str] = ()) -> str | None:
    """What a column holds by its name in place of the mean power or the energy of its load; None if
    its name allows either: 'apparent power, in VA'. beside: names of the other columns.
    """
    ours = words(name)
    every = frozenset(ours)
    if every & _APPARENT or _has_active_sibling(ours, "s", beside):
        return "apparent power, in VA"
    if every & _REACTIVE or _has_active_sibling(ours, "q", beside):
        return "reactive power, in var"
    if every & _LIMIT or {"set", "point"} <= every:
        return "a limit"
    if every & _RATING:
        return "a rating, a target or a threshold"
    if _is_extreme(ours):
        return "the extremes between two rows"
    if every & _PERCENTILE or _is_percentile(ours):
        return "a percentile, which is not the mean"
    if every & _SCATTER:
        return "the scatter of the power"
    if every & _FORECAST:
        return "a forecast"
    return "only a part of the load's power" if _is_part(ours, beside) else None


def is_part(name: str, beside: Iterable[str] = ()) -> bool:
    """Whether a name or a value states a part of the load: idle, dynamic, above idle."""
    return _is_part(words(name), beside)


def of_value(label: str, value: str, beside: Iterable[str] = ()) -> str | None:
    """The same of a cell, or of the value of a label. Only texts that name a quantity count: max,
    sensor.plug_apparent_power, VA; not the names of nodes and boards.

    beside  other values of the label
    """
    kind = words(label)
    if any(name_parts.is_component_or_node(word) for word in kind):
        return None
    if _QUANTILES.intersection(kind):
        return "a percentile, which is not the mean"
    value = value.rpartition("/")[2]  # the end of a topic or a path
    ours = words(value)
    if not ours or len(ours) > _MOST_WORDS or _NOTES.intersection(kind):
        return None
    other_quantity = contradiction(value, beside)
    if other_quantity is None:
        return None
    texts = [word for word in ours if not word.isdigit()]
    every = frozenset(texts)
    # `va` and `var` are words of other names as well
    if every & _UNITS and not every & ((_APPARENT | _REACTIVE) - _UNITS):
        return other_quantity if texts[-1] in _UNITS else None
    if every <= _STATE_WORDS:
        return None
    if every & (_APPARENT | _REACTIVE | _POWER):
        return other_quantity
    if "mode" in kind:
        # the mode of a fan or of a board may be max or static
        return other_quantity if every <= _ALONE else None
    states_kind = _KINDS.intersection(kind) and not every & (_RATING | _PART - _ALONE)
    return other_quantity if states_kind or every <= _EXTREME | _ALONE else None


def tells_state(label: str) -> bool:
    """Whether the cells of a column may be the state of one device, which changes with time."""
    return not _STATES.isdisjoint(words(label))


def _has_active_sibling(ours: tuple[str, ...], letter: str, beside: Iterable[str]) -> bool:
    """Whether a name such as S-1 stands beside P-1, the active power."""
    if letter not in ours:
        return False
    wanted = tuple("p" if word == letter else word for word in ours)
    return any(words(other) == wanted for other in beside)


def _is_extreme(ours: tuple[str, ...]) -> bool:
    """Whether the words state the largest or the smallest power. The mean at the largest load is a
    mean, and the largest of several means is not.
    """
    if _MEAN.intersection(ours):
        # the `min` beside a mean is a minute
        pairs = (frozenset(pair) for pair in pairwise(ours))
        return any(pair & _MEAN and pair & (_EXTREME - {"min"}) for pair in pairs)
    return any(word in _EXTREME and not _is_minutes(ours, i) for i, word in enumerate(ours))


def _is_minutes(ours: tuple[str, ...], i: int) -> bool:
    """Whether a word is the `min` of 5_min, a unit of time, and not that of psu1_min."""
    if ours[i] != "min" or i == 0 or not ours[i - 1].isdigit():
        return False
    part = ours[i - 2] if i > 1 else ""
    numbered = name_parts.is_feed(part) or name_parts.is_component_or_node(part)
    return not numbered and part not in ("p", "outlet", "channel", "ch")


def _is_percentile(ours: tuple[str, ...]) -> bool:
    return any(
        word in ("p", "q", "pctl") and after in _PERCENTILES for word, after in pairwise(ours)
    )


def _is_part(ours: tuple[str, ...], beside: Iterable[str]) -> bool:
    every = frozenset(ours)
    if every & _PART:
        return not every & _WHOLE or "idle" in every
    for word in every & _PART_BESIDE_IDLE:
        idle = tuple("idle" if one == word else one for one in ours)
        if any(words(other) == idle for other in beside):
            return True
    return False
