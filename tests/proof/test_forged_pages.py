"""Pages that were changed so that a browser runs or shows other things than their document gives,
though a lenient parser reads the same; and pages of other versions, whose scripts are compared.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from energybench import __version__
from energybench.measuring.session import ranges
from energybench.proof.checking import check
from energybench.proof.pages import compared
from energybench.store.document_file import read_back
from energybench_reports import html_pieces
from energybench_reports.html import Html
from tests.cli.process import in_process
from tests.proof.conftest import DATE, Results
from tests.reports.consistent import consistent
from tests.reports.samples import SAMPLES

Change = Callable[[str], str]
IMAGE = '<img src="x" onerror="alert(1)">'
_PUBLICATION = f"""schema = "energybench-publication/1"
publisher = "Example Centre"
footnotes = [{json.dumps(IMAGE)}, '<div hidden="">', '<!-- a comment -->']
"""


@pytest.fixture(scope="module")
def page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with charts and with footnotes that look like tags."""
    folder = tmp_path_factory.mktemp("forged")
    (folder / "publication.toml").write_text(_PUBLICATION)
    words = ("report", "results", "comparison.json", "--date", DATE, "--format", "html")
    words += ("--publication", str(folder / "publication.toml"), "--out", str(folder / "page.html"))
    ran = in_process(*words, cwd=results.folder)
    assert ran.code == 0, ran.err
    return (folder / "page.html").read_text()


def replace(old: str, new: str) -> Change:
    def change(page: str) -> str:
        assert old in page, old
        return page.replace(old, new, 1)

    return change


def substitute(pattern: str, new: str) -> Change:
    def change(page: str) -> str:
        changed, number = re.subn(pattern, new, page, count=1)
        assert number == 1, pattern
        return changed

    return change


def unescaped(text: str) -> Change:
    """The text of a footnote as a tag."""
    escaped = text.replace('"', "&#34;").replace("<", "&lt;").replace(">", "&gt;")
    return replace(escaped, text)


def policy_in_one_attribute(page: str) -> str:
    """The policy's two attributes as one, in other quotes: a browser then sees no policy."""
    return substitute(
        'http-equiv="Content-Security-Policy" content="([^"]*)">',
        r"""http-equiv='Content-Security-Policy" content="\1'>""",
    )(page)


def with_another_library(page: str) -> str:
    """A program before the library of the charts, allowed by its hash."""
    block = re.search('id="library">([^<]*)</script>', page)
    assert block is not None
    library = gzip.decompress(base64.b64decode(block[1])).decode()
    forged = "alert(1);\n" + library
    packed = base64.b64encode(gzip.compress(forged.encode(), mtime=0)).decode()
    page = page.replace(block[1], packed)
    return page.replace(_hash(library), _hash(forged))


def _hash(program: str) -> str:
    return base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()


def by_altair(version: str) -> Change:
    return substitute(r'content="altair [^,"]*', f'content="altair {version}')


def by_energybench(version: str) -> Change:
    """The page with another version in its document."""

    def change(page: str) -> str:
        plain = f'"version":"{__version__}"'
        if plain in page:
            return page.replace(plain, f'"version":"{version}"')
        block = re.search('type="application/gzip" id="results">([^<]*)<', page)
        assert block is not None
        text = gzip.decompress(base64.b64decode(block[1])).decode()
        text = text.replace(plain, f'"version":"{version}"')
        return page.replace(block[1], base64.b64encode(gzip.compress(text.encode())).decode())

    return change


