"""The catalogue of doubts in words: data/doubts.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple, get_args

from energybench.errors import BadInput
from energybench.model import DoubtCode

CODES: tuple[DoubtCode, ...] = get_args(DoubtCode)


class Entry(NamedTuple):
    """One code of a doubt: group, meaning, effect on a result, and remedy."""

    code: str
    group: str
    meaning: str
    effect: str
    remedy: str


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by code, in the order of the file."""
    table = tomllib.loads(files(__package__).joinpath("doubts.toml").read_text("utf-8"))
    groups = table.pop("groups")
    entries = {}
    for code, row in table.items():
        group = groups[row["group"]]
        entries[code] = Entry(code, group, row["meaning"], row["effect"], row["remedy"])
    return entries


def explain(code: str) -> Entry:
    """The entry of one code. Raises BadInput for a code that does not exist."""
    entry = catalogue().get(code)
    if entry is None:
        raise BadInput(
            f"code {code!r}",
            "is not the code of a doubt",
            "`energybench explain` without a code lists them all",
        )
    return entry


def page() -> str:
    """docs/doubts.md: the whole catalogue as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Doubts"
    yield ""
    yield "A doubt is a statement that weakens a result. Each doubt has a code with one meaning,"
    yield "a message with the figures of the case, and a remedy. `energybench explain CODE`"
    yield "prints the entry of a code."
    yield ""
    yield "This page is made from `energybench/data/doubts.toml` by"
    yield "`energybench explain --markdown > docs/doubts.md`."
    group = ""
    for entry in catalogue().values():
        if entry.group != group:
            group = entry.group
            yield from ("", f"## {group}")
        yield from ("", f"### {entry.code}", "")
        yield f"{entry.meaning}"
        yield ""
        yield f"- **Effect on the result:** {entry.effect}"
        yield f"- **Remedy:** {entry.remedy}"
