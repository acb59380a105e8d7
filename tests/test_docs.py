"""The pages of docs hang together: links lead to files and headings that exist."""

from __future__ import annotations

import re
import string
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
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
