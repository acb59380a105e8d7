"""Documents inside other files: the data block of an HTML page, and the attachment of a PDF.

A kind of file is known by its first bytes, and has a function that finds the text of the document.
A further kind needs only a further row of `_CONTAINERS`.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from energybench.errors import BadInput, NotInstalled
from energybench.model import EMBEDDED_NAME
from energybench.regular_file import LIMIT_S, within
from energybench.store import strict

_FOREIGN = "energybench did not write it, or it was cut off"
# The block written by reports/templates/report.html.j2. JSON in the block holds no "<"
# (reports/html.py); the text of a large document is gzip in base64 (reports/embedded_document.py).
_BLOCK = re.compile(rb'<script type="application/(json|gzip)" id="results">([^<]*)</script>')
_GZIP = 16 + zlib.MAX_WBITS  # of zlib.decompressobj: data with the header of gzip
# Where HTML begins: after a byte order mark, white space and comments.
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|!--)", re.IGNORECASE)


class _Container(NamedTuple):
    """A kind of file. `text`: the text of the document inside, from content and place."""

    suffix: str
    begins: re.Pattern[bytes]
    text: Callable[[bytes, str], bytes]


def suffix_of(content: bytes) -> str:
    """Suffix of the content's format; ".json" outside of a container."""
    for container in _CONTAINERS:
        if container.begins.match(content):
            return container.suffix
    return ".json"


def document_text(content: bytes, where: str) -> bytes | None:
    """The JSON text inside an HTML page or a PDF; None for other content.

    Raises BadInput if the file holds no document, or several.
    """
    for container in _CONTAINERS:
        if container.begins.match(content):
            return container.text(content, where)
    return None


def _of_html(content: bytes, where: str) -> bytes:
    blocks = _BLOCK.findall(content)
    if len(blocks) != 1:
        number = len(blocks) or "no"
        raise BadInput(where, f"is HTML with {number} documents of energybench in it", _FOREIGN)
    kind, text = blocks[0]
    return _unpacked(text, where) if kind == b"gzip" else bytes(text)


def _unpacked(text: bytes, where: str) -> bytes:
    """The content of gzip in base64; no more memory is taken than a document may have."""
    inside = f"{where}: its document"
    try:
        stream = zlib.decompressobj(_GZIP)
        content = stream.decompress(base64.b64decode(text, validate=True), strict.MOST_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise BadInput(inside, "is damaged", _FOREIGN) from None
    if len(content) > strict.MOST_BYTES:
        most = f"{strict.MOST_BYTES // 1_000_000} MB"
        raise BadInput(inside, f"is larger than {most}", "name the runs themselves, or fewer runs")
    if not stream.eof or stream.unused_data:
        raise BadInput(inside, "is damaged", _FOREIGN)
    return content


def _of_pdf(content: bytes, where: str) -> bytes:
    try:
        import pypdf
    except ImportError:
        raise NotInstalled("pypdf") from None
    # its warnings about damaged files are not for the person: the refusal is a single line
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        attachments = within(LIMIT_S, lambda: _attachments(pypdf.PdfReader(BytesIO(content))))
    except Exception as error:  # a damaged PDF fails in any part of the library
        raise BadInput(where, f"is a damaged PDF: {error}", _FOREIGN) from None
    if attachments is None:
        raise BadInput(where, f"could not be read within {LIMIT_S:g} s", _FOREIGN)
    if len(attachments) != 1:
        number = len(attachments) or "no"
        raise BadInput(where, f"is a PDF with {number} attachments {EMBEDDED_NAME}", _FOREIGN)
    return attachments[0]


def _attachments(pdf: Any) -> list[bytes]:
    """The attachments that hold a document."""
    return [
        content
        for name, files in pdf.attachments.items()
        if name == EMBEDDED_NAME
        for content in files
    ]


_CONTAINERS = (
    _Container(".html", _HTML, _of_html),
    _Container(".pdf", re.compile(rb"%PDF-"), _of_pdf),
)
