"""Markdown in GitHub's rendering: for issues, pull requests and READMEs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from energybench.model import Document
from energybench_reports.view.document import build
from energybench_reports.view.layout import EXPLAINED, Answer, Section, Table, View, arranged
from energybench_reports.view.wording import TableCell

# Characters that start markup. Brackets stay readable: a bracket makes a link only before "(", "["
# or ":". An underscore inside a word starts no markup.
_INLINE = re.compile(r"[\\`*#|~$]|\](?=[(\[:])|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_LEADING = re.compile(r"^(?:[-+=>]|\d+(?=[.)]))")


class Markdown:
    """GitHub-flavoured Markdown.

    Foreign text is escaped: a label cannot end a table, start markup or carry HTML.
    """

    name = "markdown"
    about = "For issues, pull requests and READMEs: GitHub-flavoured Markdown."
    suffix = ".md"

    def render(self, document: Document) -> bytes:
        return ("\n".join(_page(build(document, detail=False))).rstrip() + "\n").encode()


def escape(text: str) -> str:
    """Text that renders unchanged: the punctuation of Markdown gets a backslash, the punctuation of
    HTML becomes entities.
    """
    return html.escape(_INLINE.sub(lambda match: "\\" + match[0], text), quote=False)


def ticked(text: str) -> str:
    """Words with the `commands` in backticks as code. A code span shows its text unchanged;
    unpaired backticks stay backticks, and so do several in a row, which Markdown pairs by their
    number.
    """
    pieces = text.split("`")
    if len(pieces) % 2 == 0 or "``" in text:
        return escape(text)
    return "`".join(piece if i % 2 else escape(piece) for i, piece in enumerate(pieces))


def _item(text: str) -> str:
    """Escaped text for the start of a block: begins neither a nested list nor the underline of a
    heading.
    """
    return _LEADING.sub(
        lambda match: match[0] + "\\" if match[0].isdigit() else "\\" + match[0], escape(text)
    )


def _page(view: View) -> Iterator[str]:
    yield f"# {escape(view.title)}\n"
    if view.overview:
        yield "## Overview\n"
        for table in view.overview:
            yield from _titled(table)
    for answer in view.answers:
        yield from _answer(answer)
    if view.empty:
        yield "This document contains no results.\n"
    for note in view.notes:
        yield f"- {_item(note)}"
    yield ""
    if view.weaknesses:
        yield "## Doubts\n"
        for weakness in view.weaknesses:
            messages = "; ".join(
                escape(message) + (f" ({escape(', '.join(subjects))})" if subjects else "")
                for message, subjects in weakness.messages
            )
            remedy = ticked(weakness.remedy)
            code = f" ({escape(weakness.code)})" if weakness.code != weakness.title else ""
            yield f"- **{escape(weakness.title)}**{code}: {messages}. **Remedy:** {remedy}"
        yield f"\n{ticked(EXPLAINED)}\n"
    for section in view.sections:
        if not section.detail:
            yield from _section(section)
    yield f"<sub>{escape(view.imprint)}</sub>"


def _answer(answer: Answer) -> Iterator[str]:
    yield f"**{escape(answer.line)}**\n"
    yield (
        " ".join(
            escape(sentence) for sentence in (answer.sentence, answer.verdict_words) if sentence
        )
        + "\n"
    )


def _section(section: Section) -> Iterator[str]:
    yield f"## {escape(section.title)}\n"
    yield f"{ticked(section.about)}\n"
    for table in arranged(section):
        yield from _titled(table)


def _titled(table: Table) -> Iterator[str]:
    if table.title:
        yield f"### {escape(table.title)}\n"
    yield from _table(table)
    if table.about:
        yield f"{ticked(table.about)}\n"


def _table(table: Table) -> Iterator[str]:
    yield "| " + " | ".join(escape(name) for name in table.head) + " |"
    yield "| " + " | ".join("---:" if name in table.right else ":---" for name in table.head) + " |"
    for row in table.rows:
        yield "| " + " | ".join(_cell(cell) for cell in row) + " |"
    yield ""


def _cell(cell: TableCell) -> str:
    if cell.tone == "prose":
        # a table splits its rows at every bar, in code too, unless a backslash precedes the bar
        return re.sub(r"(?<!\\)\|", r"\\|", ticked(cell.line))
    return escape(cell.line) or " "
