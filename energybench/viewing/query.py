"""Filters, order and page of the table of runs, as the parameters of an address."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode

from energybench.errors import BadInput
from energybench.units import whole_number
from energybench.viewing.rows import Interval, Row

SIZES = (25, 50, 100, 200)
NONE = "none"  # of the filter of doubts: runs without doubts
ANY = "any"
_DAY = re.compile(r"\d{4}(-\d\d(-\d\d)?)?", re.ASCII)
_MOST_CHOICES = 300  # of a filter, the most frequent first

# Required texts of a row, by parameter.
_EQUAL: dict[str, Callable[[Row], str]] = {
    "kind": lambda row: row.kind,
    "workload": lambda row: row.workload,
    "host": lambda row: row.host,
    "boundary": lambda row: row.boundary,
    "quality": lambda row: row.quality,
}


def _value(interval: Interval | None) -> float | None:
    return None if interval is None else interval.value


def _per_work(row: Row) -> tuple[str, float] | None:
    """Energies per work are sorted by size within a unit of work."""
    return None if row.per_work_j is None else (row.work_unit, row.per_work_j.value)


# Sort values of rows, by column. Rows without a value come last in both directions.
COLUMNS: dict[str, Callable[[Row], Any]] = {
    "label": lambda row: row.label.casefold() or None,
    "workload": lambda row: row.workload.casefold() or None,
    "host": lambda row: row.host.casefold() or None,
    "date": lambda row: row.date or None,
    "boundary": lambda row: row.boundary or None,
    "quality": lambda row: row.quality or None,
    "energy": lambda row: _value(row.energy_j),
    "power": lambda row: _value(row.power_w),
    "time": lambda row: _value(row.time_s),
    "per-work": _per_work,
    "doubts": lambda row: len(row.doubts),
}


class Query(NamedTuple):
    """The choice of rows in the table.

    words         words required in label, workload, program, host or path
    equal         required texts of a row, by parameter of `_EQUAL`
    doubt         a code; "none": without doubts, "any": with doubts; "": no filter
    since, until  "2026", "2026-11" or "2026-11-23", including the last
    within        key of a study or job, to show its runs; else these runs are hidden
    sort          a column of COLUMNS
    page          from 1
    """

    words: str = ""
    equal: tuple[tuple[str, str], ...] = ()
    doubt: str = ""
    since: str = ""
    until: str = ""
    within: str = ""
    sort: str = "date"
    descending: bool = True
    page: int = 1
    size: int = 50

    @property
    def filters(self) -> bool:
        return bool(self.words or self.equal or self.doubt or self.since or self.until)

    def address(self, **changes: Any) -> str:
        """Query string of this query with changes, without parameters at their defaults."""
        query = self._replace(**changes)
        pairs: list[tuple[str, object]] = [
            ("q", query.words),
            *query.equal,
            ("doubt", query.doubt),
            ("since", query.since),
            ("until", query.until),
            ("within", query.within),
        ]
        order = ("-" if query.descending else "") + query.sort
        pairs += [("sort", order if order != "-date" else "")]
        pairs += [("page", query.page if query.page != 1 else "")]
        pairs += [("size", query.size if query.size != 50 else "")]
        return urlencode([(name, value) for name, value in pairs if value])


def parsed(parameters: Mapping[str, Sequence[str]]) -> Query:
    """The query of an address; empty parameters count as absent. Raises BadInput."""
    given = {name: values[-1] for name, values in parameters.items() if values and values[-1]}
    order = given.get("sort", "-date")
    sort = order.removeprefix("-")
    if sort not in COLUMNS:
        raise BadInput("sort", "is not a column of the table", ", ".join(COLUMNS))
    for name in ("since", "until"):
        if not _is_date(given.get(name, "2026")):
            raise BadInput(name, "is not a date", "2026, 2026-11 or 2026-11-23")
    size = _whole(given, "size", 50)
    if size not in SIZES:
        raise BadInput("size", "is not a number of rows", ", ".join(map(str, SIZES)))
    return Query(
        words=" ".join(given.get("q", "").split()),
        equal=tuple((name, given[name]) for name in _EQUAL if name in given),
        doubt=given.get("doubt", ""),
        since=given.get("since", ""),
        until=given.get("until", ""),
        within=given.get("within", ""),
        sort=sort,
        descending=order.startswith("-"),
        page=max(1, _whole(given, "page", 1)),
        size=size,
    )


def _is_date(text: str) -> bool:
    """Whether a text is a year, a month or a day of the calendar."""
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(f"{text}-01-01"[: len("2026-11-23")])
    except ValueError:
        return False
    return True


def _whole(given: Mapping[str, str], name: str, default: int) -> int:
    number = whole_number(given.get(name, str(default)))
    if number is None:
        raise BadInput(name, "is not a whole number")
    return number


def select(rows: Sequence[Row], query: Query) -> list[Row]:
    """The matching rows, in order, for all pages."""
    fitting = [row for row in _in_scope(rows, query) if _fits(row, query)]
    value = COLUMNS[query.sort]
    known = [(key, row) for row in fitting if (key := value(row)) is not None]
    known.sort(key=lambda pair: (pair[0], pair[1].date, pair[1].path), reverse=query.descending)
    return [row for _, row in known] + [row for row in fitting if value(row) is None]


def _in_scope(rows: Sequence[Row], query: Query) -> list[Row]:
    """The runs of a named study or job, else all runs outside of studies and jobs."""
    if not query.within:
        return [row for row in rows if not row.inside]
    outer = {row.path for row in rows if row.key == query.within}
    return [row for row in rows if row.inside in outer and row.inside]


def _fits(row: Row, query: Query) -> bool:
    if any(_EQUAL[name](row) != text for name, text in query.equal):
        return False
    if (query.doubt == NONE and row.doubts) or (query.doubt == ANY and not row.doubts):
        return False
    if query.doubt not in ("", NONE, ANY) and query.doubt not in row.doubts:
        return False
    if query.since and row.date < query.since:
        return False
    if query.until and (not row.date or row.date[: len(query.until)] > query.until):
        return False
    if not query.words:
        return True
    text = f"{row.label} {row.workload} {row.command} {row.host} {row.name}".casefold()
    return all(word in text for word in query.words.casefold().split())


def choices(rows: Sequence[Row], query: Query) -> dict[str, list[tuple[str, int]]]:
    """The possible texts of a filter, with their numbers of rows."""
    scope = _in_scope(rows, query)
    counts = {name: Counter(text(row) for row in scope) for name, text in _EQUAL.items()}
    counts["doubt"] = Counter(code for row in scope for code in row.doubts)
    return {
        name: sorted((text, n) for text, n in counter.most_common(_MOST_CHOICES) if text)
        for name, counter in counts.items()
    }


def page_of(rows: Sequence[Row], query: Query) -> tuple[Sequence[Row], Query, int]:
    """The rows of the query's page, the query with a page that exists, and the number of pages."""
    pages = max(1, -(-len(rows) // query.size))
    page = min(query.page, pages)
    begin = (page - 1) * query.size
    return rows[begin : begin + query.size], query._replace(page=page), pages
