"""Figures stand in the sections of the view, and are made only for sections that the report has."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from energybench.model import Document
from energybench_reports.charts.figure import spec
from energybench_reports.figures import figures, illustrated
from energybench_reports.view.document import build
from energybench_reports.view.layout import Figure, View
from tests.reports.samples import SAMPLES

pytest.importorskip("altair")


def shown(sample: str) -> View:
    document = SAMPLES[sample]()
    return illustrated(document, build(document))


def figure(sample: str, section: str) -> Figure:
    """The first figure of a section."""
    return next(s for s in shown(sample).sections if s.key == section).figures[0]


@pytest.mark.parametrize("sample", sorted(SAMPLES))
def test_every_figure_is_in_its_section(sample: str) -> None:
    """No figure is lost, none is in a section of another key, and each has words."""
    document = SAMPLES[sample]()
    view = build(document)
    every = figures(document, view)
    held = [
        figure for section in illustrated(document, view).sections for figure in section.figures
    ]
    assert sorted(f.alt for f in held) == sorted(f.alt for f in every)
    for section in illustrated(document, view).sections:
        assert {figure.section for figure in section.figures} <= {section.key}
        assert all(figure.alt and figure.caption for figure in section.figures)


def test_a_view_without_a_section_has_no_figure_for_it() -> None:
    """The power over time is not drawn for a view that leaves the section out."""
    document = SAMPLES["comparison"]()
    view = build(document)
    lean = view._replace(sections=tuple(s for s in view.sections if s.key != "power"))
    assert "power" in {figure.section for figure in figures(document, view)}
    assert "power" not in {figure.section for figure in figures(document, lean)}


@pytest.mark.parametrize("sample", ["claims", "empty"])
def test_nothing_to_draw(sample: str) -> None:
    """A document without measurements has no figures, and altair is not imported for it."""
    document = SAMPLES[sample]()
    assert figures(document, build(document)) == ()
    code = (
        "import sys; sys.modules['altair'] = None\n"
        "from energybench_reports.figures import figures\n"
        "from energybench_reports.view.document import build\n"
        "from tests.reports.samples import SAMPLES\n"
        f"document = SAMPLES[{sample!r}]()\n"
        "assert figures(document, build(document)) == ()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=800)


def test_no_samples_no_figure_of_power() -> None:
    """A measurement without timelines has its other figures."""
    document = SAMPLES["comparison"]()
    bare = Document(title="", results=document.results)
    sections = {figure.section for figure in figures(bare, build(bare))}
    assert "components" in sections
    assert "power" not in sections


def test_a_missing_part_has_no_bar() -> None:
    """A part without joules has no bar; the caption names missing parts."""
    chart = figure("comparison", "components")
    assert "network" not in json.dumps(spec(chart))
    assert "Not in a bar, because missing: network of GPU node" in chart.caption


@pytest.mark.parametrize("section", ["components", "power"])
def test_unused_boards_have_a_colour_of_their_own(section: str) -> None:
    """Idle accelerators are visible in the bars and in the lines."""
    text = json.dumps(spec(figure("unused", section)))
    assert ", unused" in text
    assert "#e69f00" in text
