"""A document in words: the content of every format. Pure; a format only sets the content."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

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

# A document with more measurements is read as a table of them: what stands for a single measurement
# is shown for the first ones.
MANY = 50


def build(document: Document, *, detail: bool = True) -> View:
    """The view of a document; empty sections are left out.

    detail  whether to make the sections that only a full report shows
    """
    names = labels(document.of(Measurement))
    notes = [plain(note) for note in document.notes if plain(note)]
    measurements = len(document.of(Measurement))
    if measurements > MANY:
        notes.append(
            f"{measurements} measurements: the table of measurements has all; sections about "
            f"single measurements show the first {MANY}. Name fewer runs to read about others."
        )
    return View(
        title=plain(document.title) or "Untitled",
        imprint=_imprint(document),
        notes=tuple(notes),
        answers=_answers(document, names),
        weaknesses=doubts.weaknesses(document, names),
        sections=tuple(
            section
            for section in _sections(document, names, detail=detail)
            if any(table.rows for table in section.tables)
        ),
        labels=names,
    )


def first(document: Document) -> Document:
    """The document with its first measurements only."""
    if len(document.of(Measurement)) <= MANY:
        return document
    kept = {measurement.id for measurement in document.of(Measurement)[:MANY]}
    results = tuple(
        result
        for result in document.results
        if not isinstance(result, Measurement) or result.id in kept
    )
    return msgspec.structs.replace(document, results=results)


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
            measurement.answer(result, names[result.id])
            for result in document.of(Measurement)[:MANY]
        ]
    return tuple(answers)


def _sections(document: Document, names: Mapping[str, str], *, detail: bool) -> tuple[Section, ...]:
    """Every section in the order of the report, empty sections included."""
    every: tuple[Measurement, ...] = document.of(Measurement)
    measurements = every[:MANY]
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    projections: tuple[Projection, ...] = document.of(Projection)
    studies: tuple[Study, ...] = document.of(Study)
    compared = bool(comparisons or studies)
    return (
        *study.sections(studies),
        comparison.ratios(comparisons),
        measurement.side_by_side(every, names, compared=compared),
        budget.section(measurements, comparisons, names),
        record.section(measurements, names),
        limits.section(measurements, names),
        energy.components(measurements, names),
        energy.repeats(measurements, names),
        energy.power(document.timelines, names),
        machine_state.section(measurements, names),
        *projection.sections(projections),
        *grade.sections(measurements, names),
        *(details.sections(measurements, comparisons, names) if detail else ()),
    )
