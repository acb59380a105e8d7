"""A document in words: what every format shows. Pure; each format only sets it."""

from __future__ import annotations

from energybench.model import Comparison, Document, Measurement, Projection, Study
from energybench_reports.view import budget as view_shrink
from energybench_reports.view import comparison as view_comparison
from energybench_reports.view import details as view_details
from energybench_reports.view import doubts as view_doubts
from energybench_reports.view import grade as view_grade
from energybench_reports.view import limits as view_limits
from energybench_reports.view import machine_state as view_state
from energybench_reports.view import measurement as view_measurement
from energybench_reports.view import projection as view_projection
from energybench_reports.view import record as view_record
from energybench_reports.view import study as view_study
from energybench_reports.view import study_headline as view_study_headline
from energybench_reports.view.labels import labels
from energybench_reports.view.layout import View
from energybench_reports.view.wording import plain


def build(document: Document) -> View:
    """The view of a document; empty sections are left out."""
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    projections: tuple[Projection, ...] = document.of(Projection)
    studies: tuple[Study, ...] = document.of(Study)
    names = labels(measurements)
    answers = [view_comparison.answer(comparison) for comparison in comparisons]
    answers += [view_projection.answer(projection) for projection in projections]
    answers += [view_study_headline.answer(study) for study in studies]
    if not answers:
        answers = [
            view_measurement.answer(measurement, names[measurement.id])
            for measurement in measurements
        ]
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
            word
            for word in (
                f"energybench {plain(document.version)}" if document.version else "energybench",
                plain(document.created_utc),
            )
            if word
        ),
        notes=tuple(plain(note) for note in document.notes if plain(note)),
        answers=tuple(answers),
        weaknesses=view_doubts.weaknesses(document, names),
        sections=tuple(
            section for section in sections if any(table.rows for table in section.tables)
        ),
        labels=names,
    )
