"""Small files that the kernel or a controller updates: opened once, read many times."""

from __future__ import annotations

import os
from pathlib import Path

_LONGEST = 128  # bytes; a sensor's line is far shorter


def text(path: Path) -> str | None:
    """Text of a file without surrounding white space; None for an unreadable file."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return None


def hostname(root: Path) -> str:
    """Name of the host whose sensors stand under `root`.

    The name distinguishes package-0 of two nodes.
    """
    return text(root / "proc/sys/kernel/hostname") or os.uname().nodename


def container(root: Path) -> str | None:
    """The container around this process, by its image or its kind; None outside a container."""
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "SHIFTER_IMAGE"):
        if os.environ.get(name):
            return os.environ[name]
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    return "kubernetes" if (root / "run/secrets/kubernetes.io").exists() else None


def link(path: Path) -> str | None:
    """Target of a symbolic link; None for an unreadable link."""
    try:
        return os.readlink(path)
    except OSError:
        return None


class NumberFile:
    """A line of a small file: a read is a single system call, and a failed file is opened again.

    error  error of the last failed read
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: OSError | None = None
        self._fd = -1

    def read(self) -> bytes | None:
        """The present line with its line end; None if the file is empty or cannot be read (see
        `error`).
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
        """The line as a non-negative integer; None if the line is cut off (no line end), signed,
        or not a number.
        """
        data = self.read()
        if data is None:
            return None
        if data[-1:] == b"\n" and data[:-1].isdigit():
            return int(data)
        self.close()  # perhaps the file was replaced: the next read opens the file again
        return None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
