"""The fonts of a PDF, which ship with the package: typst uses no other fonts for a report.

Liberation Sans has Latin, Greek, Cyrillic and Hebrew letters, DejaVu Sans adds Arabic, more symbols
and arrows. typst is silent about a missing character, so the characters are looked up here.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from energybench.errors import BadInput, NotInstalled

FOLDER = Path(__file__).parent / "fonts"
# first the font of all text, then fonts for further characters
FILES = ("LiberationSans-Regular.ttf", "DejaVuSans.ttf")
_MISSING_EM = 1.0  # width of the box in place of a missing character


class _Widths(dict[int, float]):
    """A code point missing in every font counts as a box."""

    def __missing__(self, code: int) -> float:
        return _MISSING_EM


class Glyphs(NamedTuple):
    """Widths of characters, em, by code point."""

    widths: dict[int, float]

    def width(self, text: str) -> float:
        """Width of a text on a line, in em."""
        return sum(map(self.widths.__getitem__, map(ord, text)))


def font_tools() -> Any:
    """The module fontTools.ttLib. Raises BadInput if it is not installed."""
    try:
        import fontTools.ttLib as library
    except ImportError:
        raise NotInstalled("fonttools") from None
    return library


@functools.lru_cache(maxsize=1)  # the files of the package, read once
def glyphs() -> Glyphs:
    """The characters of the fonts. Raises BadInput if fontTools is not installed, or if a font of
    the package cannot be read.
    """
    library = font_tools()
    widths = _Widths()
    for name in reversed(FILES):
        try:
            font = library.TTFont(FOLDER / name, lazy=True)
            advances, em = font["hmtx"], font["head"].unitsPerEm
            widths_em = {
                code: advances[glyph][0] / em for code, glyph in font.getBestCmap().items()
            }
        except (OSError, library.TTLibError) as error:
            raise BadInput(
                str(FOLDER / name), f"cannot be read: {error}", "install energybench again"
            ) from None
        widths.update(widths_em)
    return Glyphs(widths)


def missing(texts: Iterable[str]) -> list[str]:
    """The characters of the texts missing in every font, in the order of their code points.

    Characters that are never drawn (white space, joiners, variation selectors) are not listed.
    """
    widths = glyphs().widths
    characters = set().union(*texts)
    return sorted(
        character
        for character in characters
        if ord(character) not in widths
        and unicodedata.category(character) not in _NEVER_DRAWN
        and not 0xFE00 <= ord(character) <= 0xFE0F  # variation selectors
    )


_NEVER_DRAWN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
