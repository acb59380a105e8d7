"""The HTML page in a real browser, without a network: every chart is drawn, nothing foreign runs,
nothing is loaded.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from energybench.model import Document, Publication
from energybench_reports.figures import illustrated
from energybench_reports.html import Html
from energybench_reports.view.document import build, in_full
from tests.reports.pages import Page
from tests.reports.pdf_pages import Pages, headings
from tests.reports.sample_many import applications, odd_labels
from tests.reports.sample_odd import HOSTILE
from tests.reports.samples import SAMPLES

BROWSER = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=10000",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--hide-scrollbars",
)
DARK = ("--window-size=1280,3000", "--blink-settings=preferredColorScheme=0")
CHARTS = {
    "comparison": 6,
    "unused": 3,
    "estimated": 2,
    "partial": 0,
    "hostile": 4,
    "claims": 0,
    "empty": 0,
    "study": 2,
    "training": 7,
}
pytestmark = [
    pytest.mark.chromium,
    pytest.mark.xdist_group("chromium"),
    pytest.mark.skipif(
        BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH"
    ),
]


def browse(page: bytes, folder: Path, *flags: str) -> str:
    """The output of the browser for a page."""
    assert BROWSER is not None
    file = folder / "page.html"
    file.write_bytes(page)
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=800, check=True).stdout


def rendered(sample: str) -> bytes:
    pytest.importorskip("altair")
    return Html().render(SAMPLES[sample]())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Page]:
    """The page of a sample as the browser shows it, which starts once for each sample."""

    @functools.cache
    def of(sample: str) -> Page:
        return Page(browse(rendered(sample), tmp_path_factory.mktemp(sample), "--dump-dom"))

    return of


@pytest.mark.parametrize(("sample", "charts"), CHARTS.items())
def test_draws_every_chart_without_an_error(
    sample: str, charts: int, drawn: Callable[[str], Page]
) -> None:
    """As many drawings as charts, no script error, no refusal by the page's own policy."""
    page = drawn(sample)
    root = next(attributes for tag, attributes in page.tags if tag == "html")
    assert root["data-charts"] == f"{charts}/{charts}"
    assert "data-error" not in root
    assert (
        len([attributes for _, attributes in page.tags if attributes.get("data-drawn") == "yes"])
        == charts
    )
    assert (
        len(
            [
                attributes
                for tag, attributes in page.tags
                if tag == "svg" and attributes.get("class") == "marks"
            ]
        )
        == charts
    )


def test_hostile_labels_stay_text(drawn: Callable[[str], Page]) -> None:
    """A label that is a script runs nowhere: not in the page, not in its data, not in a chart, not
    in an attribute.
    """
    page = drawn("hostile")
    assert HOSTILE[0] in page.text
    assert "owned" not in page.title.replace(HOSTILE[0], "")
    assert not [tag for tag, _ in page.tags if tag in ("iframe", "object", "embed")]
    assert all(
        (attributes.get("src") or "").startswith("data:image/png;base64,")
        for tag, attributes in page.tags
        if tag == "img"
    )
    assert len([attributes for attributes, _ in page.scripts if "type" not in attributes]) == 1
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_policy_stops_what_escaping_would_miss(tmp_path: Path) -> None:
    """A label that got through as markup would still not run, because of the page's policy; without
    the policy the label would run.
    """
    page = rendered("empty").replace(
        b"<main>",
        b"<main><img src=x "
        b"onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
    )
    for policy, title in ((b"Content-Security-Policy", "Nothing yet"), (b"x-none", "owned")):
        folder = tmp_path / title
        folder.mkdir()
        assert (
            Page(
                browse(page.replace(b"Content-Security-Policy", policy), folder, "--dump-dom")
            ).title
            == title
        )


def test_no_address_on_the_web_in_the_drawn_page(drawn: Callable[[str], Page]) -> None:
    """Drawing adds no link and no resource."""
    page = drawn("comparison")
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, name)


