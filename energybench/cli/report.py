"""`energybench report RUN|STORE…`"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from energybench.cli import common, options
from energybench.errors import BadInput


def report(
    results: Annotated[
        list[str],
        typer.Argument(
            help="Runs, studies, stores, and files printed by compare --json or project --json."
        ),
    ],
    form: Annotated[
        str, typer.Option("--format", help="See `energybench list reports`.")
    ] = "terminal",
    out: options.ReportOut = None,
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
    from energybench.store.document import MOST_TIMELINES, document, gather

    renderer = load("reports", "json" if json else form)
    # a report without charts of power states so; the samples are then not read
    draws = getattr(renderer, "timelines", True)
    gathered = gather(results, store, MOST_TIMELINES if draws else 0)
    contents = document(
        title or _title(gathered.results),
        gathered.results,
        gathered.timelines,
        [*(note or ()), *gathered.notes],
    )
    rendered = renderer.render(contents)
    if out is None:
        if sys.stdout.isatty():
            print(rendered.decode("utf-8"), end="")
        else:
            common.print_bytes(rendered)
        return
    write(out, rendered)
    common.say(f"written to {out}")


def write(out: Path, rendered: bytes) -> None:
    """Write a report into an existing folder. A missing folder may be a slip of the hand, and is
    not made.

    Raises BadInput if the report cannot be written.
    """
    from energybench.store.durable import check_replaceable, replace_file

    if not out.parent.exists():
        raise BadInput(
            f"--out {out}",
            f"there is no folder {out.parent}",
            f"mkdir -p {shlex.quote(str(out.parent))}",
        )
    check_replaceable(out, f"--out {out}")
    try:
        replace_file(out, rendered)
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
