"""The text of a meter's file, in the encodings that loggers and spreadsheets write."""

from __future__ import annotations

import codecs
from pathlib import Path

from energybench.errors import BadInput
from energybench.regular_file import read_bytes

# a week of readings a second in ten columns; the rows of more than this take gigabytes of memory
MOST_BYTES = 64_000_000
_REMEDY = "name the meter's CSV, JSON or log file, cut to the hours around the run"
# the mark of UTF-32 begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read(path: Path) -> str:
    """The text of a file, without its byte order mark. Raises BadInput."""
    content = read_bytes(path, MOST_BYTES, where=f"--meter {path}", remedy=_REMEDY)
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _decoded(path, content[len(mark) :], encoding)
    head = content[:4000]
    # ASCII in UTF-32 has three zeros in every four bytes
    for start, encoding in ((0, "utf-32-le"), (3, "utf-32-be")):
        others = [head[i::4] for i in range(4) if i != start]
        if len(head) >= 32 and all(part.count(0) > 0.9 * len(part) for part in others):
            return _decoded(path, content, encoding)
    # ASCII in UTF-16 has a zero in every other byte
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = head[start::2]
        if len(zeros) >= 8 and zeros.count(0) > 0.7 * len(zeros):
            return _decoded(path, content, encoding)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        # the encoding of spreadsheets on Windows, where "°C" and "Zähler" are no UTF-8
        if not any(byte < 9 or 13 < byte < 32 for byte in head):
            return content.decode("cp1252", "replace")
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(
            f"{path} line {line}",
            "is not text",
            "export the meter's readings as CSV or JSON",
        ) from None


def _decoded(path: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].decode(encoding, "replace").count("\n") + 1
        raise BadInput(
            f"{path} line {line}",
            f"is not text ({encoding.upper()})",
            "it was cut off: export the meter's readings anew",
        ) from None
