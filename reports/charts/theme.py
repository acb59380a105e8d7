"""Colours of charts, on a light page, on a dark page and on paper.

Charts are made in the colours of the light page. A theme replaces these colours by its own colours;
on the HTML page, where the reader's screen decides, the rules of `style` replace the colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from energybench.model import UNUSED

# Okabe & Ito's colours: colour-blind readers can tell the colours apart (Color Universal Design,
# 2008).
BLUE, SKY, VERMILION, ORANGE = "#0072b2", "#56b4e9", "#d55e00", "#e69f00"
GREEN, PINK, OCHRE, VIOLET, GREY = "#009e73", "#cc79a7", "#8c6d1f", "#5d5d9e", "#7a7a7a"
COLOURS = {
    "cpu.package": BLUE,
    "cpu.dram": SKY,
    "gpu.board": VERMILION,
    f"gpu.board{UNUSED}": ORANGE,
    "module": GREEN,
    "node": PINK,
    "node.ac": PINK,
}
OTHERS = (GREEN, PINK, OCHRE, VIOLET, GREY)
TONES = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY)  # of runs and variants
HATCH = "#010203"  # stands for a hatching in every output
HATCHING = "hatch"  # id of the hatching's pattern
BAND, IDLE_BAND = "#e8edf2", "#f3efe6"
INK, GRID, WHITE = "#4d555e", "#d9dcdf", "white"
# Share of white in the shades of a colour on a light page, or of black if negative; a dark page has
# its paper in place of white, and white in place of black.
_SHARES = (0.0, 0.35, -0.35, 0.55, -0.55, 0.18, -0.18, 0.68)

_DARK_TONES = {
    BLUE: "#3f8fd0",
    SKY: "#86c8ef",
    VERMILION: "#f58543",
    ORANGE: "#f5c04a",
    GREEN: "#3cc79e",
    PINK: "#e3a3c6",
    OCHRE: "#c9a655",
    VIOLET: "#a3a3e0",
    GREY: "#a8a8a8",
}


class Theme(NamedTuple):
    """paper: colour behind the chart. colours: colour of the light page → colour of this theme."""

    name: str
    paper: str
    colours: Mapping[str, str]


def shade(colour: str, number: int, paper: str = "#ffffff", ink: str = "#000000") -> str:
    """Shade of a colour for one of several alike devices, numbered from 0; the first shade is the
    colour itself, and the shades repeat after the last share.
    """
    share = _SHARES[number % len(_SHARES)]
    other = paper if share > 0 else ink
    pairs = [(int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    mixed = (round(own + (behind - own) * abs(share)) for own, behind in pairs)
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _dark(paper: str) -> dict[str, str]:
    colours = {INK: "#b6bec7", GRID: "#2e353c", BAND: "#1d252d", IDLE_BAND: "#201e1a", WHITE: paper}
    for colour, dark in _DARK_TONES.items():
        for number in range(len(_SHARES)):
            colours[shade(colour, number)] = shade(dark, number, paper, "#ffffff")
    return colours


LIGHT = Theme("light", "#fcfcfa", {})
DARK = Theme("dark", "#121519", _dark("#121519"))
PRINT = Theme("print", "#ffffff", {INK: "#16191d", GRID: "#b9bec3"})


def style(used: Iterable[str]) -> str:
    """The rules of a page with charts in these colours: a hatching in place of its colour, and the
    colours of the dark theme if the screen is dark. Vega writes colours as attributes, which rules
    outrank.
    """
    dark = [
        f'.chart [{attribute}="{colour}"] {{ {attribute}: {DARK.colours[colour]}; }}'
        for colour in dict.fromkeys(used)
        if colour in DARK.colours
        for attribute in ("fill", "stroke")
    ]
    hatching = f'.chart [fill="{HATCH}"] {{ fill: url(#{HATCHING}); }}'
    rules = "\n".join(f"  {rule}" for rule in dark)
    return f"{hatching}\n@media screen and (prefers-color-scheme: dark) {{\n{rules}\n}}\n"
