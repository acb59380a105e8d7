"""Foreign text (labels, messages, names from files), made safe to print."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, TypeVar

import msgspec

from energybench.model import Image

T = TypeVar("T")

# Shown characters of a text. The longest sentences of energybench, doubts with their remedies, have
# some 400; a label or the name of a device is far shorter.
MOST_SHOWN = 600
# Shown characters of a row, for any content.
_MOST_OF_A_ROW = 4000

# Characters that change the direction of text or have no width (Unicode Standard Annex 9).
_BIDI = "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_IS_BIDI = re.compile(f"[{_BIDI}]")
# JSON allows these characters unescaped in a string; a terminal obeys DEL and the C1 controls, and
# readers break lines at U+2028 and U+2029.
_TO_ESCAPE = re.compile(f"[\x7f-\x9f\u2028\u2029{_BIDI}]")


def visible(text: str) -> str:
    """The text on one line: line breaks become spaces, bytes that were not UTF-8 are written as
    \\xNN, and control characters and characters that change the direction become U+FFFD. A row of
    thousands of characters is shortened.
    """
    text = shortened(text, _MOST_OF_A_ROW)
    if text.isprintable():  # no character of the categories below, by the definition of Python
        return text
    text = unicode_text(text)
    line = " ".join(text.splitlines())
    return "".join(
        character if character.isprintable() else _visible(character) for character in line
    )


def _visible(character: str) -> str:
    if _IS_BIDI.match(character) or unicodedata.category(character) in ("Cc", "Co", "Cn"):
        return "\ufffd"
    return character


def shortened(text: str, most: int = MOST_SHOWN) -> str:
    """The text, or the beginning of a long text with its length: 'aaa… (5,000,000 characters)'."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text):,} characters)"


def displayed(noun: T) -> T:
    """The noun with shortened texts, for display. The files keep the whole texts."""
    return _displayed(noun)  # type: ignore[no-any-return]


def _displayed(value: Any) -> Any:
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, msgspec.Struct):
        before = {name: getattr(value, name) for name in value.__struct_fields__}
        if isinstance(value, Image):
            del before["png"]  # the picture, which is not a text
        after = {name: _displayed(item) for name, item in before.items()}
        changed = {name: item for name, item in after.items() if item is not before[name]}
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, tuple):
        items = tuple(map(_displayed, value))
        same = all(item is old for item, old in zip(items, value, strict=True))
        return value if same else items
    if isinstance(value, dict):
        fields = {_displayed(key): _displayed(item) for key, item in value.items()}
        return value if fields == value else fields
    return value


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
