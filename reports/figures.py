"""The figures for a document's data, in their sections of the view.

Formats only set the figures: `energybench_reports.charts.figure.spec` is a figure for a page with
its own drawing, `energybench_reports.charts.outside_browser.svg` is the finished drawing.
"""

from __future__ import annotations

from energybench.model import Document, Measurement, Study
from energybench_reports.charts import energy, overlay, power, record, roofline, study
from energybench_reports.charts.figure import library
from energybench_reports.view.layout import Figure, View
from energybench_reports.view.wording import plain


def illustrated(document: Document, view: View) -> View:
    """The view of the document with a figure in every section with suitable data."""
    drawn = figures(document, view)
    sections = tuple(
        section._replace(figures=tuple(f for f in drawn if f.section == section.key))
        for section in view.sections
    )
    return view._replace(sections=sections)


def figures(document: Document, view: View) -> tuple[Figure, ...]:
    """The figures of the view's sections, in the order of the section; no figures for a document
    without measurements and studies.

    Raises BadInput if altair, which only figures need, is not installed.
    """
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    studies: tuple[Study, ...] = document.of(Study)
    if not (measurements or studies or document.timelines):
        return ()
    alt, names = library("altair"), view.labels
    parts = {m.id: m.boundary.parts for m in measurements}
    charts = [energy.energy(alt, measurements, names), energy.repeats(alt, measurements, names)]
    charts.append(overlay.overlay(alt, document.timelines, names))
    for timeline in document.timelines:
        label = names.get(timeline.run, plain(timeline.run))
        charts.append(power.power(alt, timeline, label, parts.get(timeline.run, ())))
    charts.append(roofline.roofline(alt, measurements, names))
    charts += record.figures(alt, measurements, names)
    charts += study.figures(alt, studies)
    sections = {section.key for section in view.sections}
    return tuple(chart for chart in charts if chart is not None and chart.section in sections)
