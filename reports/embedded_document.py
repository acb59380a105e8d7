"""The document of a report as text for the inside of the report: everything that shaped the report,
so that a report that was read back renders to the same bytes.

A small document is JSON that anybody can read. A large one is JSON in columns, compressed: a value
then lies near the same value of the next result, within the 32 kB that DEFLATE looks back
(RFC 1951). Without the columns, a page of a thousand runs would be more than twice as large.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from energybench.model import Comparison, Document, Measurement, Projection, Study
from energybench_reports.json_report import envelope

Result = Measurement | Comparison | Projection | Study

# Bytes of JSON from which on a document is compressed: some five runs, or one with long curves.
MOST_PLAIN = 200_000


class Block(NamedTuple):
    """media_type: application/json, or application/gzip for base64 of compressed JSON."""

    media_type: str
    text: str


def document_json(document: Document) -> bytes:
    """The complete document: the envelope of `json`, the timelines, and the options of the report.

    Numbers are written as a reader keeps them: 3 in a field of type float as 3.0.
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
    """The complete document as JSON; a large one has its results in columns."""
    if not _is_large(document):
        return document_json(document)
    return msgspec.json.encode({**_frame(document), "columns": columns(document.results)})


def _is_large(document: Document) -> bool:
    """Whether the JSON has more bytes than MOST_PLAIN. A large document is not encoded whole."""
    size = 0
    for noun in (*document.timelines, *document.grades, *document.results):
        size += len(msgspec.json.encode(noun))
        if size > MOST_PLAIN:
            return True
    return False


def columns(results: Sequence[Result]) -> dict[str, Any]:
    """The results in columns. `store/embedded.py` and `report.js` make results of them again.

    order   kind of each result, in the order of the document
    fields  of each kind the name of each field, with the values in the order of the results
    """
    fields: dict[str, dict[str, list[msgspec.Raw]]] = {}
    for result in results:
        of_kind = fields.setdefault(result.kind, {})
        read = _as_read(result)
        for name in read.__struct_fields__:
            value = msgspec.Raw(msgspec.json.encode(getattr(read, name)))
            of_kind.setdefault(name, []).append(value)
    return {"order": [result.kind for result in results], "fields": fields}


def _frame(document: Document) -> dict[str, Any]:
    """The document without its results."""
    options = {"all_in_full": document.all_in_full, "timelines": document.timelines}
    return {**envelope(document), **options, "results": ()}


def _as_read(result: Result) -> Result:
    """The result as a reader of its JSON has it: a whole number of type float is then a float."""
    return msgspec.json.decode(msgspec.json.encode(result), type=type(result))