FORGERIES: dict[str, Change] = {
    "policy in one attribute": policy_in_one_attribute,
    "policy in a comment": substitute("(<meta http-equiv[^>]*>)", r"<!--\1-->"),
    "policy in the body": substitute("(<meta http-equiv)", r"<p></p>\1"),
    "policy behind the title": substitute("(<meta http-equiv)", r"<title></title><p></p>\1"),
    "text as an image": unescaped(IMAGE),
    "text as a tag": unescaped('<div hidden="">'),
    "text as a comment": unescaped("<!-- a comment -->"),
    "a chart that closes itself": substitute('(<div class="chart"[^<>]*)></div>', r"\1/>"),
    "an attribute twice": replace('<p class="imprint">', '<p class="x" class="imprint">'),
    "an attribute in capitals": replace('<p class="imprint">', '<p CLASS="imprint">'),
    "other quotes": replace('<p class="imprint">', "<p class='imprint'>"),
    "white space in a tag": replace('<p class="imprint">', '<p  class="imprint">'),
    "a tag in capitals": replace("<main>", "<MAIN>"),
    "an end tag with a space": replace("</main>", "</main >"),
    "CDATA": replace("<main>", "<main><![CDATA[ <p>more</p> ]]>"),
    "a bogus comment": replace("<main>", "<main></ more>"),
    "a processing instruction": replace("<main>", "<main><?more>"),
    "a NUL byte": replace("<main>", "<main>\0"),
    "a byte order mark": lambda page: "\ufeff" + page,
    "text before the doctype": lambda page: "<!-- x -->" + page,
    "another doctype": replace("<!doctype html>", "<!DOCTYPE html>"),
    "another character set": replace('charset="utf-8"', 'charset="utf-7"'),
    "an unclosed tag at the end": lambda page: page + '<img src="x" onerror="alert(1)"',
    "text at the end": lambda page: page + "\n",
    "white space between tags": replace("<main>", "<main> "),
    "an entity for a character": replace("All results", "&#65;ll results"),
    "a script in a drawing": replace("</defs></svg>", "</defs><script>alert(1)</script></svg>"),
    "another library": with_another_library,
    "another library of a stated version": lambda page: by_altair("0.0.1")(
        with_another_library(page)
    ),
    "another library with another statement": lambda page: substitute(
        r"Vega-Lite [^\"]*", "Vega-Lite 6.3 (000000000000)"
    )(with_another_library(page)),
    "options in a chart": substitute(
        '(<script type="application/json" id="chart-[^>]*>{)',
        r'\1"\\u0075sermeta":{"embedOptions":{"defaultStyle":"h1{display:none}"}},',
    ),
    "a chart's data as a program": substitute(
        '<script type="application/json" id="chart-', '<script id="chart-'
    ),
}
# Those with which a browser may run a program or ignores the policy: not excused by any version.
RUNNING = (
    "policy in one attribute",
    "policy in a comment",
    "policy in the body",
    "policy behind the title",
    "text as an image",
    "an attribute twice",
    "CDATA",
    "a NUL byte",
    "a byte order mark",
    "another character set",
    "an unclosed tag at the end",
    "a script in a drawing",
    "another library",
    "options in a chart",
    "a chart's data as a program",
)


def outcome(page: str, tmp_path: Path) -> str:
    (tmp_path / "page.html").write_bytes(page.encode())
    return check(tmp_path / "page.html", ranges()).outcome


def test_every_forged_page_differs(page: str) -> None:
    """Of a page of this version the bytes count, and the pieces say where."""
    rendered = page.encode()
    assert html_pieces.same_bytes(rendered, rendered, drawings=True)
    for name, change in FORGERIES.items():
        forged = change(page).encode()
        assert not html_pieces.same_bytes(forged, rendered, drawings=False), name


@pytest.mark.parametrize(
    "name", ["policy in one attribute", "text as an image", "white space between tags"]
)
def test_a_forged_page_is_found(page: str, tmp_path: Path, name: str) -> None:
    assert outcome(page, tmp_path) == "text-only"
    assert outcome(FORGERIES[name](page), tmp_path) == "differs"


@pytest.mark.parametrize("name", RUNNING)
def test_no_version_excuses_code(page: str, name: str) -> None:
    """Pieces that a browser may run are compared whatever versions a page states."""

    def code(text: str) -> list[str]:
        return [piece.words for piece in html_pieces.pieces(text.encode()) if piece.kind == "code"]

    assert code(FORGERIES[name](page)) != code(page)


