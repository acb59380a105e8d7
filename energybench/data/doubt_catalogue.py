"""The catalogue of doubts in words: data/doubts.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import NamedTuple, get_args

from energybench.errors import BadInput
from energybench.model import DoubtCode

CODES: tuple[DoubtCode, ...] = get_args(DoubtCode)
_MOST_NEAR = 2  # codes proposed by a refusal
_HEAD = """\
# Doubts

A doubt is a statement that weakens a result. Each doubt has a code with one meaning, a test that
raises it, a message with the figures of the case, and a remedy. `energybench explain CODE` prints
the entry of a code.

This page is made from `energybench/data/doubts.toml` by
`energybench explain --markdown > docs/doubts.md`.

"""


class Entry(NamedTuple):
    """A code of a doubt.

    title  the heading in a report, without a full stop
    test   the rule that raises the doubt, with its threshold
    """

    code: str
    group: str
    title: str
    meaning: str
    test: str
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
        words = (row[name] for name in ("title", "meaning", "test", "effect", "remedy"))
        entries[code] = Entry(code, group, *words)
    return entries


def explain(code: str) -> Entry:
    """The entry of a code, possibly in brackets and in capitals.

    Raises BadInput for a code that does not exist.
    """
    name = code.strip().removeprefix("[").removesuffix("]").lower()
    entry = catalogue().get(name)
    if entry is None:
        near = get_close_matches(name, CODES, _MOST_NEAR)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise BadInput(
            f"code {code!r}",
            "is not the code of a doubt",
            f"{hint}`energybench explain` without a code lists them all",
        )
    return entry


def page() -> str:
    """docs/doubts.md: the whole catalogue as Markdown."""
    return _HEAD + markdown(catalogue().values())


def markdown(entries: Iterable[Entry]) -> str:
    """Entries as Markdown, under the headings of their groups."""
    return "\n\n".join(_paragraphs(entries)) + "\n"


def _paragraphs(entries: Iterable[Entry]) -> Iterator[str]:
    group = ""
    for entry in entries:
        if entry.group != group:
            group = entry.group
            yield f"## {group}"
        yield f"### {entry.code}"
        yield entry.meaning
        yield (
            f"- **Test:** {entry.test}\n"
            f"- **Effect on the result:** {entry.effect}\n"
            f"- **Remedy:** {entry.remedy}"
        )
