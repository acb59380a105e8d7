"""Names that differ only in the number, the letter or the side of a part: psu1_w and psu2_w, PDU-A1
and PDU-B1, power_left_w and power_right_w. The words around the difference decide whether the parts
may belong to one load.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

# feed    parts of one load by a word in the names, or the idle and the dynamic part of the power
# part    possible parts of one load: the names do not contradict
# outlet  numbered outlets of a PDU: as a rule, every outlet has a separate load
Relation = Literal["feed", "part", "outlet"]

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FEED = frozenset(
    (
        *(
            "psu",
            "psus",
            "ps",
            "pdu",
            "supply",
            "supplies",
            "feed",
            "inlet",
            "input",
            "phase",
            "ph",
        ),
        *("line", "leg", "rail", "l", "cord", "mains", "emeter", "emeters", "circuit", "breaker"),
        *("einspeisung", "zuleitung", "netzteil", "alim", "alimentation"),
    )
)
# a letter glued to the word: psua, feedb
_GLUED = re.compile(rf"({'|'.join(sorted(_FEED, key=len, reverse=True))})([a-d])")
_OUTLET = frozenset(("outlet", "outlets", "socket", "plug", "port", "receptacle", "steckdose"))
# Different nodes have different loads.
_NODE = frozenset(
    (
        *("node", "nodes", "nodename", "n", "host", "hosts", "hostname", "server", "machine"),
        *("instance", "exporter", "target", "job", "blade", "sled", "chassis", "rack", "cluster"),
        *("system", "computer", "pc", "vm", "pod", "container", "namespace", "client", "site"),
        *("room", "row", "box", "rank", "worker", "user", "xname", "nid", "compute", "mac", "ip"),
        *("address", "addr", "model", "asset", "location", "hpc"),
    )
)
# Components inside a node: a person chooses a component on purpose.
_COMPONENT = frozenset(
    (
        *("gpu", "gpus", "cpu", "cpus", "gcd", "xpu", "npu", "tpu", "hpu", "accelerator", "accel"),
        *("nvidia", "board", "card", "oam", "core", "thread", "package", "pkg", "die", "tile"),
        *("dimm", "dram", "mem", "memory", "hbm", "chip", "soc", "module", "stack", "domain"),
        *("zone", "fan", "disk", "drive", "ssd", "hdd", "nvme", "pcie", "pci", "bus", "minor"),
        *("index", "idx", "uuid", "guid", "serial"),
    )
)
# Numbers before or behind words of these sets are times, shares and percentiles.
_MEASURE = frozenset(
    (
        *("s", "sec", "secs", "second", "seconds", "ms", "us", "ns", "m", "min", "mins", "minute"),
        *("minutes", "h", "hour", "hours", "d", "day", "days", "hz", "pct", "percent"),
    )
)
_PERCENTILE, _LEAST_PERCENTILE = frozenset(("p", "percentile", "quantile", "q")), 20
_FAMILIES = (
    *(frozenset(letters) for letters in ("abcdefgh", "rst", "uvw", "xyz", "lr")),
    frozenset(("left", "right", "middle", "center", "centre", "links", "rechts", "mitte")),
    frozenset(("upper", "lower", "top", "bottom", "middle", "oben", "unten")),
    frozenset(
        (
            *("main", "backup", "primary", "secondary", "tertiary", "standby", "redundant"),
            *("reserve", "aux", "auxiliary", "first", "second", "third", "haupt"),
        )
    ),
    frozenset(
        (
            *("red", "blue", "grey", "gray", "green", "black", "white", "yellow", "orange"),
            *("brown", "rot", "blau", "grau", "schwarz"),
        )
    ),
    frozenset(("north", "south", "east", "west")),
    frozenset(("front", "rear", "back")),
    frozenset(("inner", "outer")),
    frozenset(("one", "two", "three", "four")),
    frozenset(("i", "ii", "iii", "iv")),
)
# Parts of the power of a load, as Kepler distinguishes the parts.
_LOAD_PARTS = frozenset(("idle", "dynamic", "active", "static", "busy"))
_COPY = re.compile(r"\.\d+")  # pandas adds .1 to the name of a second column with an equal name
_COPY_AT_END = re.compile(r"\.\d+$")
# an address of a network, or the name of a node of a Cray
_ADDRESS = re.compile(
    r"\d+(?:\.\d+){3}(?::\d+)?|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|x\d+c\d+s\d+b\d+(?:n\d+)?",
    re.IGNORECASE,
)
_MOST_DIGITS = 2  # of the number of a part; nid001234 is a node


class _Name(NamedTuple):
    """The words and numbers of a name, in small letters, and the characters between words."""

    words: tuple[str, ...]
    between: tuple[str, ...]


def words(name: str) -> tuple[str, ...]:
    """The words and numbers of a name, in small letters."""
    return _split(name).words


def relation(one: str, other: str, before: str = "") -> Relation | None:
    """The relation of two names; None if the names differ in more than the named part, or name
    parts of different loads. before: a word in front of the names, such as the word of the column.
    """
    ours, theirs = _split(one), _split(other)
    if ours.between != theirs.between:
        first, second = sorted((one, other), key=len)
        copied = second.startswith(first) and _COPY.fullmatch(second[len(first) :])
        return "part" if copied else None
    if _ADDRESS.fullmatch(one) and _ADDRESS.fullmatch(other):
        return None
    kinds: set[Relation] = set()
    for i, (word, their_word) in enumerate(zip(ours.words, theirs.words, strict=True)):
        if word == their_word:
            continue
        ahead = ours.words[i - 1] if i else before
        behind = ours.words[i + 1] if i + 1 < len(ours.words) else ""
        kind = _difference(word, their_word, ahead, behind)
        if kind is None:
            return None
        kinds.add(kind)
    if not kinds or "outlet" in kinds:
        return "outlet" if kinds else None
    feed = "feed" in kinds or before in _FEED or not _FEED.isdisjoint(ours.words)
    return "feed" if feed else "part"


def among(names: Sequence[str], kinds: Sequence[Relation]) -> list[str]:
    """The names that have a relation of the given kinds to a second name among `names`."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        alike.setdefault(_split(_without_copy(name)).between, []).append(name)
    return [
        name
        for name in names
        if any(
            relation(name, other) in kinds for other in alike[_split(_without_copy(name)).between]
        )
    ]


