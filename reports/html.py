"""HTML: a file that opens offline, with charts. Every number of a chart is also in a table, for
print and for browsers without JavaScript.

Four fences stop foreign text: templates escape text, data is never markup, JSON blocks contain
no characters of a tag, and a content security policy runs the page's own two scripts by their hash,
evaluates no code and loads nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from energybench.model import Document
from energybench.plugins import Piece
from energybench_reports import html_pieces
from energybench_reports.charts import javascript, theme
from energybench_reports.charts.figure import colours, spec
from energybench_reports.embedded_document import block
from energybench_reports.figures import illustrated
from energybench_reports.view import method
from energybench_reports.view.document import build, in_full
from energybench_reports.view.layout import EXPLAINED, arranged

TEMPLATES = Path(__file__).parent / "templates"
# Sections whose tables are behind a click on the screen, and open in print.
FOLDED = frozenset(
    {
        "every-node",
        "repeats",
        "power",
        "work",
        "budget",
        "boundary",
        "channels",
        "provenance",
        "grade",
    }
)
_NOT_PLAIN = re.compile(r"[^\x00-\x7e]|[<>&]")


class Html:
    """A self-contained page: style, charts, library and data inside."""

    name = "html"
    about = (
        "For readers who must be convinced: one page with charts, which opens offline and prints, "
        "light and dark."
    )
    suffix = ".html"
    timelines = True

    def render(self, document: Document) -> bytes:
        shown = in_full(document)
        view = illustrated(shown, build(document))
        embedded = block(document)
        charts = [figure for section in view.sections for figure in section.figures]
        start = for_script((TEMPLATES / "report.js").read_text("utf-8"))
        page = (
            _environment()
            .get_template("report.html.j2")
            .render(
                view=view,
                explained=EXPLAINED,
                method=method.words(view.terms),
                pieces=method.pieces,
                arranged=arranged,
                folded=FOLDED,
                # a page without charts does not have the library
                library=Markup(javascript.packed()) if charts else None,
                drawn_by=javascript.versions() if charts else (),
                spec=lambda figure: for_json(spec(figure)),
                style=Markup((TEMPLATES / "report.css").read_text("utf-8")),
                chart_style=Markup(theme.style(colours(charts))),
                script=Markup(start),
                policy=policy((javascript.code(), start) if charts else (start,)),
                media_type=embedded.media_type,
                data=for_data(embedded.text),
            )
        )
        return page.encode()

    def pieces(self, rendered: bytes) -> Sequence[Piece]:
        """For `energybench verify`: see html_pieces."""
        return html_pieces.pieces(rendered)

    def again(self, document: Document, rendered: bytes) -> bytes:
        """The document as a page, always in the same form."""
        return self.render(document)

    def other_libraries(self, rendered: bytes) -> Sequence[str]:
        """The libraries of a page that are installed here in another version. The JavaScript
        library ships with energybench and is left out.
        """
        stated = (html_pieces.drawn_by(rendered) or "").split(", ")
        return [words for words in stated[:1] if words and words != javascript.versions()[0]]

    def same_bytes(self, rendered: bytes, again: bytes, *, drawings: bool) -> bool:
        """Whether two pages have the same bytes, apart from the packing of their data."""
        return html_pieces.same_bytes(rendered, again, drawings=drawings)

    def has_words_of(self, rendered: bytes, again: bytes) -> bool:
        """True: every word of a page is a piece outside the drawings."""
        return True


@functools.cache  # with the compiled templates
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["css_text"] = css_text
    return environment


def for_script(code: str) -> str:
    """JavaScript for the inside of a <script>: without an end tag, and without a comment that
    would hide the end tag (HTML 4.12.1.3). The backslashes do not change the value of a string.
    """
    without_end = re.sub(r"<(?=/script)", r"<\\", code, flags=re.IGNORECASE)
    return without_end.replace("<!--", r"<\!--")


def for_json(thing: Any) -> Markup:
    """JSON for the inside of a <script>: ASCII only, without the characters <, > and & of HTML."""
    return for_data(json.dumps(thing, separators=(",", ":"), allow_nan=False))


def for_data(text: str) -> Markup:
    """JSON text, or base64, for the inside of a <script>: in JSON, characters other than ASCII and
    the characters <, > and & of HTML occur only in strings, where an escape means the same.
    """
    return Markup(_NOT_PLAIN.sub(_escape, text))


def _escape(character: re.Match[str]) -> str:
    """The escapes of a character; a character beyond U+FFFF needs two escapes (RFC 8259, section
    7).
    """
    halves = character[0].encode("utf-16-be")
    return "".join(f"\\u{halves[i : i + 2].hex()}" for i in range(0, len(halves), 2))


def css_text(text: str) -> str:
    """A string of CSS in which every character except letters and digits is escaped (CSS Syntax
    Level 3, section 4.3.7).
    """
    return "'" + re.sub(r"[^A-Za-z0-9 ]", lambda one: f"\\{ord(one[0]):x} ", text) + "'"


def policy(scripts: Iterable[str]) -> str:
    """Content security policy: the scripts by their hash, inline style, and nothing else."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
