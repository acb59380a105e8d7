"""A text of a million characters, wherever it stands in a result, is shown by its beginning."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable

import msgspec
import pytest

from energybench.analysis.comparison.compare import compare
from energybench.cli import summary
from energybench.foreign_text import MOST_SHOWN, visible
from energybench.model import Document, Doubt, Measurement, WorkloadRef, WorkRecord
from energybench_reports.html import Html
from energybench_reports.json_report import Json
from energybench_reports.markdown import Markdown
from energybench_reports.terminal import Terminal
from tests.reports.pages import Page
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_many import ODD_LABELS, odd_labels

TEXTS = {"one word": "x" * 1_000_000, "words": "x y " * 250_000}
DATA = re.compile(r"<script.*?</script>", re.DOTALL)  # the page's programs and data
PLACES_IN_OUTPUT = 100  # most places in which a report shows the same label
replace = msgspec.structs.replace


def _doubt(run: Measurement, text: str) -> Measurement:
    doubt = Doubt(code="failed-reads", message=text, remedy=text, subject=text)
    return replace(run, doubts=(doubt, *run.doubts))


def _devices(run: Measurement, text: str) -> Measurement:
    parts = tuple(replace(part, device=text) for part in run.boundary.parts)
    channels = tuple(replace(channel, device=text) for channel in run.channels)
    return replace(run, boundary=replace(run.boundary, parts=parts), channels=channels)


def _settings(run: Measurement, text: str) -> Measurement:
    workload = WorkloadRef(name=text, size=text, device=text, settings={text: text})
    return replace(run, workload=workload)


PLACES: dict[str, Callable[[Measurement, str], Measurement]] = {
    "label": lambda run, text: replace(run, label=text),
    "host": lambda run, text: replace(run, host=replace(run.host, name=text, cpu=text)),
    "doubt": _doubt,
    "device": _devices,
    "settings": _settings,
    "program": lambda run, text: replace(run, workload=None, command=(text, text)),
    "record": lambda run, text: replace(
        run, record=WorkRecord(notes=(text,), statement={text: text}, figures={text: 1.0})
    ),
}


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest) -> Callable[[Measurement, str], Measurement]:
    return PLACES[request.param]


@pytest.fixture(params=sorted(TEXTS))
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


def _is_short(shown: str) -> None:
    """No place of the output holds the whole text: all places together hold less of it."""
    assert shown.count("x") < PLACES_IN_OUTPUT * MOST_SHOWN


@pytest.mark.parametrize("render", [Terminal().render, Markdown().render], ids=["terminal", "md"])
def test_a_report_for_people_shows_the_beginning(
    place: Callable[[Measurement, str], Measurement],
    text: str,
    render: Callable[[Document], bytes],
) -> None:
    """Label, host, doubt, devices, settings, program, record; and the title of the report."""
    document = Document(title=text, results=(place(cpu_node(), text),), notes=(text,))
    _is_short(render(document).decode())


def test_the_page_shows_the_beginning(place: Callable[[Measurement, str], Measurement]) -> None:
    """The text of the page; its data holds the whole result."""
    pytest.importorskip("altair")
    text = TEXTS["one word"]
    page = Html().render(Document(title=text, results=(place(cpu_node(), text),))).decode()
    _is_short(DATA.sub("", page))


def test_a_command_shows_the_beginning(
    place: Callable[[Measurement, str], Measurement], text: str
) -> None:
    """The lines after a measurement and after a comparison."""
    run = place(cpu_node(), text)
    result = compare(run, replace(run, id="other"), force=True)
    for shown in (summary.measurement(run), summary.comparison(result), summary.per_work(run)):
        _is_short(shown)


@pytest.mark.parametrize("render", [Terminal().render, Markdown().render], ids=["terminal", "md"])
def test_labels_of_every_kind_are_text(render: Callable[[Document], bytes]) -> None:
    """Chinese and Arabic characters, emoji, long labels and tags: every label is readable."""
    shown = "".join(html.unescape(render(odd_labels()).decode()).split())
    for label in ODD_LABELS:
        beginning = "".join(visible(label).split())[:12]
        assert beginning in shown.replace("\\", "")


def test_labels_of_every_kind_are_whole_in_json() -> None:
    """Every label comes back as it was."""
    results = json.loads(Json().render(odd_labels()))["results"]
    labels = [result["label"] for result in results if result["kind"] == "measurement"]
    assert labels[::2] == list(ODD_LABELS)


def test_labels_of_every_kind_are_text_in_the_page() -> None:
    """No tag of a label becomes a tag of the page, in the text, in attributes and in the data."""
    pytest.importorskip("altair")
    page = Page(Html().render(odd_labels()).decode())
    assert len(page.scripts) == len([tag for tag, _ in page.tags if tag == "script"])
    programs = [attributes for attributes, _ in page.scripts if "type" not in attributes]
    assert programs == [{}]
    for attributes, _ in page.scripts:
        # charts are JSON, and the results of a large document are compressed
        assert attributes.get("type") in (None, "application/json", "application/gzip")
    for label in ODD_LABELS:
        assert visible(" ".join(label.split()))[:200] in " ".join(page.text.split())
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
