"""A figure of the HTML page: a Vega-Lite specification made with altair, the caption, and the
colours of every chart.

altair is imported late: a person without altair can still have every other format. Labels travel as
data only, never as markup or expression.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.model import UNUSED

# Okabe & Ito's colours: colour-blind readers can tell the colours apart (Color Universal Design,
# 2008). report.css finds a colour by the text written here and replaces the colour on dark pages:
# change report.css together with this table.
COLOURS = {
    "cpu.package": "#0072b2",
    "cpu.dram": "#56b4e9",
    "gpu.board": "#d55e00",
    f"gpu.board{UNUSED}": "#e69f00",
    "module": "#009e73",
    "node": "#cc79a7",
    "node.ac": "#cc79a7",
}
OTHERS = ("#009e73", "#cc79a7", "#8c6d1f", "#5d5d9e", "#7a7a7a")
TONES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # of runs and variants
HATCH = "#010203"  # report.css draws a hatching in place of this fill
BAND, IDLE_BAND = "#e8edf2", "#f3efe6"
INK, GRID = "#4d555e", "#d9dcdf"
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

_CONFIG = {
    "background": "transparent",
    "font": "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif",
    "view": {"stroke": "transparent"},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelPadding": 6,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "orient": "top",
        "direction": "horizontal",
        "symbolStrokeWidth": 2.5,
        "labelLimit": 260,
        "columnPadding": 18,
    },
}
# The parts of altair's output that the page keeps. The rest are options, and addresses on the web.
_KEPT = ("datasets", "layer", "hconcat", "width", "height", "facet", "spec", "columns", "data")


class Figure(NamedTuple):
    """A chart: the section of the page, the specification, the caption under the chart, and the
    text for a screen reader.
    """

    section: str
    spec: dict[str, Any]
    caption: str
    alt: str


def library(name: str) -> Any:
    """altair or vl_convert. Raises BadInput with the remedy if the library is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BadInput(name, "is not installed", "pip install 'energybench[report]'") from error


def component_colours(keys: Sequence[str]) -> dict[str, str]:
    """A colour for every component, equal in every chart for the components in COLOURS."""
    others = iter(OTHERS * (len(keys) // len(OTHERS) + 1))
    return {key: COLOURS.get(key) or next(others) for key in keys}


def cycled(values: Sequence[str], count: int) -> list[str]:
    """`count` colours or shapes: the sequence, repeated as often as necessary."""
    return list(tuple(values) * (count // len(values) + 1))[:count]


def finished(chart: Any, title: str) -> dict[str, Any]:
    """The specification alone: without altair's themes and options, and without addresses on the
    web.
    """
    complete = chart.to_dict()
    spec: dict[str, Any] = {key: complete[key] for key in _KEPT if key in complete}
    # Charts side by side have a width of their own and are not fitted to the page.
    fit = {"autosize": {"type": "fit-x", "contains": "padding"}} if "layer" in spec else {}
    return spec | {"config": _CONFIG, "description": title, **fit}