def test_the_pieces_are_the_page(page: str) -> None:
    """No two pages have the same pieces: put together, the pieces are the page, data apart."""
    block = re.compile('(id="results">)[^<]*')
    joined = "".join(piece.words for piece in html_pieces._all_pieces(page))
    assert block.sub(r"\1", joined.replace(_data(page), "")) == block.sub(r"\1", page)


def _data(page: str) -> str:
    pieces = [piece.words for piece in html_pieces._all_pieces(page)]
    return pieces[next(i for i, words in enumerate(pieces) if 'id="results">' in words) + 1]


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_honest_page_runs_only_its_own_code(sample: str) -> None:
    """The head, three scripts or one, and the end of each; every other tag is known as inert."""
    rendered = Html().render(SAMPLES[sample]())
    pieces = html_pieces.pieces(rendered)
    code = [piece.words for piece in pieces if piece.kind == "code"]
    title = code.index("<title>")
    library = '<script type="application/gzip" id="library">'
    assert [words for words in code[title + 1 :] if words.startswith("<")] == [
        *([library] if library in code else []),
        "<script>",
    ]


def test_a_page_with_another_packing_is_equal(page: str, tmp_path: Path) -> None:
    """Another build of zlib packs the same data in other bytes."""
    block = re.search('type="application/gzip" id="results">([^<]*)<', page)
    if block is None:
        pytest.skip("the document of this page is not packed")
    content = gzip.decompress(base64.b64decode(block[1]))
    again = base64.b64encode(gzip.compress(content, 1)).decode()
    assert again != block[1]
    assert outcome(page.replace(block[1], again), tmp_path) == "text-only"


# ---------------------------------------------------------------- versions


def test_code_of_another_version_is_not_excused(page: str, tmp_path: Path) -> None:
    """Text of another version differs by version with exit code 0; code with exit code 1."""
    older = by_energybench("0.0.9")(page)
    other_text = older.replace("<h1>", "<h1>Also: ", 1)
    for text, expected, code in (
        (other_text, "differs-by-version", 0),
        (with_another_library(older), "code-by-version", 1),
        (policy_in_one_attribute(older), "code-by-version", 1),
        (unescaped(IMAGE)(older), "code-by-version", 1),
    ):
        assert outcome(text, tmp_path) == expected
        ran = in_process("verify", "page.html", cwd=tmp_path)
        assert ran.code == code
        assert "to verify it: pip install energybench==0.0.9\n" in ran.out


def test_the_remedy_names_the_library(page: str, tmp_path: Path) -> None:
    """Not the version of energybench that is installed already."""
    assert outcome(by_altair("0.0.1")(page), tmp_path) == "differs-by-version"
    ran = in_process("verify", "page.html", cwd=tmp_path)
    assert ran.code == 0
    assert "to verify it: pip install altair==0.0.1\n" in ran.out


def test_the_remedy_holds_no_foreign_words(page: str, tmp_path: Path) -> None:
    """A version that is no version is not part of a command that a person may copy."""
    assert outcome(by_altair("1; rm -rf x")(page), tmp_path) == "differs-by-version"
    assert "pip install" not in in_process("verify", "page.html", cwd=tmp_path).out


def test_a_library_of_this_version_that_differs_is_forged(page: str, tmp_path: Path) -> None:
    """The library ships with energybench: no statement of its version excuses it."""
    for name in FORGERIES:
        if name.startswith("another library"):
            assert outcome(FORGERIES[name](page), tmp_path) == "differs", name
            assert in_process("verify", "page.html", cwd=tmp_path).code == 1


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_honest_page_of_every_sample_is_equal(sample: str) -> None:
    """Rendered again from the document that it holds."""
    rendered = Html().render(consistent(SAMPLES[sample]()))
    content = read_back(rendered, sample)
    assert compared(rendered, content, Html(), {}).differences == ()
