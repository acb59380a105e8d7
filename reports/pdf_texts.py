"""Statements and actions of a PDF outside the drawing of its pages, for `energybench verify`:
bookmarks, alternative texts, metadata, notes, attachments and actions, anywhere in the file.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from energybench.model import EMBEDDED_NAME

# Entries that make a viewer run a program, open a file or send a form (ISO 32000-1, 12.6).
_RUNNING = (
    "/AA /AcroForm /Collection /JS /JavaScript /Launch /OpenAction /RichMediaContent /Sound /URI "
    "/Win /XFA"
)
# All kinds of actions but /GoTo, which goes to a place in the same file.
_KINDS = (
    "/GoTo3DView /GoToDp /GoToE /GoToR /Hide /ImportData /JavaScript /Launch /Movie /Named "
    "/Rendition /ResetForm /RichMediaExecute /SetOCGState /Sound /SubmitForm /Thread /Trans /URI"
)
_INSIDE = "/GoTo"
_OF_ACTIONS = frozenset(("/A", "/AA", "/OpenAction", "/Next"))
# Identifiers of cells of tables and of character collections, invisible in every viewer.
_IDENTIFIERS = frozenset(("/ID", "/Headers", "/Registry", "/Ordering", "/IDTree"))
_OF_TREE = frozenset(("/Kids", "/Names", "/Limits"))  # entries that make a tree of names
# Statements of the libraries about themselves: names and versions.
_VERSION = r"[0-9][0-9A-Za-z.+]{0,20}"
_LIBRARY = re.compile(rf"(Typst|krilla|pypdf|xmp-writer)( {_VERSION})?")
_OF_LIBRARY = {
    "/Creator": _LIBRARY,
    "/Producer": _LIBRARY,
    "xmp:CreatorTool": _LIBRARY,
    "x:xmptk": _LIBRARY,
    "xmpTPg:NPages": re.compile(r"\d{1,5}"),
    "pdf:PDFVersion": re.compile(r"\d\.\d"),
    "xmpMM:InstanceID": re.compile(r"[A-Za-z0-9+/]{22}=="),
    "xmpMM:DocumentID": re.compile(r"[A-Za-z0-9+/]{22}=="),
}
_KEYWORDS = frozenset(("/Keywords", "pdf:Keywords"))
_DRAWN_WITH = re.compile(rf"(, (altair|typst|vl-convert-python) {_VERSION})*$")
_XMP_TEXT = re.compile(r"(?:<(/?[\w:]+)[^<>]*)?>([^<>]+)")
_XMP_ATTRIBUTE = re.compile(r'\s(?!xmlns:)([\w:]+)="([^"]*)"')


class Statements(NamedTuple):
    """texts: each with the name of its entry; actions: also notes and foreign attachments."""

    texts: frozenset[str]
    actions: frozenset[str]


class _Place(NamedTuple):
    """name    of the entry that holds the value
    identifier whether it is one of identifiers, or inside such an entry
    """

    name: str
    identifier: bool = False


def statements(opened: Any) -> Statements:
    """The statements of all objects below the trailer of a PDF.

    opened  a pypdf.PdfReader
    """
    texts: set[str] = set()
    actions: set[str] = set()
    root = opened.trailer["/Root"].get_object()
    texts.update(f"entry {name} of the catalogue" for name in root)
    texts.update(f"entry {name} of the names" for name in root.get("/Names", {}))
    for place, value in _values(opened.trailer):
        if not isinstance(value, dict):
            texts.update(_text(place, value))
            continue
        actions.update(_actions(place, value))
        if value.get("/EF") is not None:
            for text, is_document in _attachments(value):
                (texts if is_document else actions).add(text)
        if hasattr(value, "get_data") and (
            value.get("/Type") == "/Metadata" or place.name == "/Metadata"
        ):
            texts.update(_metadata(value.get_data().decode("utf-8")))
    return Statements(frozenset(texts), frozenset(actions))


def _values(trailer: Any) -> Iterator[tuple[_Place, Any]]:
    """Every dictionary, string and name below the trailer, each object once at each place."""
    met: set[tuple[int, int, _Place]] = set()
    waiting = [(_Place("trailer"), trailer)]
    while waiting:
        place, value = waiting.pop()
        if hasattr(value, "idnum"):
            key = (value.idnum, value.generation, place)
            if key in met:
                continue
            met.add(key)
            value = value.get_object()
        if isinstance(value, dict):
            yield place, value
            for name in value:
                identifier = name in _IDENTIFIERS or (place.identifier and name in _OF_TREE)
                # `value[name]` would follow a reference
                waiting.append((_Place(name, identifier), dict.__getitem__(value, name)))
        elif isinstance(value, list):
            waiting += [(place, entry) for entry in value]
        elif isinstance(value, str | bytes):
            yield place, value


def _text(place: _Place, value: str | bytes) -> Iterator[str]:
    """The words of a string; a name of PDF (/Table) is no text."""
    from pypdf.generic import NameObject

    if place.identifier or isinstance(value, NameObject):
        return
    text = value if isinstance(value, str) else value.decode("latin-1")
    yield from _without_libraries(place.name, str(text))


def _without_libraries(name: str, text: str) -> Iterator[str]:
    """A text as a statement, except a library's own name and version."""
    if name in _KEYWORDS:
        text = _DRAWN_WITH.sub("", text)
    own = _OF_LIBRARY.get(name)
    if text.strip() and (own is None or own.fullmatch(text) is None):
        yield f"{name}: {text}"


def _metadata(xmp: str) -> Iterator[str]:
    """The texts and attributes of metadata in XML, without an XML parser, because the metadata are
    foreign.
    """
    if "<!" in xmp or "&#" in xmp:
        yield f"metadata: {xmp}"
    for name, text in (*_XMP_TEXT.findall(xmp), *_XMP_ATTRIBUTE.findall(xmp)):
        yield from _without_libraries(name, html.unescape(text))


def _actions(place: _Place, entries: Any) -> Iterator[str]:
    """The entries of a dictionary that a viewer may run."""
    kind = entries.get("/S")
    is_action = place.name in _OF_ACTIONS or entries.get("/Type") == "/Action"
    if kind in _KINDS.split() or (is_action and kind not in (None, _INSIDE)):
        yield f"an action {kind}"
    if entries.get("/Type") == "/Annot" and entries.get("/Subtype") != "/Link":
        yield f"an annotation {entries.get('/Subtype')}"
    for name in {*_RUNNING.split()} & {*entries}:
        yield f"{name}: {str(entries[name])[:200]}"
    if hasattr(entries, "get_data") and "/F" in entries:
        yield f"a stream from the file {entries['/F']}"


def _attachments(entries: Any) -> Iterator[tuple[str, bool]]:
    """The files of an attachment, with a flag for the document of the PDF."""
    name = str(entries.get("/F", ""))
    for entry, stream in entries["/EF"].items():
        digest = hashlib.sha256(stream.get_object().get_data()).hexdigest()
        text = f"attachment {name} under {entry} with the SHA-256 {digest}"
        yield text, entry in ("/F", "/UF") and name == EMBEDDED_NAME
