"""The HTML page as text: self-contained, escaped, complete without JavaScript."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import sys

import msgspec
import pytest

from energybench.model import Document
from energybench_reports.charts.javascript import packed as library
from energybench_reports.html import Html, for_json, for_script, policy
from energybench_reports.view.document import build
from tests.reports.pages import Page
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.samples import SAMPLES

pytest.importorskip("altair")


@pytest.fixture(scope="module", params=sorted(SAMPLES))
def page(request: pytest.FixtureRequest) -> Page:
    return Page(Html().render(SAMPLES[request.param]()).decode())


def test_loads_nothing(page: Page) -> None:
    """No attribute names a place on the web (a record's pictures stand in the page), and the policy
    allows none.
    """
    loading = {
        "src",
        "href",
        "data",
        "action",
        "poster",
        "srcset",
        "xlink:href",
        "background",
        "formaction",
    }
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            if name in loading:
                assert (value or "").startswith(
                    ("#", "data:image/png;base64,") if tag == "img" else "#"
                ), (tag, name, value)
    content = next(
        attributes["content"]
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert content is not None
    assert content.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in content
    assert "http" not in content


def test_runs_its_own_scripts(page: Page) -> None:
    """The page runs its own script and, if it has a chart, the library, by hash; and has no handler
    in an attribute. The library is compressed in the page.
    """
    charts = [attributes for _, attributes in page.tags if "data-chart" in attributes]
    code = [text for attributes, text in page.scripts if "type" not in attributes]
    assert len(code) == 1
    packed = [text for attributes, text in page.scripts if attributes.get("id") == "library"]
    assert len(packed) == (1 if charts else 0)
    code = [gzip.decompress(base64.b64decode(text)).decode() for text in packed] + code
    content = next(
        attributes["content"]
        for _, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert content == policy(code)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("sample", ["claims", "empty"])
def test_a_page_without_charts_has_no_library(sample: str) -> None:
    """The library is 0.4 MB: a page that draws nothing is smaller than 150 kB."""
    page = Html().render(SAMPLES[sample]())
    assert len(page) < 150_000
    assert b"data-chart=" not in page
    assert library()[:2000].encode() not in page


def test_embedded_data_is_json(page: Page) -> None:
    """Every data block is JSON, without the characters of HTML."""
    blocks = [
        text for attributes, text in page.scripts if attributes.get("type") == "application/json"
    ]
    for block in blocks:
        assert not re.search("[<>&\u2028\u2029]", block)
        json.loads(block)
    assert json.loads(blocks[-1])["kind"] == "document"


def test_ids_are_unique_and_charts_have_words(page: Page) -> None:
    """Every chart has data, and a text for a screen reader."""
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        if "data-chart" in attributes:
            assert attributes["data-chart"] in ids
            assert attributes["aria-label"]


@pytest.mark.parametrize("sample", ["comparison", "estimated", "partial", "claims"])
def test_tables_hold_every_number(sample: str) -> None:
    """Without JavaScript and in print, every cell of every section is in the page."""
    text = " ".join(Page(Html().render(SAMPLES[sample]()).decode()).text.split())
    for section in build(SAMPLES[sample]()).sections:
        for table in section.tables:
            for row in table.rows:
                for cell in row:
                    shown = cell.text
                    if cell.tone == "prose":  # `commands` are set as code
                        shown = shown.replace("`", "")
                    assert " ".join(shown.split()) in text


def test_an_estimate_shows_no_verdict() -> None:
    """The estimated comparison has a stamp; the words of a verdict do not appear."""
    text = Page(Html().render(SAMPLES["estimated"]()).decode()).text
    assert "estimated, not measured" in text
    assert "no energy verdict" in text
    assert "less energy" not in text


def test_code_and_data_cannot_end_their_script() -> None:
    """An end tag or a comment within code or data is taken apart, and means the same."""
    hostile = "x = '</script><!-- <SCRIPT </Script>'"
    assert not re.search("</script|<!--", for_script(hostile), re.IGNORECASE)
    assert for_script("a</b") == "a</b"
    assert json.loads(for_json({"label": "</script>\u2028&"})) == {"label": "</script>\u2028&"}
    assert "<" not in for_json("</script>")


def test_a_theme_of_the_user_changes_nothing() -> None:
    """A theme set elsewhere in the process does not change a byte of the page."""
    import altair

    document = SAMPLES["comparison"]()
    before = Html().render(document)
    with altair.theme.enable("dark"):
        altair.Chart(altair.Data(values=[])).mark_point().interactive().to_dict()
        assert Html().render(document) == before


def test_many_measurements_become_rows() -> None:
    """With more than four, every measurement is a row of the table."""
    runs = tuple(
        msgspec.structs.replace(cpu_node(), id=str(i), label=f"node {i}") for i in range(6)
    )
    text = Html().render(Document(title="a campaign", results=runs)).decode()
    assert text.count('<th scope="row">node 5</th>') >= 1


def test_without_altair_there_is_a_remedy() -> None:
    """A person without the charting library is told what to install, and the other formats still
    work.
    """
    code = (
        "import sys; sys.modules['altair'] = None\n"
        "from energybench.errors import BadInput\n"
        "from energybench_reports.html import Html\n"
        "from energybench_reports.terminal import Terminal\n"
        "from tests.reports.samples import SAMPLES\n"
        "Terminal().render(SAMPLES['comparison']())\n"
        "try: Html().render(SAMPLES['comparison']())\n"
        "except BadInput as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=800,
        check=True,
    )
    assert done.stdout == "altair: is not installed (pip install 'energybench[report]')\n"
