"""A bounded part of a file is read, and only what this run wrote."""

from __future__ import annotations

import os
from pathlib import Path

from energybench.adapters.excerpt import HEAD_BYTES, TAIL_BYTES, of_descriptor, of_file, state


def test_a_file_from_an_earlier_run_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "log"
    assert "does not exist" in of_file(file).problem
    file.write_text("old")
    before = state(file)
    assert "was not written by this run" in of_file(file, before).problem
    file.write_text("new and longer")
    assert of_file(file, before).text == b"new and longer"


def test_of_a_file_that_grows_only_the_new_part_is_read(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("old")
    before = state(file)
    with file.open("a") as more:
        more.write("new")
    assert of_file(file, before, appends=True).text == b"new"


def test_a_huge_file_is_read_at_both_ends(tmp_path: Path) -> None:
    """A sparse file of a terabyte costs no more than its ends."""
    file = tmp_path / "log"
    with file.open("wb") as content:
        content.write(b"begin")
        content.seek(1 << 40)
        content.write(b"end")
    excerpt = of_file(file)
    assert len(excerpt.text) == HEAD_BYTES + TAIL_BYTES + 1
    assert excerpt.text.startswith(b"begin")
    assert excerpt.text.endswith(b"end")
    assert excerpt.left_out == (1 << 40) + 3 - HEAD_BYTES - TAIL_BYTES


def test_no_kind_of_file_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        assert "is not a file" in of_file(path).problem


def test_an_open_file_is_read_from_a_position(tmp_path: Path) -> None:
    """Also if it can only be written, was removed, or was cut in between."""
    file = tmp_path / "out"
    with file.open("wb") as content:
        content.write(b"before after")
        content.flush()
        file.unlink()
        assert of_descriptor(content.fileno(), 7).text == b"after"
        content.truncate(3)
        assert of_descriptor(content.fileno(), 7).text == b"bef"
