"""Results in less room, digit by digit the same, for a large document inside a report.

The results of a store are alike except for their numbers, and 17 digits as text take more room than
the eight bytes of the number. The long numbers therefore leave the text of each result, and a text
shared by several results is written once. `store/packed_results.py` and `report.js` make the
results again.

    order     kind of each result, in the order of the document
    texts     JSON of fields, with U+0001 in the place of each long number
    fields    of each kind the name of each field, with the number of its text for each result
    places    lists: which of the different long numbers of a result stands in each place
    shapes    number of its list of places, for each result in the order of `fields`
    numbers   eight texts in base64: the first byte of each number (IEEE 754, little-endian), the
              second, and so on. Numbers come by list of places, then by number, then by result
"""

from __future__ import annotations

import array
import base64
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from energybench.model import Comparison, Measurement, Projection, Study

Result = Measurement | Comparison | Projection | Study

PLACE = "\x01"  # JSON escapes this character in strings, so the text is free of it
# A number of ten or more characters between the marks of JSON, in the form of both msgspec and
# JavaScript: with a fraction, without the exponent of a large number. The mark before the number
# belongs to the match, because a search for one of three characters is twice as fast as a look
# behind each place.
_LONG = re.compile(r"([:,\[])(?=[-.\de]{10})(?!-?\d+\.0[,\]}])(-?\d+\.\d+(?:e-\d+)?)(?=[,\]}])")


def packed(results: Sequence[Result]) -> dict[str, Any]:
    """The results by kind and field. Results are in the form in which a reader of their JSON has
    them.
    """
    texts: dict[str, int] = {}
    fields: dict[str, dict[str, list[int]]] = {}
    places: dict[tuple[int, ...], int] = {}
    numbers: list[tuple[float, ...]] = []
    shapes: list[int] = []
    for kind in dict.fromkeys(result.kind for result in results):
        of_kind = fields.setdefault(kind, {})
        for result in results:
            if result.kind != kind:
                continue
            inside: list[float] = []
            for name in result.__struct_fields__:
                text, long = _without_long(msgspec.json.encode(getattr(result, name)).decode())
                of_kind.setdefault(name, []).append(texts.setdefault(text, len(texts)))
                inside += long
            different = {number: place for place, number in enumerate(dict.fromkeys(inside))}
            shape = tuple([different[number] for number in inside])
            shapes.append(places.setdefault(shape, len(places)))
            numbers.append(tuple(different))
    return {
        "order": [result.kind for result in results],
        "texts": list(texts),
        "fields": fields,
        "places": list(places),
        "shapes": shapes,
        "numbers": _bytes(_in_columns(shapes, numbers)),
    }


def _without_long(text: str) -> tuple[str, list[float]]:
    """The text with a mark in the place of each long number, and the numbers."""
    pieces = _LONG.split(text)
    digits = pieces[2::3]
    numbers = [float(number) for number in digits]
    if msgspec.json.encode(numbers).decode() == f"[{','.join(digits)}]":
        between = [before + mark for before, mark in zip(pieces[:-1:3], pieces[1::3], strict=True)]
        return PLACE.join([*between, pieces[-1]]), numbers
    # the digits in a foreign string may have another form, such as 0.1000000000
    return text, []


def _in_columns(shapes: Sequence[int], numbers: Sequence[Sequence[float]]) -> Iterable[float]:
    """The first numbers of the results of a shape, then the second numbers: numbers in the same
    place are of similar size.
    """
    by_shape: dict[int, list[Sequence[float]]] = {}
    for shape, row in zip(shapes, numbers, strict=True):
        by_shape.setdefault(shape, []).append(row)
    for shape in sorted(by_shape):
        for column in zip(*by_shape[shape], strict=True):
            yield from column


def _bytes(numbers: Iterable[float]) -> list[str]:
    """The n-th bytes of all numbers together: similar bytes then lie beside each other."""
    doubles = array.array("d", numbers)
    if sys.byteorder == "big":
        doubles.byteswap()
    content = doubles.tobytes()
    return [base64.b64encode(content[place::8]).decode("ascii") for place in range(8)]
