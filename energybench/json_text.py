"""JSON for a terminal: characters that a terminal would obey are escaped."""

from __future__ import annotations

import re

# Characters that JSON allows in a string as they stand, although a terminal obeys some (DEL and the
# C1 controls) and others change the direction of text (Unicode Standard Annex 9).
_TO_ESCAPE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def escaped(text: str) -> str:
    """The same JSON document, with such characters as \\uXXXX."""
    return _TO_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
