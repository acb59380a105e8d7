"""Saving all runs of a table: a run that cannot be read costs a note, whatever happened to it, and
whether the index knows of it or not.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from energybench.registry import registered
from tests.viewing.served import served
from tests.viewing.stores import some_runs, write_run

ALPHA = "2026-01-05T10-00-00.125Z_alpha_00000001"


def _linked(name: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        outside = write_run(run.parents[1], "outside", label="secret")
        (run / name).unlink()
        (run / name).symlink_to(outside / name)

    return change


def _pipe(run: Path) -> None:
    (run / "run.json").unlink()
    os.mkfifo(run / "run.json")


def _folder(run: Path) -> None:
    (run / "run.json").unlink()
    (run / "run.json").mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "removed": (shutil.rmtree, "no such file"),
    "run.json removed": (lambda run: (run / "run.json").unlink(), "no such file"),
    "cut": (lambda run: os.truncate(run / "run.json", 100), "is not JSON"),
    "a pipe": (_pipe, "is a pipe"),
    "a folder": (_folder, "is a folder"),
    "run.json linked": (_linked("run.json"), "leads out of the store"),
    "samples linked": (_linked("samples.parquet"), "leads out of the store"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_one_bad_run_costs_no_other_run(tmp_path: Path, damage: str) -> None:
    """The file has the other runs, and a note that names the run by its path inside the store."""
    store = some_runs(tmp_path / "store")
    change, words = DAMAGES[damage]
    with served(store) as page:
        page.open()
        page.index.refresh()
        change(store / ALPHA)
        page.index._next_s = float("inf")  # the index does not look again
        got = page.get("save", format="json")
        assert got.status == 200, got.text
        assert "3-of-4-runs.json" in got.headers["Content-Disposition"]
        saved = json.loads(got.body)
        assert [run["label"] for run in saved["results"]] == ["delta", "gamma", "beta"]
        (note,) = saved["notes"]
        assert words in note
        assert note.startswith(f"Left out, because it cannot be read: {ALPHA}")
        assert str(tmp_path) not in got.text
        assert "secret" not in got.text


def test_every_format_is_saved_beside_a_bad_run(tmp_path: Path) -> None:
    store = some_runs(tmp_path / "store")
    with served(store) as page:
        page.open()
        os.truncate(store / ALPHA / "run.json", 100)
        for form in registered("reports"):
            got = page.get("save", format=form)
            assert got.status == 200, (form, got.text)


def test_rows_that_were_damaged_before_are_notes_too(tmp_path: Path) -> None:
    store = some_runs(tmp_path / "store")
    os.truncate(store / ALPHA / "run.json", 0)
    with served(store) as page:
        page.open()
        saved = json.loads(page.get("save", format="json").body)
        assert len(saved["results"]) == 3
        (note,) = saved["notes"]
        assert f"{ALPHA}/run.json: is empty" in note


def test_a_table_without_a_readable_run_is_not_saved(tmp_path: Path) -> None:
    """The reason of the first is stated."""
    store = some_runs(tmp_path / "store")
    for run in store.iterdir():
        os.truncate(run / "run.json", 100)
    with served(store) as page:
        page.open()
        got = page.get("save", format="csv")
        assert got.status == 400
        assert "shows no run that can be read" in got.text
        assert "is not JSON" in got.text
        assert str(tmp_path) not in got.text


def test_a_chosen_run_that_is_gone_is_named(tmp_path: Path) -> None:
    """Who chooses a run is told that it is missing; no words about commands or whole paths."""
    store = some_runs(tmp_path / "store")
    with served(store) as page:
        page.open()
        ids = page.key("alpha"), page.key("beta")
        shutil.rmtree(store / ALPHA)
        page.index._next_s = float("inf")
        for name in ("save", "report", "comparison"):
            got = page.get(name, *ids, format="json")
            assert got.status == 400
            assert f"{ALPHA}/run.json: no such file" in got.text
            assert str(tmp_path) not in got.text
            assert "ls" not in got.text.split()
