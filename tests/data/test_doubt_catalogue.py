"""The catalogue of doubts: one entry and one meaning for each code, and the page made from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from energybench.data.doubt_catalogue import CODES, catalogue, explain, page
from energybench.errors import BadInput

ROOT = Path(__file__).parents[2]
SCENARIOS = "energybench/data/scenarios"


def test_every_code_has_an_entry_and_every_entry_a_code() -> None:
    """The typed list and the catalogue hold the same codes."""
    assert catalogue()
    assert set(catalogue()) == set(CODES)


def test_every_entry_is_whole_and_has_a_meaning_of_its_own() -> None:
    """Meaning, effect and remedy are sentences; no two codes have the same meaning."""
    entries = catalogue().values()
    for entry in entries:
        for sentence in (entry.meaning, entry.effect, entry.remedy):
            assert re.match(r"[A-Z`-]", sentence), entry.code
            assert sentence.endswith("."), entry.code
    assert len({entry.meaning for entry in entries}) == len(CODES)


def test_every_code_is_used() -> None:
    """A code that the project itself never states is a note of a plugin."""
    sources = [
        path.read_text("utf-8")
        for folder, pattern in (
            ("energybench", "*.py"),
            ("workloads", "*.py"),
            (SCENARIOS, "*.toml"),
        )
        for path in (ROOT / folder).rglob(pattern)
        if path.parent.name != "model" or path.name != "doubts.py"
    ]
    text = "\n".join(sources)
    unused = {code for code in CODES if f'"{code}"' not in text}
    assert unused == {"scenario-note"}


def test_the_page_in_the_docs_is_the_catalogue() -> None:
    """docs/doubts.md is what `energybench explain --markdown` prints."""
    assert (ROOT / "docs/doubts.md").read_text("utf-8") == page()


def test_an_unknown_code_is_refused() -> None:
    """A code that does not exist is an input error, with the way to the list."""
    with pytest.raises(BadInput, match="is not the code of a doubt"):
        explain("one-nod")
