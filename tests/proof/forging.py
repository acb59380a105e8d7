"""Bundles that were changed after they were made, as a forger would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from energybench.proof import archive, manifest

Change = Callable[[Path], None]


def unpacked(bundle: Path, folder: Path) -> archive.Opened:
    folder.mkdir()
    return archive.unpack(bundle, folder, folder.with_suffix(".again"))


def rebuilt(bundle: Path, tmp_path: Path, change: Change, *, sums: bool) -> Path:
    """The bundle after a change of its unpacked files, written as energybench writes one.

    sums  whether the sums are made anew, as a forger would
    """
    opened = unpacked(bundle, tmp_path / "bundle")
    change(opened.folder)
    files = {
        str(path.relative_to(opened.folder)): path
        for path in opened.folder.rglob("*")
        if path.is_file() and not (sums and path.name == manifest.SUMS)
    }
    contents: dict[str, Path | bytes] = dict(files)
    if sums:
        contents[manifest.SUMS] = manifest.sums(files)
    archive.write(tmp_path / "changed.zip", contents, opened.moment)
    return tmp_path / "changed.zip"


def edit(pattern: str, change: Callable[[Any], None]) -> Change:
    """Change the JSON of the first file with this name."""

    def apply(folder: Path) -> None:
        path = sorted(folder.rglob(pattern))[0]
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content, indent=1))

    return apply


def replace(pattern: str, old: str, new: str) -> Change:
    """Change the text of the first file with this name."""

    def apply(folder: Path) -> None:
        path = sorted(folder.rglob(pattern))[0]
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return apply
