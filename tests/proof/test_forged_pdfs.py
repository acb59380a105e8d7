"""PDFs that were changed beside the drawing of their pages: bookmarks, actions, texts of the
structure, metadata, attachments; and PDFs of other versions, in which they are compared as well.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from energybench.measuring.session import ranges
from energybench.model import EMBEDDED_NAME, Document
from energybench.proof.checking import check
from energybench_reports import pdf_file, pdf_pieces, pdf_texts
from energybench_reports.pdf import Pdf
from tests.cli.process import in_process
from tests.proof.conftest import DATE, Results

pytest.importorskip("typst")
pytest.importorskip("vl_convert")
pypdf = pytest.importorskip("pypdf")
generic = pytest.importorskip("pypdf.generic")

Name, Text = generic.NameObject, generic.TextStringObject
Dictionary, Array = generic.DictionaryObject, generic.ArrayObject
Change = Callable[[Any], None]
WORDS = "ten times better"


@pytest.fixture(scope="module")
def statement(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("forged") / "statement.pdf"
    words = ("statement", "comparison.json", "--date", DATE, "--draft", "--out", str(path))
    ran = in_process(*words, cwd=results.folder)
    assert ran.code == 0, ran.err
    return path


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report without results: it has every part beside the pages, and few objects."""
    path = tmp_path_factory.mktemp("empty") / "report.pdf"
    path.write_bytes(Pdf().render(Document(title="Nothing yet", results=(), created_utc=DATE)))
    return path


def dictionary(**entries: Any) -> Any:
    return Dictionary({Name(f"/{name}"): value for name, value in entries.items()})


def stream(data: bytes, **entries: Any) -> Any:
    made = generic.DecodedStreamObject()
    made.set_data(data)
    made.update(dictionary(**entries))
    return made


SCRIPT = dictionary(S=Name("/JavaScript"), JS=Text("app.alert(1)"))
OTHER_ACTIONS = {
    "launch": dictionary(S=Name("/Launch"), F=Text("x.sh")),
    "address": dictionary(S=Name("/URI"), URI=Text("x:y")),
    "form": dictionary(S=Name("/SubmitForm"), F=Text("x:y")),
    "another file": dictionary(S=Name("/GoToR"), F=Text("x.pdf"), D=Text("x")),
    "named": dictionary(S=Name("/Named"), N=Name("/Print")),
}


def root(writer: Any) -> Any:
    return writer._root_object


def bookmark(writer: Any) -> Any:
    return root(writer)["/Outlines"].get_object()["/First"].get_object()


def element(writer: Any) -> Any:
    """An element of the structure, and not the whole of it."""
    return next(
        entry
        for entry in writer._objects
        if isinstance(entry, dict) and entry.get("/Type") == "/StructElem" and "/P" in entry
    )


def attachment(writer: Any) -> Any:
    return root(writer)["/Names"]["/EmbeddedFiles"]["/Names"][1].get_object()


def put(where: Callable[[Any], Any], name: str, value: Any) -> Change:
    def change(writer: Any) -> None:
        where(writer)[Name(name)] = value

    return change


def metadata(old: bytes, new: bytes) -> Change:
    def change(writer: Any) -> None:
        data = root(writer)["/Metadata"].get_object().get_data()
        assert old in data
        forged = stream(data.replace(old, new, 1), Type=Name("/Metadata"), Subtype=Name("/XML"))
        root(writer)[Name("/Metadata")] = writer._add_object(forged)

    return change


def another_file(entry: str) -> Change:
    """Another attached file under one of the entries, the document under the others."""

    def change(writer: Any) -> None:
        forged = stream(b"{}", Type=Name("/EmbeddedFile"))
        attachment(writer)["/EF"][Name(entry)] = writer._add_object(forged)

    return change


def script_by_name(writer: Any) -> None:
    names = Array([Text("x"), writer._add_object(SCRIPT)])
    root(writer)["/Names"][Name("/JavaScript")] = dictionary(Names=names)


def shared_text(writer: Any) -> None:
    """A text that an identifier and an alternative text share."""
    text = writer._add_object(Text(WORDS))
    element(writer)[Name("/ID")] = text
    element(writer)[Name("/ActualText")] = text


def note(writer: Any) -> None:
    form = dictionary(
        Type=Name("/Annot"), Subtype=Name("/Text"), Contents=Text(WORDS), Rect=Array()
    )
    writer.pages[0][Name("/Annots")] = Array([writer._add_object(form)])


