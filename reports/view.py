"""A document in words: what every format shows. Pure; each format only sets it."""

from __future__ import annotations

from energybench.model import Comparison, Document, Measurement, Projection, Study
from energybench_reports import (
    view_comparison,
    view_details,
    view_doubts,
    view_grade,
    view_limits,
    view_measurement,
    view_projection,
    view_record,
    view_shrink,
    view_state,
    view_study,
)
from energybench_reports.labels import labels
from energybench_reports.layout import View
from energybench_reports.wording import plain


def build(document: Document) -> View:
    """The view of a document; empty sections are left out."""
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    projections: tuple[Projection, ...] = document.of(Projection)
    studies: tuple[Study, ...] = document.of(Study)
    names = labels(measurements)
    answers = [view_comparison.answer(comparison) for comparison in comparisons]
    answers += [view_projection.answer(projection) for projection in projections]
    answers += [view_study.answer(study) for study in studies]
    if not answers:
        answers = [view_measurement.answer(measurement, names[measurement.id]) for measurement in measurements]
    sections = (
        *view_study.sections(studies),
        view_comparison.ratios(comparisons),
        view_measurement.side_by_side(measurements, names, compared=bool(comparisons or studies)),
        view_shrink.section(measurements, comparisons, names),
        view_record.section(measurements, names),
        view_limits.section(measurements, names),
        view_measurement.components(measurements, names),
        view_measurement.repeats(measurements, names),
        view_measurement.power(document.timelines, names),
        view_state.section(measurements, names),
        *view_projection.sections(projections),
        *view_grade.sections(measurements, names),
        *view_details.sections(measurements, comparisons, names),
    )
    return View(
        title=plain(document.title) or "Untitled",
        imprint=" · ".join(
            word for word in (f"energybench {plain(document.version)}" if document.version else "energybench", plain(document.created_utc)) if word
        ),
        notes=tuple(plain(note) for note in document.notes if plain(note)),
        answers=tuple(answers),
        weaknesses=view_doubts.weaknesses(document, names),
        sections=tuple(section for section in sections if any(table.rows for table in section.tables)),
        labels=names,
    )
