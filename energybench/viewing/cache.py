"""The index of a store in the user's cache: rows that need not be made again.

$XDG_CACHE_HOME/energybench/view-DIGEST.msgpack, a file for each store. The file can be removed at
any time; a damaged file, or a file of another version, is made anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench import __version__
from energybench.viewing.rows import Row

_FORMAT = 2  # of the file; raised when `Row` changes its meaning
_DIGEST_BYTES = 32
_MOST_BYTES = 512_000_000


class _Stored(msgspec.Struct, array_like=True):
    format: int
    version: str
    store: bytes
    rows: list[Row]


class CacheFolder(NamedTuple):
    """The folder of the index. path: None without a known folder (no home)."""

    path: Path | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> CacheFolder:
        """By the XDG base directory specification, which ignores relative paths."""
        stated = environment.get("XDG_CACHE_HOME", "")
        if os.path.isabs(stated):
            return cls(Path(stated) / "energybench")
        home = environment.get("HOME", "")
        return cls(Path(home) / ".cache" / "energybench" if os.path.isabs(home) else None)

    def file(self, store: bytes) -> Path | None:
        if self.path is None:
            return None
        return self.path / f"view-{hashlib.blake2b(store, digest_size=10).hexdigest()}.msgpack"


def load(file: Path | None, store: bytes) -> list[Row]:
    """The stored rows of a store; empty without a whole file of this version."""
    try:
        if file is None or file.stat().st_size > _MOST_BYTES:
            return []
        content = file.read_bytes()
        digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
            return []
        stored = msgspec.msgpack.decode(body, type=_Stored)
    except (OSError, msgspec.DecodeError):
        return []
    if (stored.format, stored.version, stored.store) != (_FORMAT, __version__, store):
        return []
    return stored.rows


def save(file: Path, store: bytes, rows: Sequence[Row]) -> None:
    """Replace the stored rows as a whole. Raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    body = msgspec.msgpack.encode(_Stored(_FORMAT, __version__, store, list(rows)))
    digest = hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            new.write(digest + body)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
