"""Standard streams that may be closed, full, a broken pipe, or not UTF-8.

The state of a stream never changes what is measured, nor the exit code of a measured program. A
reader that goes away (`| head`) costs its output and nothing else.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# What a terminal of another encoding shows in place of characters that it lacks. A sign is never
# dropped: "?5 J" could be read as 5 J.
_PLAIN = {
    "\u2212": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u202f": " ",
    "\u00a0": " ",
    "\u2192": "->",
    "\u2026": "...",
    "\u00b1": "+/-",
    "\u00d7": "x",
    "\u00b7": "*",
    "\u00b5": "u",
    "\u03bc": "u",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2248": "~",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
}
_HANDLER = "energybench-plain"


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Error handler of encoders: plain letters for known signs, escapes for other characters."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(map(_plain_character, characters)), error.end


def _plain_character(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    return character.encode("ascii", "backslashreplace").decode("ascii")


class _Kept(io.FileIO):
    """A descriptor whose failed writes are remembered and do not raise; later output is dropped."""

    failed: int | None = None  # errno of the first failed write

    def write(self, data: Any, /) -> int:
        if self.failed is None:
            try:
                return super().write(data) or 0
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    raise
                self.failed = error.errno
        return memoryview(data).nbytes


@contextmanager
def guarded() -> Iterator[None]:
    """Standard streams on which printing cannot fail. Streams that a caller put in place (a test,
    a notebook) stay as they are.

    Raises OSError at the end if output on stdout was lost, except to a reader that went away.
    """
    codecs.register_error(_HANDLER, _plain)
    _occupy()
    before = sys.stdout, sys.stderr
    sys.stdout, out = _wrapped(sys.stdout, 1, sys.__stdout__)
    sys.stderr, err = _wrapped(sys.stderr, 2, sys.__stderr__)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            flush(stream)
        sys.stdout, sys.stderr = before
        for descriptor, kept in ((1, out), (2, err)):
            if kept is not None and kept.failed is not None:
                _to_nowhere(descriptor)
    if out is not None and out.failed not in (None, errno.EPIPE, errno.EBADF):
        raise OSError(out.failed, os.strerror(out.failed or 0), "stdout")


def _occupy() -> None:
    """Open the null device in place of closed standard streams: a file opened later would get the
    number, and the output of the program with it. A measured program still finds them closed.
    """
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if descriptor > 2:
            os.close(descriptor)
            return


def _wrapped(
    stream: TextIO | None, descriptor: int, original: TextIO | None
) -> tuple[TextIO, _Kept | None]:
    """The stream with writes that cannot fail, and its descriptor's keeper."""
    if stream is not None and (stream is not original or not _is_on(stream, descriptor)):
        return stream, None
    flush(stream)
    kept = _Kept(descriptor, "wb", closefd=False)
    terminal = os.isatty(descriptor)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    buffered = io.BufferedWriter(kept)
    errors = "strict" if encoding.lower().replace("-", "") == "utf8" else _HANDLER
    if errors == "strict":
        errors = "backslashreplace"  # halves of surrogate pairs, which UTF-8 lacks
    text = io.TextIOWrapper(
        buffered,
        encoding=encoding,
        errors=errors,
        line_buffering=terminal or descriptor == 2,
        write_through=descriptor == 2,
    )
    return text, kept


def _is_on(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except (OSError, ValueError):
        return False


def flush(stream: TextIO | None) -> None:
    """Flush, whatever the state of the stream."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        pass


def _to_nowhere(descriptor: int) -> None:
    """Python's own flush at exit is not to complain about a stream that has failed."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
