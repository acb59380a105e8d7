"""PDF: the sections of the HTML page on paper, with the document attached. `energybench report`
reads the attachment again.
"""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from energybench.foreign_text import escaped
from energybench.grading.statable import check
from energybench.model import Document, Logo
from energybench.plugins import Piece
from energybench_reports import pdf_file, pdf_pieces
from energybench_reports.charts.outside_browser import svg
from energybench_reports.charts.theme import PRINT
from energybench_reports.embedded_document import embedded_json
from energybench_reports.figures import illustrated
from energybench_reports.typesetting.page_data import FRONT_EM, data, date_parts
from energybench_reports.typesetting.typst_pdf import pdf
from energybench_reports.view import method
from energybench_reports.view import statement as words
from energybench_reports.view.document import build, in_full
from energybench_reports.view.layout import (
    EXPLAINED,
    SIDE_BY_SIDE,
    Figure,
    Picture,
    Section,
    Table,
    View,
    arranged,
)
from energybench_reports.view.wording import plain

# Forms of a document, in the keywords of the PDF.
_REPORT, _STATEMENT, _DRAFT = (
    "energybench report",
    "energybench statement",
    "energybench draft statement",
)
_FIGURE_PX = 640  # at 0.75 pt a px, as wide as the text of a page
_PT_PER_PX = 0.75  # CSS Values and Units 3, 6.2


class Pdf:
    """Pages with charts and tables; the document is attached as energybench.json."""

    name = "pdf"
    about = "For print and for archives: the HTML page as PDF, with the results attached as JSON."
    suffix = ".pdf"
    timelines = True
    text = False

    def render(self, document: Document) -> bytes:
        shown = in_full(document)
        view = illustrated(shown, build(document))
        sections = [section_data(section) for section in view.sections]
        drawings = [drawn["svg"] for entry in sections for drawn in entry["figures"]]
        contents = {
            **page(document, view),
            "view": data(view._replace(sections=())),
            "sections": sections,
        }
        return pdf("report.typ", _REPORT, contents, attachment(document), _words_of(drawings))

    def statement(self, document: Document, *, draft: bool) -> bytes:
        """Two pages and an appendix. Raises BadInput if the results cannot be stated."""
        check(document, draft=draft)
        view, statement = build(document), words.statement(document)
        contents = {
            **page(document, view),
            "view": data(view._replace(sections=(), overview=(), answers=())),
            "overview": data(view.overview),
            "sections": [section_data(section) for section in view.sections],
            "statement": data(statement, FRONT_EM),
            "marked": draft,
        }
        form = _DRAFT if draft else _STATEMENT
        return pdf("statement.typ", form, contents, attachment(document), ())

    def pieces(self, rendered: bytes) -> Sequence[Piece]:
        """For `energybench verify`: see pdf_pieces."""
        return pdf_pieces.pieces(rendered)

    def again(self, document: Document, rendered: bytes) -> bytes:
        """The document in the form of a PDF, from its keywords: a report or a statement."""
        form = next(iter(pdf_pieces.keywords(rendered)), "")
        if form in (_STATEMENT, _DRAFT):
            return self.statement(document, draft=form == _DRAFT)
        return self.render(document)

    def other_libraries(self, rendered: bytes) -> Sequence[str]:
        """The drawing libraries of a PDF that are installed here in another version."""
        return pdf_pieces.other_libraries(pdf_pieces.keywords(rendered))

    def same_bytes(self, rendered: bytes, again: bytes, *, drawings: bool) -> bool:
        """Whether two PDFs have the same bytes, apart from the compression of their streams. All
        output of typst is a drawing.
        """
        if not drawings:
            return True
        return pdf_file.uncompressed(rendered) == pdf_file.uncompressed(again)

    def has_words_of(self, rendered: bytes, again: bytes) -> bool:
        """Whether a PDF has the words of its document, in any lines and pages, and no texts beside
        the pages that are missing in the document.
        """
        return pdf_pieces.words(rendered) == pdf_pieces.words(again) and pdf_pieces.has_no_more(
            rendered, again
        )


def page(document: Document, view: View) -> dict[str, Any]:
    """Data for the templates of every PDF: title, author, date, paper, logo, method."""
    publication = document.publication
    explained = method.words(view.terms)
    return {
        "title": view.title,
        "author": plain(publication.publisher) if publication is not None else "",
        "date": date_parts(document.created_utc),
        "paper": publication.paper if publication is not None else "a4",
        "logo": _logo(publication.logo) if publication is not None else None,
        "explained": EXPLAINED,
        "method": {
            "first": explained.first,
            "entries": [(term, method.pieces(text)) for term, text in explained.entries],
            "sources": explained.sources,
        },
    }


def attachment(document: Document) -> str:
    """The JSON of the whole document, for making the same pages again."""
    return escaped(embedded_json(document).decode())


def section_data(section: Section) -> dict[str, Any]:
    """The data of a section, its figures as drawings."""
    entries: dict[str, Any] = data(section._replace(tables=(), figures=(), pictures=()))
    return {
        **entries,
        "tables": data(_paged(section)),
        "figures": [_drawing(figure) for figure in section.figures],
        "pictures": [_picture(picture) for picture in section.pictures],
    }


def _paged(section: Section) -> tuple[Table, ...]:
    """The tables of the section. Runs stand side by side, as many as fit a page."""
    if section.key != "measurements":
        return arranged(section)
    return tuple(
        piece.transposed()._replace(title=table.title if number == 0 else "")
        for table in section.tables
        for number, piece in enumerate(table.split(SIDE_BY_SIDE))
    )


def _drawing(figure: Figure) -> dict[str, Any]:
    drawn = svg(figure, PRINT, _FIGURE_PX)
    width_px = float(ET.fromstring(drawn).get("width", str(_FIGURE_PX)))
    return {
        "svg": drawn.decode(),
        "width_pt": width_px * _PT_PER_PX,
        "caption": figure.caption,
        "alt": figure.alt,
    }


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "bytes": list(base64.b64decode(picture.png)),
        "caption": picture.caption,
        "alt": picture.alt,
    }


def _logo(logo: Logo | None) -> dict[str, Any] | None:
    if logo is None:
        return None
    form = "svg" if logo.media_type == "image/svg+xml" else "png"
    return {"bytes": list(base64.b64decode(logo.data)), "format": form}


def _words_of(drawings: list[str]) -> list[str]:
    """Every text of the drawings."""
    return ["".join(ET.fromstring(drawing).itertext()) for drawing in drawings]
