"""The bytes of a PDF without their compression, for `energybench verify`.

typst gives the same file for the same data, but another build of its compression, on another
processor, may pack the streams in different bytes. The packing also changes the lengths of the
streams, the places of the objects, and the identifiers of the file, which are digests.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

# The beginning of an object, and the head of a stream, in typst's form.
_OBJECT = re.compile(rb"\n(\d+) 0 obj\n(?:<</Length (\d+)([^\n]*)>>\nstream\n)?")
_END = b"\nendstream\nendobj\n"
_PACKED = re.compile(rb"/Filter/FlateDecode(?![^\n]*/DecodeParms)")
_TABLE = re.compile(
    rb"\nxref\n0 (\d+)\n0000000000 65535 f\r\n((?:\d{10} 00000 n\r\n)*)"
    rb"(trailer\n[^\n]*)\nstartxref\n(\d+)\n%%EOF"
)
_DIGEST = re.compile(rb"(?<=[(>])[A-Za-z0-9+/]{22}==(?=[)<])")  # 128 bits in base64
_MOST_BYTES = 1_000_000_000  # of all streams of a file, unpacked


class _Body(NamedTuple):
    """starts: the places of the objects, by their numbers; end: the place behind the last
    object.
    """

    parts: tuple[bytes, ...]
    starts: dict[int, int]
    end: int


def uncompressed(pdf: bytes) -> tuple[bytes, ...]:
    """The parts of a PDF of typst with unpacked streams, without lengths, places and identifiers;
    another PDF unchanged.
    """
    body = _body(pdf)
    table = _TABLE.fullmatch(pdf, body.end) if body is not None else None
    if body is None or table is None:
        return (pdf,)
    entries = table[2].splitlines()
    places = {number: int(entry[:10]) for number, entry in enumerate(entries, 1)}
    if (
        int(table[1]) != len(entries) + 1
        or places != body.starts
        or int(table[4]) != table.start() + 1
    ):
        return (pdf,)
    return tuple(_DIGEST.sub(b"", part) for part in (*body.parts, table[3]))


def _body(pdf: bytes) -> _Body | None:
    """The objects of a PDF; None if a stream has another form than typst's."""
    parts, starts = [], {}
    place, left = 0, _MOST_BYTES
    table = pdf.rfind(b"\nxref\n")
    while (head := _OBJECT.search(pdf, place, max(table, 0))) is not None:
        number = int(head[1])
        if number in starts:
            return None
        starts[number] = head.start() + 1
        parts += [pdf[place : head.start()], b"object %d" % number]
        # the line end behind an object may also precede the next object
        place = head.end()
        if head[2] is None:
            continue
        packed = pdf[place : place + int(head[2])]
        place += len(packed)
        content = _unpacked(packed, left) if _PACKED.search(head[3]) else packed
        if content is None or not pdf.startswith(_END, place):
            return None
        left -= len(content)
        parts += [head[3], content]
    return _Body((*parts, pdf[place:table]), starts, table)


def _unpacked(packed: bytes, most: int) -> bytes | None:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, most)
    except zlib.error:
        return None
    return content if stream.eof and not stream.unused_data else None
