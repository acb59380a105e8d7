"""JSON: a single result as the contract has it, several in one document.

What any other program reads.
"""

from __future__ import annotations

import msgspec

from energybench.model import SCHEMA, Document


class Json:
    """One JSON document, indented, with a newline at its end.

    Timelines are for charts and stay in the run directory's samples.
    """

    name = "json"
    about = (
        "For programs: one JSON document with every result (docs/reports.md), without the samples."
    )
    suffix = ".json"

    def render(self, document: Document) -> bytes:
        made: object = document.results[0] if len(document.results) == 1 else envelope(document)
        return msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n"


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
