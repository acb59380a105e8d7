"""A growing file that ends with a complete piece even on a full disk."""

from __future__ import annotations

import os
from pathlib import Path


class CarefulFile:
    """Pieces refused by the storage wait in memory for the next try.

    waiting  number of waiting bytes
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError if the file cannot be made."""
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self._end = 0
        self._pieces: list[bytes] = []

    @property
    def waiting(self) -> int:
        return sum(len(piece) for piece in self._pieces)

    def append(self, piece: bytes, *, now: bool = True) -> None:
        """Add a piece; a failure of the storage shows in `waiting` and in `flush`.

        now  False for a piece that may wait for the next piece
        """
        self._pieces.append(piece)
        if not now:
            return
        try:
            self.flush()
        except OSError:
            pass

    def flush(self) -> None:
        """Write the waiting pieces. Raises OSError; the file then ends with the piece before."""
        while self._pieces:
            piece = self._pieces[0]
            try:
                write_all(self._fd, piece)
            except OSError:
                os.ftruncate(self._fd, self._end)
                os.lseek(self._fd, self._end, os.SEEK_SET)
                raise
            self._end += len(piece)
            del self._pieces[0]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes: a write to a disk that fills up may take only a part. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
