"""`energybench report RUN|STORE…`"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from energybench.cli import options
from energybench.errors import BadInput


def report(
    what: Annotated[
        list[str],
        typer.Argument(
            help="Runs, studies, stores, and files printed by compare --json or project --json."
        ),
    ],
    form: Annotated[
        str, typer.Option("--format", help="See `energybench list reports`.")
    ] = "terminal",
    out: options.OptionalOut = None,
    title: Annotated[str | None, typer.Option("--title", help="Title of the report.")] = None,
    note: Annotated[
        list[str] | None,
        typer.Option("--note", help="A note to print under the title (may be repeated)."),
    ] = None,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Render results as html, markdown, terminal text or json."""
    from energybench.plugins import load
    from energybench.store.document import document, gather

    renderer = load("reports", "json" if json else form)
    found = gather(what, store)
    made = renderer.render(
        document(
            title or _title(found.results),
            found.results,
            found.timelines,
            [*(note or ()), *found.notes],
        )
    )
    if out is None:
        sys.stdout.buffer.write(made)
        return
    write(out, made)
    print(f"written to {out}", file=sys.stderr)


def write(out: Path, made: bytes) -> None:
    """Write a report into a folder that is there: one that a slip of the hand names is not made.

    Raises BadInput where it cannot be written.
    """
    if not out.parent.exists():
        raise BadInput(
            f"--out {out}",
            f"there is no folder {out.parent}",
            f"mkdir -p {shlex.quote(str(out.parent))}",
        )
    try:
        out.write_bytes(made)
    except OSError as error:
        raise BadInput(f"--out {out}", f"cannot be written: {error.strerror}") from None


def _title(results: list[Any]) -> str:
    labels = [
        " → ".join(result.labels)
        if hasattr(result, "labels")
        else getattr(result, "label", getattr(result, "title", ""))
        for result in results
    ]
    return "energybench: " + ", ".join(dict.fromkeys(labels)) if labels else "energybench"
