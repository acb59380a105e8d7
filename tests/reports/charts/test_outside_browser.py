"""Every kind of figure as SVG without a browser, in every theme and at several widths."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from energybench_reports.charts.figure import colours, spec
from energybench_reports.charts.outside_browser import hatched, svg
from energybench_reports.charts.theme import DARK, HATCH, LIGHT, PRINT, Theme, style
from energybench_reports.figures import figures
from energybench_reports.view.document import build
from energybench_reports.view.layout import Figure
from tests.reports.samples import SAMPLES

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

# One sample for each kind of figure: energy, repeats, power of devices and of nodes, roofline,
# curves of a record, maps and curves of a study.
KINDS = {
    "comparison": {"limits", "components", "repeats", "power"},
    "job": {"components", "repeats", "power"},
    "training": {"record", "study-ratios", "study-figures", "components", "repeats"},
}


def drawn(sample: str) -> tuple[Figure, ...]:
    document = SAMPLES[sample]()
    return figures(document, build(document))


@pytest.mark.parametrize("sample", KINDS)
def test_every_kind_follows_the_schema(sample: str) -> None:
    """altair, which has the JSON schema of Vega-Lite, accepts every specification."""
    import altair

    for figure in drawn(sample):
        altair.Chart.from_dict(spec(figure), validate=True)
        altair.Chart.from_dict(spec(figure, DARK, 600), validate=True)


@pytest.mark.parametrize("theme", [LIGHT, DARK, PRINT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("sample", KINDS)
def test_every_kind_is_drawn(sample: str, theme: Theme) -> None:
    """An SVG document with marks, of about the width asked for, without the colour that stands for
    a hatching and without an address to load from.
    """
    charts = drawn(sample)
    assert {figure.section for figure in charts} == KINDS[sample]
    for figure in charts:
        text = svg(figure, theme, 600).decode()
        root = ET.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        width = float(root.get("width") or 0)
        assert width == pytest.approx(600, abs=12) or (figure.panel_px and 0 < width < 700)
        assert HATCH not in text
        assert "http" not in text.replace("http://www.w3.org/", "")
        assert len([e for e in root.iter() if e.tag.endswith("path")]) > 3


def test_modelled_parts_are_hatched() -> None:
    """The bar of a modelled part is filled with a pattern that the document defines."""
    (chart,) = [figure for figure in drawn("comparison") if figure.section == "components"]
    root = ET.fromstring(svg(chart, PRINT, 600))
    (pattern,) = [e for e in root.iter() if e.tag.endswith("pattern")]
    filled = [e for e in root.iter() if e.get("fill") == f"url(#{pattern.get('id')})"]
    assert len(filled) >= 1


def test_only_fills_become_hatched() -> None:
    """A label with the text of the colour stays as it is."""
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg"><path fill="{HATCH}"/>'
        f'<text fill="#000000">fill="{HATCH}"</text></svg>'
    )
    text = hatched(drawing, LIGHT).decode()
    assert text.count(HATCH) == 1
    assert "url(#hatch)" in text


def test_a_wide_figure_of_panels_has_more_in_a_row() -> None:
    """Panels go below each other if the width is small."""
    (chart, *_) = [figure for figure in drawn("training") if figure.section == "study-figures"]
    sizes = []
    for width in (300, 1200):
        root = ET.fromstring(svg(chart, PRINT, width))
        sizes.append((float(root.get("width") or 0), float(root.get("height") or 0)))
    assert sizes[0][0] < sizes[1][0]
    assert sizes[0][1] > sizes[1][1]


def test_the_dark_theme_replaces_every_colour() -> None:
    """No colour of the light page is left, but for the heat maps' own colours and the hatching;
    the rules of the HTML page replace the same ones.
    """
    for sample in KINDS:
        charts = drawn(sample)
        maps = [figure for figure in charts if figure.section == "study-ratios"]
        kept = set(colours(maps)) - set(DARK.colours)
        used = set(colours(charts)) - kept - {HATCH}
        assert used <= set(DARK.colours)
        rules = style(colours(charts))
        for colour in used:
            assert f'.chart [fill="{colour}"] {{ fill: {DARK.colours[colour]}; }}' in rules
        text = json.dumps([{**spec(figure, DARK, 600), "datasets": {}} for figure in charts])
        assert not [colour for colour in used if f'"{colour}"' in text]


def test_labels_keep_their_words() -> None:
    """A run called like a colour keeps its name in every theme."""
    figure = Figure(
        "x",
        {"encoding": {"scale": {"domain": ["white", "#0072b2"], "range": ["#0072b2"]}}},
        {},
        "",
        "",
    )
    scale = spec(figure, DARK, 100)["encoding"]["scale"]
    assert scale == {"domain": ["white", "#0072b2"], "range": [DARK.colours["#0072b2"]]}


def test_fonts_and_background() -> None:
    """The page's charts are in the fonts of the reader on the page's paper; outside a browser the
    font is one that vl-convert has, on the paper of the theme.
    """
    (chart, *_) = drawn("comparison")
    assert "system-ui" in spec(chart)["config"]["font"]
    assert spec(chart)["config"]["background"] == "transparent"
    assert spec(chart, DARK, 500)["config"]["font"].startswith("'Liberation Sans'")
    assert spec(chart, DARK, 500)["config"]["background"] == DARK.paper
    assert spec(chart, DARK, 500)["width"] == 500
