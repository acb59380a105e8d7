"""The visible and executable pieces of a PDF, for `energybench verify`: the lines of text of all
pages, digests of all drawings, the texts beside the pages, and actions.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any, NamedTuple

from energybench.errors import NotInstalled
from energybench.plugins import Piece
from energybench_reports import pdf_texts
from energybench_reports.typesetting.typst_pdf import library_versions

# Entries of the catalogue whose texts and actions are separate pieces (pdf_texts.py).
_OF_TEXT = frozenset(("/Pages", "/StructTreeRoot", "/Outlines", "/Metadata"))
_FOOT = re.compile(r"\bpage \d+( of \d+)?\b|^\s*\d+\s*(/|of)\s*\d+\s*$")
_HYPHEN = re.compile("[-\u00ad\u2010]\n?")
_ABOVE = frozenset(("/Parent", "/P", "/Length", "/Filter", "/DecodeParms"))


def pieces(rendered: bytes) -> Sequence[Piece]:
    """The actions; the lines of text, page by page; a digest for each page and one for the
    remaining objects; the texts beside the pages.

    Raises ValueError for a damaged file.
    """
    try:
        opened = _reader(rendered)
        pages = _pages(rendered)
        catalogue = {
            name: value
            for name, value in opened.trailer["/Root"].get_object().items()
            if name not in _OF_TEXT
        }
        names = ", ".join(sorted(catalogue))
        rest = f"entries {names}, with the SHA-256 {_digest(catalogue)}"
        beside = _statements(rendered)
    except NotInstalled:
        raise
    except Exception as error:  # a damaged PDF fails in any part of the library
        raise ValueError(f"its text cannot be read: {error}") from None
    drawn = [
        *(line for page in pages for line in page.text.splitlines()),
        *(
            f"page {number}, whose drawing has the SHA-256 {page.digest}"
            for number, page in enumerate(pages, 1)
        ),
        rest,
        *sorted(beside.texts),
    ]
    return [
        *(Piece("code", words) for words in sorted(beside.actions)),
        *(Piece("drawing", words) for words in drawn),
    ]


def has_no_more(rendered: bytes, again: bytes) -> bool:
    """Whether a PDF states nothing beside its pages that a second PDF omits, and runs the same
    actions.
    """
    try:
        stated, given = (_statements(side) for side in (rendered, again))
    except NotInstalled:
        raise
    except Exception:  # as above
        return False
    return stated.texts <= given.texts and stated.actions == given.actions


def words(rendered: bytes) -> Counter[str]:
    """Number of occurrences of each word on the pages. Feet, which count the pages, and hyphens at
    line ends are left out. Empty for a damaged file.
    """
    try:
        pages = _pages(rendered)
    except NotInstalled:
        raise
    except Exception:  # as above
        return Counter()
    lines = [line for page in pages for line in page.text.splitlines() if not _FOOT.search(line)]
    return Counter(_HYPHEN.sub("", "\n".join(lines)).split())


def keywords(rendered: bytes) -> Sequence[str]:
    """The keywords of a PDF; none for a damaged file."""
    try:
        stated = _reader(rendered).metadata
        return str((stated or {}).get("/Keywords", "")).split(", ")
    except NotInstalled:
        raise
    except Exception:  # as above
        return ()


def other_libraries(stated: Sequence[str]) -> Sequence[str]:
    """Libraries in the keywords that are installed here in another version, and "no typst" if typst
    is installed here and missing from the keywords.
    """
    here, there = (
        {name: version for name, _, version in (words.partition(" ") for words in side)}
        for side in (library_versions(), stated)
    )
    return [
        f"{name} {there[name]}" if name in there else f"no {name}"
        for name in here
        if stated and there.get(name) != here[name]
    ]


@functools.lru_cache(maxsize=2)  # a check asks several times for the file and for its rendering
def _reader(rendered: bytes) -> Any:
    try:
        import pypdf
    except ImportError:
        raise NotInstalled("pypdf") from None
    # strict: refuse an entry that occurs twice, because viewers disagree about which entry counts
    return pypdf.PdfReader(BytesIO(rendered), strict=True)


@functools.lru_cache(maxsize=2)
def _statements(rendered: bytes) -> pdf_texts.Statements:
    return pdf_texts.statements(_reader(rendered))


class _Page(NamedTuple):
    digest: str
    text: str


@functools.lru_cache(maxsize=4)
def _pages(rendered: bytes) -> tuple[_Page, ...]:
    """The digest and the text of each page of a PDF.

    A page takes pypdf up to 0.5 s. Most pages of a file and of its rendering are drawn from the
    same objects: their text is read only once. pypdf copies inherited entries, such as fonts, into
    the page, so that the digest covers the fonts as well.
    """
    pages = []
    for page in _reader(rendered).pages:
        digest = _digest(page)
        if digest not in _TEXTS:
            if len(_TEXTS) >= _MOST_TEXTS:
                _TEXTS.clear()
            _TEXTS[digest] = page.extract_text()
        pages.append(_Page(digest, _TEXTS[digest]))
    return tuple(pages)


_TEXTS: dict[str, str] = {}  # by the digest of the page
_MOST_TEXTS = 1000


def _digest(content: Any) -> str:
    """A digest of an object and of all objects that it refers to. Different objects have different
    digests: parts count with their length, and lists with their end.
    """
    digest = hashlib.sha256()
    for part in _parts(content, {}):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def _parts(content: Any, known: dict[tuple[int, int], int]) -> Iterator[bytes]:
    """The names, values and streams of an object of a PDF and of the referenced objects.

    known  objects met before, by their places, with their numbers
    """
    place = getattr(content, "idnum", None)
    if place is not None:
        if (place, content.generation) in known:
            yield b"again %d" % known[place, content.generation]
            return
        known[place, content.generation] = len(known)
        content = content.get_object()
    if isinstance(content, dict):
        yield b"entries"
        for name in sorted(content):
            if name not in _ABOVE:
                yield name.encode("utf-8", "surrogatepass")
                # `content[name]` would follow a reference
                yield from _parts(dict.__getitem__(content, name), known)
        yield b"end of entries"
        if hasattr(content, "get_data"):
            yield b"stream"
            yield content.get_data()
    elif isinstance(content, list):
        yield b"list"
        for entry in content:
            yield from _parts(entry, known)
        yield b"end of list"
    else:
        yield repr(content).encode("utf-8", "surrogatepass")
