"""The HTML of our own pages: the table of runs, the frame around a report, and a message.

The templates escape every text. Runs, studies and comparisons themselves come through the door of
reports (`documents.py`).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import jinja2

from energybench.data.doubt_catalogue import catalogue
from energybench.units import counted, show
from energybench.viewing import query as queries
from energybench.viewing.index import Index, Snapshot
from energybench.viewing.messages import Answer
from energybench.viewing.query import Query
from energybench.viewing.rows import Interval, Row

TEMPLATES = Path(__file__).parent / "templates"
FILES = {"view.css": "text/css; charset=utf-8", "view.js": "text/javascript; charset=utf-8"}
# An unfinished run that was written to within this time is being measured: a run writes its samples
# once a second, and a node of a job every 30 s.
_ALIVE_S = 60.0
_KINDS = {
    "run": "runs",
    "job": "jobs",
    "study": "studies",
    "unfinished": "unfinished",
    "damaged": "damaged",
}


class Column(NamedTuple):
    """A column of the table: name of the order, and heading."""

    key: str
    heading: str
    number: bool = False


COLUMNS = (
    Column("label", "label"),
    Column("workload", "workload"),
    Column("host", "host"),
    Column("date", "date (UTC)"),
    Column("boundary", "boundary"),
    Column("quality", "quality"),
    Column("energy", "energy of a repeat", number=True),
    Column("power", "mean power", number=True),
    Column("time", "time", number=True),
    Column("per-work", "energy per work", number=True),
    Column("doubts", "doubts"),
)


class Link(NamedTuple):
    """A link of the bar above a report."""

    address: str
    words: str
    save: bool = False


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    environment.filters["quantity"] = quantity
    environment.filters["written"] = written
    return environment


def table(index: Index, snapshot: Snapshot, query: Query, formats: Sequence[str]) -> Answer:
    """The table of runs."""
    rows = queries.select(snapshot.rows, query)
    shown, query, pages = queries.page_of(rows, query)
    outer = [row for row in snapshot.rows if row.key == query.within]
    inner = {row.inside for row in snapshot.rows if row.inside}
    return _html(
        "table.html.j2",
        store=index.path(Row(path=b"", stamp=(0, 0), kind="run")),
        number=snapshot.number,
        total=sum(1 for row in snapshot.rows if not row.inside),
        rows=shown,
        count=len(rows),
        query=query,
        pages=pages,
        columns=COLUMNS,
        kinds=_KINDS,
        choices=queries.choices(snapshot.rows, query),
        equal=dict(query.equal),
        outer=outer[0] if outer else None,
        inner=inner,
        meanings={code: entry.meaning for code, entry in catalogue().items()},
        formats=formats,
        sizes=queries.SIZES,
    )


def frame(
    title: str, source: str, parameters: Any, links: Sequence[Link], section: str = ""
) -> Answer:
    """A report with a bar above it.

    source, parameters  address of the report
    section             key of the section at which it is opened; empty: at its beginning
    """
    address = f"{source}?{urlencode(parameters)}" + (f"#{section}" if section else "")
    return _html("frame.html.j2", title=title, source=address, links=links)


def message(
    status: HTTPStatus, title: str, words: str, links: Sequence[Link] = (), refresh: str = ""
) -> Answer:
    """A page of a few words.

    refresh  an address to which the page goes on by itself
    """
    page = _html("message.html.j2", title=title, words=words, links=links, refresh=refresh)
    return page._replace(status=status)


def file(name: str) -> Answer:
    """A file of FILES."""
    return Answer(HTTPStatus.OK, (TEMPLATES / name).read_bytes(), FILES[name])


def _html(template: str, **values: Any) -> Answer:
    page = _environment().get_template(template).render(**values)
    return Answer(HTTPStatus.OK, page.encode("utf-8", "replace"))


def quantity(interval: Interval, unit: str) -> tuple[str, str]:
    """'12.35 kJ' and '[12.10, 12.60]'; the second is empty for a value that is exact."""
    text = show(interval.estimate, unit)
    value, mark, rest = text.partition(" [")
    return value, (mark + rest).strip()


def written(row: Row) -> str:
    """Whether an unfinished run is being measured, by the last change of its files."""
    age_s = max(0.0, time.time() - row.written_s)
    if age_s < _ALIVE_S:
        return "being measured"
    if age_s < 5400:
        age = f"{age_s / 60:.0f} minutes"
    elif age_s < 48 * 3600:
        age = f"{age_s / 3600:.0f} hours"
    else:
        age = f"{age_s / 86400:.0f} days"
    return f"cut off, or still waiting: last written {age} ago"
