"""PDFs, alone and in a bundle: reports and statements are verified, and changes are found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energybench.measuring.session import ranges
from energybench.proof.checking import check
from energybench_reports import pdf_pieces
from tests.cli.process import in_process
from tests.proof.conftest import DATE, Results

pytest.importorskip("typst")
pytest.importorskip("vl_convert")
pypdf = pytest.importorskip("pypdf")
generic = pytest.importorskip("pypdf.generic")
annotations = pytest.importorskip("pypdf.annotations")


@pytest.fixture(scope="module")
def folder(results: Results) -> Path:
    """A report with charts, a statement of the comparison, and a bundle of both with the runs."""
    folder = results.folder
    names = ("results", "comparison.json", "--date", DATE)
    for words in (
        ("report", *names, "--format", "pdf", "--out", "report.pdf"),
        ("statement", "comparison.json", "--date", DATE, "--draft", "--out", "statement.pdf"),
        (
            *("bundle", *names, "--out", "pdf.zip"),
            *("--document", "report.pdf", "--document", "statement.pdf"),
        ),
    ):
        ran = in_process(*words, cwd=folder)
        assert ran.code == 0, ran.err
    return folder


def test_a_bundle_with_pdfs_is_verified(folder: Path) -> None:
    """A report whose charts are drawn from the samples, and a statement, which has none."""
    found = check(folder / "pdf.zip", ranges())
    assert found.outcome == "verified", found.findings
    for name in ("report.pdf", "statement.pdf"):
        assert f"documents/{name}: its text is what its document gives" in found.checked
    assert not [words for words in found.not_checked if words.startswith("documents/")]


def test_pdfs_with_pseudonyms_are_verified(folder: Path) -> None:
    """The statement stays a statement."""
    documents = ("--document", "report.pdf", "--document", "statement.pdf")
    words = ("bundle", "results", "comparison.json", *documents, "--redact", "--out", "hidden.zip")
    ran = in_process(*words, cwd=folder)
    assert ran.code == 0, ran.err
    found = check(folder / "hidden.zip", ranges())
    assert found.outcome == "verified", found.findings
    assert "documents/statement.pdf: its text is what its document gives" in found.checked


# ---------------------------------------------------------------- changed


def nothing(writer: Any) -> None:
    """Written by another program, whose bytes viewers may read otherwise than pypdf."""


def covered(writer: Any) -> None:
    """A white box over the first page: the text below it stays."""
    page = writer.pages[0]
    stream = generic.DecodedStreamObject()
    stream.set_data(b"1 1 1 rg 0 0 600 800 re f")
    contents = page.raw_get("/Contents")
    page[generic.NameObject("/Contents")] = generic.ArrayObject(
        [contents, writer._add_object(stream)]
    )


def annotated(writer: Any) -> None:
    """A note over the first page."""
    note = annotations.FreeText(text="Ten times better", rect=(50, 50, 500, 500))
    writer.add_annotation(page_number=0, annotation=note)


def retold(writer: Any) -> None:
    """Another number in the attached document."""
    names = writer._root_object["/Names"]["/EmbeddedFiles"]["/Names"]
    stream = names[1].get_object()["/EF"]["/F"].get_object()
    document = json.loads(stream.get_data())
    for result in document["results"]:
        if result["kind"] == "comparison":
            result["margin"] = 0.25
    stream.set_data(json.dumps(document).encode())


def without_mark(writer: Any) -> None:
    """Remove the word "draft" from the keywords of the PDF. The pages still say "draft"."""
    text = str(writer.metadata["/Keywords"]).replace("draft ", "")
    writer.add_metadata({"/Keywords": text})


def renamed(writer: Any) -> None:
    """Another title, which a viewer shows above the pages."""
    writer.add_metadata({"/Title": "Ratio 99x"})


def subject(writer: Any) -> None:
    writer.add_metadata({"/Subject": "certified"})


def runs(writer: Any) -> None:
    """A script that a viewer runs when the file is opened."""
    name, text = generic.NameObject, generic.TextStringObject
    writer._root_object[name("/OpenAction")] = generic.DictionaryObject(
        {name("/S"): name("/JavaScript"), name("/JS"): text("app.alert(1)")}
    )


def test_pieces_that_are_arranged_otherwise_have_another_digest() -> None:
    """Also with the same bytes in the same order: in one stream or two, in one list or two, from
    the first object or the second.
    """

    def stream(data: bytes) -> Any:
        made = generic.DecodedStreamObject()
        made.set_data(data)
        return made

    def shared(number: int) -> Any:
        """Two streams, and once more the one with this number."""
        writer = pypdf.PdfWriter()
        streams = [writer._add_object(stream(data)) for data in (b"a", b"b")]
        return generic.ArrayObject([*streams, streams[number]])

    one, two = generic.NumberObject(1), generic.NumberObject(2)
    arrays = generic.ArrayObject
    kinds = [
        arrays([stream(b"a\0b")]),
        arrays([stream(b"a"), stream(b"b")]),
        arrays([arrays([one]), arrays([two])]),
        arrays([arrays([one, two]), arrays()]),
        shared(0),
        shared(1),
    ]
    assert len({pdf_pieces._digest(kind) for kind in kinds}) == len(kinds)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (nothing, "differs"),
        (covered, "differs"),
        (annotated, "differs"),
        (retold, "differs"),
        (without_mark, "differs"),
        (renamed, "differs"),
        (subject, "differs"),
        (runs, "differs"),
    ],
)
def test_a_pdf_that_was_changed(
    folder: Path, tmp_path: Path, change: Callable[[Any], Any], outcome: str
) -> None:
    """A change to the visible page, to a script or to the attached document is found."""
    writer = pypdf.PdfWriter(clone_from=folder / "statement.pdf")
    change(writer)
    writer.write(tmp_path / "changed.pdf")
    found = check(tmp_path / "changed.pdf", ranges())
    assert found.outcome == outcome, found.findings


def test_other_libraries_draw_otherwise(folder: Path, tmp_path: Path) -> None:
    """A drawing of another version of a library differs by version; the text is compared."""
    writer = pypdf.PdfWriter(clone_from=folder / "statement.pdf")
    covered(writer)
    keywords = str(writer.metadata["/Keywords"])
    assert "typst " in keywords
    writer.add_metadata({"/Keywords": keywords.replace("typst ", "typst 0.0.")})
    writer.write(tmp_path / "other.pdf")
    assert check(tmp_path / "other.pdf", ranges()).outcome == "differs-by-version"


def test_other_libraries_write_no_other_words(folder: Path, tmp_path: Path) -> None:
    """Whatever the keywords say of the libraries, a page with other words is a difference."""
    writer = pypdf.PdfWriter(clone_from=folder / "statement.pdf")
    contents = generic.NameObject("/Contents")
    writer.pages[0][contents] = writer.pages[2].raw_get("/Contents")
    keywords = str(writer.metadata["/Keywords"])
    writer.add_metadata({"/Keywords": keywords.replace("typst ", "typst 0.0.")})
    writer.write(tmp_path / "other.pdf")
    assert check(tmp_path / "other.pdf", ranges()).outcome == "differs"
