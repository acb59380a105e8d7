"""HTML: one file that opens offline, with charts. Every number also stands in a table, for print
and for browsers without JavaScript.

Foreign text meets four fences: autoescape, data that is never markup, JSON in which no tag can
begin, and a content security policy that runs the page's own two scripts by their hash, evaluates
nothing and loads nothing.
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
from energybench_reports.view.document import build
from energybench_reports.view.layout import Section, Table

TEMPLATES = Path(__file__).parent / "templates"
SIDE_BY_SIDE = 4  # measurements; with more, each is a row
FOLDED = frozenset(
    {"repeats", "power", "work", "checks", "budget", "boundary", "channels", "provenance"}
)  # behind a click on the screen, open in print


class Html:
    """A self-contained page: style, charts, library and data inside."""

    name = "html"
    about = (
        "For people who must be convinced: one page with charts that opens offline, prints, light "
        "and dark."
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
            arranged=arranged,
            folded=FOLDED,
            figures=[(figure, for_json(figure.spec)) for figure in figures(document, view.labels)],
            style=Markup((TEMPLATES / "report.css").read_text("utf-8")),
            library=Markup(drawing),
            start=Markup(start),
            policy=policy((drawing, start)),
            data=for_json(msgspec.to_builtins(envelope(document))),
        )
        return page.encode()


def arranged(section: Section) -> tuple[Table, ...]:
    """The section's tables, with few measurements side by side."""
    turn = section.key == "measurements" and all(
        len(table.rows) <= SIDE_BY_SIDE for table in section.tables
    )
    return tuple(table.transposed() if turn else table for table in section.tables if table.rows)


def bundle() -> str:
    """The JavaScript of Vega, Vega-Lite and Vega-Embed that fits the installed altair's
    specifications.
    """
    converter, altair = library("vl_convert"), library("altair")
    major, minor = re.findall(r"\d+", altair.SCHEMA_VERSION)[:2]
    wanted = f"{major}.{minor}"
    known = converter.get_vegalite_versions()
    text: str = converter.javascript_bundle(vl_version=wanted if wanted in known else known[-1])
    return text


def for_script(code: str) -> str:
    """JavaScript that can stand in a <script>: no end tag and no comment that would hide one (HTML
    4.12.1.3). The backslashes change no string.
    """
    return (
        re.sub(r"<(?=/script)", r"<\\", code, flags=re.IGNORECASE).replace("<!--", r"<\!--")
        if re.search(r"</script|<!--", code, re.IGNORECASE)
        else code
    )


def for_json(thing: Any) -> Markup:
    """JSON that can stand in a <script> and in nothing else's way: ASCII only, no character that
    HTML knows.
    """
    text = json.dumps(thing, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def policy(scripts: Iterable[str]) -> str:
    """Content security policy: these scripts by their hash, inline style, and nothing from
    anywhere.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
