"""Columns and rows that are parts of one load: the feeds of a node with several power supplies, the
phases of a line, the outlets of a PDU. Only their sum is the power of the load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from energybench.meters import name_parts
from energybench.meters.values import split_unit

_TOTAL = re.compile(
    r"(?<![a-z])(?:total|sum|gesamt|overall|combined|node|system|sigma|Σ)(?![a-z])", re.I
)
# values in a row that is the sum of the remaining rows
_SUM = re.compile(r"(?<![a-z])(?:total|sum|summe|gesamt|overall|combined|all)(?![a-z])", re.I)
# words of a label that do not state the kind of the label's values
_GENERIC = frozenset(("id", "no", "nr", "name", "number", "num", "label", "tag", "key"))
_STATISTICS = frozenset(("quantile", "percentile", "le", "window", "interval", "statistic", "stat"))
_NAMES_ALONE = frozenset(("index", "idx"))


def total(names: Sequence[str]) -> str | None:
    """The name of a total of the remaining columns; None if no name or several names state one."""
    totals = [name for name in names if _TOTAL.search(name)]
    return totals[0] if len(totals) == 1 < len(names) else None


def is_sum(value: str, values: Sequence[str]) -> bool:
    """Whether a value in a column marks the rows of the sum, as `-` of turbostat does beside
    numbers of packages and CPUs.
    """
    others = [other for other in values if other not in ("", "-")]
    return value == "-" and bool(others) and all(other.isdigit() for other in others)


def feeds_among(names: Sequence[str], *, by_word: bool = True) -> list[str]:
    """The names that differ from a second name only in the part of a feed. by_word: only names with
    a word for feeds, such as psu.
    """
    return name_parts.among(names, ("feed",) if by_word else ("feed", "part"))


def parts_among(names: Sequence[str]) -> list[str]:
    """The names that may be parts of one load, feeds or outlets."""
    return name_parts.among(names, ("feed", "part", "outlet"))


def are_alike(name: str, other: str) -> bool:
    """Whether two columns may be feeds of one load, judged by the names of the columns."""
    return name_parts.relation(name, other) in ("feed", "part")


def tells_feeds_apart(label: str, values: Sequence[str]) -> bool:
    """Whether the name or the values of a column distinguish feeds of one load."""
    kind = _kind(label)
    if name_parts.is_component_or_node(kind):
        return False
    return name_parts.is_feed(kind) or bool(feeds_among(values))


def tells_parts_apart(label: str, values: Sequence[str]) -> bool:
    """Whether the name or the values of a column may distinguish parts of one load: feeds or
    outlets.
    """
    kind = _kind(label)
    if name_parts.is_component_or_node(kind):
        return False
    return name_parts.is_feed(kind) or bool(parts_among(values))


def other_feed(labels: Mapping[str, str], other: Mapping[str, str]) -> str:
    """The labels that distinguish `other`, a second feed of the load, from `labels`: 'psu=2',
    'id=13, name=PS2'. "" if `other` is a series of a different load, of a different quantity, or of
    the sum of the feeds.
    """
    differing = [label for label in {**labels, **other} if labels.get(label) != other.get(label)]
    for label in differing:
        if label not in labels or label not in other:
            return ""
        if not _alike_values(label, labels[label], other[label]):
            return ""
    return ", ".join(f"{label}={other[label]}" for label in differing)


def draws_power(texts: Iterable[str]) -> bool:
    """Whether a cell holds a number besides 0: the feed of an unplugged supply adds no energy."""
    return any(
        split is not None and any(digit in "123456789" for digit in split[0])
        for split in map(split_unit, texts)
    )


def _alike_values(label: str, value: str, other: str) -> bool:
    kind = _kind(label)
    if name_parts.is_component_or_node(kind) or kind in _STATISTICS:
        return False
    if name_parts.is_feed(kind):
        return not _SUM.search(value) and not _SUM.search(other)
    return name_parts.relation(value, other, kind) in ("feed", "part")


def _kind(label: str) -> str:
    """The word of a label that names the kind of the values: "psu" of psu_id, "host" of
    metadata.host.
    """
    every = [word for word in name_parts.words(label) if not word.isdigit()]
    telling = [word for word in every if word not in _GENERIC | _NAMES_ALONE]
    return (telling or [word for word in every if word in _NAMES_ALONE] or [""])[-1]
