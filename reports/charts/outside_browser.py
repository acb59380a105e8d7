"""Figures as SVG for formats that no browser draws, by vl-convert."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from energybench_reports.charts.figure import library, spec
from energybench_reports.charts.theme import HATCH, HATCHING, Theme
from energybench_reports.view.layout import Figure

_SVG = "http://www.w3.org/2000/svg"
_SIDE, _LINE = "6", "2.2"  # px between the lines of the hatching, and of a line


def svg(figure: Figure, theme: Theme, width: int) -> bytes:
    """The drawing of a figure as an SVG document in UTF-8, text in a font that vl-convert brings.

    width  px. A figure of panels has as many side by side as fit, one at least

    Raises BadInput if vl-convert is not installed.
    """
    converter = library("vl_convert")
    drawn = converter.vegalite_to_svg(spec(figure, theme, width), vl_version=vega_lite())
    return hatched(drawn, theme)


def vega_lite() -> str:
    """The version of Vega-Lite that draws the specifications of the installed altair. Raises
    BadInput if altair or vl-convert is not installed.
    """
    converter, altair = library("vl_convert"), library("altair")
    major, minor = altair.SCHEMA_VERSION.lstrip("v").split(".")[:2]
    versions: list[str] = converter.get_vegalite_versions()
    wanted = f"{major}.{minor}"
    return wanted if wanted in versions else versions[-1]


def hatched(drawing: str, theme: Theme) -> bytes:
    """The drawing with a pattern of lines in place of the colour that stands for a hatching."""
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ET.fromstring(drawing)
    marked = [element for element in root.iter() if element.get("fill") == HATCH]
    for element in marked:
        element.set("fill", f"url(#{HATCHING})")
    if marked:
        definitions = ET.Element(f"{{{_SVG}}}defs")
        pattern = ET.SubElement(
            definitions,
            f"{{{_SVG}}}pattern",
            id=HATCHING,
            width=_SIDE,
            height=_SIDE,
            patternUnits="userSpaceOnUse",
            patternTransform="rotate(45)",
        )
        line = {"width": _LINE, "height": _SIDE, "fill": theme.paper, "opacity": "0.75"}
        ET.SubElement(pattern, f"{{{_SVG}}}rect", line)
        root.insert(0, definitions)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document
