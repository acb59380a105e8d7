"""A bundle's ZIP file in the one form that energybench writes, byte by byte.

Members are stored without compression, sorted by name, with one date and fixed permissions. The
same members then give the same bytes with every version of every library, and reading can insist on
that form: the file is written again from its members, and any byte that differs is found, also one
that no checksum of ZIP covers. Samples are compressed inside their own files.
"""

from __future__ import annotations

import errno
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

from energybench.errors import BadInput
from energybench.store.durable import kind_of

# Bounds of a bundle that is read. They stop a file that would fill the memory or the disk.
MOST_FILES = 20_000
MOST_BYTES = 50_000_000_000
MOST_NAME = 400  # characters of a path inside
_CHUNK = 1 << 20
_MODE = stat.S_IFREG | 0o644
_UNIX = 3  # "version made by": the permissions are those of Unix (APPNOTE.TXT 4.4.2)
_ENCRYPTED = 0x1 | 0x40  # flags (APPNOTE.TXT 4.4.4)
# End of the directory, in its old form and for files above 4 GB; the size of the directory is the
# sixth and the ninth field (APPNOTE.TXT 4.3.16, 4.3.14; between them a locator, 4.3.15).
_END, _END_64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), 20
_MOST_DIRECTORY = MOST_FILES * 2_000
_FORM = re.compile(r"[^/\\:\x00-\x1f\x7f]+(?:/[^/\\:\x00-\x1f\x7f]+)*")
_FOREIGN = "energybench did not write it, or it was changed; ask for the original file"

# Errors of zipfile for files that are damaged, or that no version of it can read.
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    struct.error,
)

Contents = Mapping[str, Path | bytes]
"""Members by their names: files on disk, or bytes."""


class Opened(NamedTuple):
    """Members of a bundle, unpacked into a folder. moment: the date of all members."""

    folder: Path
    names: tuple[str, ...]
    moment: datetime


def write(path: Path, contents: Contents, moment: datetime) -> None:
    """Write the members into a new file.

    moment  date of all members, in UTC; ZIP knows even seconds from 1980 to 2107
    Raises OSError.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as bundle:
        for name in sorted(contents):
            content = contents[name]
            member = zipfile.ZipInfo(name, moment.timetuple()[:6])
            member.create_system = _UNIX
            member.external_attr = _MODE << 16
            member.file_size = (
                len(content) if isinstance(content, bytes) else content.stat().st_size
            )
            with bundle.open(member, "w") as target:
                if isinstance(content, bytes):
                    target.write(content)
                    continue
                with content.open("rb") as source:
                    while block := source.read(_CHUNK):
                        target.write(block)


def unpack(path: Path, folder: Path, draft: Path) -> Opened:
    """Unpack a bundle into an empty folder.

    draft  file for the bundle as energybench would write it; removed at the end
    Everything is checked before the first byte is unpacked: kind and number of the members, names
    that would leave the folder, sizes. Raises BadInput in one line.
    """
    where = str(path)
    _check_end(path)
    try:
        with zipfile.ZipFile(path) as bundle:
            members = bundle.infolist()
            _check(members, path.stat().st_size, where)
            moment = datetime(*members[0].date_time)
            for member in members:
                _unpack(bundle, member, folder, where)
    except _DAMAGED as error:
        raise BadInput(where, f"is not a whole ZIP file: {error}", _FOREIGN) from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the begin of the file
            raise
        raise BadInput(where, "is not a whole ZIP file: it names wrong places", _FOREIGN) from None
    names = tuple(member.filename for member in members)
    write(draft, {name: folder / name for name in names}, moment)
    place = _first_difference(path, draft)
    draft.unlink()
    if place is not None:
        raise BadInput(where, f"byte {place} is not as energybench writes a bundle", _FOREIGN)
    return Opened(folder, names, moment)


# ---------------------------------------------------------------- checks before unpacking


def is_zip(path: Path) -> bool:
    """Whether a regular file begins as a ZIP file does. Raises BadInput if it cannot be read."""
    with _regular(path) as file:
        return file.read(2) == b"PK"


def _regular(path: Path) -> IO[bytes]:
    """Open a regular file. Raises BadInput."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise BadInput(str(path), f"is {kind_of(mode)}, not a file")
        return path.open("rb")
    except FileNotFoundError:
        raise BadInput(str(path), "no such file") from None
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from None


