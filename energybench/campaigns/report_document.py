"""The document of a campaign's report: its measurements, comparisons and projections. The tables
of the campaign are its notes.
"""

from __future__ import annotations

from energybench.campaigns.collecting import Collected
from energybench.campaigns.table_rows import mean_rows, node_rows, ratio_row, table_rows
from energybench.model import Document
from energybench.store.document import document
from energybench.store.document_file import Result


def report_document(collected: Collected) -> Document:
    """A document dated now."""
    result = collected.result
    results: list[Result] = [*result.comparisons, *result.projections, *collected.measurements]
    notes = [result.about] if result.about else []
    if result.missing:
        notes.append(f"Not measured yet: {', '.join(result.missing)}.")
    notes += [f"{run.state[0].upper()}{run.state[1:]}: {run}." for run in result.unfinished]
    notes += [f"Not compared: {reason}" for reason in result.refused]
    notes += [_note(mean_rows(result))] if mean_rows(result) else []
    notes += [_note(table_rows(table)) for table in result.tables]
    notes += [_note(node_rows(difference)) for difference in result.nodes]
    notes += [ratio_row(ratio) for ratio in result.node_ratios]
    return document(result.title, results, (), notes)


def _note(rows: list[str]) -> str:
    """A title and its rows in one line; columns have no meaning there."""
    title, *rest = (" ".join(row.split()) for row in rows)
    return f"{title}: {'; '.join(rest)}" if rest else title
