"""Where the bytes of a report go: to the terminal, into a file, or into a folder of files."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from energybench.cli import common
from energybench.errors import BadInput, StorageFailed
from energybench.plugins import Rendered, Report

_LISTED = 10  # names of files that are printed


def deliver(report: Report, rendered: Rendered, out: Path | None) -> None:
    """Print or write a report.

    out  a file, or a folder if the format has several files; None for the terminal

    Raises BadInput for several files without a folder, and for a file that is not text on a
    terminal; StorageFailed.
    """
    if isinstance(rendered, bytes):
        if out is not None:
            write(out, rendered)
            common.say(f"written to {out}")
        elif sys.stdout.isatty():
            if not getattr(report, "text", True):
                raise BadInput(
                    f"--format {report.name}",
                    "is not text for a terminal",
                    f"name a file: --out FILE{report.suffix}",
                )
            print(rendered.decode("utf-8"), end="")
        else:
            common.print_bytes(rendered)
        return
    if out is None:
        raise BadInput(
            f"--format {report.name}", "writes several files", "name a folder: --out DIR"
        )
    write_folder(out, rendered, f"the format {report.name}")
    common.say(f"written to {out}: {_listed(list(rendered))}")


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _LISTED:
        return ", ".join(names)
    return f"{len(names):,} files, {names[0]} to {names[-1]}"


def write(out: Path, rendered: bytes) -> None:
    """Write a report into an existing folder. A missing folder may be a slip of the hand, and is
    not made.

    Raises BadInput for a missing folder, and StorageFailed if the report cannot be written.
    """
    from energybench.store.durable import check_replaceable, replace_file

    _check_parent(out, "--out")
    check_replaceable(out, f"--out {out}")
    try:
        replace_file(out, rendered)
    except OSError as error:
        raise StorageFailed(f"--out {out}: cannot be written: {error.strerror}") from None


def write_folder(out: Path, files: Mapping[str, bytes], report: str, option: str = "--out") -> None:
    """Write the files of a report into a folder, which is made if its parent exists. Other files of
    the folder stay. Everything is checked before the first file is written.

    option  of the command, with the name of the folder

    Raises BadInput for a missing parent, a name that is not one of a file in the folder, and a
    device or folder of that name; StorageFailed if a file cannot be written.
    """
    from energybench.store.durable import check_replaceable, replace_file

    _check_parent(out, option)
    if out.exists() and not out.is_dir():
        raise BadInput(
            f"{option} {out}",
            f"is a file, and {report} writes several files",
            "name a folder, new or old",
        )
    for name in files:
        if not _stays_inside(name):
            raise BadInput(
                f"report {report!r}",
                f"names a file {name!r}, which is not a file of the folder",
                "mend or uninstall the plugin",
            )
        check_replaceable(out / name, f"{option} {out / name}")
    try:
        out.mkdir(exist_ok=True)
        for name, content in files.items():
            replace_file(out / name, content)
    except OSError as error:
        raise StorageFailed(f"{option} {out}: cannot be written: {error.strerror}") from None


def _check_parent(out: Path, option: str) -> None:
    if not out.parent.exists():
        raise BadInput(
            f"{option} {out}",
            f"there is no folder {out.parent}",
            f"mkdir -p {shlex.quote(str(out.parent))}",
        )


def _stays_inside(name: str) -> bool:
    """Whether the name is that of a visible file directly in a folder."""
    return name.isprintable() and "/" not in name and not name.startswith(".") and name != ""
