"""The page as a person uses it, by clicks in a real browser: filter, sort, choose, compare, lay
power over power, save.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import until
from tests.viewing.browser import BROWSER, Browser
from tests.viewing.served import Page, served
from tests.viewing.stores import HOSTILE, some_runs, write_run

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.xdist_group("chromium"),
    pytest.mark.skipif(
        BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH"
    ),
]
LABELS = "[...document.querySelectorAll('tbody th.label > a')].map(a => a.textContent).join(' ')"
CHOICE = "document.getElementById('choice').innerText"
TABLE = "!!document.querySelector('#chosen table')"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    store = some_runs(tmp_path_factory.mktemp("store"))
    write_run(
        store,
        "2026-01-01T10-00-00.125Z_a_name_that_is_longer_than_its_column_00000009",
        1.2,
        label="a run whose name is longer than a column of the table",
        host="a-node-with-a-long-name-01.cluster.example.org",
        boundary="node-ac",
        doubts=["memory-modelled", "one-node"],
    )
    for number in range(60):
        write_run(store, f"2025-01-01T00-00-{number:02}.125Z_many_{number:08x}", 1.1, label="many")
    with served(store) as running:
        yield running


@pytest.fixture(scope="module")
def opened(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that has opened the printed address."""
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        browser.size(1280, 900)
        browser.open(page.address)
        browser.until(TABLE)
        yield browser


@pytest.fixture
def browser(opened: Browser, page: Page) -> Browser:
    """The browser on the table of all runs, with nothing chosen."""
    opened.size(1280, 900)
    opened.open(f"http://127.0.0.1:{page.port}{page.access.base}")
    opened.value("sessionStorage.clear()")
    opened.open(f"http://127.0.0.1:{page.port}{page.access.base}?size=25")
    opened.until(TABLE)
    return opened


def box(page: Page, label: str) -> str:
    return f"input[value='{page.key(label)}']"


def test_sorting_by_the_heads_of_columns(browser: Browser) -> None:
    """A click sorts; another click turns the order."""
    browser.click("thead th.energy a")
    browser.until(f"({LABELS}).startsWith('beta gamma delta')")
    browser.click("thead th.energy a")
    browser.until(f"({LABELS}).startsWith('alpha many')")
    assert browser.value("document.querySelector('th.energy').getAttribute('aria-sort')") == (
        "ascending"
    )


