"""The data of a typst template: texts, numbers and tables, never markup.

A template reads the data as JSON from its inputs, and sets each text as a string: typst evaluates
no string, so that a label cannot be code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from energybench_reports.typesetting.columns import widths
from energybench_reports.view.layout import Table

# Width of the text of a page in em of the text of tables: A4 without its margins, at 8 pt.
PAGE_EM = 61.0
# The same for the largest type of the two pages of a statement: 0.92 of 10.5 pt.
FRONT_EM = 52.0


def data(thing: Any, page_em: float = PAGE_EM) -> Any:
    """Named tuples as objects, and tables with the widths of their columns.

    page_em  width of the text of a page, in em of the text of tables
    """
    if isinstance(thing, Table):
        return _table(thing, page_em)
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return {
            name: data(value, page_em) for name, value in zip(thing._fields, thing, strict=True)
        }
    if isinstance(thing, (frozenset, set)):
        return sorted(thing)
    if isinstance(thing, dict):
        return {key: data(value, page_em) for key, value in thing.items()}
    if isinstance(thing, Sequence) and not isinstance(thing, str):
        return [data(item, page_em) for item in thing]
    return thing


def _table(table: Table, page_em: float) -> dict[str, Any]:
    shares, size = widths(table, page_em)
    entries = {name: data(value) for name, value in zip(table._fields, table, strict=True)}
    return {**entries, "widths": shares, "size": size}


def texts(thing: Any) -> Iterator[str]:
    """Every text of the data."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from texts(value)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from texts(value)


def date_parts(created_utc: str) -> list[int] | None:
    """[year, month, day, hour, minute, second] of a date in ISO 8601, for the file's own date; None
    without a readable date in the document.
    """
    try:
        moment = datetime.fromisoformat(created_utc.strip())
    except ValueError:
        return None
    return list(moment.timetuple()[:6])
