"""Text and letters of a PDF, for tests."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from typing import Any

import pytest

from energybench_reports.view.layout import View

_LINE_PT = 3.0  # letters whose lowest points differ by less belong to one line
_TALLEST_PT = 40.0  # of a letter of the text


def squeezed(text: str) -> str:
    """The text without white space: a line break may stand anywhere."""
    return re.sub(r"\s+", "", text.replace("\u00a0", " "))


def headings(view: View) -> set[str]:
    """Titles of the parts of a report, and the heads of its tables."""
    tables = [*view.overview, *(table for section in view.sections for table in section.tables)]
    found = {"Overview", "Doubts", "Method", *(section.title for section in view.sections)}
    found |= {table.title for table in tables} | {" ".join(table.head) for table in tables}
    found |= {answer.title for answer in view.answers}
    for weakness in view.weaknesses:
        found |= {weakness.title, f"{weakness.title} {weakness.code}"}
    return found


class Pages:
    """The pages of a PDF, read by PDFium as viewers read them."""

    def __init__(self, content: bytes) -> None:
        pdfium = pytest.importorskip("pypdfium2")
        self.content = content
        self._pages: Any = pdfium.PdfDocument(content)
        self._letters: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._pages)

    def _of(self, number: int) -> Any:
        """The letters of a page, which PDFium reads once."""
        if number not in self._letters:
            self._letters[number] = self._pages[number].get_textpage()
        return self._letters[number]

    def text(self, number: int) -> str:
        words: str = self._of(number).get_text_bounded()
        return words.replace("\x02", "-")  # PDFium's mark for a hyphen at the end of a line

    @functools.cached_property
    def texts(self) -> list[str]:
        return [self.text(number) for number in range(len(self))]

    def size(self, number: int = 0) -> tuple[float, float]:
        """Width and height, pt."""
        width, height = self._pages[number].get_size()
        return width, height

    def last_line(self, number: int, foot_pt: float = 0.0) -> str:
        """The words of the lowest line of a page, without white space.

        foot_pt  height of the page's own foot, which does not count
        """
        words = self._of(number)
        boxes = [words.get_rect(index) for index in range(words.count_rects())]
        shown = [box for box in boxes if box[1] >= foot_pt and words.get_text_bounded(*box).strip()]
        if not shown:
            return ""
        lowest = min(box[1] for box in shown)
        line = sorted(box for box in shown if box[1] < lowest + _LINE_PT)
        return squeezed("".join(words.get_text_bounded(*box) for box in line))

    def stranded(self, headings: Collection[str], foot_pt: float = 0.0) -> list[str]:
        """Headings that stand alone at the foot of a page."""
        squeezed_headings = {squeezed(heading) for heading in headings} - {""}
        lasts = [self.last_line(number, foot_pt) for number in range(len(self))]
        return [line for line in lasts if line in squeezed_headings]

    def distances(self, number: int, begin: str, end: str, above: str) -> list[float]:
        """For each text between two characters that stands above a heading: the distance from its
        end to the next letter on its line, pt; infinite without one.
        """
        words = self._of(number)
        text = words.get_text_range()
        boxes = [words.get_charbox(index) for index in range(words.count_chars())]
        foot = boxes[text.index(above)][3]
        # letters of a mark across the page do not count
        letters = [
            box
            for box, letter in zip(boxes, text, strict=False)
            if letter.strip() and box[3] - box[1] < _TALLEST_PT
        ]
        found = []
        for match in re.finditer(f"{re.escape(begin)}[^{re.escape(end)}]*{re.escape(end)}", text):
            _, bottom, right, top = boxes[match.end() - 1]
            if bottom > foot:
                others = [
                    box[0] - right
                    for box in letters
                    if box[0] > right - 1 and box[1] < top and box[3] > bottom
                ]
                found.append(min(others, default=float("inf")))
        return found

    def outside(self, margin_pt: float, most: int | None = None) -> list[str]:
        """The pieces of text that stand in a margin of this width at the sides or at the foot, of
        the first pages or of all.
        """
        found = []
        for number in range(len(self) if most is None else most):
            width, _ = self.size(number)
            words = self._of(number)
            for index in range(words.count_rects()):
                left, bottom, right, top = words.get_rect(index)
                if left < margin_pt or right > width - margin_pt or bottom < margin_pt / 2:
                    found.append(words.get_text_bounded(left, bottom, right, top))
        return [piece for piece in found if piece.strip()]
