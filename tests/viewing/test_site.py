"""The pages: the table, reports and comparisons through the door of reports, and files to save."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import in_process
from tests.reports.pages import Page as Html
from tests.simulators.job_directory import Node, finished_job
from tests.viewing.served import Page, served
from tests.viewing.stores import HOSTILE, some_runs, write_run
from tests.viewing.test_index import files

CREATED = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00|Z)")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some_runs(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def page(store: Path) -> Iterator[Page]:
    with served(store) as running:
        running.open()
        yield running


def undated(content: bytes) -> bytes:
    """A report without the moment at which it was made."""
    return CREATED.sub(b"(date)", content)


def labels(text: str) -> list[str]:
    return re.findall(r'<a href="runs\?id=\w+">(\w+)</a>', text)


def test_the_table_has_a_row_for_each_run_with_its_figures(page: Page) -> None:
    """Value, interval and unit; the newest first."""
    text = page.get().text
    assert labels(text) == ["delta", "gamma", "beta", "alpha"]
    assert "3.01 kJ<small>[2.63, 3.39]</small>" in text
    assert "one-node" in text
    assert labels(page.get(sort="-energy").text) == ["beta", "gamma", "delta", "alpha"]
    assert labels(page.get(host="node-b", sort="label").text) == ["beta", "gamma"]
    assert labels(page.get(q="nobody").text) == []


def test_a_wrong_parameter_is_a_sentence(page: Page) -> None:
    got = page.get(sort="height")
    assert got.status == 400
    assert "sort: is not a column of the table" in got.text


@pytest.mark.parametrize(
    ("name", "ids", "words"),
    [
        ("runs", (), "names no run"),
        ("runs", ("../../etc/passwd",), "names no run of the store"),
        ("report", ("2026-01-05T10-00-00.125Z_alpha_00000001",), "names no run of the store"),
        ("compare", ("one",), "names no run of the store"),
        ("save", (), "format: is not installed"),
        ("runs", tuple(str(number) for number in range(25)), "names 25 runs"),
    ],
)
def test_an_address_that_names_no_run(
    page: Page, name: str, ids: tuple[str, ...], words: str
) -> None:
    got = page.get(name, *ids)
    assert got.status == 400
    assert words in got.text


def test_a_run_s_report_is_that_of_the_command(page: Page, store: Path) -> None:
    """The same bytes as `energybench report RUN --format html`, apart from the moment."""
    pytest.importorskip("altair")
    run = "2026-01-05T10-00-00.125Z_alpha_00000001"
    out = store.parent / "report.html"
    assert (
        in_process(
            "report",
            run,
            "--store",
            str(store),
            "--format",
            "html",
            "--out",
            str(out),
            cwd=store.parent,
        ).code
        == 0
    )
    got = page.get("report", page.key("alpha"))
    assert got.status == 200
    assert undated(got.body) == undated(out.read_bytes())
    assert "sandbox allow-scripts" in got.headers["Content-Security-Policy"]


def test_a_comparison_is_that_of_the_commands(page: Page, store: Path) -> None:
    """`compare --json > FILE`, then `report FILE RUN RUN`; the store stays as it is."""
    pytest.importorskip("altair")
    before = files(store)
    runs = [f"2026-0{n}-05T10-00-00.125Z_{name}" for n, name in ((1, "alpha"), (2, "beta"))]
    compared = in_process("compare", *runs, "--store", str(store), "--json", cwd=store)
    assert compared.code == 0, compared.err
    comparison, out = store.parent / "cmp.json", store.parent / "cmp.html"
    comparison.write_text(compared.out)
    arguments = ["--store", str(store), "--format", "html", "--out", str(out)]
    assert in_process("report", str(comparison), *runs, *arguments, cwd=store).code == 0
    got = page.get("comparison", page.key("alpha"), page.key("beta"))
    assert undated(got.body) == undated(out.read_bytes())
    assert files(store) == before


def test_the_first_of_two_runs_is_the_baseline(page: Page) -> None:
    sides = page.key("alpha"), page.key("beta")
    for ids, title in ((sides, "alpha → beta"), (sides[::-1], "beta → alpha")):
        got = page.get("compare", *ids)
        assert got.status == 200
        assert f"<title>{title} –" in got.text
        saved = json.loads(page.get("save", *ids, format="json", pair="1").body)
        assert saved["results"][0]["labels"] == title.split(" → ")


def test_runs_that_are_not_comparable(page: Page) -> None:
    """The reason, and a link that compares them with that doubt, as `--force` does."""
    ids = page.key("alpha"), page.key("delta")
    got = page.get("compare", *ids)
    assert got.status == 200
    assert "not comparable" in got.text
    assert "boundar" in got.text
    assert "force=1" in got.text
    assert "<iframe" in page.get("compare", *ids, force="1").text
    forced = json.loads(page.get("save", *ids, format="json", pair="1", force="1").body)
    codes = [doubt["code"] for doubt in forced["results"][0]["doubts"]]
    assert "forced-boundary" in codes


@pytest.mark.parametrize("margin", ["x", "-1", "2", "nan"])
def test_a_margin_is_a_number_of_its_range(page: Page, margin: str) -> None:
    got = page.get("compare", page.key("alpha"), page.key("beta"), margin=margin)
    assert got.status == 400
    assert "margin: is not a number from 0 to 1" in got.text


def test_a_margin_decides_the_verdict(page: Page) -> None:
    saved = page.get(
        "save", page.key("alpha"), page.key("beta"), format="json", pair="1", margin="0.5"
    )
    assert json.loads(saved.body)["results"][0]["margin"] == 0.5


def test_files_to_save_come_in_every_format(page: Page) -> None:
    """Of one run, of several, and of all runs that the filters leave."""
    from energybench.registry import registered

    for form in registered("reports"):
        got = page.get("save", page.key("alpha"), format=form)
        assert got.status == 200, (form, got.text)
        assert got.headers["Content-Disposition"].startswith(
            'attachment; filename="2026-01-05T10-00-00.125Z_alpha_00000001'
        )
        assert got.body
    several = json.loads(page.get("save", page.key("alpha"), page.key("beta"), format="json").body)
    assert [run["label"] for run in several["results"]] == ["alpha", "beta"]
    filtered = json.loads(page.get("save", format="json", host="node-b", sort="label").body)
    assert [run["label"] for run in filtered["results"]] == ["beta", "gamma"]


def test_several_runs_are_one_report(page: Page) -> None:
    pytest.importorskip("altair")
    got = page.get("report", page.key("alpha"), page.key("beta"))
    assert got.status == 200
    assert "alpha" in Html(got.text).title
    assert "compare the two" in page.get("runs", page.key("alpha"), page.key("beta")).text


def test_hostile_labels_stay_text(tmp_path: Path) -> None:
    """In the table, in the filters, in the frame of a report, and in a name of a file."""
    write_run(tmp_path / "store", f"{HOSTILE.replace('/', '_')}", label=HOSTILE, host=HOSTILE)
    write_run(tmp_path / "store", "other", label="other")
    with served(tmp_path / "store") as page:
        page.open()
        ids = page.key(HOSTILE), page.key("other")
        for got in (
            page.get(q=HOSTILE),
            page.get(host=HOSTILE),
            page.get("runs", *ids),
            page.get("compare", *ids),
            page.get(sort=HOSTILE),
        ):
            html = Html(got.text)
            assert not [tag for tag, _ in html.tags if tag == "img"]
            assert all(attributes.get("src") == "view.js" for attributes, _ in html.scripts)
            assert not [
                name for _, attributes in html.tags for name in attributes if name.startswith("on")
            ]
        name = page.get("save", ids[0], format="json").headers["Content-Disposition"]
        assert name.count('"') == 2
        assert "/" not in name


def test_jobs_show_their_nodes(tmp_path: Path) -> None:
    """The job is a row of the store, its nodes are a table of their own, and both have reports."""
    job = finished_job(tmp_path, {"cpu1": Node(), "cpu2": Node()})
    write_run(tmp_path, "single", label="single")
    with served(tmp_path) as page:
        page.open()
        text = page.get().text
        assert "job of 2 nodes" in text
        (row,) = [row for row in page.index.snapshot.rows if row.kind == "job"]
        nodes = page.get(within=row.key).text
        assert "node-cpu1" in nodes
        assert "node-cpu2" in nodes
        assert "single" not in nodes
        part = next(one for one in page.index.snapshot.rows if one.name == f"{job.name}/node-cpu1")
        for key in (row.key, part.key):
            assert page.get("save", key, format="json").status == 200


def test_a_link_that_appears_later_is_not_followed(tmp_path: Path) -> None:
    """The check is made again before a file is read, not only for the row."""
    store = some_runs(tmp_path / "store")
    outside = write_run(tmp_path, "outside", label="secret")
    with served(store) as page:
        page.open()
        samples = store / "2026-01-05T10-00-00.125Z_alpha_00000001" / "samples.parquet"
        samples.unlink()
        samples.symlink_to(outside / "samples.parquet")
        for name in ("save", "report", "comparison"):
            got = page.get(name, page.key("alpha"), page.key("beta"), format="json")
            assert got.status == 400
            assert "leads out of the store" in got.text
            assert str(tmp_path) not in got.text


def test_new_runs_appear_without_a_restart(tmp_path: Path) -> None:
    """The number that the page asks for changes, and the table has the run."""
    store = some_runs(tmp_path / "store")
    with served(store) as page:
        page.open()
        before = json.loads(page.get("state").body)["number"]
        write_run(store, "2026-09-05T10-00-00.125Z_new_00000009", label="new")
        page.index._next_s = 0.0
        assert labels(page.get().text)[0] == "new"
        assert json.loads(page.get("state").body)["number"] > before


def test_damaged_and_unfinished_runs_have_rows_without_a_box(tmp_path: Path) -> None:
    store = some_runs(tmp_path / "store")
    (store / "cut").mkdir()
    (store / "cut" / "run.json").write_text("{")
    with served(store) as page:
        page.open()
        text = page.get(kind="damaged").text
        assert "is not JSON" in text
        assert 'type="checkbox"' not in text
        (row,) = [row for row in page.index.snapshot.rows if row.kind == "damaged"]
        got = page.get("report", row.key)
        assert got.status == 400
        assert "is not JSON" in got.text
