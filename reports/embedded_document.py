"""The document of a report as text for the inside of the report: all inputs of the report, so that
a report that was read back renders to the same bytes.

A small document is readable JSON. A large document is JSON with packed results, compressed.
"""

from __future__ import annotations

import base64
import gzip
from typing import Any, NamedTuple

import msgspec

from energybench.model import Document
from energybench_reports.json_report import envelope
from energybench_reports.packed_results import Result, packed

# Bytes of JSON above which a document is compressed: some five runs, or a run with long curves.
MOST_PLAIN = 200_000


class Block(NamedTuple):
    """media_type: application/json, or application/gzip for base64 of compressed JSON."""

    media_type: str
    text: str


def document_json(document: Document) -> bytes:
    """The complete document: the envelope of `json`, the timelines, and the options of the report.

    Numbers are written like a reader keeps them: 3 in a field of type float as 3.0.
    """
    results = [msgspec.Raw(msgspec.json.encode(_as_read(result))) for result in document.results]
    return msgspec.json.encode({**_frame(document), "results": results})


def block(document: Document) -> Block:
    """The document for a data block. `text` of JSON may hold any character."""
    text = embedded_json(document)
    if len(text) <= MOST_PLAIN and not _is_large(document):
        return Block("application/json", text.decode())
    # without the time of the compression: equal documents give equal bytes
    return Block("application/gzip", base64.b64encode(gzip.compress(text, 9, mtime=0)).decode())


def embedded_json(document: Document) -> bytes:
    """The complete document as JSON; a large document has packed results."""
    if not _is_large(document):
        return document_json(document)
    results = [_as_read(result) for result in document.results]
    return msgspec.json.encode({**_frame(document), "packed": packed(results)})


def _is_large(document: Document) -> bool:
    """Whether the JSON has more bytes than MOST_PLAIN. A large document is not encoded whole."""
    size = 0
    for noun in (*document.timelines, *document.grades, *document.results):
        size += len(msgspec.json.encode(noun))
        if size > MOST_PLAIN:
            return True
    return False


def _frame(document: Document) -> dict[str, Any]:
    """The document without its results."""
    options = {"all_in_full": document.all_in_full, "timelines": document.timelines}
    return {**envelope(document), **options, "results": ()}


def _as_read(result: Result) -> Result:
    """The result as a reader of its JSON has it: a whole number of type float is then a float."""
    return msgspec.json.decode(msgspec.json.encode(result), type=type(result))
