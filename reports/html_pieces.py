"""The visible and executable pieces of a page, for `energybench verify`.

A page of energybench uses few of the forms of HTML: tags in small letters with quoted attributes,
and text without "<". A page is cut by exactly these forms, so that joining the pieces gives the
page again, and pieces of different kinds have different characters. Any other form (a comment,
another quote, an unfinished tag) is code: a browser may read such a form differently from any
parser here.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from collections.abc import Iterator, Sequence

from energybench.plugins import Piece

# An attribute's name, and its value in double quotes. Jinja escapes <, >, & and both quotes.
_ATTRIBUTE = r' ([A-Za-z-]+)(?:="([^"<>\x00]*)")?'
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_FORMS = re.compile(
    rf"(?P<start><(?P<name>[a-z][a-z0-9]*)(?P<attributes>(?:{_ATTRIBUTE})*)/?>)"
    r"|(?P<end></[a-z][a-z0-9]*>)"
    r"|(?P<text>[^<\x00\r\ufeff]+)"
    r"|(?P<foreign>(?s:.)[^<]*)"
)
_END_OF_SCRIPT = re.compile("</script", re.IGNORECASE)
# Tags and attributes that neither run a program nor load a file.
_INERT_TAGS = (
    "a b body button code dd defs details div dl dt figcaption figure footer h1 h2 h3 head header "
    "html i img li main nav noscript p pattern rect section small span style sub summary svg table "
    "tbody td th thead title tr ul"
)
_INERT_ATTRIBUTES = (
    "alt aria-hidden aria-label class data-chart height hidden href id lang patternTransform "
    "patternUnits role scope src style tabindex type width"
)
# A place in the same page, and a picture inside it.
_INERT_VALUES = {"href": re.compile("#"), "src": re.compile("data:image/[a-z+]+;base64,")}
_OWN_IDS = frozenset(("library", "results"))  # of the blocks that the page's program reads
_TITLE = "<title>"  # the head before it states the content security policy
_GENERATOR = re.compile('<meta name="generator" content="([^"<>]*)">')
_RESULTS = re.compile('<script type="application/(json|gzip)" id="results">')
_SPECIFICATION = re.compile('<script type="application/json" id="chart-[a-z0-9-]+">')


def drawn_by(page: bytes) -> str | None:
    """The libraries that drew a page, as the page states them; None without a statement."""
    stated = _GENERATOR.search(page.decode("utf-8", "replace"))
    return html.unescape(stated[1]) if stated is not None else None


def pieces(page: bytes) -> Sequence[Piece]:
    """The pieces in the order of the page. White space between tags is left out.

    Raises ValueError for a page that is not UTF-8, and for data that is not JSON. The data must
    have been read before, with a bound on the unpacked size (store/embedded.py).
    """
    return [piece for piece in _all_pieces(page.decode("utf-8")) if piece.words.strip()]


def same_bytes(page: bytes, again: bytes, *, drawings: bool) -> bool:
    """Whether two pages have the same bytes, apart from the packing of their data.

    drawings  whether the drawings, and the statement of the drawing libraries, count

    Raises ValueError as `pieces` does.
    """
    if page == again:
        return True
    sides = (
        [
            piece
            for piece in _all_pieces(side.decode("utf-8"))
            if drawings or piece.kind != "drawing"
        ]
        for side in (page, again)
    )
    return next(sides) == next(sides)


def _all_pieces(page: str) -> Iterator[Piece]:
    """The pieces of the page, which cover every character; the data are written in a normal
    form.
    """
    place, in_head = 0, True
    while place < len(page):
        form = _FORMS.match(page, place)
        assert form is not None  # `foreign` fits any character
        words, place = form[0], form.end()
        if form["name"] == "script":
            end = _END_OF_SCRIPT.search(page, place)
            content = page[place : end.start() if end is not None else len(page)]
            place += len(content)
            yield from _script(words, content)
        elif in_head and _GENERATOR.fullmatch(words):
            yield Piece("drawing", words)
        elif in_head or form["foreign"] or (form["start"] and not _is_inert(form)):
            # the title counts as well: a policy behind the title may be in the body, where policies
            # are void
            in_head = in_head and words != _TITLE
            yield Piece("code", words)
        else:
            yield Piece("text", words)


def _script(tag: str, content: str) -> Iterator[Piece]:
    """The tag and the content of a script: a program, or data."""
    results = _RESULTS.fullmatch(tag)
    if results is not None and "<" not in content:
        yield Piece("text", tag)
        yield Piece("text", _document(content, packed=results[1] == "gzip"))
    elif _SPECIFICATION.fullmatch(tag) and "<" not in content and _only_draws(content):
        yield Piece("text", tag)
        yield Piece("drawing", content)
    else:
        yield Piece("code", tag)
        yield Piece("code", content)


def _only_draws(specification: str) -> bool:
    """Whether the specification of a chart changes nothing outside the chart: its `usermeta` would
    be options of Vega-Embed, such as a style for the whole page.
    """
    try:
        chart = json.loads(specification)
    except (ValueError, RecursionError):
        return False
    return isinstance(chart, dict) and "usermeta" not in chart


def _document(text: str, *, packed: bool) -> str:
    """The document in a normal form: another build of zlib may pack the same data in different
    bytes, and a whole number is written alike whether read from a file or computed.
    """
    if packed:
        text = gzip.decompress(base64.b64decode(text, validate=True)).decode("utf-8")
    return json.dumps(json.loads(text, parse_int=float))


def _is_inert(form: re.Match[str]) -> bool:
    """Whether a start tag runs nothing, loads nothing and changes no other tag."""
    attributes = _ATTRIBUTES.findall(form["attributes"])
    names = [name for name, _ in attributes]
    return (
        form["name"] in _INERT_TAGS.split()
        and len(names) == len({*names})
        and all(
            name in _INERT_ATTRIBUTES.split()
            and (name not in _INERT_VALUES or _INERT_VALUES[name].match(value) is not None)
            and not (name == "id" and value in _OWN_IDS)
            for name, value in attributes
        )
    )
