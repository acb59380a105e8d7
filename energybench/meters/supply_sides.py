"""The side of the power supply that the name of a column states: the wall (input, AC), or the node
behind the supply (output, DC, a rail of 12 V). A supply loses 3 to 12 % (80 PLUS): the output is
less than the energy at the wall.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from energybench.meters import name_parts

Side = Literal["ac", "dc"]

_AC = frozenset(("ac", "vac", "wac", "pac", "mains", "wall", "acpower", "acin", "netz"))
_DC = frozenset(("dc", "vdc", "wdc", "pdc", "dcpower", "dcout", "hsc", "rails"))
_INPUT = frozenset(("input", "inputs", "inlet", "pin", "powerin", "inputpower", "powerinput"))
_OUTPUT = frozenset(
    ("output", "outputs", "out", "pout", "powerout", "outputpower", "poweroutput", "secondary")
)
# German, French, Spanish and Italian: Ausgangsleistung, puissance de sortie, potencia de salida
_INPUT_BEGINS = ("eingang", "entrée", "entrada", "ingresso")
_OUTPUT_BEGINS = ("ausgang", "sortie", "salida", "uscita", "sekundär")
# Devices in front of the node's supply: the output of the device is the input of the node. A
# secondary feed is an input beside the primary feed.
_BEFORE_SUPPLY = frozenset(
    (
        *("outlet", "outlets", "socket", "plug", "port", "receptacle", "steckdose", "pdu", "ups"),
        *("usv", "ats", "sts", "inverter", "transformer", "breaker", "branch", "relay", "switch"),
    )
)
_FEEDS = frozenset(("primary", "psu", "ps", "supply", "feed", "inlet", "input", "line", "phase"))
# V; wall sockets begin at 100 V, and racks with one direct voltage have 48 or 54 V
_MOST_DC_V = 60.0
_VOLTS = re.compile(r"(?<![\d.,])(\d{1,3}(?:[.,]\d+)?)\s?v(?:\d(?!\d)|dc|sb)?(?![a-z0-9])", re.I)
_DATA_CENTRE = re.compile(r"(?<![a-z])dc\d", re.I)
_OUT_OF = re.compile(r"\bout[\W_]of\b", re.I)
SAYS = {
    "ac": "the input of a power supply, which is not behind the supply as --dc says",
    "dc": "the output of a power supply, which --dc reads",
}


def side(name: str, beside: Iterable[str] = ()) -> Side | None:
    """The side that a name states; None if the name states no side, or both. beside: names of the
    remaining columns, to distinguish the `in` of power_in_w from the `in` of "power in W".
    """
    words = frozenset(name_parts.words(name))
    volts = [float(match[1].replace(",", ".")) for match in _VOLTS.finditer(name)]
    direct = bool(words & _DC) and not _DATA_CENTRE.search(name)
    direct = direct or any(0 < voltage <= _MOST_DC_V for voltage in volts)
    alternating = bool(words & _AC) or any(voltage > _MOST_DC_V for voltage in volts)
    if direct or alternating:
        return _one("ac" if alternating else None, "dc" if direct else None)
    others = list(beside)
    enters = bool(words & _INPUT) or _begins(words, _INPUT_BEGINS) or _has_output(name, others)
    leaves = bool(words & _OUTPUT) or _begins(words, _OUTPUT_BEGINS)
    if words & _BEFORE_SUPPLY or _OUT_OF.search(name):
        return None
    if "secondary" in words and not words & (_OUTPUT - {"secondary"}):
        every = words.union(*(name_parts.words(other) for other in others))
        leaves = leaves and "primary" not in every and not words & _FEEDS
    return _one("ac" if enters else None, "dc" if leaves else None)


def says(name: str, wanted: Side | None, beside: Iterable[str] = ()) -> str:
    """The side that a name states, if opposite to the wanted side, in words; "" if not opposite."""
    stated = side(name, beside)
    return SAYS[stated] if wanted and stated not in (None, wanted) else ""


def labels_say(labels: Mapping[str, str], wanted: Side | None) -> str:
    """The side that a value of a label states, if opposite to the wanted side; "". Values of labels
    for nodes, hosts and boards are names of devices and do not count.
    """
    for label, value in labels.items():
        devices = any(name_parts.is_component_or_node(word) for word in name_parts.words(label))
        text = "" if devices else says(value, wanted)
        if text:
            return text
    return ""


def agreeing(names: Sequence[str], wanted: Side | None) -> list[str]:
    """The names that do not state the opposite side of the supply. Every name is returned if every
    name states the opposite side.
    """
    agree = [name for name in names if not says(name, wanted, names)]
    return agree or list(names)


def _one(first: Side | None, second: Side | None) -> Side | None:
    return None if first and second else first or second


def _begins(words: Iterable[str], beginnings: tuple[str, ...]) -> bool:
    return any(word.startswith(beginnings) for word in words)


def _has_output(name: str, others: Sequence[str]) -> bool:
    """Whether a column exists with `out` in the place of the name's `in`."""
    words = name_parts.words(name)
    if "in" not in words:
        return False
    wanted = tuple("out" if word == "in" else word for word in words)
    return any(name_parts.words(other) == wanted for other in others)
