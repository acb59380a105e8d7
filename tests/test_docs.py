"""The pages of docs hang together: links lead to files and headings that exist, and a reader finds
every page, command and format.
"""

from __future__ import annotations

import re
import string
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer

from energybench.cli.main import app

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGES = [name for name in TRACKED if re.fullmatch(r"docs/[\w-]+\.md", name)]
COMMANDS = [
    name
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
    if not command.hidden
]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them: lower case, no punctuation, hyphens for
    spaces.
    """
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page), re.MULTILINE)
    kept = string.ascii_lowercase + string.digits + "-_ "
    return {
        "".join(c for c in heading.lower() if c in kept or c.isalpha()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("name", TRACKED)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link names a file of the tree, and a heading of that page if it has a #."""
    page = FENCED.sub("", (ROOT / name).read_text("utf-8"))
    for target in LINK.findall(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), target


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_linked_from_the_first_one(name: str) -> None:
    """A page that README does not name is found by nobody."""
    assert f"]({name})" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_in_a_page(command: str) -> None:
    """As it is typed, in README or in a page of docs. A page of reasons does not count."""
    names = [name for name in TRACKED if re.match(r"README|docs/(?!decisions/)", name)]
    pages = [(ROOT / name).read_text("utf-8") for name in names]
    assert any(re.search(rf"energybench {command}\b", page) for page in pages)


def test_every_format_is_in_the_table() -> None:
    """The table of docs/reports.md has a row for each format of this project, and no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    table = (ROOT / "docs" / "reports.md").read_text("utf-8").partition("## Contents")[0]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(project["entry-points"]["energybench.reports"])
