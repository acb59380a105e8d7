"""The promises of every registered report, built-in or not: a report is pure, renders every
document, lets no control character of foreign text through, and costs nothing until it renders.
"""

from __future__ import annotations

import contextlib
import functools
import re
import subprocess
import sys
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.grading.rule_books import grade
from energybench.model import Document, Doubt, Measurement, Publication
from energybench.plugins import Report
from energybench.registry import load, registered
from tests.reports.foreign import with_texts
from tests.reports.pdf_pages import Pages
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_odd import estimated
from tests.reports.sample_published import claims_2023
from tests.reports.samples import SAMPLES

replace = msgspec.structs.replace

NAMES = list(registered("reports"))

# Characters that change the direction of text, so that a file or a command reads as another one
# (Unicode Standard Annex 9; Boucher and Anderson, USENIX Security 2023, "Trojan Source").
DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
FOREIGN = " \x1b[31mred \x07 \x00 \r \x7f \x9b1m \u202egnp.exe \u2066 \u200f \u061c=1+1"


PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
BUILT_IN = frozenset(PROJECT["entry-points"]["energybench.reports"])


def test_the_built_in_formats_are_registered() -> None:
    """Every format of pyproject.toml is registered in the same way as the formats of a plugin."""
    assert set(NAMES) >= BUILT_IN


@pytest.mark.parametrize("name", NAMES)
def test_has_name_and_suffix(name: str) -> None:
    """A report has the name of its entry point, and a suffix for its files that begins with a
    dot.
    """
    report = load("reports", name)
    assert isinstance(report, Report)
    assert report.name == name
    assert report.suffix.startswith(".")
    assert len(report.suffix) > 1


def rendered(name: str, document: Document) -> dict[str, bytes]:
    """The files of a report by name; the name "" for a format of one file. Skips the test if a
    library for this format is not installed, or if the format has no words for the document.
    """
    try:
        content = load("reports", name).render(document)
    except BadInput as error:
        pytest.skip(str(error))
    return files(content)


def files(content: object) -> dict[str, bytes]:
    """The files of a rendered report, checked: bytes, or at least one file with a name."""
    if isinstance(content, bytes):
        return {"": content}
    assert isinstance(content, Mapping)
    assert content
    for name, file in content.items():
        assert isinstance(file, bytes)
        # a name without a folder, which everybody can type
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name), name
    return dict(content)


def text_of(file: bytes) -> str:
    """The text of a file: all of it, or the text on the pages of a PDF."""
    if not file.startswith(b"%PDF-"):
        return file.decode()
    return "\n".join(Pages(file).texts).replace("\r\n", "\n")


@functools.cache
def several(name: str) -> bool:
    """Whether a format writes several files. Every format has words for runs with their comparison,
    here without the curves, which take most of the time.
    """
    document = replace(SAMPLES["comparison"](), timelines=())
    try:
        return isinstance(load("reports", name).render(document), Mapping)
    except BadInput as error:
        if error.what == "is not installed":
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("name", NAMES)
def test_renders_every_document_and_is_pure(name: str, sample: str) -> None:
    """Equal documents give the same bytes, from one instance of the report and from a second, which
    rendered another document before. Whether a person names a file or a folder depends on the
    format, not on the document.
    """
    one_or_several = several(name)
    first = rendered(name, SAMPLES[sample]())
    assert all(first.values())
    report = load("reports", name)
    with contextlib.suppress(BadInput):  # no words for a document without runs
        report.render(Document(title="another", results=()))
    content = report.render(SAMPLES[sample]())
    assert files(content) == first
    assert isinstance(content, Mapping) == one_or_several


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("name", NAMES)
def test_no_control_character_of_foreign_text_gets_through(name: str, sample: str) -> None:
    """Labels, hosts, devices, messages, settings and notes come from outside. No such text moves
    the cursor, rings the bell or turns the direction of writing round; only line ends and
    tabulators stand in a report. A format may escape the characters, as JSON does.
    """
    document = with_texts(SAMPLES[sample](), Document, lambda text: text + FOREIGN)
    assert FOREIGN in document.title
    # the line ends of CSV are CR LF (RFC 4180)
    text = "\n".join(text_of(file) for file in rendered(name, document).values())
    text = text.replace("\r\n", "\n")
    raw = {
        character
        for character in text
        if character in DIRECTION
        or (unicodedata.category(character) == "Cc" and character not in "\n\t")
    }
    assert raw == set(), [text[max(0, text.index(c) - 60) : text.index(c) + 20] for c in raw]


