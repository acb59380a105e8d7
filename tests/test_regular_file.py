"""Reading a person's file: regular, bounded, and never a hang."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.regular_file import read_bytes, read_text, within


def refused(path: Path, most_bytes: int = 1000, **options: str) -> str:
    with pytest.raises(BadInput) as caught:
        read_bytes(path, most_bytes, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    """Up to the last allowed byte, also through a link, also if its size is said to be 0."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    (tmp_path / "link").symlink_to(file)
    assert read_bytes(file, 1000) == b"x" * 1000
    assert read_bytes(tmp_path / "link", 1000) == b"x" * 1000
    assert read_bytes(Path("/proc/self/cmdline"), 1_000_000)
    file.write_bytes(b"")
    assert read_bytes(file, 1000) == b""


def test_a_file_over_its_bound_is_refused(tmp_path: Path) -> None:
    """By its stated size, and by its content where it states none; a sparse file costs nothing."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1001)
    assert refused(file) == f"{file}: is larger than 1 kB"
    os.truncate(file, 1 << 40)
    assert "is larger than 64 MB" in refused(file, 64_000_000)
    assert "is larger than 3 bytes" in refused(Path("/proc/self/status"), 3)


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """A folder, a pipe without a writer, a socket, a device, and links to them."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert "is a socket" in refused(tmp_path / "socket")
    assert "is a folder" in refused(tmp_path)
    assert "is a pipe" in refused(tmp_path / "pipe")
    assert "write its content into a file first" in refused(tmp_path / "pipe")
    for device in (Path("/dev/zero"), Path("/dev/null"), tmp_path / "zero"):
        assert "is a device" in refused(device, remedy="name a CSV file")
        assert refused(device, remedy="name a CSV file").endswith("(name a CSV file)")


def test_a_file_that_is_not_there_is_named_as_the_person_named_it(tmp_path: Path) -> None:
    """Missing, a link to itself, a name that no file system takes."""
    assert refused(tmp_path / "none", where="--meter none") == "--meter none: no such file"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "Too many levels of symbolic links" in refused(tmp_path / "loop")
    assert "File name too long" in refused(tmp_path / ("n" * 300))
    assert "null byte" in refused(Path("a\0b"))


def test_text_is_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    """Other bytes are refused with their line."""
    file = tmp_path / "file"
    file.write_bytes(b"\xef\xbb\xbf20 \xc2\xb0C")
    assert read_text(file, 1000) == "20 °C"
    file.write_bytes(b"one\ntwo \xff")
    with pytest.raises(BadInput, match=r"file line 2: is not text \(UTF-8\)"):
        read_text(file, 1000)


def test_a_task_that_does_not_end_is_left_behind() -> None:
    """As the reading of a file whose server is gone; what the task raises is raised."""
    ever = threading.Event()
    assert within(0.01, ever.wait) is None
    ever.set()
    assert within(60.0, lambda: 7) == 7

    def fails() -> int:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        within(60.0, fails)
