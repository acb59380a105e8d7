"""A report of several files: the folder, the names, and what happens without a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from energybench.cli.report_files import deliver
from energybench.errors import BadInput, StorageFailed
from energybench.model import Document
from energybench.plugins import Report
from tests.reports.samples import SAMPLES


class Two:
    """A format of two files: a real implementation of the door."""

    name = "two"
    suffix = ".txt"

    def render(self, document: Document) -> Mapping[str, bytes]:
        return {"title.txt": document.title.encode(), "count.txt": b"%d" % len(document.results)}


class Named:
    """A format that names its only file as it is told."""

    name = "named"
    suffix = ".txt"

    def __init__(self, file: str) -> None:
        self.file = file

    def render(self, document: Document) -> Mapping[str, bytes]:
        return {"first.txt": b"1", self.file: b"2"}


def give(report: Report, out: Path | None) -> None:
    deliver(report, report.render(SAMPLES["claims"]()), out)


def test_a_folder_is_made_and_its_other_files_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is new or old; files of the report are replaced, others are left alone, and no
    draft of a file stays behind.
    """
    out = tmp_path / "paper"
    give(Two(), out)
    (out / "own.tex").write_text("mine")
    (out / "count.txt").write_text("old")
    give(Two(), out)
    assert {file.name: file.read_text() for file in out.iterdir()} == {
        "title.txt": SAMPLES["claims"]().title,
        "count.txt": "1",
        "own.tex": "mine",
    }
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1] == f"written to {out}: title.txt, count.txt"


def test_several_files_need_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --out one line says what to do, and nothing is printed."""
    with pytest.raises(BadInput) as refusal:
        give(Two(), None)
    assert str(refusal.value) == ("--format two: writes several files (name a folder: --out DIR)")
    assert capsys.readouterr().out == ""


def test_the_parent_of_the_folder_exists(tmp_path: Path) -> None:
    """A missing parent may be a slip of the hand: it is named, and nothing is made."""
    with pytest.raises(BadInput, match="there is no folder"):
        give(Two(), tmp_path / "new" / "paper")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    """An old report of another format stays as it is."""
    (tmp_path / "report.html").write_text("page")
    with pytest.raises(BadInput, match="is a file, and the format two writes several files"):
        give(Two(), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "page"


@pytest.mark.parametrize(
    "name",
    [
        "../out.txt",
        "/tmp/out.txt",
        "a/b.txt",
        "..",
        ".",
        "",
        ".bashrc",
        "a\nb",
        "a\x00b",
        "a\u202eb",
    ],
)
def test_no_name_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """Names are those of visible files directly in the folder; of a report with another name no
    file is written at all.
    """
    with pytest.raises(BadInput, match="is not a file of the folder"):
        give(Named(name), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_links_in_the_folder_are_replaced_not_followed(tmp_path: Path) -> None:
    """A link under the name of a file does not make the report write elsewhere."""
    (tmp_path / "elsewhere.txt").write_text("untouched")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "count.txt").symlink_to(tmp_path / "elsewhere.txt")
    give(Two(), tmp_path / "out")
    assert (tmp_path / "elsewhere.txt").read_text() == "untouched"
    assert not (tmp_path / "out" / "count.txt").is_symlink()


def test_a_device_or_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """Checked before the first file is written."""
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "count.txt")
    with pytest.raises(BadInput, match="is a FIFO, not a file"):
        give(Two(), out)
    assert [file.name for file in out.iterdir()] == ["count.txt"]


def test_a_name_that_the_file_system_refuses(tmp_path: Path) -> None:
    """A failed write is one of storage, and names the folder."""
    with pytest.raises(StorageFailed, match="cannot be written: File name too long"):
        give(Named("x" * 300), tmp_path / "out")


def test_one_file_into_a_folder_is_refused(tmp_path: Path) -> None:
    """A format of one file does not write into a folder under a name of its own."""
    with pytest.raises(BadInput, match="is a folder, not a file"):
        deliver(Two(), b"text", tmp_path)
