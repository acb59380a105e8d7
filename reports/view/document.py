"""A document in words: the content of every format. Pure; a format only sets the content."""

from __future__ import annotations

from collections.abc import Mapping

from energybench.model import Comparison, Document, Measurement, Projection, Study
from energybench_reports.view import (
    budget,
    comparison,
    details,
    doubts,
    energy,
    grade,
    limits,
    machine_state,
    measurement,
    projection,
    record,
    study,
    study_headline,
)
from energybench_reports.view.labels import labels
from energybench_reports.view.layout import Answer, Section, View
from energybench_reports.view.wording import plain


def build(document: Document) -> View:
    """The view of a document; empty sections are left out."""
    names = labels(document.of(Measurement))
    return View(
        title=plain(document.title) or "Untitled",
        imprint=_imprint(document),
        notes=tuple(plain(note) for note in document.notes if plain(note)),
        answers=_answers(document, names),
        weaknesses=doubts.weaknesses(document, names),
        sections=tuple(
            section
            for section in _sections(document, names)
            if any(table.rows for table in section.tables)
        ),
        labels=names,
    )


def _imprint(document: Document) -> str:
    """'energybench 0.1.0 · 2026-03-02T12:10:00Z'."""
    program = f"energybench {plain(document.version)}" if document.version else "energybench"
    created = plain(document.created_utc)
    return f"{program} · {created}" if created else program


def _answers(document: Document, names: Mapping[str, str]) -> tuple[Answer, ...]:
    """A headline for each comparison, projection and study; if the document has none of the three,
    for each measurement.
    """
    answers = [comparison.answer(result) for result in document.of(Comparison)]
    answers += [projection.answer(result) for result in document.of(Projection)]
    answers += [study_headline.answer(result) for result in document.of(Study)]
    if not answers:
        answers = [
            measurement.answer(result, names[result.id]) for result in document.of(Measurement)
        ]
    return tuple(answers)


def _sections(document: Document, names: Mapping[str, str]) -> tuple[Section, ...]:
    """Every section in the order of the report, empty sections included."""
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    projections: tuple[Projection, ...] = document.of(Projection)
    studies: tuple[Study, ...] = document.of(Study)
    compared = bool(comparisons or studies)
    return (
        *study.sections(studies),
        comparison.ratios(comparisons),
        measurement.side_by_side(measurements, names, compared=compared),
        budget.section(measurements, comparisons, names),
        record.section(measurements, names),
        limits.section(measurements, names),
        energy.components(measurements, names),
        energy.repeats(measurements, names),
        energy.power(document.timelines, names),
        machine_state.section(measurements, names),
        *projection.sections(projections),
        *grade.sections(measurements, names),
        *details.sections(measurements, comparisons, names),
    )
