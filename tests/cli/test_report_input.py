"""`report` reads what energybench wrote: documents, grades, HTML, PDF; dates are stated."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from energybench.store.embedded import document_text
from tests.cli.process import with_env
from tests.cli.report_folder import DATE, FORMATS, HOSTILE, refused, report, results_of_every_kind
from tests.store.test_publication_file import png

pytestmark = pytest.mark.xdist_group("report_input")  # runs that the module's tests share


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return results_of_every_kind(tmp_path_factory.mktemp("input"))


# ---------------------------------------------------------------- the publication


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_prints_the_publication(store: Path, form: str) -> None:
    """Statements, "not stated" for what is open, and the footnotes, as text."""
    if form == "html":
        pytest.importorskip("vl_convert")
    page = report(store, "doc.json", form=form).out
    assert "A publication" in page
    if form == "json":
        stated = json.loads(page)["publication"]
        assert (stated["publisher"], stated["sponsor"]) == ("Example", "")
        assert stated["footnotes"] == list(HOSTILE)
        return
    assert "not stated" in page
    assert "2026-11-12" in page
    shown = page.replace("\\", "")
    for words in ("脚注 с примечанием", "أمر", "=cmd("):
        assert words in shown
    assert "\u202e" not in page
    if form != "terminal":  # where it is text without a meaning
        assert "<script>alert" not in page
    assert "x" * 500 in "".join(page.split())


def test_html_has_logo_and_paper(store: Path) -> None:
    """The logo stands inside the page, as an address that loads nothing."""
    pytest.importorskip("vl_convert")
    page = report(store, "doc.json", form="html").out
    data = base64.b64encode(png()).decode()
    assert f'<img class="logo" src="data:image/png;base64,{data}"' in page
    assert "@page { size: letter; }" in page
    plain = report(store, "results", form="html").out
    assert '<img class="logo"' not in plain
    assert "@page { size" not in plain


def test_a_grade_stands_in_the_place_of_the_computed_one(store: Path) -> None:
    """The grade of the file knows the nodes of the machine, which a measurement does not."""
    nodes = "1792"
    assert nodes in report(store, "results", "grade.json", form="markdown").out
    assert nodes not in report(store, "results", form="markdown").out
    assert nodes in report(store, "grade.json", form="markdown").out


# ---------------------------------------------------------------- reading again


@pytest.mark.parametrize("form", FORMATS)
def test_a_document_read_again_gives_the_same_report(store: Path, form: str) -> None:
    """Results, grades, publication, title, notes; only power over time stays with the runs."""
    if form == "html":
        pytest.importorskip("vl_convert")
    again = report(store, "doc.json", form=form).out
    assert again == report(store, "doc.json", form=form).out
    if form != "html":
        first = report(
            *(store, "results", "cmp.json", "grade.json", "--publication", "pub.toml"),
            *("--note", "a note"),
            form=form,
        )
        assert again == first.out


def test_html_is_read_by_its_data_block(store: Path) -> None:
    pytest.importorskip("vl_convert")
    page = report(store, "results", "cmp.json", "--publication", "pub.toml", form="html").out
    (store / "page.html").write_text(page, "utf-8")
    assert (
        report(store, "page.html").out
        == report(store, "results", "cmp.json", "--publication", "pub.toml").out
    )


def with_attachments(*files: tuple[str, bytes]) -> bytes:
    """A PDF of one empty page with files attached."""
    pypdf = pytest.importorskip("pypdf")
    from io import BytesIO

    writer, page = pypdf.PdfWriter(), BytesIO()
    writer.add_blank_page(100, 100)
    for name, content in files:
        writer.add_attachment(name, content)
    writer.write(page)
    return page.getvalue()


def test_a_pdf_is_read_by_its_attachment(store: Path) -> None:
    """The attachment of the name that energybench gives; others are passed over."""
    document = (store / "doc.json").read_bytes()
    pdf = with_attachments(("energybench.json", document), ("other.txt", b"x"))
    (store / "report.pdf").write_bytes(pdf)
    assert report(store, "report.pdf").out == (store / "doc.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.html", lambda: b"<!doctype html><p>hello", "no documents of energybench"),
        (
            "b.html",
            lambda: b"<html>" + 2 * b'<script type="application/json" id="results">{}</script>',
            "2 documents",
        ),
        (
            "c.html",
            lambda: b'<html><script type="application/json" id="results">{"a</script>',
            "is not JSON",
        ),
        ("d.pdf", lambda: b"%PDF-1.7 hello", "is a damaged PDF"),
        ("e.pdf", lambda: with_attachments(("energybench.json", b"{}" * 999))[:700], "PDF"),
        ("f.pdf", lambda: with_attachments(("x.json", b"{}")), "no attachments energybench.json"),
        ("g.pdf", lambda: with_attachments(("energybench.json", b"\xff")), "is not text (UTF-8)"),
        (
            "h.pdf",
            lambda: with_attachments(("energybench.json", b"[]")),
            "kind: is missing, or is not text",
        ),
        ("i.json", lambda: b"\xff\xfe", "is not text (UTF-8)"),
        ("j.json", lambda: b"", "is empty"),
        ("k.json", lambda: b'{"kind": "document"}', "has no 'schema'"),
        ("l.json", lambda: b'{"kind": "invoice"}', "kind: is 'invoice'"),
        ("m.json", lambda: b'{"schema":"energybench/1","kind":"document"}', "results"),
        (
            "n.json",
            lambda: b'{"schema":"energybench/1","kind":"document","results":[{"kind":"grade"}]}',
            "results[0]: kind: is 'grade'",
        ),
        (
            "o.json",
            lambda: b'{"schema":"energybench/1","kind":"document","results":[],"grades":[1]}',
            "grades[0]",
        ),
        (
            "p.json",
            lambda: (
                b'{"schema":"energybench/1","kind":"document","results":[],'
                b'"publication":{"logo":{"media_type":"image/svg+xml","data":"PHN2Zz4="}}}'
            ),
            "publication: logo",
        ),
        ("q.json", lambda: b'{"schema":"energybench/2","kind":"document","results":[]}', "schema"),
    ],
)
def test_damaged_and_foreign_files_are_one_line(
    store: Path, name: str, content: Any, says: str
) -> None:
    """The line names the file, and the key inside it."""
    (store / name).write_bytes(content())
    line = refused(store, name)
    assert line.startswith(f"energybench: {name}")
    assert says in line


def test_an_oversized_file_is_not_read(store: Path) -> None:
    with (store / "large.html").open("wb") as file:
        file.write(b"<!doctype html>")
        file.truncate(200_000_000)
    assert "is larger than 128 MB" in refused(store, "large.html")


def test_a_document_that_contradicts_itself_is_refused(store: Path) -> None:
    """A result inside a document is checked as a result alone is."""
    document = json.loads((store / "doc.json").read_text("utf-8"))
    document["results"][0]["nodes"] = 0
    (store / "wrong.json").write_text(json.dumps(document))
    assert "wrong.json: results[0]: nodes: is 0" in refused(store, "wrong.json")


def test_a_later_document_is_read_with_a_note(store: Path) -> None:
    """Fields that a later version added are passed over, and named once."""
    document = json.loads((store / "doc.json").read_text("utf-8"))
    document["signature"] = "x"
    document["publication"]["auditor"] = "y"
    document["results"][0]["phase"] = 3
    (store / "later.json").write_text(json.dumps(document))
    ran = report(store, "later.json")
    assert ran.out == (store / "doc.json").read_text("utf-8")
    assert "does not know: publication.auditor, signature, phase" in ran.err.replace(
        "signature, publication.auditor", "publication.auditor, signature"
    )


def test_html_begins_in_several_ways() -> None:
    """A kind of file is known by its first bytes, whatever its name."""
    block = b'<script type="application/json" id="results">{}</script>'
    for begin in (
        b"<!DOCTYPE html>",
        b"\n <html>",
        b"<!-- x --><!doctype html>",
        b"\xef\xbb\xbf<html",
    ):
        assert document_text(begin + block, "x") == b"{}"
    assert document_text(b'{"kind": "<html"}', "x") is None


# ---------------------------------------------------------------- the date


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2026-11-29", "2026-11-29"),
        ("2026-11-29T10:30:00Z", "2026-11-29T10:30:00+00:00"),
        ("2026-11-29T01:30:00+02:00", "2026-11-28T23:30:00+00:00"),
    ],
)
def test_a_stated_date(store: Path, stated: str, expected: str) -> None:
    assert report(store, "doc.json", date=("--date", stated)).json["created_utc"] == expected


@pytest.mark.parametrize(
    "stated",
    [
        "",
        "today",
        "2026-02-30",
        "20261129",
        "2026-11",
        "2026-11-29T10:30:00",
        "0001-01-01T00:00+14:00",
    ],
)
def test_a_date_that_is_none(store: Path, stated: str) -> None:
    assert f"--date {stated}" in refused(store, "doc.json", "--date", stated)


def test_the_date_of_a_build(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SOURCE_DATE_EPOCH is that of other tools; an option comes before the variable."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795910400")
    assert report(store, "doc.json", date=()).json["created_utc"] == "2026-11-29T00:00:00+00:00"
    assert report(store, "doc.json").json["created_utc"] == "2026-11-29"
    for wrong in ("soon", "-1", "1e9", "٣", "9" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        assert f"SOURCE_DATE_EPOCH={wrong}" in refused(store, "doc.json")


EVERY_FORMAT = """
import sys
from energybench.cli.main import main
seed, *words = sys.argv[1:]
for form in ("html", "json", "markdown", "terminal"):
    code = main(["report", *words, "--format", form, "--out", f"seed-{seed}.{form}"])
    if code:
        sys.exit(code)
"""


def test_the_same_bytes_in_another_process(store: Path) -> None:
    """Whatever the seed of hashes: no order of a set, no random id, no moment is in the bytes."""
    pytest.importorskip("vl_convert")
    words = ("results", "cmp.json", "grade.json", "--publication", "pub.toml", *DATE)
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", EVERY_FORMAT, seed, *words],
            cwd=store,
            env=with_env({"PYTHONHASHSEED": seed}),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    for form in FORMATS:
        first, second = ((store / f"seed-{seed}.{form}").read_bytes() for seed in ("1", "2"))
        assert len(first) > 1000
        assert first == second, form