def labels(writer: Any) -> None:
    label = dictionary(P=Text(WORDS))
    root(writer)[Name("/PageLabels")] = dictionary(Nums=Array([generic.NumberObject(0), label]))


FORGERIES: dict[str, Change] = {
    "title of a bookmark": put(bookmark, "/Title", Text(WORDS)),
    "script of a bookmark": put(bookmark, "/A", SCRIPT),
    **{f"{name} of a bookmark": put(bookmark, "/A", one) for name, one in OTHER_ACTIONS.items()},
    "script at the start": put(root, "/OpenAction", SCRIPT),
    "script at an event": put(root, "/AA", dictionary(WC=SCRIPT)),
    "script of a page": put(lambda writer: writer.pages[0], "/AA", dictionary(O=SCRIPT)),
    "script by name": script_by_name,
    "form": put(root, "/AcroForm", dictionary(Fields=Array())),
    **{
        f"{name} of the structure": put(element, name, Text(WORDS))
        for name in ("/ActualText", "/Alt", "/E", "/T", "/Lang")
    },
    "a shared text": shared_text,
    "title in the metadata": metadata(b"<dc:title>", b"<dc:title>" + WORDS.encode()),
    "comment in the metadata": metadata(b"<dc:title>", b"<!-- x --><dc:title>"),
    "attribute in the metadata": metadata(b"<dc:title>", b'<dc:title x:y="better">'),
    "tool in the metadata": metadata(b"CreatorTool>", b"CreatorTool>certified "),
    "metadata of a page": put(
        lambda writer: writer.pages[0], "/Metadata", stream(b"<x>better</x>")
    ),
    **{f"attachment under {name}": another_file(name) for name in ("/F", "/UF", "/Unix", "/DOS")},
    "name of the attachment": put(attachment, "/UF", Text(WORDS)),
    "words about the attachment": put(attachment, "/Desc", Text(WORDS)),
    "a note": note,
    "labels of pages": labels,
    "another entry of the catalogue": put(root, "/Collection", dictionary(D=Text("x"))),
}


def changed(statement: Path, change: Change, version: str = "") -> bytes:
    """The PDF after a change, with its own metadata or with another version of typst in them."""
    writer = pypdf.PdfWriter(clone_from=statement)
    stated = {**writer.metadata}
    change(writer)
    if version:
        stated["/Keywords"] = re.sub("typst [0-9.]+", f"typst {version}", stated["/Keywords"])
    writer.add_metadata(stated)
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


def outcome(content: bytes, tmp_path: Path) -> str:
    (tmp_path / "changed.pdf").write_bytes(content)
    return check(tmp_path / "changed.pdf", ranges()).outcome


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_pdf_states_more(empty: Path, name: str) -> None:
    """Every text and action beside the pages is compared, whatever versions the PDF states."""
    pdf = empty.read_bytes()
    assert not pdf_pieces.has_no_more(changed(empty, FORGERIES[name]), pdf)


def test_a_pdf_of_another_program_states_no_more(empty: Path) -> None:
    pdf = empty.read_bytes()
    given = pdf_texts.statements(pypdf.PdfReader(empty))
    assert pdf_pieces.has_no_more(changed(empty, lambda writer: None), pdf)
    assert EMBEDDED_NAME in " ".join(given.texts)
    assert not given.actions


@pytest.mark.parametrize(
    "name", ["script of a bookmark", "/ActualText of the structure", "title in the metadata"]
)
@pytest.mark.parametrize("version", ["", "0.0.1"])
def test_a_forged_pdf_differs(statement: Path, tmp_path: Path, name: str, version: str) -> None:
    """Also if it states another version of typst."""
    assert outcome(changed(statement, FORGERIES[name], version), tmp_path) == "differs"


def test_the_remedy_names_typst(statement: Path, tmp_path: Path) -> None:
    content = changed(statement, lambda writer: None, "0.0.1")
    assert outcome(content, tmp_path) == "differs-by-version"
    ran = in_process("verify", "changed.pdf", cwd=tmp_path)
    assert ran.code == 0
    assert "to verify it: pip install typst==0.0.1\n" in ran.out


# ---------------------------------------------------------------- bytes