def test_filtering_by_words_and_by_a_choice(browser: Browser) -> None:
    """Words after Enter; a choice at once."""
    browser.type("input[name=q]", "gam")
    browser.enter()
    browser.until(f"({LABELS}) === 'gamma'")
    browser.click(".clear")
    browser.until(f"document.readyState === 'complete' && ({LABELS}).startsWith('delta gamma')")
    browser.value(
        "(() => { const s = document.querySelector('select[name=host]'); s.value = 'node-b';"
        "s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    browser.until(f"({LABELS}) === 'gamma beta'")


def test_two_runs_of_different_pages_are_compared(browser: Browser, page: Page) -> None:
    """The choice stays from page to page, in the order of the clicks: the first is the baseline."""
    assert browser.value("document.getElementById('compare').disabled")
    browser.click(box(page, "beta"))
    browser.until(f"({CHOICE}).includes('beta')")
    browser.click("a[rel=next]")
    browser.until("location.search.includes('page=2')")
    browser.until(TABLE)
    browser.click("tbody tr:nth-child(3) input")
    browser.until(f"({CHOICE}).includes('baseline: beta')")
    browser.click("#compare")
    browser.until("document.title.startsWith('beta → many')")
    frame = browser.value("document.querySelector('iframe').src")
    browser.open(frame)
    browser.until("document.documentElement.dataset.charts")
    browser.until("document.documentElement.dataset.charts.split('/')[0] > 0")
    assert "beta → many" in browser.value("document.querySelector('h1').textContent")
    assert browser.value("document.documentElement.dataset.error") is None


def test_power_over_time_of_several_runs_together(browser: Browser, page: Page) -> None:
    """A report of the chosen runs, with a chart that lays their power over each other."""
    for label in ("alpha", "gamma", "delta"):
        browser.click(box(page, label))
    browser.click("#power")
    browser.until("document.title.startsWith('3 runs')")
    assert browser.value("document.querySelector('iframe').src").endswith("#power")
    browser.open(browser.value("document.querySelector('iframe').src"))
    browser.until("document.documentElement.dataset.charts")
    counts = "document.documentElement.dataset.charts.split('/')"
    browser.until(f"{counts}[0] === {counts}[1]")
    captions = browser.value(
        "[...document.querySelectorAll('#power figcaption')].map(c => c.textContent)"
    )
    assert any("over each other" in caption for caption in captions)


def test_chosen_runs_are_saved_as_a_file(browser: Browser, page: Page) -> None:
    for label in ("gamma", "alpha"):
        browser.click(box(page, label))
    browser.click("details.save summary")
    browser.click("button[formaction=save][value=json]")
    file = browser.downloads / "2-runs.json"
    until(file.exists)
    saved = json.loads(file.read_text())
    assert [run["label"] for run in saved["results"]] == ["gamma", "alpha"]
    assert "gamma" in browser.value(CHOICE)


def test_a_run_opens_in_full_and_leads_back(browser: Browser) -> None:
    browser.click("tbody tr:nth-child(1) th.label a")
    browser.until("!!document.querySelector('iframe')")
    assert browser.value("document.title").startswith("delta")
    browser.click(".frame-bar a")
    browser.until(TABLE)


def test_new_runs_appear_by_themselves(browser: Browser, page: Page) -> None:
    """Without a reload, and without losing what was chosen."""
    browser.click(box(page, "beta"))
    store = Path(page.index.store.decode())
    run = write_run(store, "2026-09-09T00-00-00.125Z_later_00000099", label="later")
    try:
        browser.until(f"({LABELS}).startsWith('later')")
        assert browser.value(f'document.querySelector("{box(page, "beta")}").checked')
    finally:
        for file in run.iterdir():
            file.unlink()
        run.rmdir()


def test_a_hostile_label_stays_text(browser: Browser, page: Page) -> None:
    """In the table and in the words about the choice, which a script of the page writes."""
    store = Path(page.index.store.decode())
    run = write_run(store, "2026-09-09T00-00-00.125Z_hostile_00000098", label=HOSTILE)
    try:
        page.index._next_s = 0.0
        browser.open(f"http://127.0.0.1:{page.port}{page.access.base}?size=25")
        browser.click(box(page, HOSTILE))
        browser.until(f"({CHOICE}).includes('owned')")
        assert browser.value("document.images.length") == 0
        assert browser.value("document.title") != "owned"
    finally:
        for file in run.iterdir():
            file.unlink()
        run.rmdir()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 390, 768, 1024, 1240, 1280])
def test_the_page_fits_the_screen(browser: Browser, width: int, dark: bool) -> None:
    """No sideways scrolling, also of the table, with long names; light and dark differ."""
    browser.size(width, 900, dark=dark)
    assert browser.value("document.documentElement.scrollWidth") <= width
    table = "document.querySelector('.scroll')"
    assert browser.value(f"{table}.scrollWidth <= {table}.clientWidth")
    colour = browser.value("getComputedStyle(document.body).backgroundColor")
    assert colour == ("rgb(18, 21, 25)" if dark else "rgb(252, 252, 250)")
    assert browser.picture().startswith(b"\x89PNG")


def test_everything_comes_from_this_server(browser: Browser, page: Page) -> None:
    """No request goes anywhere else."""
    assert browser.requests
    own = (f"http://127.0.0.1:{page.port}/", "data:", "blob:", "about:")
    assert [address for address in browser.requests if not address.startswith(own)] == []


def test_another_browser_is_refused(page: Page, opened: Browser, tmp_path: Path) -> None:
    """The address was used; without the cookie nothing is shown."""
    del opened
    with Browser(tmp_path / "other") as other:
        for path in ("", "open?token=" + "x" * 43):
            other.open(f"http://127.0.0.1:{page.port}{page.access.base}{path}")
            assert "printed" in other.value("document.body.innerText")
            assert not other.value(TABLE)
