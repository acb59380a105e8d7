"""`energybench bundle RUN|COMPARISON…`"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput
from energybench.units import counted

_TABLES = ("csv", "json")  # reports that write the tables of a bundle
_MOST_SHOWN = 4  # runs and scenarios in a line


def bundle(
    results: Annotated[
        list[str],
        typer.Argument(
            help="Runs, studies, stores, and files printed by a command with --json (compare, "
            "project, grade)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="File that gets the bundle, a ZIP file.")],
    document: Annotated[
        list[Path] | None,
        typer.Option("--document", help="Report as HTML, PDF or JSON (may be repeated)."),
    ] = None,
    scenario: Annotated[
        list[Path] | None,
        typer.Option("--scenario-file", help="Scenario file of a projection (may be repeated)."),
    ] = None,
    publication: options.PublicationFile = None,
    date: options.ReportDate = None,
    redact: Annotated[
        bool,
        typer.Option(
            "--redact",
            help="Replace names of hosts, users, paths and devices by pseudonyms.",
        ),
    ] = False,
    salt: Annotated[
        Path | None,
        typer.Option(
            "--salt",
            help="File with the secret of the pseudonyms, made if it is missing. Default: beside "
            "--out, with .salt at its end.",
        ),
    ] = None,
    hide: Annotated[
        list[str] | None,
        typer.Option("--hide", help="With --redact: one more name to replace (may be repeated)."),
    ] = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Put runs, comparisons and reports into one file as proof.

    The same input with the same --date gives the same bytes. `energybench verify` checks the file
    without a network. --redact replaces names before anything is written, and keeps shared sensors
    shared.
    """
    from energybench.cli.report_date import stated_date
    from energybench.measuring.session import ranges
    from energybench.proof.bundling import make
    from energybench.proof.contents import Wanted
    from energybench.proof.pseudonyms import Pseudonyms, salt_of
    from energybench.store.publication_file import check_tested, read_publication

    if not redact and (salt is not None or hide):
        raise BadInput("--salt" if salt is not None else "--hide", "needs --redact")
    if not out.parent.is_dir():
        raise BadInput(f"--out {out}", f"there is no folder {out.parent}")
    created_utc = stated_date(date, os.environ) or datetime.now(UTC).isoformat(timespec="seconds")
    if publication is not None:
        check_tested(read_publication(publication), created_utc, str(publication))
    wanted = Wanted(results, document or (), scenario or (), publication)
    salt_file = salt or out.with_name(f"{out.name}.salt")
    pseudonyms = Pseudonyms(salt_of(salt_file), hide or ()) if redact else None
    written = make(wanted, store, out, created_utc, _TABLES, ranges(), pseudonyms)
    if json:
        common.print_json({"file": str(out), **written._asdict()})
    else:
        common.show(
            [
                f"{out}: {counted(written.files, 'file')}, {written.bytes} bytes",
                f"  SHA-256 {written.sha256}",
            ]
        )
    if redact:
        common.say(
            f"  {written.names} names replaced. Keep {salt_file} to yourself: whoever has it can "
            "test guesses of a name, and with it you give the same names the same pseudonyms again"
        )
    if written.absent:
        common.say(_not_verifiable(written.absent))
    common.say(f"  check it with: energybench verify {shlex.quote(str(out))}")


def _not_verifiable(absent: Mapping[str, Sequence[str]]) -> str:
    """Words on the runs and scenarios that a bundle lacks."""
    lacking = list(dict.fromkeys(name for names in absent.values() for name in names))
    shown = ", ".join(lacking[:_MOST_SHOWN]) + (", …" if len(lacking) > _MOST_SHOWN else "")
    return (
        f"  it lacks {shown}: nobody can check the numbers of {', '.join(absent)}, and "
        "`energybench verify` will say so; name the runs too, and scenarios with --scenario-file"
    )
