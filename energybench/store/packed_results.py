"""Making results again from a report with the long numbers apart from the text.

`reports/packed_results.py` packs them and describes the fields.
"""

from __future__ import annotations

import array
import base64
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from energybench.errors import BadInput
from energybench.store import strict

_FOREIGN = "energybench did not write it, or it was cut off"
_PLACE = "\x01"


def with_results(value: Any, where: str) -> Any:
    """The document with `results` in place of `packed`, the form of a large document.

    Raises BadInput for packed results that do not fit.
    """
    if not isinstance(value, dict) or "packed" not in value:
        return value
    whole = dict(value)
    try:
        whole["results"] = _results(whole.pop("packed"), where)
    except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError):
        raise BadInput(f"{where}: packed", "does not fit together", _FOREIGN) from None
    return whole


def _results(stated: Mapping[str, Any], where: str) -> list[Any]:
    """Raises an exception of Python, also for superfluous parts."""
    texts = iter(_texts(stated))
    rows = {
        kind: iter([next(texts) for _ in range(_rows(fields))])
        for kind, fields in stated["fields"].items()
    }
    results = [
        strict.loads(next(rows[kind]), f"{where}: results[{number}]")
        for number, kind in enumerate(stated["order"])
    ]
    if any(True for left in (texts, *rows.values()) for _ in left):
        raise ValueError("results are left over")
    return results


def _rows(fields: Mapping[str, Sequence[int]]) -> int:
    """How many results a kind has."""
    lengths = {len(column) for column in fields.values()}
    if len(lengths) != 1:
        raise ValueError("columns of different lengths")
    return lengths.pop()


def _texts(stated: Mapping[str, Any]) -> list[str]:
    """The JSON of each result, kind by kind; at most as much as a file may have."""
    pieces = [text.split(_PLACE) for text in stated["texts"]]
    rows = _numbers(stated)
    texts = []
    left = strict.MOST_BYTES
    for fields in stated["fields"].values():
        names = [json.dumps(name) for name in fields]
        for columns in zip(*fields.values(), strict=True):
            row = next(rows)
            filled = [
                f"{name}:{_filled(pieces[_place(column)], row)}"
                for name, column in zip(names, columns, strict=True)
            ]
            text = ",".join(filled)
            if next(row, None) is not None:
                raise ValueError("numbers are left over")
            left -= len(text)
            if left < 0:
                raise ValueError("the results are too large")
            texts.append(f"{{{text}}}")
    if next(rows, None) is not None:
        raise ValueError("rows of numbers are left over")
    return texts


def _filled(pieces: Sequence[str], numbers: Iterator[str]) -> str:
    """The text with its numbers. Pieces are the texts between the places of numbers."""
    parts = [pieces[0]]
    for piece in pieces[1:]:
        parts += (next(numbers), piece)
    return "".join(parts)


def _place(number: Any) -> int:
    """A place in a list, which is never counted from the end."""
    if not isinstance(number, int) or number < 0:
        raise IndexError(number)
    return number


def _numbers(stated: Mapping[str, Any]) -> Iterator[Iterator[str]]:
    """The digits of the numbers of each result in the order of the places in its text."""
    doubles = _doubles(stated["numbers"])
    if not all(map(math.isfinite, doubles)):
        raise ValueError("not all numbers are finite")
    shapes = [_place(shape) for shape in stated["shapes"]]
    results = Counter(shapes)
    first = []  # beginnings of the numbers of the next result of each shape
    end = 0
    for shape, places in enumerate(stated["places"]):
        first.append(end)
        end += results[shape] * (1 + max(map(_place, places), default=-1))
    if end != len(doubles):
        raise ValueError("another number of numbers")
    for shape in shapes:
        row, step = first[shape], results[shape]
        numbers = [doubles[row + place * step] for place in stated["places"][shape]]
        # a list as JSON, in the digits that were taken out of the text
        yield iter(msgspec.json.encode(numbers).decode()[1:-1].split(",") if numbers else ())
        first[shape] += 1


def _doubles(planes: Sequence[str]) -> array.array[float]:
    """The numbers, from the first bytes of all numbers, the second bytes, and so on."""
    contents = [base64.b64decode(plane, validate=True) for plane in planes]
    if len(contents) != 8 or len({len(content) for content in contents}) != 1:
        raise ValueError("not eight texts of equal length")
    joined = bytearray(8 * len(contents[0]))
    for place, content in enumerate(contents):
        joined[place::8] = content
    doubles = array.array("d")
    doubles.frombytes(bytes(joined))
    if sys.byteorder == "big":
        doubles.byteswap()
    return doubles
