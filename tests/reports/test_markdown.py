"""Foreign text in Markdown stays text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from energybench.model import Document
from energybench_reports.markdown import Markdown, escape, ticked
from tests.reports.sample_many import odd_labels
from tests.reports.samples import SAMPLES

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = {
    "html_inline",
    "link_open",
    "image",
    "code_inline",
    "em_open",
    "strong_open",
    "s_open",
    "softbreak",
    "hardbreak",
}


def tokens(text: str) -> list[Token]:
    flat = []
    for token in PARSER.parse(text):
        flat += [token, *(token.children or ())]
    return flat


def text_of(sample: str) -> str:
    return Markdown().render(SAMPLES[sample]()).decode()


def test_commands_are_code() -> None:
    """`energybench grade` in the words of a section is code; a single backtick stays one."""
    page = Markdown().render(SAMPLES["comparison"]()).decode()
    code = {token.content for token in tokens(page) if token.type == "code_inline"}
    assert {"energybench grade", "energybench explain CODE", "energybench doctor"} <= code
    assert ticked("a ` <b>") == "a \\` &lt;b&gt;"
    (paragraph,) = [t for t in tokens(ticked("run `a <b>|c` *now*")) if t.type == "code_inline"]
    assert paragraph.content == "a <b>|c"


def test_hostile_text_makes_no_markup() -> None:
    """No HTML, link or image comes of foreign text; the only bold text is our own. Notes and
    findings may hold `commands`; a pair of backticks in them is code, which shows its text.
    """
    parsed = tokens(text_of("hostile"))
    kinds = {token.type for token in parsed}
    assert not kinds & {
        "html_block",
        "link_open",
        "image",
        "code_block",
        "fence",
        "em_open",
        "s_open",
    }
    assert {token.content for token in parsed if token.type == "html_inline"} == {"<sub>", "</sub>"}


def test_a_label_is_no_html() -> None:
    """A label that is a tag stays text in the overview, in headlines and in tables."""
    parsed = tokens(Markdown().render(odd_labels()).decode())
    assert not [token for token in parsed if token.type == "html_block"]
    assert {token.content for token in parsed if token.type == "html_inline"} == {"<sub>", "</sub>"}


def test_every_row_has_the_columns_of_its_table() -> None:
    """A pipe or a line break in a label does not add a column or a row."""
    for sample in (*SAMPLES.values(), odd_labels):
        widths: list[int] = []
        for token in tokens(Markdown().render(sample()).decode()):
            if token.type == "table_open":
                widths = []
            elif token.type == "tr_open":
                widths.append(0)
            elif token.type in ("th_open", "td_open"):
                widths[-1] += 1
            elif token.type == "table_close":
                assert len(set(widths)) == 1


@given(st.text(st.sampled_from("ab 1.-+=*_`~|[]()<>&#!$:\\/^\"'")))
def test_escaped_text_renders_as_itself(text: str) -> None:
    """In a cell, the reader sees the punctuation of a label unchanged."""
    clean = " ".join(text.split())
    page = f"| a | b |\n| --- | --- |\n| x{escape(clean)}x | y |\n"
    parsed = tokens(page)
    cells = [token for token in parsed if token.type == "inline"]
    assert len(cells) == 4
    assert not {child.type for cell in cells for child in cell.children or ()} & MARKUP
    assert "".join(child.content for child in cells[2].children or ()) == f"x{clean}x"


@given(st.text(st.sampled_from("ab 1.)-+=*_`~|[]<>&#:\\")))
def test_a_note_begins_no_block(text: str) -> None:
    """A note is an item of the list of notes, with any first character."""
    page = Markdown().render(Document(title="t", results=(), notes=(text, "second"))).decode()
    kinds = [token.type for token in PARSER.parse(page)]
    assert kinds.count("bullet_list_open") == 1
    assert not {
        "ordered_list_open",
        "blockquote_open",
        "hr",
        "html_block",
        "code_block",
        "fence",
    } & set(kinds)
    assert kinds.count("heading_open") == 1


def test_intervals_stay_readable_in_the_source() -> None:
    """Brackets without a link stay unescaped."""
    assert "energy ratio 5.00 [4.62, 5.38]" in Markdown().render(SAMPLES["comparison"]()).decode()
    assert not re.search(r"\\[.\[]", "5.00 [4.62, 5.38]")


def test_commands_in_remedies_are_code_and_foreign_backticks_open_nothing() -> None:
    """A remedy's `command` is code. Backticks that Markdown pairs in another way stay text."""
    assert [
        token.content
        for token in tokens(ticked("open it: `energybench doctor`"))
        if token.type == "code_inline"
    ] == ["energybench doctor"]
    for foreign in ("```<img src=x>`", "``<b>`` `c`", "`a"):
        assert not {"html_inline", "code_inline"} & {
            token.type for token in tokens(ticked(foreign))
        }
    page = Markdown().render(SAMPLES["estimated"]()).decode()
    assert "**Remedy:**" in page
    assert "\\`energybench" not in page
