"""`energybench verify FILE`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.proof.proof import Proof

_WORDS = {
    "verified": "verified",
    "text-only": "only the text was compared, with the document inside the file, and it is equal; "
    "the numbers rest on {missing} that are not there, and are not verified",
    "incomplete": "not verified: numbers rest on {missing} that are not in the bundle, and nobody "
    "can check them",
    "differs-by-version": "differs by version, and is not verified",
    "code-by-version": "differs by version in code that a viewer runs, and is not verified",
    "differs": "differs, and is not verified",
}
_MISSING = {"runs": "runs", "samples": "samples", "scenario": "scenarios"}


def verify(
    file: Annotated[
        Path, typer.Argument(help="A bundle (ZIP), or a report as HTML or PDF.", show_default=False)
    ],
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", help="SHA-256 that the publisher states for the file."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Check a bundle or a report: its numbers and text are made again.

    Needs no network and executes nothing of the file. Exit code 1 and a list if anything differs,
    or if a bundle lacks runs, samples or scenarios on which its numbers rest; 2 for a file that is
    not a whole bundle or report. A report alone holds no samples: only its text is compared, with
    exit code 0. Differences that another version of energybench
    may have caused are listed, with exit code 0; those in code that a viewer runs, such as the
    scripts of a page, with exit code 1.
    """
    from energybench.measuring.session import ranges
    from energybench.proof.checking import check

    proof = check(file, ranges())
    if sha256 is not None and sha256.strip().lower() != proof.sha256:
        raise BadInput(
            f"--sha256 {sha256}", f"{file} has {proof.sha256}", "it is not the publisher's file"
        )
    if json:
        common.print_json(proof)
    else:
        common.show(_lines(proof))
    if proof.outcome in ("differs", "code-by-version", "incomplete"):
        raise typer.Exit(1)


def _lines(proof: Proof) -> Iterator[str]:
    origin = f"made by energybench {proof.made_by or 'of an unknown version'}"
    if proof.made_utc:
        origin += f", dated {proof.made_utc}"
    missing = " and ".join(_MISSING[one] for one in proof.missing)
    yield f"{proof.file}: {_WORDS[proof.outcome].format(missing=missing)}"
    yield f"  SHA-256 {proof.sha256}"
    yield f"  {origin}; read by {proof.read_by}" + (
        "; names are pseudonyms" if proof.redacted else ""
    )
    for finding in proof.findings:
        yield f"  {'differs by version' if finding.by_version else 'differs'}: " + (
            f"{finding.place}: {finding.what}"
        )
    for words in proof.checked:
        yield f"  checked: {words}"
    for words in proof.not_checked:
        yield f"  not checked: {words}"
    if proof.packages and proof.outcome != "differs":
        yield f"  to verify it: pip install {' '.join(proof.packages)}"
