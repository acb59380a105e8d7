"""Files that survive a crash of the node: written, flushed to the disk, then renamed into place.

Without the flush a rename may reach the disk before the data, and a crash right afterwards leaves
an empty file under the final name (fsync(2); open(2), O_TMPFILE).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from energybench.errors import BadInput


def check_replaceable(path: Path, where: str) -> None:
    """Raise BadInput if the path exists and is no regular file: a device or a FIFO would be
    replaced, or would take the bytes.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # does not exist, or the write will say why it cannot be used
    if not stat.S_ISREG(mode):
        raise BadInput(where, f"is {kind_of(mode)}, not a file", "name a file, new or old")


def kind_of(mode: int) -> str:
    """'a folder', 'a device', …, from the mode of stat(2)."""
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a FIFO"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "a special file"


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file as a whole: a reader, also after a crash, finds the old file or the new."""
    with flushed(path) as file:
        file.write(content)


def replace_unflushed(path: Path, content: bytes) -> None:
    """Replace a file as a whole during a run, without waiting for the disk: the end of a process
    leaves the old file or the new, a crash of the node may leave an empty one.
    """
    draft = _draft_of(path)
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def flushed(path: Path) -> Iterator[IO[bytes]]:
    """A new file, which is flushed to the disk and renamed to `path` at the end of the context; at
    an error the old file stays.
    """
    draft = _draft_of(path)
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    flush_to_disk(path.parent)


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name[:80]}.{os.getpid()}.new")


def flush_to_disk(folder: Path) -> None:
    """Flush the entries of a folder: a rename is complete only then."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems cannot flush a folder; the file itself is flushed
    finally:
        os.close(descriptor)
