"""A font for the characters that the fonts of a PDF lack: a character becomes a box with its code
point.

A box keeps its text: a reader can search for the character, select and copy it, and reads its code
point. Without such a font, typst would draw an empty box without any text.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from energybench_reports.typesetting.fonts import FILES, FOLDER, font_tools

NAME = "Code Boxes"
MOST = 4000  # characters; a font has at most 65 535 glyphs
# In units of the font, 1000 to the em: a frame, and up to three digits in both rows.
_EM, _ASCENT, _DESCENT = 1000, 800, -200
_LEFT, _RIGHT, _BOTTOM, _TOP, _LINE = 60, 940, -120, 760, 40
_DIGIT_HEIGHT, _DIGIT_STEP = 300, 255
_ROWS = (370, -30)  # base lines
_DIGITS = "0123456789ABCDEF"


def code_boxes(characters: Sequence[str]) -> bytes:
    """The font as TrueType, with a glyph for each of the first MOST characters. Equal characters
    give equal bytes.
    """
    library = font_tools()
    from fontTools.fontBuilder import FontBuilder

    digits = _digits(library.TTFont(FOLDER / FILES[0], lazy=True))
    codes = [ord(character) for character in characters[:MOST]]
    names = {code: f"u{code:04X}" for code in codes}
    order = [".notdef", *names.values()]
    builder = FontBuilder(_EM, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(names)
    drawn = {".notdef": _glyph(digits, "")}
    drawn |= {name: _glyph(digits, f"{code:04X}") for code, name in names.items()}
    builder.setupGlyf(drawn)
    builder.setupHorizontalMetrics(dict.fromkeys(order, (_EM, _LEFT)))
    builder.setupHorizontalHeader(ascent=_ASCENT, descent=_DESCENT)
    # typst passes over a font without a full name and a PostScript name
    names_of_font = {"familyName": NAME, "styleName": "Regular", "fullName": NAME}
    builder.setupNameTable({**names_of_font, "psName": NAME.replace(" ", "")})
    builder.setupOS2(sTypoAscender=_ASCENT, usWinAscent=_ASCENT, usWinDescent=-_DESCENT)
    builder.setupPost()
    builder.updateHead(created=0, modified=0)
    builder.font.recalcTimestamp = False
    written = BytesIO()
    builder.save(written)
    return written.getvalue()


def write_font(folder: Path, characters: Sequence[str]) -> None:
    """Write the font into a folder, for typst."""
    (folder / "code-boxes.ttf").write_bytes(code_boxes(characters))


def _digits(font: Any) -> dict[str, tuple[Any, float, float]]:
    """(outline, scale, width) of each digit."""
    glyph_set, names = font.getGlyphSet(), font.getBestCmap()
    scale = _DIGIT_HEIGHT / font["OS/2"].sCapHeight
    return {
        digit: (glyph_set[names[ord(digit)]], scale, glyph_set[names[ord(digit)]].width * scale)
        for digit in _DIGITS
    }


def _glyph(digits: dict[str, tuple[Any, float, float]], code: str) -> Any:
    """A frame, and the digits of a code point in two rows."""
    from fontTools.pens.transformPen import TransformPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    _rectangle(pen, _LEFT, _BOTTOM, _RIGHT, _TOP)
    # the inner edge runs the other way round, so that the inside stays empty
    _rectangle(pen, _RIGHT - _LINE, _BOTTOM + _LINE, _LEFT + _LINE, _TOP - _LINE)
    half = (len(code) + 1) // 2
    for base, row in zip(_ROWS, (code[:half], code[half:]), strict=True):
        start = (_LEFT + _RIGHT - len(row) * _DIGIT_STEP) / 2
        for number, digit in enumerate(row):
            outline, scale, width = digits[digit]
            left = start + number * _DIGIT_STEP + (_DIGIT_STEP - width) / 2
            outline.draw(TransformPen(pen, (scale, 0, 0, scale, left, base)))
    return pen.glyph()


def _rectangle(pen: Any, left: float, bottom: float, right: float, top: float) -> None:
    pen.moveTo((left, bottom))
    pen.lineTo((left, top))
    pen.lineTo((right, top))
    pen.lineTo((right, bottom))
    pen.closePath()
