"""Making a figure with altair, and the Vega-Lite specification of a figure for one output.

altair is imported late: a person without altair can still have every other format. Labels travel as
data only, never as markup or expression. Data do not pass through altair, which compares each row
with its JSON schema (0.1 ms a row).
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from energybench.errors import NotInstalled
from energybench_reports.charts.distinction import ROOM
from energybench_reports.charts.theme import COLOURS, GRID, INK, LIGHT, OTHERS, Theme
from energybench_reports.view.layout import Figure

_ON_PAGE = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
# vl-convert contains Liberation Sans, whose letters are as wide as Arial's.
_OUTSIDE = "'Liberation Sans', Arial, Helvetica, sans-serif"

_AXIS = {
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
}
_LEGEND = {
    "labelColor": INK,
    "titleColor": INK,
    "labelFontSize": 12,
    "orient": "top",
    "direction": "horizontal",
    "symbolStrokeWidth": 2.5,
    "labelLimit": 260,
    "columnPadding": 18,
}
# Outside a browser: least room for an entry of a legend, and the part of the room for symbol and
# gaps.
_LABEL_PX, _BESIDE_LABEL_PX = 200, 55
# The kept parts of altair's output. The rest are options, and addresses on the web.
_KEPT = ("layer", "concat", "width", "height", "facet", "spec", "columns", "data")
_WORDS = ("domain", "sort", "title", "values")  # properties that hold labels, never colours
_COLOUR = re.compile(r'"(#[0-9a-f]{6}|white)"')


def library(name: str) -> Any:
    """altair or vl_convert. Raises NotInstalled."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotInstalled(name) from error


def component_colours(keys: Sequence[str]) -> dict[str, str]:
    """A colour for every component, equal in every chart for the components in COLOURS."""
    others = iter(OTHERS * (len(keys) // len(OTHERS) + 1))
    return {key: COLOURS.get(key) or next(others) for key in keys}


def finished(
    section: str,
    chart: Any,
    data: Mapping[str, Sequence[Mapping[str, Any]]],
    caption: str,
    text: str,
    panel_px: int | None = None,
) -> Figure:
    """The figure of an altair chart over named data, without altair's themes and options.

    data      rows by the names in the chart (`alt.NamedData`)
    text      text for a screen reader
    panel_px  width of a panel, for a chart of several panels
    """
    # tests compare every kind of figure with the schema
    complete = chart.to_dict(validate=False)
    drawing = {key: complete[key] for key in _KEPT if key in complete}
    rows = {name: list(entries) for name, entries in data.items()}
    return Figure(section, drawing, rows, caption, text, panel_px)


def spec(figure: Figure, theme: Theme = LIGHT, width: int | None = None) -> dict[str, Any]:
    """The Vega-Lite specification for an output, with the colours of the theme.

    width  px outside a browser; None on the HTML page, where the chart is as wide as its place, has
           no background, and uses the fonts of the reader's system
    """
    drawing = dict(figure.drawing)
    font = _ON_PAGE if width is None else _OUTSIDE
    background = "transparent" if width is None else theme.paper
    if figure.panel_px is not None and width is not None:
        drawing["columns"] = max(width // figure.panel_px, 1)
    elif figure.panel_px is None:
        drawing["width"] = "container" if width is None else width
        drawing["autosize"] = {"type": "fit-x", "contains": "padding"}
        drawing["params"] = [_room(width)]
    config = {"background": background, "font": font, "view": {"stroke": "transparent"}}
    config |= {"axis": _AXIS, "legend": _LEGEND if width is None else _within(width)}
    themed = _recoloured(drawing | {"config": config}, theme.colours)
    return {**themed, "datasets": figure.data, "description": figure.alt}


def _room(width: int | None) -> dict[str, Any]:
    """The parameter ROOM. On the page, a new width of the chart gives a new value."""
    if width is None:
        return {"name": ROOM, "expr": "containerSize()[0] + 0 * width"}
    return {"name": ROOM, "value": width}


def _within(width: int) -> dict[str, Any]:
    """Legends of charts of panels: lines of as many labels as fit, and long labels shortened. Other
    charts state their own legends (`distinction.legend`).
    """
    columns = max(width // _LABEL_PX, 1)
    return _LEGEND | {"columns": columns, "labelLimit": width // columns - _BESIDE_LABEL_PX}


def colours(figures: Iterable[Figure]) -> list[str]:
    """The different colours of figures on a light page, in alphabetical order."""
    texts = (json.dumps(spec(figure) | {"datasets": {}}) for figure in figures)
    return sorted({colour for text in texts for colour in _COLOUR.findall(text)})


def _recoloured(thing: Any, colours: Mapping[str, str]) -> Any:
    """The same structure with replaced colours. Data, which are foreign, are not included."""
    if isinstance(thing, str):
        return colours.get(thing, thing)
    if isinstance(thing, list):
        return [_recoloured(item, colours) for item in thing]
    if isinstance(thing, dict):
        return {
            key: item if key in _WORDS else _recoloured(item, colours)
            for key, item in thing.items()
        }
    return thing
