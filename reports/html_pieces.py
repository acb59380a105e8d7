"""The pieces of a page that a reader sees or a browser runs, for `energybench verify`."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser

_DATA = '<script type="application/json" id="results">'  # before the document as JSON
# Begins the pieces that follow from a version of a library that draws: the specification of each
# chart, the library with the hash by which the page runs it, and the statement of the versions.
DRAWING = "drawn by a library: "
_CHART = '<script type="application/json" id='
_LIBRARY = '<script type="application/gzip" id="library">'
_GENERATOR = '<meta name="generator" content="'
_POLICY = '<meta http-equiv="Content-Security-Policy" '
_PACKED = '<script type="application/gzip" id="results">'  # before the same, packed


class _Pieces(HTMLParser):
    """Tags with their attributes, and the texts between them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        words = "".join(f' {name}="{value}"' for name, value in attrs)
        piece = f"<{tag}{words}>"
        if piece.startswith((_GENERATOR, _POLICY)):
            piece = DRAWING + piece
        self.pieces.append(piece)

    def handle_endtag(self, tag: str) -> None:
        self.pieces.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.pieces[-1:] == [_PACKED]:
            # another build of zlib may pack the same data in other bytes
            data = gzip.decompress(base64.b64decode(data, validate=True)).decode("utf-8")
        if self.pieces[-1:] in ([_DATA], [_PACKED]):
            # a whole number is written alike whether it was read from a file or computed
            data = json.dumps(json.loads(data, parse_int=float))
        last = self.pieces[-1] if self.pieces else ""
        if last == _LIBRARY or (last.startswith(_CHART) and last != _DATA):
            data = DRAWING + data
        if data.strip():
            self.pieces.append(data)

    def handle_comment(self, data: str) -> None:
        self.pieces.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.pieces.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.pieces.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.pieces.append(f"<![{data}]>")


def drawn_by(page: bytes) -> str | None:
    """The libraries that drew a page, as the page states them; None if it does not."""
    found = re.search(rb'<meta name="generator" content="([^"<>]*)">', page)
    return html.unescape(found[1].decode("utf-8", "replace")) if found is not None else None


def pieces(page: bytes) -> Sequence[str]:
    """The pieces in the order of the page. White space between tags is left out.

    Raises ValueError for a page that is not UTF-8, and for data that is not JSON. The data must
    have been read before, with a bound on what is unpacked (store/embedded.py).
    """
    parser = _Pieces()
    parser.feed(page.decode("utf-8"))
    parser.close()
    return parser.pieces
