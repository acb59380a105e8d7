"""JSON for other programs: a single result as in the contract, several results in one document."""

from __future__ import annotations

import msgspec

from energybench.foreign_text import escaped
from energybench.model import SCHEMA, Document


class Json:
    """One JSON document, indented, with a newline at the end.

    Timelines are left out: charts need timelines, and the run directory has the samples.
    """

    name = "json"
    about = (
        "For programs: one JSON document with every result (docs/reports.md), without the samples."
    )
    suffix = ".json"
    timelines = False

    def render(self, document: Document) -> bytes:
        content: object = document.results[0] if len(document.results) == 1 else envelope(document)
        text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
        return f"{escaped(text)}\n".encode()


def envelope(document: Document) -> dict[str, object]:
    """The results in the order given, with title and notes."""
    return {
        "schema": SCHEMA,
        "kind": "document",
        "title": document.title,
        "notes": document.notes,
        "created_utc": document.created_utc,
        "version": document.version,
        "results": document.results,
    }
