"""Tables with a row per device: refused with the column that names the device, until a device is
chosen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from energybench.meters import column_names, feeds, power_words, supply_sides
from energybench.meters.readings import Row, Table, Undecided, known_unit
from energybench.meters.values import split_unit

# words of a column that names a device; a name of other words ("temperature.gpu") is a quantity
_DEVICE = frozenset(
    [
        "outlet",
        "device",
        "dev",
        "gpu",
        "index",
        "idx",
        "id",
        "uuid",
        "name",
        "host",
        "hostname",
        "node",
        "nodename",
        "instance",
        "entity",
        "sensor",
        "serial",
        "socket",
        "plug",
        "port",
        "channel",
        "chan",
        "phase",
        "line",
        "psu",
        "feed",
        "inlet",
        "meter",
        "rack",
        "bus",
        "pci",
        "topic",
        "metric",
        "number",
        "no",
        "nr",
        "num",
        "card",
        "board",
        "chip",
        "module",
        "zone",
        "label",
        "key",
        "address",
        "addr",
        "mac",
        "ip",
        "circuit",
        "bank",
        "pdu",
        "breaker",
        "input",
        "output",
        "tag",
        "source",
        "metadata",
        "server",
        "machine",
        "system",
        "appliance",
        "slot",
        "location",
        "asset",
        "room",
        "equipment",
    ]
)
# words of a column that names nodes
_NODES = frozenset(("host", "hostname", "node", "nodename", "server", "machine"))
_MOST_DEVICES = 64
# share of rows at which the name of a device changes, at least; names of columns that hold a state
_OFTEN = 0.35
_STATE = re.compile(r"state|status|mode|quality|flag|reason|mark|valid|unit", re.IGNORECASE)


def check_devices(
    table: Table,
    rows: Sequence[Row],
    used: set[int],
    side: supply_sides.Side | None = None,
    host: str | None = None,
) -> None:
    """Refuse rows of several devices. Raises Undecided with a choice for each of some devices.

    host  name of the run's node; None: not known
    """
    several: list[tuple[int, list[str]]] = []
    for column in range(len(table.names)):
        if column in used or known_unit(table.names[column]):
            continue
        cells = [row.cells[column].strip() for row in rows]
        values = list(dict.fromkeys(cells))
        if 2 <= len(values) <= _MOST_DEVICES and _names_devices(table.names[column], cells, values):
            several.append((column, values))
    if not several:
        return
    column, values = several[0]
    name, option = table.names[column], column_names.as_option(table.names, column)
    shown = ", ".join(values[:6]) + (", …" if len(values) > 6 else "")
    also = "".join(f", as does {table.names[other]!r}" for other, _ in several[1:3])
    # a value with a control character cannot be typed
    choices = [
        f"{option}={value}" for value in _suggested(name, values, side, host) if value.isprintable()
    ]
    options = [("--select", choice) for choice in choices[:8]]
    one = f"--select '{choices[0]}'" if choices else "log rows of the mean active power or energy"
    if not choices and host is not None and _NODES & _words(name):
        one = f"--select '{option}=NODE' with the name of the run's node ({host}) in this file"
    if not choices and not all(value.isprintable() for value in values):
        one = "clean the values of this column"
    remedy = one
    if choices and not all(value.isprintable() for value in values):
        one += ", or a file without control characters in this column"
        remedy = one
    parts = feeds.tells_parts_apart(name, values)
    if parts and not choices:
        remedy = "write the sum of the rows of one time into one column"
    elif parts:
        remedy = "write the sum of the rows of one time into one column, if several of them feed "
        remedy += f"the load; {one}, if that one feeds the whole load"
    if feeds.tells_feeds_apart(name, values):
        options = []
    first = next(row for row in rows if row.cells[column].strip() == values[1])
    raise Undecided(
        f"{table.path} {table.word} {first.place}",
        f"has rows of several devices: column {name!r} takes the values {shown} in turn{also}",
        remedy,
        options,
        parts=parts,
    )


def _suggested(
    name: str, values: Sequence[str], side: supply_sides.Side | None, host: str | None
) -> list[str]:
    """The values of a column that may name the rows of the load: the run's own node if it is among
    them, the rows of a sum if there are any, otherwise those that state no other quantity,
    statistic, part or side of the supply. No value of a column of other nodes.
    """
    if host is not None:
        own = [value for value in values if _short(value) == _short(host)]
        if own or _NODES & _words(name):
            return own
    whole = [value for value in values if feeds.is_sum(value, values)]
    if whole:
        return whole
    plain = [value for value in values if power_words.of_value(name, value, values) is None]
    return supply_sides.agreeing(plain, side)


def _short(node: str) -> str:
    """A node's name without its domain and port."""
    return re.split(r"[.:]", node.strip().lower())[0]


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.split(r"[\W_\d]+", name) if word}


def _names_devices(name: str, cells: Sequence[str], values: Sequence[str]) -> bool:
    words = _words(name)
    device = bool(words) and all(word in _DEVICE for word in words)
    if device and len(values) * 2 <= len(cells):
        return True
    return _in_turn(cells, values) or _change_often(name, cells, values)


def _change_often(name: str, cells: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a column of words changes from row to row: a state of one device stays for a while,
    and rows of several devices come in no fixed order if their loggers are apart.
    """
    if _STATE.search(name) or len(values) * 4 > len(cells):
        return False
    if any(split_unit(value) for value in values):
        return False
    changed = sum(a != b for a, b in pairwise(cells))
    return changed >= _OFTEN * (len(cells) - 1)


def _in_turn(cells: Sequence[str], values: Sequence[str]) -> bool:
    """Whether rows come in rounds, one row of each value: 7, 8, 7, 8, or in any order of a round.

    A quantity that varies little, such as a temperature, does not come in rounds.
    """
    if any(re.fullmatch(r"-?\d+[.,]\d+", value) for value in values):
        return False
    count = len(values)
    if len(cells) < 3 * count or len(cells) < 6:
        return False
    changed = sum(a != b for a, b in pairwise(cells))
    after = [b for a, b in pairwise(cells) if a == values[0]]
    same = max(after.count(value) for value in values)
    return changed >= 0.95 * (len(cells) - 1) and same >= 0.95 * len(after)
