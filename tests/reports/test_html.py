"""The HTML page as text: self-contained, escaped, complete without JavaScript."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import msgspec
import pytest

from energybench.model import Document, PowerSeries, Timeline
from energybench_reports.charts.document import figures
from energybench_reports.html import Html, bundle, for_json, for_script, policy
from energybench_reports.view.document import build
from tests.reports.pages import Page
from tests.reports.sample_nodes import cpu_node
from tests.reports.samples import SAMPLES

pytest.importorskip("altair")
pytest.importorskip("vl_convert")


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


def test_runs_its_own_two_scripts(page: Page) -> None:
    """The page runs the library and the page's own script, by hash, and has no handler in an
    attribute.
    """
    code = [
        text for attributes, text in page.scripts if attributes.get("type") != "application/json"
    ]
    assert len(code) == 2
    content = next(
        attributes["content"]
        for _, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert content == policy(code)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


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
    assert not re.search("</script|<!--", for_script(bundle()), re.IGNORECASE)
    assert json.loads(for_json({"label": "</script>\u2028&"})) == {"label": "</script>\u2028&"}
    assert "<" not in for_json("</script>")


def test_a_missing_part_has_no_bar() -> None:
    """A part without joules has no bar; the caption names missing parts."""
    document = SAMPLES["comparison"]()
    chart = next(
        figure
        for figure in figures(document, build(document).labels)
        if figure.section == "components"
    )
    assert "network" not in json.dumps(chart.spec)
    assert "Not in a bar, because missing: network of GPU node" in chart.caption


def test_unused_boards_have_a_colour_of_their_own() -> None:
    """Idle accelerators are visible in the bars and in the lines."""
    document = SAMPLES["unused"]()
    for figure in figures(document, build(document).labels):
        if figure.section != "repeats":
            assert "gpu.board, unused" in json.dumps(figure.spec)
            assert "#e69f00" in json.dumps(figure.spec)


def test_a_modelled_power_is_called_so() -> None:
    """The line of a device without a sensor is dashed and called modelled."""
    run = SAMPLES["estimated"]().results[0]
    series = PowerSeries(
        run=run.id,
        component="cpu.package",
        device="package-0",
        t_s=(0.0, 1.0),
        power_w=(90.0, 90.0),
    )
    (chart,) = [
        figure
        for figure in figures(
            Document(
                title="",
                results=(run,),
                timelines=(Timeline(run=run.id, series=(series,), windows=()),),
            ),
            {run.id: "run"},
        )
        if figure.section == "power"
    ]
    assert "cpu.package, modelled" in json.dumps(chart.spec)
    assert "[5, 3]" in json.dumps(chart.spec)


def test_every_colour_has_a_dark_one() -> None:
    """The style has a dark colour for every colour of the charts."""
    from energybench_reports.charts import figure as charts
    from energybench_reports.html import TEMPLATES

    style = (TEMPLATES / "report.css").read_text()
    for tone in (
        *charts.COLOURS.values(),
        *charts.OTHERS,
        charts.HATCH,
        charts.BAND,
        charts.IDLE_BAND,
        charts.INK,
    ):
        assert f'[fill="{tone}"]' in style
    assert f'[stroke="{charts.GRID}"]' in style


def test_long_series_are_thinned_and_say_so() -> None:
    """A million readings do not make a gigabyte, and the caption tells."""
    times = tuple(i / 10 for i in range(30_000))
    series = PowerSeries(
        run=cpu_node().id,
        component="cpu.package",
        device="package-0",
        t_s=times,
        power_w=tuple(100.0 + i % 7 for i in range(30_000)),
    )
    line = Timeline(run=cpu_node().id, series=(series,), windows=())
    document = Document(title="", results=(), timelines=(line,))
    (chart,) = [figure for figure in figures(document, {}) if figure.section == "power"]
    assert len(json.dumps(chart.spec)) < 300_000
    assert "at most 2000 points" in chart.caption


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
    assert text.count('<th scope="row"><span>node 5</span>') >= 1


def test_without_altair_there_is_a_remedy() -> None:
    """A person without the charting library is told what to install, and the other formats still
    work.
    """
    code = (
        "import sys; sys.modules[{0!r}] = None\n"
        "from energybench.errors import BadInput\n"
        "from energybench.model import Document\n"
        "from energybench_reports.html import Html\n"
        "from energybench_reports.terminal import Terminal\n"
        "Terminal().render(Document(title='t', results=()))\n"
        "try: Html().render(Document(title='t', results=()))\n"
        "except BadInput as error: print(error)\n"
    )
    for name in ("altair", "vl_convert"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(name)],
            capture_output=True,
            text=True,
            timeout=280,
            check=True,
        )
        assert done.stdout == f"{name}: is not installed (pip install 'energybench[report]')\n"
