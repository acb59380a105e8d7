"""The values in an output, by the patterns of an adapter.

RE2 takes a time proportional to the text for each match; a limit on the CPU time bounds a pattern
that matches at every character. A CPU time does not depend on the load of the machine.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from energybench.adapters.adapter_file import Pattern
from energybench.foreign_text import visible
from energybench.model.adapter import Take
from energybench.units import counted

_CPU_LIMIT_S = 10.0  # of all patterns together
_MOST_TEXT = 200  # characters of a value
_FORTRAN = re.compile(r"(?<=[0-9.])[dD](?=[+-]?[0-9]+$)")  # 1.5D+03


class Missing(NamedTuple):
    """A pattern without a value, and the reason."""

    pattern: str
    why: str
    required: bool


class Values(NamedTuple):
    """Values by name; a value that is not a number stands only in `texts`."""

    texts: dict[str, str]
    numbers: dict[str, float]
    missing: tuple[Missing, ...]


def scan(text: bytes, patterns: Sequence[Pattern]) -> Values:
    """The values in the text."""
    texts: dict[str, str] = {}
    missing = []
    until_s = time.thread_time() + _CPU_LIMIT_S
    for pattern in patterns:
        stated = _stated(pattern, text, until_s)
        if isinstance(stated, str):
            missing.append(Missing(pattern.rule.pattern, stated, pattern.rule.required))
        else:
            texts |= stated
    numbers = {name: value for name, word in texts.items() if (value := number(word)) is not None}
    return Values(texts, numbers, tuple(missing))


def number(word: str) -> float | None:
    """The number in a word, possibly infinite or NaN; None: not a number."""
    try:
        return float(_FORTRAN.sub("e", word.strip().replace("_", "?")))
    except ValueError:
        return None


def _stated(pattern: Pattern, text: bytes, until_s: float) -> dict[str, str] | str:
    """Values of a pattern, or the reason for missing values."""
    if time.thread_time() > until_s:
        return f"was not tried: the others took {_CPU_LIMIT_S:g} s of CPU time"
    take = pattern.rule.take
    count, taken = 0, _Taken(take, pattern.groups, pattern.rule.product)
    for match in pattern.expression.finditer(text):
        count += 1
        taken.add(match)
        if take == "first":
            break
        if count % 64 == 0 and time.thread_time() > until_s:
            return (
                f"matched {counted(count, 'time')} within {_CPU_LIMIT_S:g} s of CPU time, and "
                "was given up"
            )
    if take == "count":
        return dict.fromkeys(pattern.names, str(count))
    if not count:
        return "did not match"
    return taken.texts


def _product(words: Iterable[str]) -> str:
    """The product of the numbers; the first word that is not a number, for a later message."""
    total = 1.0
    for word in words:
        factor = number(word)
        if factor is None:
            return word
        total *= factor
    return f"{total:.15g}"


class _Taken:
    """The values of the matches so far: the first, the last, their sum, or the largest."""

    def __init__(self, take: Take, groups: Mapping[str, int], product: str) -> None:
        self._take, self._groups, self._product = take, groups, product
        self.texts: dict[str, str] = {}

    def add(self, match: Any) -> None:
        words = {}
        for name, number_of_group in self._groups.items():
            group: bytes | None = match.group(number_of_group)
            if group is not None:  # else of an alternative without a match
                words[name] = visible(group[:_MOST_TEXT].decode("utf-8", "replace")).strip()
        if self._product and words:
            words[self._product] = _product(words.values())
        for name, word in words.items():
            before = self.texts.get(name)
            taken = word
            if before is not None and self._take in ("sum", "largest"):
                taken = self._joined(before, word)
            self.texts[name] = taken

    def _joined(self, before: str, word: str) -> str:
        """Sum or largest; a word that is not a finite number stays, for a later message."""
        first, second = number(before), number(word)
        if first is None or not math.isfinite(first):
            return before
        if second is None or not math.isfinite(second):
            return word
        return f"{first + second if self._take == 'sum' else max(first, second):.15g}"
