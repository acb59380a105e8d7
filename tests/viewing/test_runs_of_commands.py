"""Rows of runs as the commands write them: with the ids, dates and stamps of real runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from energybench.store.layout import PARTIAL, new_id
from tests.cli.process import REPLAYS, in_process
from tests.reports.pages import Page as Html
from tests.viewing.served import served
from tests.viewing.stores import write_run
from tests.viewing.test_index import index_of, look

WINDOWS = re.compile(r"^repeats = \[\n.*?^\]", re.DOTALL | re.MULTILINE)
ID = "2026-02-05T10-00-07.125Z_beta_00000002"


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run of one repeat, replayed from a recording."""
    folder = tmp_path_factory.mktemp("replayed")
    text = (REPLAYS / "gpu-node.toml").read_text("utf-8")
    shorter, count = WINDOWS.subn("repeats = [ [40.00, 45.07] ]", text)
    assert count == 1
    (folder / "one.toml").write_text(shorter, "utf-8")
    ran = in_process("measure", "--replay", "one.toml", "--out", "store", cwd=folder)
    assert ran.code == 0, ran.err
    return folder / "store"


def test_a_replay_has_the_date_of_its_id(replayed: Path) -> None:
    """A recording states no time of its own; the id of a run has milliseconds."""
    (row,) = look(index_of(replayed)).values()
    day, _, clock = row.name.partition("Z_")[0].partition("T")
    assert row.date == f"{day}T{clock.partition('.')[0].replace('-', ':')}Z"


def test_stamps_and_the_number_of_repeats_are_words_of_the_row(replayed: Path) -> None:
    """As in every report: a reader of the table on a phone cannot point at a title."""
    (row,) = look(index_of(replayed)).values()
    with served(replayed) as page:
        page.open()
        table = Html(page.get().text.partition("<tbody>")[2]).text
    for words in (
        "replayed from a recording, not measured here",
        "single repeat: run-to-run scatter not known",
        "1 repeat",
        *row.doubts,
    ):
        assert words in table
    assert len(row.doubts) > 2


@pytest.mark.parametrize(
    "path",
    [
        ID,
        ID.replace(".125", ""),
        f"{PARTIAL}{ID}",
        f"campaign/runs/{ID}",
        f"{ID}/node-cpu1",
    ],
)
def test_a_damaged_run_has_the_date_of_its_directory(tmp_path: Path, path: str) -> None:
    """By the time in the name of the directory, or of the one around it, as a node of a job."""
    write_run(tmp_path, new_id("whole"))
    damaged = tmp_path / path
    damaged.mkdir(parents=True)
    (damaged / "run.json").write_text("{")
    rows = look(index_of(tmp_path))
    assert rows[path].kind == "damaged"
    assert rows[path].date == "2026-02-05T10:00:07Z"
    with served(tmp_path) as page:
        page.open()
        assert "is not JSON" in page.get(since="2026-02-05", until="2026-02-05").text


def test_a_time_that_no_clock_shows_is_no_date(tmp_path: Path) -> None:
    """A name that only looks like an id."""
    damaged = tmp_path / "2026-13-05T10-00-07.125Z_beta_00000002"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    (row,) = look(index_of(tmp_path)).values()
    assert row.date == ""
