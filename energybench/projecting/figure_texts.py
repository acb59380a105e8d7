"""Texts of a scenario that quote figures: `{name}` stands for the value of an input, a line or an
unknown. A figure that is written out is true only of the scenario's own inputs: a text with such a
figure is left out when a comparison has replaced an input behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from energybench.model import Input
from energybench.units import show_figure, show_value

_PLACE = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")
# a number that stands alone: "12x" and "1.88 kW", not the name "A100"
_FIGURE = re.compile(r"(?<![\w.])\d")
_DIGITS = 3  # of a computed value


def places(text: str) -> Sequence[str]:
    """The names that a text quotes."""
    return _PLACE.findall(text)


def writes_out_a_figure(text: str) -> bool:
    return bool(_FIGURE.search(_PLACE.sub("", text)))


def filled(text: str, shown: Callable[[str], str]) -> str:
    return _PLACE.sub(lambda match: shown(match[1]), text)


def of_input(entry: Input) -> str:
    """A stated value with the digits of the scenario, a computed value with three."""
    if entry.stated is not None or entry.value.low == entry.value.high:
        return show_figure(entry.value.value, entry.unit)
    return show_value(entry.value.value, entry.unit, _DIGITS, prefixed=False)


def of_value(value: float, unit: str) -> str:
    return show_value(value, unit, _DIGITS, prefixed=False)


def kept(text: str, replaced: bool, shown: Callable[[str], str]) -> str:
    """The text with its values; "" if it writes out a figure of which an input was replaced."""
    if replaced and writes_out_a_figure(text):
        return ""
    return filled(text, shown)
