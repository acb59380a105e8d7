"""JSON for other programs: a single result as in the contract, several results in one document."""

from __future__ import annotations

import re

import msgspec

from energybench.model import SCHEMA, Document

# JSON itself escapes only the controls below a space. These are the other controls, and the marks
# that hint at, embed, override or isolate the direction of text (Unicode UAX 9).
_MARKS = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Json:
    """One JSON document, indented, with a newline at the end.

    Timelines are left out: charts need timelines, and the run directory has the samples. Controls
    and marks of text direction inside foreign text are escaped, so that a terminal shows the file
    as it is.
    """

    name = "json"
    about = (
        "For programs: one JSON document with every result (docs/reports.md), without the samples."
    )
    suffix = ".json"

    def render(self, document: Document) -> bytes:
        content: object = document.results[0] if len(document.results) == 1 else envelope(document)
        text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
        return (_MARKS.sub(_escaped, text) + "\n").encode()


def _escaped(mark: re.Match[str]) -> str:
    return f"\\u{ord(mark[0]):04x}"


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
