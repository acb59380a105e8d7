"""Logos of publishers: pictures that cannot run, load or link anything. PNG or SVG by content.

An SVG is a document with scripts, links and external parts. It is read with a parser and may hold
only elements and attributes that draw (W3C SVG 2, without chapters on scripting, linking, animation
and embedded content).
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from energybench.errors import BadInput
from energybench.model import Logo
from energybench.regular_file import read_bytes

MOST_BYTES = 500_000
_MOST_PIXELS = 10_000  # of a side
_MOST_ELEMENTS = 20_000
_REMEDY = "a PNG, or an SVG of shapes and text alone"

_PNG = b"\x89PNG\r\n\x1a\n"
_SVG = "http://www.w3.org/2000/svg"
# Namespaces of drawing programs and of metadata, which no browser acts upon.
_INERT = (
    "http://www.inkscape.org/",
    "http://sodipodi.sourceforge.net/",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://purl.org/dc/",
    "http://creativecommons.org/ns#",
    "http://web.resource.org/cc/",
    "http://ns.adobe.com/",
)
_DRAWING = frozenset(
    {
        *("svg", "g", "defs", "symbol", "use", "title", "desc", "metadata", "style", "switch"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
        *("text", "tspan", "textPath", "linearGradient", "radialGradient", "stop", "pattern"),
        *("clipPath", "mask", "marker", "filter", "view"),
    }
)
_EFFECT = re.compile(r"fe[A-Z][A-Za-z]+")  # parts of a filter
_NO_EFFECT = "feImage"  # loads a picture
_ENCODING = re.compile(r"\s*<\?xml[^>]*encoding\s*=\s*[\"']([^\"'>]*)[\"']")
# A reference in a style or attribute to anything but a part of the same document.
_OUTSIDE = re.compile(r"url\(\s*(?![\"']?\s*#)", re.IGNORECASE)
# Imports, and escapes with which a style could hide a reference.
_IN_STYLE = re.compile(r"@import|@font-face|\\|expression\s*\(|image-set\s*\(|src\s*\(", re.I)


def read_logo(path: Path, where: str) -> Logo:
    """The logo of a file. Raises BadInput.

    where  file and key of the publication, for messages
    """
    content = read_bytes(path, MOST_BYTES, where=f"{where}: {path}", remedy=_REMEDY)
    return logo(content, f"{where}: {path}")


def check_logo(stated: Logo, where: str) -> None:
    """Check the logo of a document that came from elsewhere. Raises BadInput."""
    try:
        content = base64.b64decode(stated.data, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(where, "is not base64", _REMEDY) from None
    if len(content) > MOST_BYTES:
        raise BadInput(where, f"is larger than {MOST_BYTES // 1000} kB", _REMEDY)
    if logo(content, where).media_type != stated.media_type:
        raise BadInput(where, f"is not a picture of the type {stated.media_type}", _REMEDY)


def logo(content: bytes, where: str) -> Logo:
    """The logo with this content. Raises BadInput for anything that is not a harmless picture."""
    if content.startswith(_PNG):
        if problem := next(_png_problems(content), ""):
            raise BadInput(where, f"is a damaged PNG: {problem}", _REMEDY)
        return Logo(media_type="image/png", data=base64.b64encode(content).decode())
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise BadInput(where, "is not a picture", _REMEDY)
    if problem := next(_svg_problems(content), ""):
        raise BadInput(where, problem, _REMEDY)
    return Logo(media_type="image/svg+xml", data=base64.b64encode(content).decode())


# ---------------------------------------------------------------- PNG


def _png_problems(content: bytes) -> Iterator[str]:
    """Source: W3C PNG specification (third edition), chapters 5 and 11."""
    at, kinds = len(_PNG), []
    compressed = bytearray()
    width = height = 0
    while at + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        if len(data) < size or at + 12 + size > len(content):
            break
        (checksum,) = struct.unpack_from(">I", content, at + 8 + size)
        if zlib.crc32(kind + data) != checksum:
            yield f"the checksum of {kind!r} does not fit"
        if kind == b"IHDR" and size == 13:
            width, height = struct.unpack_from(">II", data)
        if kind == b"IDAT":
            compressed += data
        kinds.append(kind)
        at += 12 + size
    if kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"] or at != len(content):
        yield "it was cut off, or more follows after its end"
    if not (0 < width <= _MOST_PIXELS and 0 < height <= _MOST_PIXELS):
        yield f"{width} x {height} pixels"
    # a row has a byte for the filter and at most eight bytes a pixel; interlacing adds rows
    most = 2 * height * (1 + 8 * width)
    try:
        decoder = zlib.decompressobj()
        rows = len(decoder.decompress(bytes(compressed), most))
    except zlib.error:
        yield "its pixels cannot be read"
        return
    if not rows or not decoder.eof:
        yield "its pixels are not complete"


# ---------------------------------------------------------------- SVG


def _svg_problems(content: bytes) -> Iterator[str]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield "is not a picture, or an SVG that is not UTF-8"
        return
    declared = _ENCODING.match(text)
    if declared and declared[1].lower() not in ("utf-8", "us-ascii"):
        yield f"is an SVG in {declared[1]}, not in UTF-8"
        return
    refused: list[str] = []
    parser = ElementTree.XMLParser(target=_Builder(refused))
    try:
        parser.feed(text)
        root = parser.close()
    except (ElementTree.ParseError, expat.ExpatError, ValueError, RecursionError) as error:
        if not refused:
            yield f"is not a picture: {error}"
    yield from refused
    if refused:
        return
    if root.tag != f"{{{_SVG}}}svg":
        yield "is not a picture: XML, but not an SVG"
    elements = list(root.iter())
    if len(elements) > _MOST_ELEMENTS:
        yield f"has more than {_MOST_ELEMENTS} elements"
    for element in elements:
        yield from _element_problems(element)


class _Builder(ElementTree.TreeBuilder):
    """A tree without document types (which define entities) and processing instructions (which
    name style sheets).
    """

    def __init__(self, refused: list[str]) -> None:
        super().__init__()
        self._refused = refused

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        self._refuse("has a document type, which can define entities")

    def pi(self, target: str, text: str | None = None) -> Any:
        self._refuse(f"has an instruction <?{target}?>, which can name an external reference")

    def _refuse(self, problem: str) -> None:
        self._refused.append(problem)
        raise ValueError(problem)


def _element_problems(element: ElementTree.Element) -> Iterator[str]:
    space, name = _split(element.tag)
    if space not in ("", _SVG):
        if not space.startswith(_INERT):
            yield f"holds <{name}> of another language ({space})"
    elif name not in _DRAWING and not (_EFFECT.fullmatch(name) and name != _NO_EFFECT):
        yield f"holds <{name}>, which can do more than draw"
    if name == "style":
        yield from _style_problems("".join(element.itertext()))
    for attribute, value in element.attrib.items():
        yield from _attribute_problems(_split(attribute), value, name)


def _attribute_problems(attribute: tuple[str, str], value: str, element: str) -> Iterator[str]:
    _, name = attribute
    if name.lower().startswith("on"):
        yield f"holds the event handler {name} of <{element}>"
    if name in ("href", "src", "base") and not value.strip().startswith("#"):
        yield f"holds an external reference: {name} of <{element}>"
    yield from _style_problems(value) if name == "style" else _reference_problems(value)


def _style_problems(style: str) -> Iterator[str]:
    without_comments = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    if _IN_STYLE.search(style) or _IN_STYLE.search(without_comments):
        yield "holds a style with an import or an escape"
    yield from _reference_problems(style)
    yield from _reference_problems(without_comments)


def _reference_problems(value: str) -> Iterator[str]:
    if _OUTSIDE.search(value) or "javascript:" in value.lower():
        yield "holds an external reference in a style"


def _split(tag: Any) -> tuple[str, str]:
    """('http://www.w3.org/2000/svg', 'path') of ElementTree's '{http://www.w3.org/2000/svg}path'."""
    space, _, name = str(tag).rpartition("}")
    return space.removeprefix("{"), name
