"""`energybench explain [CODE…]`: the catalogue of doubts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, options
from energybench.cli.wrapping import terminal_width, wrapped
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.data.doubt_catalogue import Entry


def explain(
    codes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CODE]...",
            help="Codes of doubts, such as one-node or [one-node]. Without a code: all codes.",
        ),
    ] = None,
    markdown: Annotated[
        bool,
        typer.Option("--markdown", help="Print the entries as Markdown; without a code, all."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Say what a doubt means, and what to do.

    Each entry states the meaning, the test with its threshold, the effect on a result and a remedy.
    """
    from energybench.data import doubt_catalogue

    if markdown and json:
        raise BadInput("--markdown --json", "are two formats", "leave one of them out")
    entries = list(doubt_catalogue.catalogue().values())
    if codes:
        entries = list(dict.fromkeys(doubt_catalogue.explain(code) for code in codes))
    if json:
        from energybench.model import SCHEMA

        rows = [entry._asdict() for entry in entries]
        common.print_json({"schema": SCHEMA, "kind": "doubts", "entries": rows})
    elif markdown:
        page = doubt_catalogue.markdown(entries) if codes else doubt_catalogue.page()
        print(page, end="")
    elif codes:
        print("\n\n".join(_entry(entry, terminal_width()) for entry in entries))
    else:
        print(_list(entries, terminal_width()))


def _entry(entry: Entry, width: int | None) -> str:
    """One entry with all of its sentences."""
    rows = [("meaning", entry.meaning), ("test", entry.test)]
    rows += [("effect", entry.effect), ("remedy", entry.remedy)]
    lines = [f"{entry.code}   ({entry.group})"]
    for name, sentences in rows:
        lines += wrapped(sentences, f"  {name:<9}", width)
    return "\n".join(lines)


def _list(entries: Sequence[Entry], width: int | None) -> str:
    """The meaning of each code, by group."""
    longest = max(len(entry.code) for entry in entries)
    groups = []
    for group, members in groupby(entries, key=lambda entry: entry.group):
        lines = [group]
        for entry in members:
            lines += wrapped(entry.meaning, f"  {entry.code:<{longest}}  ", width)
        groups.append("\n".join(lines))
    return "\n\n".join(groups)
