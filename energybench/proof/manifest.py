"""The two files by which a bundle describes itself.

manifest.json  schema, date, versions, and whether names were replaced by pseudonyms
SHA256SUMS     the SHA-256 of every other file, manifest.json included, as sha256sum(1) writes it:
               `sha256sum -c SHA256SUMS` checks an unpacked bundle without energybench
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from energybench import __version__
from energybench.errors import BadInput
from energybench.model import Noun
from energybench.proof.archive import Contents
from energybench.store import strict, unknown_fields
from energybench.store.run import pretty

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
# Libraries that numbers and documents depend on.
LIBRARIES = ("numpy", "scipy", "pyarrow", "msgspec", "altair", "vl-convert-python", "typst")


class Manifest(Noun, frozen=True, kw_only=True):
    """Statements of the program that made the bundle.

    created_utc  the date of the bundle, stated or of the day
    libraries    versions by name; a library that was not installed has none
    redacted     whether names of machines, people and places were replaced by pseudonyms
    """

    schema: Literal["energybench-bundle/1"] = "energybench-bundle/1"
    created_utc: str
    energybench: str
    python: str
    libraries: dict[str, str]
    redacted: bool = False

    @property
    def versions(self) -> dict[str, str]:
        """The versions that matter for numbers and documents."""
        return {"energybench": self.energybench, **self.libraries}


def of_today(created_utc: str, *, redacted: bool) -> Manifest:
    """The manifest of a bundle that this installation makes."""
    return Manifest(
        created_utc=created_utc,
        energybench=__version__,
        python=platform.python_version(),
        libraries=installed(),
        redacted=redacted,
    )


def installed() -> dict[str, str]:
    """Versions of the libraries that are installed."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def with_manifest(contents: Contents, manifest: Manifest) -> dict[str, Path | bytes]:
    """The files of a bundle with its manifest and its sums."""
    files = {**contents, MANIFEST: pretty(manifest).encode()}
    return {**files, SUMS: sums(files)}


def read_manifest(folder: Path, where: str) -> Manifest:
    """The manifest of an unpacked bundle. Raises BadInput."""
    place = f"{where}: {MANIFEST}"
    if not (folder / MANIFEST).is_file():
        raise BadInput(where, f"is not a bundle: it has no {MANIFEST}", "energybench bundle")
    value = strict.load(folder / MANIFEST)
    if not isinstance(value, dict) or value.get("schema") != "energybench-bundle/1":
        raise BadInput(place, "is not the manifest of a bundle", "energybench did not write it")
    return unknown_fields.convert(value, Manifest, place)


# ---------------------------------------------------------------- sums


def sums(contents: Contents) -> bytes:
    """The file of sums."""
    lines = [f"{sha256(content)}  {name}\n" for name, content in sorted(contents.items())]
    return "".join(lines).encode()


def differing(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(file, words) of every file that the sums do not fit, that they lack, or that is missing."""
    if SUMS not in names:
        yield SUMS, "is missing"
        return
    stated = _stated(folder / SUMS)
    present = {name: folder / name for name in names if name != SUMS}
    for name, digest in stated.items():
        if name not in present:
            yield name, f"is missing, though {SUMS} lists it"
        elif sha256(present[name]) != digest:
            yield name, f"is not the file that {SUMS} lists: its SHA-256 differs"
    for name in present:
        if name not in stated:
            yield name, f"is not listed in {SUMS}: it was added"
    exact = "".join(f"{digest}  {name}\n" for name, digest in sorted(stated.items())).encode()
    if exact != (folder / SUMS).read_bytes():
        yield SUMS, "is not as energybench writes it"


def _stated(path: Path) -> Mapping[str, str]:
    """Digests by name, from lines of the right form; a line of another form is no statement."""
    stated = {}
    for line in path.read_bytes().decode("utf-8", "replace").split("\n"):
        digest, _, name = line.partition("  ")
        if name:
            stated[name] = digest
    return stated


def sha256(content: Path | bytes) -> str:
    """The SHA-256 in hexadecimal digits."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
