"""CSV: a row for each number, as in RFC 4180, in UTF-8."""

from __future__ import annotations

import csv
import io

from energybench.model import Document
from energybench_reports.tables.row import COLUMNS, Row
from energybench_reports.tables.table import table

# A spreadsheet takes a cell for a formula if the cell begins with a character of this list, wide
# forms included (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class Csv:
    """A tidy table: a row for each number with its interval, unit and kind.

    A number that was not measured is an empty cell. Numbers have all their digits: they are those
    of `json`.
    """

    name = "csv"
    about = "For spreadsheets and data frames: a row for each number, with its interval and unit."
    suffix = ".csv"

    def render(self, document: Document) -> bytes:
        page = io.StringIO()
        writer = csv.writer(page, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        writer.writerows(_cells(row) for row in table(document))
        return page.getvalue().encode()


def _cells(row: Row) -> list[str | float | None]:
    # the csv module writes repr() of a float, and an empty cell for None
    return [text_cell(c) if isinstance(c, str) else c for c in row.cells().values()]


def text_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe precedes a dangerous text."""
    return f"'{text}" if text.startswith(_FORMULA) else text
