"""Colours, shapes and dashes that distinguish runs, and the legend that names the runs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from energybench_reports.charts.theme import TONES

_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
# In px, at the size of a legend's letters: the mean width of a letter, of a letter of two columns
# (Unicode Standard Annex 11), and of the longest label; and the room for the symbol and the gaps
# beside a label, and for the axis left of a legend.
_LETTER_PX, _WIDE_PX, _LONGEST_PX, _BESIDE_PX, _AXIS_PX = 7, 13, 400, 50, 70
ROOM = "room"  # parameter of every drawing: the width of its place in px


def marks_of_runs(alt: Any, runs: Sequence[str]) -> dict[str, Any]:
    """The encodings of points by their field "run": colour and shape, with one legend."""
    return _encodings(runs, color=(alt.Color, colours), shape=(alt.Shape, shapes), alt=alt)


def lines_of_runs(alt: Any, runs: Sequence[str]) -> dict[str, Any]:
    """The encodings of lines by their field "run": colour and dashes, with one legend."""
    return _encodings(
        runs, color=(alt.Color, colours), strokeDash=(alt.StrokeDash, dashes), alt=alt
    )


def _encodings(runs: Sequence[str], *, alt: Any, **channels: tuple[Any, Any]) -> dict[str, Any]:
    """By the name of each channel: (its class, the function that makes its scale)."""
    common = {"title": None, "sort": list(runs), "legend": legend(alt, runs)}
    return {
        name: channel("run:N", scale=scale(alt, runs), **common)
        for name, (channel, scale) in channels.items()
    }


def colours(alt: Any, names: Sequence[str]) -> Any:
    """A colour for each name; colours repeat after the last colour."""
    return alt.Scale(domain=list(names), range=[TONES[n % len(TONES)] for n in range(len(names))])


def shapes(alt: Any, names: Sequence[str]) -> Any:
    """A shape for each name. Names with equal colours have different shapes."""
    return alt.Scale(
        domain=list(names),
        range=[_SHAPES[(n + n // len(TONES)) % len(_SHAPES)] for n in range(len(names))],
    )


def dashes(alt: Any, names: Sequence[str]) -> Any:
    """Dashes for each name. Names with equal colours have different dashes."""
    return alt.Scale(
        domain=list(names),
        range=[_DASHES[n // len(TONES) % len(_DASHES)] for n in range(len(names))],
    )


def legend(alt: Any, names: Sequence[str]) -> Any:
    """A legend in as many columns as have room. A label is cut only if the chart is narrower than
    the label.
    """
    # Not the width of the plot: Vega takes the width from the height of the legend, and does not
    # set the legend again.
    widest_px = min(max(map(_width_px, names), default=0), _LONGEST_PX) + _BESIDE_PX
    return alt.Legend(
        columns={"expr": f"max(1, floor(({ROOM} - {_AXIS_PX}) / {widest_px}))"},
        labelLimit={"expr": f"min({_LONGEST_PX}, {ROOM} - {_AXIS_PX} - {_BESIDE_PX})"},
    )


def _width_px(name: str) -> int:
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in name)
    return _WIDE_PX * wide + _LETTER_PX * (len(name) - wide)