@pytest.mark.parametrize(
    "flags",
    [("--window-size=1280,3000",), DARK, ("--window-size=420,3000",)],
    ids=["light", "dark", "narrow"],
)
def test_can_be_seen(flags: tuple[str, ...], tmp_path: Path) -> None:
    """The page gives a picture: light, dark, and on a narrow screen."""
    browse(rendered("comparison"), tmp_path, *flags, f"--screenshot={tmp_path / 'page.png'}")
    picture = (tmp_path / "page.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 50_000


# Written into the page by the test: the width of the screen, what sticks out of it with folded
# tables opened, and the words of cells that are shown.
MEASURE = """
for (const fold of document.querySelectorAll("details")) fold.open = true;
const out = [...document.querySelectorAll("main *")].filter(e => !e.closest("svg"))
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([e, box]) => box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5))
  .map(([e, box]) => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)} ${box.right}`);
const seen = [...document.querySelectorAll("td, .verdict")]
  .filter(e => e.getBoundingClientRect().width > 0).map(e => e.textContent.trim());
// a cell of a card is a line as wide as the card, on a phone
const narrow = [...document.querySelectorAll("tbody th, td")]
  .map(e => [e, e.getBoundingClientRect().width, e.parentElement.getBoundingClientRect().width])
  .filter(([e, own, row]) => own > 0 && own < 0.95 * row).map(([e]) => e.textContent.slice(0, 40));
const root = document.documentElement;
parent.postMessage({ screen: innerWidth, wide: root.scrollWidth, out: out.slice(0, 5), seen,
  narrow: narrow.slice(0, 5) }, "*");
"""
# A window of the browser has at least 500 pixels; a frame may be narrower.
FRAMES = """<!doctype html>{}
<script>const all = []; addEventListener("message", event => { all.push(event.data);
  document.documentElement.dataset.measured = JSON.stringify(all); })</script>"""
FRAME = '<iframe src="narrow.html" style="width:{}px;height:3000px;border:0"></iframe>'
NARROW = {**SAMPLES, "applications": lambda: applications(20), "odd": odd_labels}
PHONE = 390


def measured(
    document: Document, script: str, widths: Sequence[int], folder: Path
) -> dict[int, Any]:
    """What a script that is written into the page of a document finds, by the width of the screen:
    frames of all widths in one browser.
    """
    pytest.importorskip("altair")
    page = Html().render(document).replace(b"Content-Security-Policy", b"x-none")
    page += f"<script>addEventListener('load', () => {{{script}}})</script>".encode()
    (folder / "narrow.html").write_bytes(page)
    frames = FRAMES.replace("{}", "".join(FRAME.replace("{}", str(width)) for width in widths), 1)
    dump = Page(browse(frames.encode(), folder, "--window-size=1400,3000", "--dump-dom"))
    root = next(attributes for tag, attributes in dump.tags if tag == "html")
    found = {one["screen"]: one for one in json.loads(root["data-measured"] or "")}
    assert sorted(found) == sorted(widths)
    return found


@pytest.mark.parametrize("sample", ["comparison", "claims", "job", "study", "applications", "odd"])
def test_a_narrow_screen_shows_every_cell(sample: str, tmp_path: Path) -> None:
    """Nothing sticks out to the side on a phone, a tablet or a small window: verdicts, checks,
    derived figures and reasons of claims are on the screen, with labels of every kind. On 1024
    pixels, tables with ten columns of very long labels still scroll.
    """
    document = NARROW[sample]()
    shown = build(document)
    words = {answer.verdict for answer in shown.answers} - {""}
    claims = [s for s in shown.sections if s.key in ("claims", "study-claims")]
    words |= {row[-1].text for s in claims for table in s.tables for row in table.rows}
    for width, found in measured(document, MEASURE, (PHONE, 768, 1024), tmp_path).items():
        assert found["wide"] <= width
        if width < 1024 or sample != "odd":
            assert found["out"] == [], width
        if width == PHONE:
            assert found["narrow"] == []
        for word in words:
            assert any(word in cell for cell in found["seen"]), (width, word)


# Words of charts, with the part of the page, that lie outside their drawing; once all are drawn.
WORDS = """
const look = () => {
  const [drawn, all] = document.documentElement.dataset.charts.split("/");
  if (drawn !== all) { return setTimeout(look, 50); }
  const out = [...document.querySelectorAll(".chart svg text")].filter(word => {
    const own = word.getBoundingClientRect();
    const place = word.ownerSVGElement.getBoundingClientRect();
    return own.right > place.right + 1 || own.left < place.left - 1 || own.top < place.top - 1
      || own.bottom > place.bottom + 1;
  }).map(word => `${word.closest("section").id}: ${word.textContent}`);
  const words = [...document.querySelectorAll("#components .chart svg text")]
    .map(word => word.textContent);
  parent.postMessage({ screen: innerWidth, drawn, out, words }, "*");
};
look();
"""


@pytest.mark.parametrize("sample", ["comparison", "job", "estimated", "applications", "odd"])
def test_every_word_of_a_chart_is_inside_it(sample: str, tmp_path: Path) -> None:
    """Legends take as many lines as they need, and the energy above a bar is whole, however narrow
    the screen and however long the labels are.
    """
    document = NARROW[sample]()
    shown = illustrated(in_full(document), build(document))
    (chart,) = (
        figure
        for section in shown.sections
        for figure in section.figures
        if figure.section == "components"
    )
    for width, found in measured(document, WORDS, (PHONE, 768, 1280), tmp_path).items():
        assert int(found["drawn"]) > 1
        assert found["out"] == [], width
        for row in chart.data["sums"]:
            assert row["energy"] in found["words"], width


def test_the_button_saves_a_compressed_document_as_json(tmp_path: Path) -> None:
    """The page unpacks the columns of a large document: results in their order, none lost."""
    pytest.importorskip("altair")
    document = applications(8)
    page = Html().render(document)
    assert b'type="application/gzip" id="results"' in page
    # the test's own script takes the place of the download
    click = b"""<script>URL.createObjectURL = (blob) => {
      blob.text().then((text) => { document.body.append("[saved]" + text + "[end]"); });
      return "#"; }; document.getElementById("save").click();</script></body>"""
    page = page.replace(b"Content-Security-Policy", b"x-none")
    page = click.join(page.rsplit(b"</body>", 1))
    text = Page(browse(page, tmp_path, "--dump-dom")).text
    saved = json.loads(text[text.index("[saved]") + 7 : text.rindex("[end]")])
    kinds = [type(result) for result in document.results]
    results = [
        msgspec.convert(result, kind) for result, kind in zip(saved["results"], kinds, strict=True)
    ]
    assert results == list(document.results)
    assert (saved["title"], saved["kind"]) == (document.title, "document")


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_no_heading_stands_alone_at_the_foot_of_a_printed_page(paper: str, tmp_path: Path) -> None:
    """Print gives pages with the folded tables open; titles of sections, tables, doubts and results
    stand with what follows them.
    """
    pytest.importorskip("altair")
    document = msgspec.structs.replace(
        SAMPLES["comparison"](), publication=Publication(paper=paper)
    )
    out = tmp_path / "page.pdf"
    browse(Html().render(document), tmp_path, f"--print-to-pdf={out}", "--no-pdf-header-footer")
    pages = Pages(out.read_bytes())
    assert len(pages) >= 5
    assert pages.stranded(headings(build(document))) == []
