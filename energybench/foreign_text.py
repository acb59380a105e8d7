"""Text that energybench did not write (labels, messages, names from files), made safe to print."""

from __future__ import annotations

import unicodedata

# Characters that change the direction of text or have no width (Unicode Standard Annex 9).
_BIDI = frozenset(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def visible(text: str) -> str:
    """The text on one line: line breaks become spaces; control characters, characters that change
    the direction, and halves of surrogate pairs become U+FFFD.
    """
    return "".join(map(_visible, " ".join(text.splitlines())))


def _visible(character: str) -> str:
    if character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn"):
        return "\ufffd"
    return character
