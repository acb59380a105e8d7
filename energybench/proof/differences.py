"""The differences of two results, field by field."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from energybench.model import Doubt, DoubtCode

# The order of additions depends on the processor and on the version of numpy. An analysis sums at
# most some 1e6 numbers of one sign, so that rounding errors stay below 1e-10 of the sum. Printed
# numbers have four digits.
REL = 1e-9
_LEFT_OUT = "doubts"  # field of a result that `of_doubts` compares as a set
_MOST_SHOWN = 60  # characters of a value


class Difference(NamedTuple):
    """A field whose stated value differs from the value computed again."""

    field: str
    stated: str
    again: str

    def __str__(self) -> str:
        return f"{self.field} is {self.stated}, and {self.again} when it is made again"


def differences(stated: Any, again: Any, rel: float = REL) -> Iterator[Difference]:
    """The differences of two results of one type, without the doubts.

    rel  relative difference up to which two numbers count as equal
    """
    for name in stated.__struct_fields__:
        if name != _LEFT_OUT:
            yield from differences_of_values(
                msgspec.to_builtins(getattr(stated, name)),
                msgspec.to_builtins(getattr(again, name)),
                name,
                rel,
            )


def of_doubts(
    stated: Sequence[Doubt],
    again: Sequence[Doubt],
    unrepeatable: Collection[DoubtCode] = (),
) -> Iterator[Difference]:
    """The differences between the doubts of a file and the doubts of a repeated analysis: fields of
    a doubt that differ, doubts that the file lacks, and doubts that only the file has.

    unrepeatable  codes of doubts whose words follow from data that nobody kept: the file must state
                  every doubt of the analysis, in any words, and may state more doubts
    """
    beyond = [*(Counter(stated) - Counter(again)).elements()]
    for doubt in (Counter(again) - Counter(stated)).elements():
        place = (doubt.code, doubt.subject)
        alike = next((one for one in beyond if (one.code, one.subject) == place), None)
        if alike is None:
            yield Difference(f"doubt {doubt.code}", "missing", _shown(doubt.message))
            continue
        beyond.remove(alike)
        if doubt.code not in unrepeatable:
            yield from _of_words(alike, doubt)
    for doubt in beyond:
        if doubt.code not in unrepeatable:
            yield Difference(f"doubt {doubt.code}", _shown(doubt.message), "missing")


def _of_words(stated: Doubt, again: Doubt) -> Iterator[Difference]:
    """The fields of two doubts of one code and subject."""
    for name in ("message", "remedy", "about"):
        sides = getattr(stated, name), getattr(again, name)
        if sides[0] != sides[1]:
            shown = _at_the_difference(*map(str, sides)) if name != "about" else map(_shown, sides)
            yield Difference(f"doubt {stated.code}: {name}", *shown)


def _at_the_difference(stated: str, again: str) -> tuple[str, str]:
    """Both texts, shown from a few words before the first difference."""
    pairs = enumerate(zip(stated, again, strict=False))
    same = next((i for i, (left, right) in pairs if left != right), min(len(stated), len(again)))
    start = max(0, same - _MOST_SHOWN // 3)
    if max(len(stated), len(again)) <= _MOST_SHOWN or not start:
        return _shown(stated), _shown(again)
    return _shown(f"…{stated[start:]}"), _shown(f"…{again[start:]}")


def differences_of_values(
    stated: Any, again: Any, place: str, rel: float = REL
) -> Iterator[Difference]:
    """The differences of two JSON values, with the path of each difference below `place`."""
    if isinstance(stated, dict) and isinstance(again, dict):
        for key in {**stated, **again}:
            inner = f"{place}.{key}"
            if key not in stated or key not in again:
                yield Difference(inner, *(_present(key in side) for side in (stated, again)))
            else:
                yield from differences_of_values(stated[key], again[key], inner, rel)
    elif isinstance(stated, list | tuple) and isinstance(again, list | tuple):
        if len(stated) != len(again):
            yield Difference(place, f"a list of {len(stated)}", f"a list of {len(again)}")
        for number, (left, right) in enumerate(zip(stated, again, strict=False)):
            yield from differences_of_values(left, right, f"{place}[{number}]", rel)
    elif not _equal(stated, again, rel):
        yield Difference(place, _shown(stated), _shown(again))


def _equal(stated: Any, again: Any, rel: float) -> bool:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (stated, again))
    if numbers and rel:
        # a difference of nearly equal numbers, such as an effect of rounding, has no digits
        return math.isclose(stated, again, rel_tol=rel, abs_tol=1e-12)
    return bool(stated == again) and isinstance(stated, bool) == isinstance(again, bool)


def _present(is_there: bool) -> str:
    return "there" if is_there else "missing"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
