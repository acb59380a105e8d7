"""The ZIP file of a bundle is read in one form only, and nothing leaves its folder."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.proof import archive

MOMENT = datetime(2026, 11, 29, 10, 30)
CONTENTS = {"b/two.txt": b"two", "a.txt": b"one", "ü.txt": b"drei"}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.zip"
    archive.write(path, CONTENTS, MOMENT)
    return path


def unpack(path: Path) -> archive.Opened:
    folder = path.with_suffix(".folder")
    folder.mkdir()
    return archive.unpack(path, folder, path.with_suffix(".again"))


def refusal(path: Path) -> str:
    """The one line with which a file is refused; nothing is written beside the folder."""
    before = set(path.parent.iterdir())
    with pytest.raises(BadInput) as caught:
        unpack(path)
    line = str(caught.value)
    assert "\n" not in line
    assert set(path.parent.iterdir()) - before <= {path.with_suffix(".folder")}
    return line


def test_what_is_written_is_read(good: Path) -> None:
    opened = unpack(good)
    assert opened.names == ("a.txt", "b/two.txt", "ü.txt")
    assert {name: (opened.folder / name).read_bytes() for name in opened.names} == CONTENTS
    assert opened.moment == MOMENT


def test_the_same_members_give_the_same_bytes(good: Path, tmp_path: Path) -> None:
    """In whatever order, from memory or from files."""
    files = {}
    for number, (name, content) in enumerate(reversed(CONTENTS.items())):
        files[name] = tmp_path / f"{number}"
        files[name].write_bytes(content)
    archive.write(tmp_path / "again.zip", files, MOMENT)
    assert (tmp_path / "again.zip").read_bytes() == good.read_bytes()


def test_every_changed_byte_is_found(good: Path, tmp_path: Path) -> None:
    """Of content, names, dates, permissions, and of fields that ZIP readers pass over."""
    content = good.read_bytes()
    for place in range(len(content)):
        changed = tmp_path / f"{place}.zip"
        changed.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        refusal(changed)


@pytest.mark.parametrize("more", [b"x", b"PK\x05\x06" + bytes(18)])
def test_bytes_before_and_behind_are_found(good: Path, tmp_path: Path, more: bytes) -> None:
    for name, content in (
        ("behind", good.read_bytes() + more),
        ("before", more + good.read_bytes()),
    ):
        (tmp_path / f"{name}.zip").write_bytes(content)
        refusal(tmp_path / f"{name}.zip")


@pytest.mark.parametrize("end", [0, 1, 21, 22, 60, -1, -30])
def test_a_file_that_was_cut_off(good: Path, tmp_path: Path, end: int) -> None:
    (tmp_path / "cut.zip").write_bytes(good.read_bytes()[:end])
    refusal(tmp_path / "cut.zip")


def entry(name: str, content: bytes = b"x", **fields: object) -> Callable[[Path], None]:
    """A function that writes a ZIP with one member that energybench would not write."""

    def make(path: Path) -> None:
        compress = zipfile.ZIP_DEFLATED if fields.get("deflated") else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", compress) as bundle:
            info = zipfile.ZipInfo(name, (2026, 11, 29, 10, 30, 0))
            info.external_attr = int(str(fields.get("mode", 0o100644))) << 16
            info.create_system = 3
            info.compress_type = compress
            info.filename = name  # as it stands: ZipInfo changes separators
            bundle.writestr(info, content)

    return make


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (entry("../up.txt"), "outside"),
        (entry("a/../../up.txt"), "outside"),
        (entry("/etc/passwd"), "not a path inside"),
        (entry("C:/x"), "not a path inside"),
        (entry("a\\..\\b"), "not a path inside"),
        (entry("a//b"), "not a path inside"),
        (entry("folder/", b""), "not a path inside"),
        (entry("./a"), "outside"),
        (entry("a\nb"), "not a path inside"),
        (entry("end "), "file systems change"),
        (entry("x" * 500), "500 characters"),
        (entry("x" * 300), "255 bytes"),
        (entry("/".join("a" * 300)), "characters"),
        (entry("link", b"/etc/passwd", mode=0o120777), "link"),
        (entry("runs", mode=0o100755), "permissions"),
        (entry("bomb", bytes(10_000_000), deflated=True), "compressed"),
    ],
)
def test_members_that_no_bundle_has(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    """Names that leave the folder, links, folders, huge names, compressed members (bombs)."""
    make(tmp_path / "bad.zip")
    assert words in refusal(tmp_path / "bad.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "A"), ("é", "é"), ("a", "a/b")])
def test_names_that_one_file_system_takes_for_one(tmp_path: Path, names: tuple[str, str]) -> None:
    """The same name twice, another case, other accents, a file as a folder."""
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as bundle:
        for name in names:
            info = zipfile.ZipInfo(name, (2026, 11, 29, 10, 30, 0))
            info.external_attr, info.create_system = 0o100644 << 16, 3
            bundle.writestr(info, b"x")
    line = refusal(tmp_path / "bad.zip")
    assert "stands twice" in line or "lies inside a file" in line


def test_an_encrypted_member(good: Path, tmp_path: Path) -> None:
    content = bytearray(good.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + 8] |= 1
    (tmp_path / "bad.zip").write_bytes(content)
    assert "encrypted" in refusal(tmp_path / "bad.zip")


def test_a_member_that_states_more_than_the_file_has(good: Path, tmp_path: Path) -> None:
    """Sizes are checked before a byte is unpacked."""
    content = bytearray(good.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + 20 : start + 28] = struct.pack("<LL", 2_000_000_000, 2_000_000_000)
    (tmp_path / "bad.zip").write_bytes(content)
    assert "more content" in refusal(tmp_path / "bad.zip")


def test_a_directory_of_too_many_files(tmp_path: Path) -> None:
    """Too many files, and a directory that would fill the memory, are refused before it is read."""
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 2_000_000_000, 0, 0)
    (tmp_path / "bad.zip").write_bytes(end)
    assert "directory of 2000000000 bytes" in refusal(tmp_path / "bad.zip")
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as bundle:
        for number in range(archive.MOST_FILES + 1):
            bundle.writestr(zipfile.ZipInfo(str(number)), b"")
    (tmp_path / "many.zip").write_bytes(many.getvalue())
    assert "20001 files" in refusal(tmp_path / "many.zip")


def test_what_is_not_a_file(tmp_path: Path) -> None:
    """A folder, and a name that does not exist."""
    for path in (tmp_path, tmp_path / "none.zip"):
        with pytest.raises(BadInput, match=r"folder|no such"):
            archive.unpack(path, tmp_path / "x", tmp_path / "y")
