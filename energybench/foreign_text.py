"""Text that energybench did not write (labels, messages, names from files), made safe to print."""

from __future__ import annotations

import re
import unicodedata

# Characters that change the direction of text or have no width (Unicode Standard Annex 9).
_BIDI = "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_IS_BIDI = re.compile(f"[{_BIDI}]")
# JSON allows these characters in a string as they stand; a terminal obeys DEL and the C1 controls,
# and readers break lines at U+2028 and U+2029.
_TO_ESCAPE = re.compile(f"[\x7f-\x9f\u2028\u2029{_BIDI}]")


def visible(text: str) -> str:
    """The text on one line: line breaks become spaces; control characters, characters that change
    the direction, and halves of surrogate pairs become U+FFFD.
    """
    if text.isprintable():  # no character of the categories below, by the definition of Python
        return text
    line = " ".join(text.splitlines())
    return "".join(
        character if character.isprintable() else _visible(character) for character in line
    )


def _visible(character: str) -> str:
    if _IS_BIDI.match(character) or unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn"):
        return "\ufffd"
    return character


def escaped(document: str) -> str:
    """The same JSON document, with the characters that `visible` replaces as escapes."""
    return _TO_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def unicode_text(text: str) -> str:
    """The text with bytes that were not UTF-8 written as \\xNN. Python holds such bytes of an
    argument or a file name as halves of surrogate pairs (PEP 383), which no UTF-8 file can hold.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a half of a surrogate pair that stands for no byte
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