def repacked(pdf: bytes, level: int) -> bytes:
    """The PDF as another build of zlib packs it: lengths and places follow."""
    table = pdf.rfind(b"\nxref\n")
    parts, places, place = [], {}, 0
    while (head := pdf_file._OBJECT.search(pdf, place, table)) is not None:
        parts.append(pdf[place : head.start()])
        places[int(head[1])] = sum(map(len, parts)) + 1
        place = head.end()
        if head[2] is None:
            parts.append(head[0])
            continue
        data = pdf[place : place + int(head[2])]
        place += len(data)
        if b"FlateDecode" in head[3]:
            data = zlib.compress(zlib.decompress(data), level)
        opening = b"\n%s 0 obj\n<</Length %d%s>>\nstream\n"
        parts.append(opening % (head[1], len(data), head[3]) + data)
    parts.append(pdf[place:table])
    entries = pdf_file._TABLE.fullmatch(pdf, table)
    assert entries is not None
    start = sum(map(len, parts)) + 1
    rows = b"".join(b"%010d 00000 n\r\n" % places[number] for number in sorted(places))
    return b"".join(parts) + (
        b"\nxref\n0 %d\n0000000000 65535 f\r\n" % (len(places) + 1)
        + rows
        + entries[3]
        + b"\nstartxref\n%d\n%%%%EOF" % start
    )


def test_another_packing_is_equal(statement: Path, tmp_path: Path) -> None:
    pdf = statement.read_bytes()
    assert outcome(pdf, tmp_path) == "text-only"
    again = repacked(pdf, 1)
    assert again != pdf
    assert outcome(again, tmp_path) == "text-only"


def an_entry_twice(pdf: bytes) -> bytes:
    """Viewers take the last entry of this name, and pypdf the first."""
    old = b"/Type/Catalog"
    assert old in pdf
    return _in_place(pdf, old, old + b"/Lang(xx)")


def _in_place(pdf: bytes, old: bytes, new: bytes) -> bytes:
    """The PDF with other bytes in an object, and the places in its table moved."""
    cut = pdf.index(old)
    shift = len(new) - len(old)
    table = pdf.rfind(b"\nxref\n")

    def moved(entry: re.Match[bytes]) -> bytes:
        place = int(entry[1])
        return b"%010d 00000 n\r\n" % (place + shift * (place > cut))

    rows = re.sub(rb"(\d{10}) 00000 n\r\n", moved, pdf[table:])
    rows = rows.replace(b"startxref\n%d" % (table + 1), b"startxref\n%d" % (table + 1 + shift))
    return pdf[:cut] + new + pdf[cut + len(old) : table] + rows


def a_second_revision(pdf: bytes) -> bytes:
    return pdf + b"\n1 0 obj\n<<>>\nendobj\nstartxref\n0\n%%EOF"


def a_wrong_place(pdf: bytes) -> bytes:
    """An entry of the table that leads to another object."""
    rows = [*re.finditer(rb"(\d{10}) 00000 n\r\n", pdf)]
    one, other = rows[3], rows[4]
    return b"".join((pdf[: one.start()], other[0], one[0], pdf[other.end() :]))


def data_behind_a_stream(pdf: bytes) -> bytes:
    """Bytes behind the end of the packed data, in which an object could stand."""
    head = next(one for one in pdf_file._OBJECT.finditer(pdf) if one[2] is not None)
    old = pdf[head.start() : head.end() + int(head[2])]
    data = old[len(head[0]) :] + b"\n9 0 obj\n"
    new = b"\n%s 0 obj\n<</Length %d%s>>\nstream\n" % (head[1], len(data), head[3]) + data
    return _in_place(pdf, old, new)


@pytest.mark.parametrize(
    "change", [an_entry_twice, a_second_revision, a_wrong_place, data_behind_a_stream]
)
def test_other_bytes_are_not_excused(empty: Path, change: Callable[[bytes], bytes]) -> None:
    """Files that one program reads as the document, and another otherwise."""
    pdf = empty.read_bytes()
    same = functools.partial(Pdf().same_bytes, drawings=True)
    assert same(repacked(pdf, 1), pdf)
    assert not same(change(pdf), pdf)


def test_an_entry_that_stands_twice_cannot_be_read(statement: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        pdf_pieces.pieces(an_entry_twice(statement.read_bytes()))
    assert outcome(an_entry_twice(statement.read_bytes()), tmp_path) == "differs"
