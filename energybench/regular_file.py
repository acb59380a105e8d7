"""Reading a person's file whole: a regular file of bounded size, within bounded time.

A folder, pipe, socket or device is refused before a byte is read, so that no input can block the
process or fill the memory. Every refusal is a BadInput of one line.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from energybench.errors import BadInput

T = TypeVar("T")

# A local disk reads gigabytes in this time; a network file system without an answer never returns.
LIMIT_S = 20.0
_CHUNK_BYTES = 1 << 20
_KINDS = {
    stat.S_IFDIR: ("is a folder", ""),
    stat.S_IFIFO: ("is a pipe", "write its content into a file first"),
    stat.S_IFSOCK: ("is a socket", ""),
    stat.S_IFCHR: ("is a device", ""),
    stat.S_IFBLK: ("is a device", ""),
}


def read_text(
    path: Path,
    most_bytes: int,
    *,
    where: str | None = None,
    remedy: str = "",
    limit_s: float = LIMIT_S,
) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises BadInput as `read_bytes` does,
    and for content that is not UTF-8, with the line.
    """
    content = read_bytes(path, most_bytes, where=where, remedy=remedy, limit_s=limit_s)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(f"{where or path} line {line}", "is not text (UTF-8)", remedy) from None


def read_bytes(
    path: Path,
    most_bytes: int,
    *,
    where: str | None = None,
    remedy: str = "",
    limit_s: float = LIMIT_S,
) -> bytes:
    """The content of a regular file of at most `most_bytes`.

    where   the place that a refusal names, for example "--meter pdu.csv"; default: the path
    remedy  of a refusal: the file that is wanted
    Raises BadInput if the file is missing, unreadable, too large, or not a regular file, and if
    reading takes longer than `limit_s`.
    """
    place = where or str(path)
    try:
        content = within(limit_s, lambda: _content(path, most_bytes, place, remedy))
    except FileNotFoundError:
        raise BadInput(place, "no such file", remedy) from None
    except BlockingIOError:  # a lease, or a file of /proc that waits for its first line
        raise BadInput(place, "cannot be read: reading it would block", remedy) from None
    except OSError as error:
        raise BadInput(place, f"cannot be read: {error.strerror or error}", remedy) from None
    except ValueError as error:  # a NUL in the name
        raise BadInput(place, f"cannot be read: {error}", remedy) from None
    if content is None:
        raise BadInput(
            place,
            f"could not be read within {limit_s:g} s",
            "its file system does not answer: copy the file to a local disk",
        )
    return content


def within(limit_s: float, task: Callable[[], T]) -> T | None:
    """The task's result, or None if the task takes longer than `limit_s`; raises its exception.

    The task runs in a thread of its own: a system call that never returns cannot be interrupted
    here, only left behind.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(task())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="regular-file", daemon=True)
    thread.start()
    thread.join(limit_s)
    if errors:
        raise errors[0]
    return results[0] if results else None


def _content(path: Path, most_bytes: int, place: str, remedy: str) -> bytes:
    # checked before the file is opened, because opening some devices has an effect, and again
    # after, because the name may then stand for another file
    _check_kind(os.stat(path).st_mode, place, remedy)
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        state = os.fstat(number)
        _check_kind(state.st_mode, place, remedy)
        content = bytearray()
        if state.st_size <= most_bytes:
            # one byte more than allowed: files of /proc have size 0, and a file may still grow
            while len(content) <= most_bytes:
                chunk = os.read(number, min(_CHUNK_BYTES, most_bytes + 1 - len(content)))
                if not chunk:
                    return bytes(content)
                content += chunk
    finally:
        os.close(number)
    raise BadInput(place, f"is larger than {_size(most_bytes)}", remedy)


def _check_kind(mode: int, place: str, remedy: str) -> None:
    """Raises BadInput unless the mode is that of a regular file."""
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFREG:
        return
    what, own_remedy = _KINDS.get(kind, ("is not a regular file", ""))
    raise BadInput(place, f"{what}, not a file that can be read to its end", own_remedy or remedy)


def _size(count: int) -> str:
    """'64 MB', '250 kB', '20 bytes'"""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