def _without_copy(name: str) -> str:
    return _COPY_AT_END.sub("", name)


def is_component_or_node(word: str) -> bool:
    return word in _COMPONENT or word in _NODE


def is_feed(word: str) -> bool:
    return word in _FEED


@lru_cache(maxsize=4096)
def _split(name: str) -> _Name:
    parts, between, end = list[str](), list[str](), 0
    for match in _WORD.finditer(name):
        start = match.start()
        for piece in _CAMEL.split(match[0]):
            glued = _GLUED.fullmatch(piece.lower())
            for part in glued.groups() if glued else (piece,):
                parts.append(part.lower())
                between.append(name[end:start])
                start = end = start + len(part)
    return _Name(tuple(parts), (*between, name[end:]))


def _difference(word: str, other: str, ahead: str, behind: str) -> Relation | None:
    """The relation of two names that differ in one word, between the words ahead and behind."""
    numbers = word.isdigit() and other.isdigit()
    single = len(word) == len(other) == 1
    if "idle" in (word, other) and word in _LOAD_PARTS and other in _LOAD_PARTS:
        return "feed"
    if not numbers and not any(word in family and other in family for family in _FAMILIES):
        return None
    # a number or a letter stands behind the word of a part; a side may stand before the word
    around = {ahead} if ahead and (numbers or single) else {ahead, behind}
    if around & _NODE or around & _COMPONENT:
        return None
    if numbers:
        if ahead and ahead not in _FEED and max(len(word), len(other)) > _MOST_DIGITS:
            return None
        if behind in _MEASURE:
            return None
        if ahead in _PERCENTILE and max(int(word), int(other)) >= _LEAST_PERCENTILE:
            return None
        if ahead in _OUTLET:
            return "outlet"
    return "part"
