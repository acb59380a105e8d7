"""Publication files: read strictly, each mistake in one line with file and key; logos are pictures
and nothing else.
"""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.model import Logo, Publication
from energybench.store.logo import MOST_BYTES, logo
from energybench.store.publication_file import (
    _File,
    check_publication,
    check_tested,
    read_publication,
)

SCHEMA = 'schema = "energybench-publication/1"\n'
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{}</svg>'
SHAPES = (
    "<title>Example</title><style>.a{fill:url(#g)}</style>"
    '<defs><linearGradient id="g"><stop offset="0" stop-color="red"/></linearGradient></defs>'
    '<g transform="scale(2)"><path class="a" d="M0 0h9v9z"/><use href="#g"/></g>'
    '<text font-family="serif">例</text>'
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 2, height: int = 1, rows: bytes = b"\x00\xff\x00") -> bytes:
    """A grey picture; the rows default to those of 2 x 1 pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def written(folder: Path, text: str, schema: str = SCHEMA) -> Path:
    path = folder / "pub.toml"
    path.write_text(schema + text, "utf-8")
    return path


def refusal(folder: Path, text: str, schema: str = SCHEMA) -> str:
    """The line of the refusal."""
    path = written(folder, text, schema)
    with pytest.raises(BadInput) as refused:
        read_publication(path)
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith(str(path))
    return line.removeprefix(str(path))


def unmetered(**changes: str) -> str:
    """A part without a meter, as text of a file."""
    stated = {"part": '"switch"', "most_w": "400", "formula": '"1 x 400 W"', "source": '"sheet"'}
    lines = [f"{key} = {value}" for key, value in {**stated, **changes}.items()]
    return "\n".join(["[[unmetered]]", *lines, ""])


def test_every_key_is_read(tmp_path: Path) -> None:
    """Texts, dates as TOML or text, logo, footnotes, paper."""
    (tmp_path / "logo.svg").write_text(SVG.format(SHAPES))
    texts = ("title", "publisher", "sponsor", "tester", "contact", "licence", "baseline")
    texts += ("why_baseline", "tuned", "tuned_candidate", "parameters", "nodes_chosen")
    texts += ("extrapolation", "meter", "room_temperature", "service_level")
    lines = [f'{key} = "the {key}"' for key in texts]
    lines += ["tested = 2026-11-12", 'hardware_available = "2025-06"']
    lines += ['software_available = "2025 to 2026-03-01"', 'logo = "logo.svg"']
    lines += ['footnotes = ["one", "two"]', 'paper = "letter"']
    lines += ["[provisioned_w]", '"two CPUs" = 700', '"four boards" = 2400.5']
    lines += ["[[unmetered]]", 'part = "interconnect"', "most_w = 800"]
    lines += ['formula = "2 switches x 400 W"', 'source = "sheet of the maker"']
    publication = read_publication(written(tmp_path, "\n".join(lines)))
    for key in texts:
        assert getattr(publication, key) == f"the {key}"
    assert publication.tested == "2026-11-12"
    assert publication.hardware_available == "2025-06"
    assert publication.software_available == "2025 to 2026-03-01"
    assert publication.footnotes == ("one", "two")
    assert publication.paper == "letter"
    assert publication.provisioned_w == {"two CPUs": 700.0, "four boards": 2400.5}
    (part,) = publication.unmetered
    assert (part.part, part.most_w) == ("interconnect", 800.0)
    assert (part.formula, part.source) == ("2 switches x 400 W", "sheet of the maker")
    assert publication.logo is not None
    assert publication.logo.media_type == "image/svg+xml"
    assert base64.b64decode(publication.logo.data) == (tmp_path / "logo.svg").read_bytes()


def test_every_statement_of_a_publication_can_be_made_in_a_file() -> None:
    """A field that reports print, and that no file can fill, would always be "not stated"."""
    assert set(Publication.__struct_fields__) <= set(_File.__struct_fields__)


def test_nothing_need_be_stated(tmp_path: Path) -> None:
    assert read_publication(written(tmp_path, "")) == Publication()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('publishr = "X"', ": unknown key 'publishr' (did you mean publisher?)"),
        ("publisher = 3", ": publisher: expected 'str', got 'int' (text in quotes)"),
        ('footnotes = "one"', ": footnotes: expected 'array', got 'str'"),
        ("footnotes = [1]", ": footnotes[0]: expected 'str', got 'int'"),
        ('paper = "a5"', ": paper: invalid enum value 'a5' (one of a4, letter)"),
        ("tested = 2026", ": tested: is neither a date nor text"),
        ("tested = 2026-11-12T10:00:00Z", ": tested: is a moment, not a date"),
        ('tested = "yesterday"', ": tested: 'yesterday' is not a date"),
        ('tested = "2026-02-30"', ": tested: '2026-02-30' is not a date"),
        ('tested = "2026-13"', ": tested: '2026-13' is not a date"),
        ('tested = "٢٠٢٦"', " is not a date"),
        ('tested = "2026 to"', ": tested: '2026 to' is not a date"),
        ('tested = "2026 to 2027 to 2028"', " is not a date"),
        ('tested = "2027 to 2026"', ": tested: '2027 to 2026' ends before it begins"),
        (f'tuned = "{"x" * 601}"', ": tuned: has 601 characters (at most 600)"),
        (f'footnotes = ["", "{"x" * 601}"]', ": footnotes[2]: has 601 characters"),
        (f"footnotes = {['x'] * 51}", ": footnotes: has 51 footnotes"),
        ("provisioned_w = 700", ": provisioned_w: expected 'object', got 'int'"),
        ('provisioned_w = {a = "700 W"}', ": provisioned_w[...]: expected 'float', got 'str'"),
        ("provisioned_w = {a = -7}", ": provisioned_w[...]: expected 'float' >= 0.0"),
        ("provisioned_w = {a = 0}", ": provisioned_w: a: 0 W is not the power of a node"),
        ("provisioned_w = {a = inf}", ": provisioned_w"),
        ("provisioned_w = {a = nan}", ": provisioned_w"),
        ("unmetered = 3", ": unmetered: expected 'array', got 'int'"),
        (unmetered(most_w="0"), ": unmetered[1]: most_w: 0 W is not the power of a part"),
        (unmetered(most_w="inf"), ": unmetered"),
        (unmetered(formula='" "'), ": unmetered[1]: formula: is missing"),
        (unmetered(source='""'), ": unmetered[1]: source: is missing"),
        (unmetered(part='""'), ": unmetered[1]: part: is missing"),
        (unmetered(source=f'"{"x" * 601}"'), ": unmetered[1]: source: has 601 characters"),
        (unmetered() * 51, ": unmetered: has 51 parts"),
        ("publisher = ", ": is not TOML"),
        ('publisher = "a"\npublisher = "b"', ": is not TOML"),
        ('logo = "none.png"', "none.png: no such file"),
        ('logo = "."', ": is a folder"),
        ("logo = 1", ": logo: expected 'str', got 'int'"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    """The line names file, key and mistake."""
    assert says in refusal(tmp_path, text)


def test_the_schema_is_asked_for(tmp_path: Path) -> None:
    assert ": schema: is missing" in refusal(tmp_path, "", "")
    assert ": schema: is 'x'" in refusal(tmp_path, "", 'schema = "x"')


def test_files_that_are_none(tmp_path: Path) -> None:
    """Missing, a folder, not UTF-8, too large."""
    for name, content in (("a", b"\xff\xfe"), ("b", b"#" * 300_000)):
        (tmp_path / name).write_bytes(content)
    for name in ("missing", ".", "a", "b"):
        with pytest.raises(BadInput) as refused:
            read_publication(tmp_path / name)
        assert "\n" not in str(refused.value)


# ---------------------------------------------------------------- logos


@pytest.mark.parametrize(
    "content",
    [
        png(),
        SVG.format("").encode(),
        SVG.format(SHAPES).encode(),
        b"\xef\xbb\xbf" + SVG.format(SHAPES).encode(),
        b'<?xml version="1.0" encoding="UTF-8"?>\n' + SVG.format(SHAPES).encode(),
        SVG.format(
            '<metadata><r xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata>'
            '<filter><feGaussianBlur stdDeviation="2"/></filter>'
        ).encode(),
    ],
)
def test_pictures_are_taken_as_they_are(content: bytes) -> None:
    """The bytes are those of the file."""
    assert base64.b64decode(logo(content, "x").data) == content


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not a picture"),
        (b"GIF89a", "is not a picture"),
        (b"hello", "is not a picture"),
        (b"<svg", "is not a picture"),
        (b"<html><body/></html>", "not an SVG"),
        (b"<svg/>", "not an SVG"),
        (png()[:-3], "cut off"),
        (png() + b"<script>", "cut off, or more follows"),
        (png().replace(b"IHDR", b"JHDR"), "checksum"),
        (png()[:50] + bytes([png()[50] ^ 1]) + png()[51:], "checksum"),
        (png(width=20_000), "20000 x 1 pixels"),
        (png(width=0), "0 x 1 pixels"),
        (png(rows=b""), "not complete"),
        (png(rows=b"\x00" * 50_000_000), "not complete"),
        (SVG.format("").encode("utf-16"), "is not a picture"),
        (
            b'<?xml version="1.0" encoding="ISO-8859-1"?>' + SVG.format("").encode(),
            "ISO-8859-1, not in UTF-8",
        ),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG.format("&a;").encode(), "document type"),
        (b'<?xml-stylesheet href="http://x/a.css"?>' + SVG.format("").encode(), "instruction"),
        (SVG.format("<g>" * 30_000 + "</g>" * 30_000).encode(), "elements"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, says: str) -> None:
    """By content, whatever the name; bombs of pixels, entities and elements too."""
    with pytest.raises(BadInput) as refused:
        logo(content, "pub.toml: logo")
    assert str(refused.value).startswith("pub.toml: logo: ")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>',
        "<foreignObject><p/></foreignObject>",
        '<a href="#x"><path/></a>',
        '<path onload="alert(1)"/>',
        '<path ONCLICK="alert(1)"/>',
        '<image href="data:image/png;base64,AA=="/>',
        '<use href="http://example.org/a.svg#b"/>',
        '<use xmlns:l="http://www.w3.org/1999/xlink" l:href="other.svg#b"/>',
        '<g xml:base="http://example.org/"/>',
        '<path style="fill:url(http://example.org/a)"/>',
        "<path fill=\"url( 'http://example.org/a#b')\"/>",
        "<style>@import 'a.css';</style>",
        "<style>.a{fill:u\\72l(http://x)}</style>",
        "<style>.a{fill:u/**/rl(http://x);@im/**/port 'x'}</style>",
        "<style>@font-face{src:url(a.woff)}</style>",
        '<animate attributeName="href" to="javascript:alert(1)"/>',
        '<set attributeName="onload" to="alert(1)"/>',
        '<filter><feImage href="#a"/></filter>',
        '<iframe xmlns="http://www.w3.org/1999/xhtml"/>',
        '<handler type="x"/>',
    ],
)
def test_an_svg_that_can_do_more_than_draw_is_refused(inside: str) -> None:
    """Scripts, event handlers, foreign content, links, animation, references to elsewhere."""
    with pytest.raises(BadInput):
        logo(SVG.format(inside).encode(), "x")


def test_a_large_logo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logo.svg").write_text(SVG.format(" " * MOST_BYTES))
    assert "is larger than 500 kB" in refusal(tmp_path, 'logo = "logo.svg"')


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tested": "soon"}, "p: tested"),
        ({"tuned": "x" * 601}, "p: tuned"),
        ({"footnotes": ("x" * 601,)}, "p: footnotes[1]"),
        ({"logo": Logo(media_type="image/png", data="?")}, "p: logo: is not base64"),
        ({"logo": Logo(media_type="image/png", data="AAAA")}, "p: logo: is not a picture"),
        (
            {
                "logo": Logo(
                    media_type="image/png", data=base64.b64encode(SVG.format("").encode()).decode()
                )
            },
            "p: logo: is not a picture of the type image/png",
        ),
    ],
)
def test_a_publication_from_elsewhere_is_checked_too(changes: dict[str, object], says: str) -> None:
    """A document holds a publication that another program may have written."""
    with pytest.raises(BadInput) as refused:
        check_publication(Publication(**changes), "p")  # type: ignore[arg-type]
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("tested", "created", "refused"),
    [
        ("2026-11-12", "2026-11-29T10:00:00Z", False),
        ("2026-11-30", "2026-11-29T23:00:00Z", False),  # another time zone
        ("2026-12-01", "2026-11-29T10:00:00Z", True),
        ("2026-11-10 to 2026-12-02", "2026-11-29", True),
        ("2026", "2026-11-29", False),
        ("2027", "2026-11-29", True),
        ("", "2026-11-29", False),
    ],
)
def test_a_test_is_not_later_than_its_report(tested: str, created: str, refused: bool) -> None:
    publication = Publication(tested=tested)
    if not refused:
        check_tested(publication, created, "p")
        return
    with pytest.raises(BadInput, match=r"p: tested: .* lies after the date of the report"):
        check_tested(publication, created, "p")
