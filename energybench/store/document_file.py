"""Files printed or written by energybench: results, grades, whole documents, and reports with their
document (HTML, PDF).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.foreign_text import shortened
from energybench.model import (
    Comparison,
    Document,
    Grade,
    Measurement,
    Noun,
    Projection,
    Publication,
    Study,
    Timeline,
)
from energybench.regular_file import read_bytes
from energybench.store import contradictions, part_names, strict, unknown_fields
from energybench.store.embedded import document_text
from energybench.store.packed_results import with_results
from energybench.store.publication_file import check_publication

Result = Measurement | Comparison | Projection | Study
RESULTS: dict[str, type[Any]] = {
    "measurement": Measurement,
    "comparison": Comparison,
    "projection": Projection,
    "study": Study,
}


class Content(NamedTuple):
    """The content of a file.

    title, notes, publication, created_utc, version
                  of a document
    """

    results: tuple[Result, ...] = ()
    grades: tuple[Grade, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    notes: tuple[str, ...] = ()
    title: str = ""
    publication: Publication | None = None
    created_utc: str = ""
    version: str = ""
    all_in_full: bool = False

    def document(self) -> Document:
        """The document, as the file states it."""
        return Document(**self._asdict())


class _Envelope(Noun, frozen=True, kw_only=True):
    """A document with unconverted results and grades."""

    schema: str
    kind: str
    title: str = ""
    results: tuple[Any, ...]
    timelines: tuple[Timeline, ...] = ()
    notes: tuple[str, ...] = ()
    created_utc: str = ""
    version: str = ""
    publication: Publication | None = None
    grades: tuple[Any, ...] = ()
    all_in_full: bool = False


def read_content(path: Path) -> Content:
    """The content of a JSON file, an HTML report or a PDF report. Raises BadInput."""
    return read_back(read_bytes(path, strict.MOST_BYTES), str(path))


def read_back(content: bytes, where: str) -> Content:
    """The content of the bytes of such a file. Raises BadInput."""
    return content_of(_value(content, where), where)


def values(content: bytes, where: str) -> list[Any]:
    """The JSON values of the results and then of the grades of such a file, unchanged. Raises
    BadInput.
    """
    value = _value(content, where)
    if _kind(value) != "document":
        return [value]
    whole = with_results(value, where)
    return [*whole.get("results", ()), *whole.get("grades", ())]


def _value(content: bytes, where: str) -> Any:
    text = document_text(content, where)
    return strict.loads(_decoded(content if text is None else text, where), where)


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(f"{where} line {line}", "is not text (UTF-8)") from None


def content_of(value: Any, where: str) -> Content:
    """The content of a JSON value, by its own `kind`. Raises BadInput."""
    kind = _kind(value)
    if kind == "document":
        return _document(value, where)
    if kind == "grade":
        return Content(grades=(unknown_fields.convert(value, Grade, where),))
    if kind not in RESULTS:
        raise _not_a_result(value, where, [*RESULTS, "grade", "document"])
    stored = result(value, where)
    if isinstance(stored, Measurement):
        stored = part_names.told_apart(stored)
    return Content(results=(stored,))


def _kind(value: Any) -> str | None:
    """The `kind` of a JSON value; None without a kind in words."""
    kind = value.get("kind") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def _not_a_result(value: Any, where: str, kinds: Sequence[str]) -> BadInput:
    """The refusal of a value of another kind, or without a kind in words."""
    kind = _kind(value)
    problem = "is missing, or is not text" if kind is None else f"is {shortened(kind)!r}"
    return BadInput(f"{where}: kind", problem, f"expected one of {', '.join(kinds)}")


def result(value: Any, where: str) -> Result:
    """A measurement, comparison, projection or study that does not contradict itself.

    Raises BadInput.
    """
    kind = _kind(value)
    if kind not in RESULTS:
        raise _not_a_result(value, where, list(RESULTS))
    noun: Result = unknown_fields.convert(value, RESULTS[kind], where)
    contradictions.refuse(noun, where)
    return noun


def _document(value: Any, where: str) -> Content:
    envelope = unknown_fields.convert(with_results(value, where), _Envelope, where)
    if envelope.publication is not None:
        check_publication(envelope.publication, f"{where}: publication")
    return Content(
        results=part_names.all_told_apart(
            [
                result(entry, f"{where}: results[{number}]")
                for number, entry in enumerate(envelope.results)
            ]
        ),
        grades=tuple(
            unknown_fields.convert(entry, Grade, f"{where}: grades[{number}]")
            for number, entry in enumerate(envelope.grades)
        ),
        timelines=envelope.timelines,
        notes=envelope.notes,
        title=envelope.title,
        publication=envelope.publication,
        created_utc=envelope.created_utc,
        version=envelope.version,
        all_in_full=envelope.all_in_full,
    )
