"""The statements of the publisher: a section after the headline, a logo, and the size of the paper.

Every statement has a row: a reader sees what the publisher left open.
"""

from __future__ import annotations

from collections.abc import Iterator

from energybench.model import Publication
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import TableCell, plain

NOT_STATED = "not stated"

# Fields of a publication with the words for a reader. The title is that of the document.
_STATEMENTS = {
    "publisher": "published by",
    "sponsor": "sponsored by",
    "tester": "tested by",
    "tested": "date of the test",
    "hardware_available": "hardware available",
    "software_available": "software available",
    "baseline": "baseline",
    "why_baseline": "reason for this baseline",
    "tuned": "tuning of the baseline",
    "tuned_candidate": "tuning of the candidate",
    "parameters": "parameters changed from their defaults",
    "nodes_chosen": "choice of the measured nodes",
    "extrapolation": "factor to the whole machine",
    "meter": "meters, accuracy, losses, clocks",
    "room_temperature": "room temperature and its sensor",
    "service_level": "latency at which the work was done",
    "contact": "contact",
    "licence": "licence",
}

_UNMETERED = "power that is not metered"
_AVAILABLE = ("hardware_available", "software_available")


def section(publication: Publication | None, created_utc: str) -> Section:
    """The statements and the footnotes; an empty section without a publication.

    created_utc  date of the report, which availability may follow; ""
    """
    about = "Statements of the publisher. energybench cannot check them."
    if publication is None:
        return Section("publication", "Publication", about, ())
    rows = (
        *(
            (TableCell(words), _statement(field, getattr(publication, field), created_utc[:10]))
            for field, words in _STATEMENTS.items()
        ),
        *_unmetered(publication),
    )
    footnotes = tuple(
        (TableCell(str(number)), TableCell(plain(footnote)))
        for number, footnote in enumerate(publication.footnotes, 1)
    )
    tables = [Table("", ("statement", "of the publisher"), rows)]
    if footnotes:
        tables.append(Table("Footnotes", ("number", "footnote"), footnotes))
    return Section("publication", "Publication", about, tuple(tables))


def _statement(field: str, stated: str, created: str) -> TableCell:
    """A statement in the publisher's words. Nobody can obtain what will be available after the date
    of the report: the cell says so.
    """
    words = plain(stated)
    if not words:
        return TableCell(NOT_STATED, tone="warn")
    # dates of equal form are in the order of their texts
    first = stated.partition(" to ")[0]
    if field in _AVAILABLE and created and first > created[: len(first)]:
        return TableCell(words, f"after the date of this report, {created}", tone="warn")
    return TableCell(words)


def _unmetered(publication: Publication) -> Iterator[tuple[TableCell, TableCell]]:
    """A row for each part without a meter: an upper limit, its formula and its source."""
    if not publication.unmetered:
        yield TableCell(_UNMETERED), TableCell(NOT_STATED, tone="warn")
    for entry in publication.unmetered:
        basis = f"{plain(entry.formula)}; {plain(entry.source)}"
        words = f"{plain(entry.part)}: at most {entry.most_w:.10g} W as specified ({basis})"
        words += ", in no figure of this report"
        yield TableCell(_UNMETERED), TableCell(words)


def logo_address(publication: Publication | None) -> str:
    """The logo as a data: address, which loads nothing; "" without a logo."""
    if publication is None or publication.logo is None:
        return ""
    return f"data:{publication.logo.media_type};base64,{publication.logo.data}"