def _check_end(path: Path) -> None:
    """Raise BadInput unless the file ends with the record of a ZIP directory of bounded size, so
    that reading the directory cannot fill the memory.
    """
    where = str(path)
    with _regular(path) as file:
        file.seek(max(0, path.stat().st_size - _END_64.size - _LOCATOR - _END.size))
        end = file.read()
    if len(end) < _END.size or not end[-_END.size :].startswith(b"PK\x05\x06"):
        raise BadInput(where, "is not a bundle: it does not end as a ZIP file does", _FOREIGN)
    sizes = [_END.unpack(end[-_END.size :])[5]]
    if len(end) == _END_64.size + _LOCATOR + _END.size and end.startswith(b"PK\x06\x06"):
        sizes = [_END_64.unpack(end[: _END_64.size])[8]]
    if sizes[0] > _MOST_DIRECTORY:
        raise BadInput(where, f"has a directory of {sizes[0]} bytes", _FOREIGN)


def _check(members: list[zipfile.ZipInfo], size: int, where: str) -> None:
    """Raise BadInput for members that energybench does not write."""
    if not members:
        raise BadInput(where, "is an empty ZIP file", _FOREIGN)
    if len(members) > MOST_FILES:
        raise BadInput(where, f"holds {len(members)} files", f"at most {MOST_FILES}")
    folded: set[str] = set()
    for member in members:
        name = member.filename
        # zipfile cuts a name at a NUL; the original shows it
        if problem := _name_problem(member.orig_filename) or _kind_problem(member):
            _refuse(where, name, problem)
        if _folded(name) in folded:
            _refuse(where, name, "stands twice, or differs from another name by its case only")
        folded.add(_folded(name))
    for member in members:
        if any(parent in folded for parent in _parents(_folded(member.filename))):
            _refuse(where, member.filename, "lies inside a file")
    # members are stored without compression: their sizes cannot exceed that of the file
    if sum(member.file_size for member in members) > min(size, MOST_BYTES):
        raise BadInput(where, "states more content than the file has bytes", _FOREIGN)


def _name_problem(name: str) -> str:
    if len(name) > MOST_NAME:
        return f"has a name of {len(name)} characters"
    if not _FORM.fullmatch(name):
        return "is not a path inside the bundle"
    if any(part in (".", "..") or part != part.strip() for part in name.split("/")):
        return "would lie outside the bundle, or has a part that file systems change"
    if any(len(part.encode("utf-8", "replace")) > 255 for part in name.split("/")):
        return "has a part of more than 255 bytes"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "is not text"
    return ""


def _kind_problem(member: zipfile.ZipInfo) -> str:
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
        return "is compressed, which no bundle of energybench is"
    if member.external_attr >> 16 != _MODE or member.create_system != _UNIX:
        return "is not a plain file of a bundle (a link, a folder, or other permissions)"
    if (member.extra, member.comment) != (b"", b"") and not member.file_size >= 1 << 31:
        return "has fields that a bundle does not have"
    return ""


def _folded(name: str) -> str:
    """The name as a file system without upper case, and with composed accents, sees it."""
    return unicodedata.normalize("NFC", name.casefold())


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _refuse(where: str, name: str, problem: str) -> NoReturn:
    raise BadInput(where, f"the file {name!r} in it {problem}", _FOREIGN)


# ---------------------------------------------------------------- bytes


def _unpack(bundle: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, where: str) -> None:
    target = folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with bundle.open(member) as source, target.open("xb") as file:
            while block := source.read(_CHUNK):
                file.write(block)
    except zipfile.BadZipFile as error:
        _refuse(where, member.filename, f"is damaged: {error}")


def _first_difference(first: Path, second: Path) -> int | None:
    """Place of the first byte that differs; None if the files are equal."""
    place = 0
    with first.open("rb") as left, second.open("rb") as right:
        while True:
            blocks = left.read(_CHUNK), right.read(_CHUNK)
            if blocks[0] == blocks[1]:
                if not blocks[0]:
                    return None
                place += len(blocks[0])
                continue
            pairs = enumerate(zip(*blocks, strict=False))
            inside = next((i for i, (a, b) in pairs if a != b), min(map(len, blocks)))
            return place + inside
