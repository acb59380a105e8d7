"""Every chart that a document has data for, in the order of the page's sections."""

from __future__ import annotations

from collections.abc import Mapping

from energybench.model import Document, Measurement, Study
from energybench_reports.charts import energy, power, record, roofline, study
from energybench_reports.charts.figure import Figure, library
from energybench_reports.view.wording import plain


def figures(document: Document, names: Mapping[str, str]) -> tuple[Figure, ...]:
    """`names`: label of each measurement by its id."""
    alt = library("altair")
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    parts = {m.id: m.boundary.parts for m in measurements}
    charts = [
        energy.energy(alt, measurements, names),
        energy.repeats(alt, measurements, names),
    ]
    for timeline in document.timelines:
        label = names.get(timeline.run, plain(timeline.run))
        charts.append(power.power(alt, timeline, label, parts.get(timeline.run, ())))
    charts.append(roofline.roofline(alt, measurements, names))
    charts += record.figures(alt, measurements, names)
    studies: tuple[Study, ...] = document.of(Study)
    charts += study.figures(alt, studies)
    return tuple(chart for chart in charts if chart is not None)