def words_of(content: dict[str, bytes]) -> str:
    """The text of a report: white space once, without the escapes of Markdown and LaTeX."""
    text = re.sub(
        r"\\allowbreak|\{\}|\\", "", "\n".join(text_of(file) for file in content.values())
    )
    return " ".join(text.split())


def stamped(code: str) -> Measurement:
    """A run with one stamp."""
    run = gpu_node()
    if code == "estimated":
        run = replace(estimated().results[0], repeats=run.repeats)
    elif code == "replayed":
        doubt = Doubt(code="replayed", message="for a test", remedy="none")
        run = replace(run, doubts=(doubt,))
    else:
        run = replace(run, repeats=run.repeats[:1])
    assert [stamp.code for stamp in run.stamps] == [code]
    return run


@pytest.mark.parametrize("code", ["replayed", "estimated", "single-repeat"])
@pytest.mark.parametrize("name", NAMES)
def test_the_stamp_of_a_result_is_in_every_format(name: str, code: str) -> None:
    """Nobody takes a replay, an estimate or a single repeat for more than it is: the words of the
    stamp, or in tables for programs its code.
    """
    run = stamped(code)
    text = words_of(rendered(name, Document(title="t", results=(run,))))
    assert run.stamps[0].words in text or code in text
    # and not only among the doubts, or as the quality of the result
    without = replace(run)
    msgspec.structs.force_setattr(without, "stamps", ())
    assert words_of(rendered(name, Document(title="t", results=(without,)))) != text


@pytest.mark.parametrize("name", NAMES)
def test_the_stamp_of_a_projection_is_in_every_format(name: str) -> None:
    """A claim is stamped as a claim, and with the number of its assumptions."""
    claim = claims_2023()
    text = words_of(rendered(name, Document(title="t", results=(claim,))))
    if name == "codecarbon":  # it has rows of runs alone
        return
    for stamp in claim.stamps:
        assert stamp.words in text or stamp.code in text


# Formats whose columns have no place for a statement about the whole document.
WITHOUT_PUBLICATION = {"csv", "codecarbon"}


@pytest.mark.parametrize("name", sorted(BUILT_IN - WITHOUT_PUBLICATION))
def test_the_publication_is_in_every_format_with_a_place_for_it(name: str) -> None:
    publication = Publication(publisher="Example Centre", licence="CC BY 4.0")
    document = Document(title="t", results=(gpu_node(),), publication=publication)
    text = words_of(rendered(name, document))
    assert "Example Centre" in text
    assert "CC BY 4.0" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_report_of_a_grade_alone_has_content(name: str) -> None:
    """Rule books are content: no format says that there is nothing to show."""
    text = words_of(rendered(name, Document(title="t", results=(), grades=(grade(gpu_node()),))))
    assert "contains no results" not in text
    if name != "codecarbon":  # it has rows of runs alone
        assert "EE HPC WG" in text


def test_loading_imports_no_charting_library() -> None:
    """Listing the reports stays quick: altair and vl-convert are imported by `render`, never
    together with the module of a report.
    """
    code = (
        "import sys; from energybench.registry import load\n"
        f"for name in {NAMES!r}:\n"
        "    load('reports', name)\n"
        "    found = {'altair', 'vl_convert', 'pandas'} & set(sys.modules)\n"
        "    assert not found, (name, found)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr
