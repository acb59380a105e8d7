"""JSON for other programs: a single result as in the contract, several results in one document."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from energybench.foreign_text import escaped
from energybench.model import SCHEMA, Document
from energybench.plugins import Piece


class Json:
    """One JSON document, indented, with a newline at the end.

    Timelines are left out: charts need timelines, and the run directory has the samples.
    """

    name = "json"
    about = (
        "For programs: one JSON document with every result (docs/reports.md), without the samples."
    )
    suffix = ".json"

    def render(self, document: Document) -> bytes:
        more = document.notes or document.grades or document.publication
        alone = len(document.results) == 1 and not more
        content: object = document.results[0] if alone else envelope(document)
        text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
        return f"{escaped(text)}\n".encode()

    def pieces(self, rendered: bytes) -> Sequence[Piece]:
        """For `energybench verify`: the lines. A whole number
        in the place of a number is written alike whether it was read from a file or computed.
        """
        content = json.loads(rendered, parse_int=float)
        lines = json.dumps(content, indent=1, ensure_ascii=False).splitlines()
        return [Piece("text", line) for line in lines]


def envelope(document: Document) -> dict[str, object]:
    """The results in the order given, with title, notes, publication and grades."""
    return {
        "schema": SCHEMA,
        "kind": "document",
        "title": document.title,
        "notes": document.notes,
        "created_utc": document.created_utc,
        "version": document.version,
        "publication": document.publication,
        "grades": document.grades,
        "results": document.results,
    }
