"""HTML: one file that opens offline, with charts. Every number of a chart is also in a table, for
print and for browsers without JavaScript.

Four fences stop foreign text: templates escape text, data is never markup, JSON blocks contain
no characters of a tag, and a content security policy runs the page's own two scripts by their hash,
evaluates no code and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from energybench.model import Document
from energybench_reports.charts.document import figures
from energybench_reports.charts.figure import library
from energybench_reports.json_report import envelope
from energybench_reports.view.document import build, first
from energybench_reports.view.layout import EXPLAINED, Section, Table

TEMPLATES = Path(__file__).parent / "templates"
SIDE_BY_SIDE = 4  # most measurements side by side; with more, a measurement is a row
# Sections whose tables are behind a click on the screen, and open in print.
FOLDED = frozenset(
    {"repeats", "power", "work", "checks", "budget", "boundary", "channels", "provenance"}
)


class Html:
    """A self-contained page: style, charts, library and data inside."""

    name = "html"
    about = (
        "For readers who must be convinced: one page with charts, which opens offline and prints, "
        "light and dark."
    )
    suffix = ".html"

    def render(self, document: Document) -> bytes:
        view = build(document)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        drawing = for_script(bundle())
        start = for_script((TEMPLATES / "report.js").read_text("utf-8"))
        page = environment.get_template("report.html.j2").render(
            view=view,
            explained=EXPLAINED,
            arranged=arranged,
            folded=FOLDED,
            figures=[
                (figure, for_json(figure.spec)) for figure in figures(first(document), view.labels)
            ],
            style=Markup((TEMPLATES / "report.css").read_text("utf-8")),
            library=Markup(drawing),
            start=Markup(start),
            policy=policy((drawing, start)),
            data=for_json(msgspec.to_builtins(envelope(first(document)))),
        )
        return page.encode()


def arranged(section: Section) -> tuple[Table, ...]:
    """The section's tables; a few measurements stand side by side."""
    turn = section.key == "measurements" and all(
        len(table.rows) <= SIDE_BY_SIDE for table in section.tables
    )
    return tuple(table.transposed() if turn else table for table in section.tables if table.rows)


def bundle() -> str:
    """The JavaScript of Vega, Vega-Lite and Vega-Embed for the specifications of the installed
    altair.
    """
    converter, altair = library("vl_convert"), library("altair")
    major, minor = re.findall(r"\d+", altair.SCHEMA_VERSION)[:2]
    wanted = f"{major}.{minor}"
    versions = converter.get_vegalite_versions()
    text: str = converter.javascript_bundle(
        vl_version=wanted if wanted in versions else versions[-1]
    )
    return text


def for_script(code: str) -> str:
    """JavaScript for the inside of a <script>: without an end tag, and without a comment that
    would hide the end tag (HTML 4.12.1.3). The backslashes do not change the value of a string.
    """
    without_end = re.sub(r"<(?=/script)", r"<\\", code, flags=re.IGNORECASE)
    return without_end.replace("<!--", r"<\!--")


def for_json(thing: Any) -> Markup:
    """JSON for the inside of a <script>: ASCII only, without the characters <, > and & of HTML."""
    text = json.dumps(thing, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


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
