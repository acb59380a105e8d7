"""Foreign text, numbers and units for LaTeX, in ASCII alone, for every engine and font encoding."""

from __future__ import annotations

import re
import unicodedata

from energybench.foreign_text import shortened
from energybench.units import rounded, show_figure
from energybench.value_ranges import show_range
from energybench_reports.tables.row import DIMENSIONLESS, Row

# Characters of a text in a cell; a cell cannot be broken between pages.
MOST = 160
# Characters of a word that TeX need not break, and of the pieces of a longer word.
_UNBROKEN, _PIECE = 14, 10

# Of a character without a command of LaTeX: LuaLaTeX and XeLaTeX set the character, if the font has
# it; pdfLaTeX sets its code point.
CHARACTER = (
    r"\providecommand{\energybenchchar}[1]{\ifdefined\Umathcode\char"
    '"#1\\relax\\else\\texttt{U+#1}\\fi\\allowbreak}'
)
_COMMANDS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "/": r"/\allowbreak{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    # a shorthand of babel in many languages
    '"': r"\symbol{34}",
    # two hyphens would become a dash
    "-": "-{}",
    # the end of a row takes brackets for its options
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\u00a0": "~",
    "\u202f": r"\,",
    "×": r"\texttimes{}",
    "±": r"\textpm{}",
    "µ": r"\textmu{}",
    "°": r"\textdegree{}",
    "·": r"\textperiodcentered{}",
    "²": r"\texttwosuperior{}",
    "³": r"\textthreesuperior{}",
    "₂": r"\textsubscript{2}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\textellipsis{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "→": r"\textrightarrow{}",
    "−": r"\ensuremath{-}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "≈": r"\ensuremath{\approx}",
    "€": r"\texteuro{}",
    "£": r"\textsterling{}",
    "®": r"\textregistered{}",
    "™": r"\texttrademark{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_PREFIXES = {
    "T": r"\tera",
    "G": r"\giga",
    "M": r"\mega",
    "k": r"\kilo",
    "m": r"\milli",
    "µ": r"\micro",
    "n": r"\nano",
    "p": r"\pico",
}
_BASES = {
    "J": r"\joule",
    "Wh": r"\watt\hour",
    "W": r"\watt",
    "B/s": r"\byte\per\second",
    "s": r"\second",
    "B": r"\byte",
}
_UNIT = re.compile(rf"([{''.join(_PREFIXES)}]?)({'|'.join(_BASES)})")


def escape(text: str, most: int = MOST) -> str:
    """Text that LaTeX sets unchanged: no character starts a command, and long words may be broken.
    Of a text of more than `most` characters the beginning and the length are shown.
    """
    words = unicodedata.normalize("NFC", shortened(text, most)).split(" ")
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    size = _PIECE if len(word) > _UNBROKEN else _UNBROKEN
    pieces = [word[i : i + size] for i in range(0, len(word), size)]
    return r"\allowbreak{}".join("".join(map(_character, piece)) for piece in pieces)


def _character(character: str) -> str:
    if character in _COMMANDS:
        return _COMMANDS[character]
    if character.isascii():
        return character
    decomposed = unicodedata.normalize("NFD", character)
    letter, mark = decomposed[0], decomposed[1:]
    if letter.isascii() and mark in _ACCENTS:
        return f"\\{_ACCENTS[mark]}{{{letter}}}"
    return rf"\energybenchchar{{{ord(character):04X}}}"


def value_and_interval(row: Row) -> tuple[str, str]:
    r"""The value as \qty, and its interval in the same unit, rounded like in other formats; the
    word "exact" in place of the interval of an exact value. A range is marked, because a range is
    not an interval.
    """
    if row.low is None or row.high is None:
        return "not measured", ""
    unit = "" if row.unit == DIMENSIONLESS else row.unit
    if row.kind == "range":
        return _value_and_range(row, row.low, row.high, unit)
    middle = (row.low + row.high) / 2 if row.value is None else row.value
    parts = rounded(middle, row.low, row.high, unit)
    value = _quantity(parts.value, parts.unit) if row.value is not None else ""
    if parts.low is None or parts.high is None:
        return value, "exact"
    return value, f"{{[}}{_number(parts.low)}, {_number(parts.high)}{{]}}"


def _value_and_range(row: Row, low: float, high: float, unit: str) -> tuple[str, str]:
    """A stated value and range with their own digits; of a figure over unknowns only the range, in
    the digits of every format.
    """
    if row.quantity == "input":
        value = "" if row.value is None else _quantity(show_figure(row.value), unit)
        return value, f"stated: {_number(show_figure(low))} to {_number(show_figure(high))}"
    ends = show_range(low, high).split(" to ")
    if len(ends) == 1:
        return _quantity(ends[0], unit), "all solutions"
    return "", f"{_number(ends[0])} to {_quantity(ends[1], unit)}, all solutions"


def _quantity(number: str, unit: str) -> str:
    match = _UNIT.fullmatch(unit)
    if match is not None:
        return rf"\qty{{{_plain(number)}}}{{{_PREFIXES.get(match[1], '')}{_BASES[match[2]]}}}"
    return f"{_number(number)}~{escape(unit)}" if unit else _number(number)


def _number(number: str) -> str:
    return rf"\num{{{_plain(number)}}}"


def _plain(number: str) -> str:
    """Without spaces between thousands: siunitx sets its own."""
    return number.replace("\u202f", "")
