"""`energybench explain [CODE]`: the catalogue of doubts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, options

if TYPE_CHECKING:
    from energybench.data.doubt_catalogue import Entry


def explain(
    code: Annotated[
        str | None,
        typer.Argument(help="Code of a doubt, such as one-node. Without a code: all codes."),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the whole catalogue as Markdown.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Say what a doubt means, and what to do."""
    from energybench.data import doubt_catalogue

    if markdown:
        print(doubt_catalogue.page(), end="")
        return
    entries = list(doubt_catalogue.catalogue().values())
    if code is not None:
        entries = [doubt_catalogue.explain(code)]
    if json:
        from energybench.model import SCHEMA

        rows = [entry._asdict() for entry in entries]
        common.print_json({"schema": SCHEMA, "kind": "doubts", "entries": rows})
        return
    if code is None:
        _list(entries)
        return
    (entry,) = entries
    print(f"{entry.code}   ({entry.group})")
    print(f"  meaning  {entry.meaning}")
    print(f"  effect   {entry.effect}")
    print(f"  remedy   {entry.remedy}")


def _list(entries: list[Entry]) -> None:
    """One line for each code, by group."""
    width = max(len(entry.code) for entry in entries)
    group = ""
    for entry in entries:
        if entry.group != group:
            print(f"\n{entry.group}" if group else entry.group)
            group = entry.group
        print(f"  {entry.code:<{width}}  {entry.meaning}")
