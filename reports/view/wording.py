"""The words for values and foreign text in every format: foreign text is cleaned, values have an
interval, and a value without a measurement is never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from energybench.foreign_text import shortened, visible
from energybench.model import NOT_READ, UNUSED, Estimate, Part, Work
from energybench.units import SHARE, decimals, number, show, show_value
from energybench.units import counted as counted

NOT_MEASURED = "not measured"
# "prose": words with `commands` in backticks.
Tone = Literal["", "muted", "good", "warn", "bad", "code", "prose"]

_ORDER = ("node.ac", "node", "module", "cpu.package", "cpu.dram", "gpu.board", f"gpu.board{UNUSED}")
DASH = "–"


class TableCell(NamedTuple):
    """One entry of a table.

    `note` (an interval, a reason) stands beside or under the text; `bar` is a share between 0 and
    1.
    """

    text: str
    note: str = ""
    tone: Tone = ""
    bar: float | None = None

    @property
    def aside(self) -> str:
        """The note for the place after the text: intervals unchanged, words in parentheses."""
        return self.note if self.note[:1] in ("", "[", "(") else f"({self.note})"

    @property
    def line(self) -> str:
        """Text and note on one line, for formats without a second size of type."""
        return f"{self.text} {self.aside}".strip()


def plain(text: object) -> str:
    """Foreign text on one line: white space collapsed, control and direction-changing characters
    made visible as U+FFFD, and a long text shortened.
    """
    return visible(" ".join(shortened(str(text)).split()))


def value(
    estimate: Estimate | None, unit: str = "", per: str = "", *, prefixed: bool = True
) -> TableCell:
    """'12.35 kJ' with the note '[12.10, 12.60]'; 'not measured' for None."""
    if estimate is None:
        return TableCell(NOT_MEASURED, tone="warn")
    text = show(estimate, plain(unit), prefixed=prefixed)
    head, mark, tail = text.partition(" [") if " [" in text else text.partition(" (")
    return TableCell(head + (f" per {plain(per)}" if per else ""), (mark + tail).strip())


def bare(number_: float | None, unit: str = "", significant: int = 3) -> TableCell:
    """A reading without an interval of its own; 'not measured' for None."""
    return TableCell(show_value(number_, unit, significant), tone="warn" if number_ is None else "")


def use_by_work(used: bool | None) -> TableCell:
    """Whether the work used a device."""
    if used is None:
        return TableCell("not known", tone="muted")
    return TableCell("used" if used else "unused")


def known(thing: object) -> TableCell:
    """A piece of provenance; a dash for None and for empty text."""
    if thing is None or thing == "":
        return TableCell(DASH, tone="muted")
    if isinstance(thing, bool):
        return TableCell("yes" if thing else "no")
    return TableCell(plain(thing))


def or_dash(estimate: Estimate | None, unit: str = "", *, prefixed: bool = True) -> TableCell:
    """A value with the interval; a dash for None."""
    return known(None) if estimate is None else value(estimate, unit, prefixed=prefixed)


def published(claimed: float, unit: str = "") -> str:
    """A published or stated figure, without a digit more than the publication has. A number with
    more digits than a publication states was converted, and has four significant digits.
    """
    if unit == SHARE:
        claimed, unit = round(100 * claimed, 10), "%"
    if claimed != 0 and not 1e-4 <= abs(claimed) < 1e16:
        return f"{claimed:g} {plain(unit)}".strip()
    if not float(claimed).is_integer() and claimed != float(f"{claimed:.5g}"):
        return show_value(claimed, plain(unit), 4)
    places = 0 if float(claimed).is_integer() else len(repr(claimed).partition(".")[2])
    return f"{number(claimed, min(places, 6))} {plain(unit)}".strip()


def published_range(low: float, high: float, unit: str = "") -> str:
    """'3.6 to 6.144 USD/h', '20 to 90 %': a range as published or stated."""
    if unit == SHARE:
        low, high, unit = round(100 * low, 10), round(100 * high, 10), "%"
    return f"{published(low)} to {published(high, unit)}"


def gibibytes(size: int | None) -> str | None:
    return None if size is None else f"{size / 2**30:.0f} GiB"


def percent(share: float) -> str:
    """'0.62 %': a share to two significant digits, with no more than three decimal places."""
    places = max(0, min(decimals(abs(share) * 100), 3)) if share else 0
    return f"{number(share * 100, places)} %".replace("-", "−")


def signed(x: float, unit: str = "") -> str:
    """A contribution with the sign, to three significant digits."""
    return ("−" if x < 0 else "") + show_value(abs(x), unit)


def amount(work: Work) -> str:
    """'1 solve to residual 1e-10', '4096 × token'."""
    return f"{work.amount:g} {'' if work.amount == 1 else '× '}{plain(work.unit)}"


def listed(words: Iterable[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


def component_words(name: str) -> str:
    """'gpu.board.unused' → 'gpu.board, unused'."""
    if name == NOT_READ:
        return "node time not read"
    return plain(name.removesuffix(UNUSED)) + (", unused" if name.endswith(UNUSED) else "")


def ordered(keys: Iterable[str]) -> list[str]:
    """Components in the order of every report: processors, memory, accelerators, then the rest."""
    different = list(dict.fromkeys(keys))
    return sorted(different, key=lambda key: _ORDER.index(key) if key in _ORDER else len(_ORDER))


def watts(part: Part) -> str:
    """The range a modelled or missing part may draw."""
    if part.low_w is None and part.high_w is None:
        return "" if part.state == "measured" else "range not stated"
    if part.low_w is None:
        return f"up to {part.high_w:g} W"
    if part.high_w is None:
        return f"{part.low_w:g} W or more"
    return f"{part.low_w:g} to {part.high_w:g} W"
