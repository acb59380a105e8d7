"""A document in words: the content of every format. Pure; a format only sets the content."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from energybench.model import IN_FULL, Comparison, Document, Measurement, Projection, Study
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
    method,
    nodes,
    projection,
    publication,
    questions,
    record,
    run_headline,
    study,
    study_headline,
)
from energybench_reports.view.labels import labels
from energybench_reports.view.layout import Answer, Section, Table, View
from energybench_reports.view.node_power import node_power, unused_labels
from energybench_reports.view.overview import overview
from energybench_reports.view.wording import plain


def build(document: Document, *, detail: bool = True) -> View:
    """The view of a document; empty sections are left out.

    detail  whether to make the sections that only a full report shows
    """
    names = labels(document.of(Measurement))
    shown = in_full(document)
    answers = _answers(shown, names)
    only = _only_names(document, names)
    title = plain(document.title) or "Untitled"
    if [answer.title for answer in answers] == [title]:
        answers = (answers[0]._replace(title=""),)
    return View(
        title=title,
        imprint=_imprint(document),
        notes=_notes(document, shown),
        overview=overview(document, names),
        answers=answers,
        weaknesses=doubts.weaknesses(document, names),
        sections=tuple(
            _without_names(section, only)
            for section in _sections(shown, names, detail=detail)
            if any(table.rows for table in section.tables)
        ),
        labels=names,
        logo=publication.logo_address(document.publication),
        paper=document.publication.paper if document.publication is not None else "",
        terms=method.terms(shown),
    )


def _only_names(document: Document, names: Mapping[str, str]) -> tuple[str, ...]:
    """The names of results that are the only one of their kind: a title need not repeat them."""
    measurements = list(names.values())
    comparisons = [" → ".join(comparison.pair(result)) for result in document.of(Comparison)]
    projections = [projection.heading(result) for result in document.of(Projection)]
    return tuple(kind[0] for kind in (measurements, comparisons, projections) if len(kind) == 1)


def _without_names(section: Section, names: tuple[str, ...]) -> Section:
    """The section without the names of only results before titles and in the first column of
    tables. The section of measurements has the name once.
    """
    if section.key == "measurements":
        return section
    tables = section.tables
    for name in names:
        tables = tuple(_without_name(table, name) for table in tables)
    return section._replace(tables=tables)


def _without_name(table: Table, name: str) -> Table:
    title = "" if table.title == name else table.title.removeprefix(f"{name}: ")
    if len(table.head) > 2 and table.rows and all(row[0].text == name for row in table.rows):
        table = table._replace(head=table.head[1:], rows=tuple(row[1:] for row in table.rows))
    return table._replace(title=title)


def in_full(document: Document) -> Document:
    """The document with the results that a report shows in full: the first of each kind, and of the
    measurements first the sides of those comparisons.
    """
    if document.all_in_full:
        return document
    comparisons: tuple[Comparison, ...] = document.of(Comparison)[:IN_FULL]
    sides = {run for pair in comparisons for run in (pair.baseline, pair.candidate)}
    measurements: list[Measurement] = sorted(
        document.of(Measurement), key=lambda measurement: measurement.id not in sides
    )
    kept = (
        *comparisons,
        *measurements[:IN_FULL],
        *document.of(Projection)[:IN_FULL],
        *document.of(Study)[:IN_FULL],
    )
    chosen = {id(result) for result in kept}
    results = tuple(result for result in document.results if id(result) in chosen)
    return msgspec.structs.replace(document, results=results)


def _notes(document: Document, shown: Document) -> tuple[str, ...]:
    """The notes of the document, how many results are rows of the overview alone, and statements of
    the publisher that belong to no result.
    """
    notes = [plain(note) for note in document.notes if plain(note)]
    if len(shown.results) < len(document.results):
        notes.append(
            f"{len(shown.results)} of {len(document.results)} results are shown in full. The "
            "overview has every comparison and every run without one; `energybench report --all` "
            "shows all in full."
        )
    if unused := unused_labels(document):
        notes.append(unused)
    return tuple(notes)


def _imprint(document: Document) -> str:
    """'energybench 0.1.0 · 2026-03-02T12:10:00Z'."""
    program = f"energybench {plain(document.version)}" if document.version else "energybench"
    created = plain(document.created_utc)
    return f"{program} · {created}" if created else program


def _answers(document: Document, names: Mapping[str, str]) -> tuple[Answer, ...]:
    """A headline for each comparison, projection and study; if the document has none of the three,
    for each measurement.
    """
    runs = {m.id: m for m in document.of(Measurement)}
    answers = [comparison.answer(result, runs) for result in document.of(Comparison)]
    if len(answers) > 1:  # the overview has them on one axis
        answers = [answer._replace(graphic=None) for answer in answers]
    answers += [projection.answer(result) for result in document.of(Projection)]
    answers += [study_headline.answer(result) for result in document.of(Study)]
    if not answers:
        answers = [
            run_headline.answer(result, names[result.id]) for result in document.of(Measurement)
        ]
    return tuple(answers)


def _sections(document: Document, names: Mapping[str, str], *, detail: bool) -> tuple[Section, ...]:
    """Every section in the order of the report, empty sections included."""
    measurements: tuple[Measurement, ...] = document.of(Measurement)
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    projections: tuple[Projection, ...] = document.of(Projection)
    studies: tuple[Study, ...] = document.of(Study)
    # of several comparisons, the overview has the power of the nodes
    nodes_power = node_power(document)
    if len(comparisons) > 1:
        nodes_power = nodes_power._replace(rows=())
    return (
        *((questions.section(document),) if detail else ()),
        publication.section(document.publication, document.created_utc),
        *study.sections(studies),
        comparison.ratios(comparisons, nodes_power),
        measurement.side_by_side(measurements, names),
        *nodes.sections(measurements, names),
        budget.section(measurements, comparisons, names),
        record.section(measurements, names),
        limits.section(measurements, names),
        energy.components(measurements, names),
        energy.repeats(measurements, names),
        energy.power(document.timelines, names),
        machine_state.section(measurements, names),
        *projection.sections(projections),
        grade.section(document, names, detail=detail),
        *(details.sections(measurements, comparisons, names) if detail else ()),
    )
