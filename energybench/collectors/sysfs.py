"""Small files that a kernel or a controller keeps up to date: opened once, read many times."""

from __future__ import annotations

import os
from pathlib import Path

_LONGEST = 128  # bytes; a sensor's line is far shorter


def text(path: Path) -> str | None:
    """A file's text without surrounding white space; None where it cannot be read."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None


def hostname(root: Path) -> str:
    """Name of the host whose sensors stand under `root`: what tells package-0 of one node from
    package-0 of another.
    """
    return text(root / "proc/sys/kernel/hostname") or os.uname().nodename


class Line:
    """One line of a small file, read with one system call a time and opened again after a failure."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: OSError | None = None  # of the last read that failed
        self._fd = -1

    def read(self) -> bytes | None:
        """The line as it stands now, its end included; None where it cannot be read (see `error`)
        or is empty.
        """
        try:
            if self._fd < 0:
                self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            data = os.pread(self._fd, _LONGEST, 0)
        except OSError as error:
            self.error = error
            self.close()
            return None
        if not data:
            self.close()
            return None
        return data

    def integer(self) -> int | None:
        """The line as a non-negative integer; None where it is truncated (no line end), signed or
        no number.
        """
        data = self.read()
        if data is None:
            return None
        if data[-1:] == b"\n" and data[:-1].isdigit():
            return int(data)
        self.close()  # perhaps the file was replaced: the next read opens it anew
        return None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
