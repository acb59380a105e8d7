"""The table of a document, result by result in the order of the document, grades last."""

from __future__ import annotations

from collections.abc import Iterator

from energybench.model import Comparison, Document, Measurement, Projection, Study
from energybench_reports.tables import comparisons, projections, runs, studies
from energybench_reports.tables.row import Row

Result = Measurement | Comparison | Projection | Study


def table(document: Document) -> Iterator[Row]:
    """Every number of the document that has an interval or is exact, and every grade."""
    for result in document.results:
        yield from rows_of(result)
    for grade in document.grades:
        yield from comparisons.grade_rows(grade)


def rows_of(result: Result) -> Iterator[Row]:
    """The rows of one result."""
    if isinstance(result, Measurement):
        yield from runs.rows(result)
    elif isinstance(result, Comparison):
        yield from comparisons.rows(result)
    elif isinstance(result, Projection):
        yield from projections.rows(result)
    else:
        yield from studies.rows(result)
