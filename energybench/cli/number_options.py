"""Options whose value is a number: one place reads the text and checks the range.

A text that is not a number, or a number outside the range, is one line that names the option, the
text and the range. Only ASCII digits make a number: Python itself also reads "nan", "1_000", " 5 "
and the digits of other scripts.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from energybench.errors import BadInput
from energybench.units import decimal_number, whole_number

Number = TypeVar("Number", int, float)


def number(option: str, *, low: float, high: float, help: str) -> Any:
    """An option that takes a finite number within [low, high]."""
    return _option(option, low, high, help, decimal_number, "a number")


def whole(option: str, *, low: int, high: int, help: str) -> Any:
    """An option that takes a whole number within [low, high]."""
    return _option(option, low, high, help, whole_number, "a whole number")


def _option(
    option: str,
    low: Number,
    high: Number,
    help: str,
    read: Callable[[str], Number | None],
    kind: str,
) -> Any:
    def parse(text: Any) -> Number:
        # the default of an option may come here as a number
        value = read(text) if isinstance(text, str) else text
        if value is None or not low <= value <= high:
            mistake = f"is not {kind}" if value is None else "is out of range"
            raise BadInput(
                f"{option} {shlex.quote(str(text))}", mistake, f"{kind} from {low} to {high}"
            )
        return value

    metavar = "INTEGER" if kind == "a whole number" else "FLOAT"
    # the limits here are shown in the help; `parse` holds them
    return typer.Option(option, min=low, max=high, parser=parse, metavar=metavar, help=help)
