"""Counts the words of a text."""

from __future__ import annotations

import re
from collections import Counter

WORD = re.compile(r"\w+")


def count(text: str) -> Counter[str]:
    """How often each word stands in the text."""
    return Counter(WORD.findall(text.lower()))


def most_common(text: str, n: int = 10) -> list[tuple[str, int]]:
    """The n most frequent words, the most frequent first."""
    return count(text).most_common(n)
