"""The PDF: the sections of the HTML page, as text that can be selected, with the document attached;
foreign text stays text, and no label breaks a page.
"""

from __future__ import annotations

import json
import sys
from io import BytesIO

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.model import Document, Measurement, Publication
from energybench.store.embedded import document_text
from energybench_reports.embedded_document import embedded_json
from energybench_reports.pdf import Pdf
from energybench_reports.view.document import build
from energybench_reports.view.layout import Table
from tests.reports.foreign import LABELS, labelled
from tests.reports.pdf_pages import Pages, squeezed
from tests.reports.sample_many import odd_labels, runs
from tests.reports.samples import SAMPLES

pytest.importorskip("typst")
pytest.importorskip("fontTools")
pytest.importorskip("vl_convert")
pytest.importorskip("altair")

MARGIN_PT = 40  # 18 mm are 51 pt
replace = msgspec.structs.replace


of_the_samples = pytest.mark.xdist_group("PDFs of the samples")


@pytest.fixture(scope="module")
def pages() -> dict[str, Pages]:
    return {name: Pages(Pdf().render(sample())) for name, sample in SAMPLES.items()}


def words_of(table: Table) -> list[str]:
    return [
        table.title,
        *table.head,
        *(text for row in table.rows for cell in row for text in (cell.text, cell.note)),
    ]


@of_the_samples
@pytest.mark.parametrize("sample", [name for name in SAMPLES if name != "hostile"])
def test_holds_every_word_of_the_view(pages: dict[str, Pages], sample: str) -> None:
    """Headlines, stamps, doubts, and every cell of every table, as text."""
    document = SAMPLES[sample]()
    view = build(document)
    text = squeezed("".join(pages[sample].texts)).replace("`", "")
    tables = [*view.overview, *(table for section in view.sections for table in section.tables)]
    tables = [table for table in tables if table.rows]
    cells = {word for table in tables for word in words_of(table)}
    titles = {view.title, *(section.title for section in view.sections)}
    headlines = {word for answer in view.answers for word in (answer.sentence, *answer.stamps)}
    doubts = {weakness.remedy for weakness in view.weaknesses}
    wanted = (squeezed(word).replace("`", "") for word in cells | titles | headlines | doubts)
    # a long cell may go on in the next column's lines, as a viewer reads them
    absent = [word for word in wanted if len(word) < 40 and word not in text]
    assert absent == []


@of_the_samples
def test_the_same_document_gives_the_same_bytes(pages: dict[str, Pages]) -> None:
    assert Pdf().render(SAMPLES["comparison"]()) == pages["comparison"].content


@of_the_samples
@pytest.mark.parametrize("sample", ["comparison", "hostile", "study", "empty"])
def test_holds_its_document(pages: dict[str, Pages], sample: str) -> None:
    """The attachment is the JSON of the whole document."""
    pytest.importorskip("pypdf")
    text = document_text(pages[sample].content, "test.pdf")
    assert text is not None
    assert json.loads(text) == json.loads(embedded_json(SAMPLES[sample]()))


# ---------------------------------------------------------------- metadata, paper


def metadata(content: bytes) -> dict[str, str]:
    pypdf = pytest.importorskip("pypdf")
    found = pypdf.PdfReader(BytesIO(content)).metadata or {}
    return {str(key): str(value) for key, value in found.items()}


def test_title_author_and_date_are_those_of_the_document() -> None:
    document = replace(SAMPLES["unused"](), publication=Publication(publisher="Centre #1 $x$"))
    found = metadata(Pdf().render(document))
    assert found["/Title"] == "One GPU of four"
    assert found["/Author"] == "Centre #1 $x$"
    assert found["/CreationDate"].startswith("D:20260302121000")
    # a document without a date has none: never the day on which it was rendered
    undated = metadata(Pdf().render(replace(document, created_utc="")))
    assert "/CreationDate" not in undated or "1970" in undated["/CreationDate"]


@pytest.mark.parametrize(("paper", "size"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_paper(paper: str, size: tuple[int, int]) -> None:
    publication = msgspec.convert({"paper": paper}, Publication)
    document = replace(SAMPLES["unused"](), publication=publication)
    width, height = Pages(Pdf().render(document)).size()
    assert (round(width), round(height)) == size


# ---------------------------------------------------------------- layout


@of_the_samples
@pytest.mark.parametrize("sample", SAMPLES)
def test_nothing_stands_outside_the_margins(pages: dict[str, Pages], sample: str) -> None:
    assert pages[sample].outside(MARGIN_PT) == []


@of_the_samples
@pytest.mark.parametrize("sample", SAMPLES)
def test_no_heading_stands_alone_at_the_foot_of_a_page(
    pages: dict[str, Pages], sample: str
) -> None:
    """The last line above the foot of a page is not the title of a section or of a table."""
    view = build(SAMPLES[sample]())
    titles = {section.title for section in view.sections} | {"Doubts", "Method", "Overview"}
    titles |= {table.title for section in view.sections for table in section.tables} - {""}
    for text in pages[sample].texts:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        # below it is the foot, as a line or two
        assert not titles & set(lines[-2:] if lines[-1].startswith("energybench") else lines[-3:])


@pytest.mark.parametrize("label", LABELS)
def test_every_label_stays_text_on_its_page(label: str) -> None:
    """Markup of typst, long words, other scripts: the label is set, selected and copied as it
    is.
    """
    text = LABELS[label]
    content = Pdf().render(labelled("unused", text))
    rendered = Pages(content)
    assert rendered.outside(MARGIN_PT) == []
    shown = squeezed("".join(rendered.texts)).replace("`", "")
    if label in ("cjk", "emoji", "right to left"):
        # a viewer may order letters by their direction, and PDFium loses joined emoji
        pypdf = pytest.importorskip("pypdf")
        copied = pypdf.PdfReader(BytesIO(content)).pages[0].extract_text()
        assert {letter for letter in text if letter.isalnum() or ord(letter) > 0x2600} <= set(
            copied
        )
    else:
        assert squeezed(text.split("\r")[0]).replace("`", "") in shown


def test_characters_without_a_glyph_are_named_and_drawn() -> None:
    """typst says nothing about a character that no font has. The page names it by its code point,
    and its box has the text behind it.
    """
    document = replace(SAMPLES["unused"](), title="節点 🔋")
    text = "".join(Pages(Pdf().render(document)).texts)
    assert "3 characters are not in the fonts of this file" in text
    for code in ("U+70B9", "U+7BC0", "U+1F50B"):
        assert code in text
    for character in "節点🔋":
        assert character in text
    assert "not in the fonts" not in "".join(Pages(Pdf().render(SAMPLES["unused"]())).texts)


def test_many_runs() -> None:
    """Runs stand side by side by fours, and nothing is lost."""
    document = runs(9)
    rendered = Pages(Pdf().render(document))
    assert rendered.outside(MARGIN_PT) == []
    text = squeezed("".join(rendered.texts))
    assert all(squeezed(run.label) in text for run in document.of(Measurement))


def test_odd_labels_in_an_overview() -> None:
    """Words of 500 characters, Chinese, Arabic and emoji in the tables of several comparisons."""
    assert Pages(Pdf().render(odd_labels())).outside(MARGIN_PT) == []


# ---------------------------------------------------------------- libraries


@pytest.mark.parametrize("library", ["typst", "fontTools.ttLib"])
def test_a_missing_library_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    from energybench_reports.typesetting import fonts

    fonts.glyphs.cache_clear()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BadInput, match=r"energybench\[report\]"):
        Pdf().render(Document(title="x", results=()))
