"""The index of a store: what has a row, what is read again, and what the cache may do."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from energybench import __version__
from energybench.errors import BadInput
from energybench.model import Study
from energybench.store.study import StudyStore
from energybench.viewing import cache
from energybench.viewing.cache import CacheFolder
from energybench.viewing.index import Index
from energybench.viewing.rows import Row
from tests.reports.samples import SAMPLES
from tests.simulators.job_directory import Node, finished_job
from tests.viewing.stores import HOSTILE, SAMPLE, some_runs, write_run


def index_of(store: Path, folder: Path | None = None) -> Index:
    return Index(store, CacheFolder(folder))


def look(index: Index) -> dict[str, Row]:
    """The rows by their path, after a look at the store at once."""
    index._next_s = 0.0
    return {os.fsdecode(row.path): row for row in index.refresh().rows}


def kinds(index: Index) -> dict[str, str]:
    return {path: row.kind for path, row in look(index).items()}


def files(store: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file of a store with mode, time of modification and content."""
    return {
        str(path): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }


def read_anew(index: Index) -> int:
    """How many runs are read at the next look."""
    progress: list[float | None] = []
    index._next_s = 0.0
    index.refresh(lambda text, fraction: progress.append(fraction))
    return len(progress)


def test_a_run_has_the_figures_of_its_file(tmp_path: Path) -> None:
    """Value and interval; the date is that of the id."""
    run = look(index_of(some_runs(tmp_path)))["2026-02-05T10-00-00.125Z_beta_00000002"]
    assert (run.kind, run.label, run.host, run.boundary) == ("run", "beta", "node-b", "compute")
    assert (run.workload, run.quality, run.repeats) == ("milc 32 cuda", "mixed", 3)
    assert run.date == "2026-02-05T10:00:00Z"
    assert run.energy_j is not None
    assert run.energy_j.value == pytest.approx(3 * 1003.7677)
    assert run.energy_j.low < run.energy_j.value < run.energy_j.high
    assert run.work_unit == "solve to residual 1e-10"
    assert set(run.doubts) == {"estimated-cpu", "interrupted", "memory-modelled"}


def test_whatever_cannot_be_read_has_a_row_with_its_reason(tmp_path: Path) -> None:
    """One damaged run costs no other run's row."""
    some_runs(tmp_path)
    for name, content in (("cut", "{"), ("empty", ""), ("other", '{"schema": "x"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "run.json").mkdir()
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "fifo" / "run.json")
    rows = look(index_of(tmp_path))
    reasons = {path: row.reason for path, row in rows.items() if row.kind == "damaged"}
    assert set(reasons) == {"cut", "empty", "other", "folder", "fifo"}
    assert "is not JSON" in reasons["cut"]
    assert "is empty" in reasons["empty"]
    assert "schema" in reasons["other"]
    assert "is a pipe" in reasons["fifo"]
    assert all(str(tmp_path) not in reason for reason in reasons.values())
    assert sum(row.kind == "run" for row in rows.values()) == 4


def test_jobs_studies_and_unfinished_runs(tmp_path: Path) -> None:
    """A job with the parts of its nodes; a run that is still measured, by its header."""
    job = finished_job(tmp_path, {"cpu1": Node(), "cpu2": Node()})
    write_run(tmp_path / "campaign" / "runs", "2026-01-05T10-00-00.125Z_inner_00000001")
    unfinished = tmp_path / ".partial-2026-01-06T10-00-00.125Z_x_00000001"
    unfinished.mkdir()
    (unfinished / "header.json").write_text('{"schema": "energybench-run/1"')
    expected = {
        job.name: "job",
        f"{job.name}/node-cpu1": "run",
        f"{job.name}/node-cpu2": "run",
        "campaign/runs/2026-01-05T10-00-00.125Z_inner_00000001": "run",
        unfinished.name: "damaged",
    }
    index = index_of(tmp_path)
    assert kinds(index) == expected
    rows = look(index)
    assert rows[f"{job.name}/node-cpu1"].inside == os.fsencode(job.name)
    assert kinds(index) == expected


def test_a_study_and_its_runs(tmp_path: Path) -> None:
    """The study says how complete it is; its runs belong to it."""
    study = StudyStore(tmp_path / "study_x")
    study.save(SAMPLES["study"]().of(Study)[0])
    study.close()
    write_run(tmp_path / "study_x" / "runs", "2026-01-05T10-00-00.125Z_cell_00000001", label="cell")
    rows = look(index_of(tmp_path))
    assert rows["study_x"].kind == "study"
    assert "cells" in rows["study_x"].reason
    (run,) = [row for row in rows.values() if row.label == "cell"]
    assert (run.kind, run.inside) == ("run", b"study_x")


def test_an_unfinished_job_is_known_by_its_header(tmp_path: Path) -> None:
    """Label, program and nodes; when it was last written is looked up each time, and does not
    change the number of the snapshot.
    """
    job = finished_job(tmp_path, {"cpu1": Node(), "cpu2": Node()})
    (job / "run.json").unlink()
    index = index_of(tmp_path)
    row = look(index)[job.name]
    assert (row.kind, row.nodes) == ("unfinished", 2)
    assert row.label
    number = index.snapshot.number
    os.utime(job / "windows.jsonl", (2e9, 2e9))
    assert look(index)[job.name].written_s == 2e9
    assert index.snapshot.number == number


def test_new_changed_and_removed_runs(tmp_path: Path) -> None:
    """Only what has changed is read again; the number of the snapshot says that it did."""
    index = index_of(some_runs(tmp_path))
    before = index.refresh()
    assert read_anew(index) == 0
    assert index.snapshot.number == before.number
    write_run(tmp_path, "2026-04-01T10-00-00.125Z_new_00000005")
    assert read_anew(index) == 1
    assert index.snapshot.number > before.number
    assert len(index.snapshot.rows) == 5
    changed = tmp_path / "2026-04-01T10-00-00.125Z_new_00000005" / "run.json"
    changed.write_text("{")
    assert look(index)["2026-04-01T10-00-00.125Z_new_00000005"].kind == "damaged"
    shutil.rmtree(changed.parent)
    assert len(look(index)) == 4


def test_the_store_is_not_written(tmp_path: Path) -> None:
    """Neither a file nor a time changes."""
    store = some_runs(tmp_path / "store")
    before, folder = files(store), store.stat().st_mtime_ns
    index = index_of(store, tmp_path / "cache")
    look(index)
    look(index)
    assert files(store) == before
    assert store.stat().st_mtime_ns == folder


def test_the_cache_is_used_by_the_next_view(tmp_path: Path) -> None:
    """Nothing is read; the rows are the same. Others cannot read the file."""
    store, folder = some_runs(tmp_path / "store"), tmp_path / "cache" / "energybench"
    first, second = index_of(store, folder), index_of(store, folder)
    rows = look(first)
    assert first.not_kept is None
    assert read_anew(second) == 0
    assert look(second) == rows
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def damages() -> dict[str, Any]:
    return {
        "cut": lambda content: content[:-5],
        "empty": lambda content: b"",
        "a bit": lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
        "other": lambda content: b"something else",
    }


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: str) -> None:
    store, folder = some_runs(tmp_path / "store"), tmp_path / "cache"
    rows = look(index_of(store, folder))
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damages()[damage](whole))
    index = index_of(store, folder)
    assert look(index) == rows
    assert file.read_bytes() == whole


@pytest.mark.parametrize("field", ["format", "version", "store"])
def test_the_cache_of_another_version_or_store_is_not_used(tmp_path: Path, field: str) -> None:
    """Its rows may mean something else."""
    store = os.fsencode(some_runs(tmp_path / "store"))
    file = tmp_path / "view.msgpack"
    rows: Sequence[Row] = index_of(Path(os.fsdecode(store))).refresh().rows
    cache.save(file, store, rows)
    assert cache.load(file, store) == list(rows)
    body = file.read_bytes()[32:]
    changes = {
        "format": (b"\x94\x02", b"\x94\x03"),  # the list of four begins with the format
        "version": (__version__.encode(), b"9" * len(__version__)),
        "store": (store, store[:-1] + b"X"),
    }
    old, new = changes[field]
    assert old in body
    changed = body.replace(old, new, 1)
    file.write_bytes(hashlib.blake2b(changed, digest_size=32).digest() + changed)
    assert cache.load(file, store) == []


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    """The rows are in memory, and the reason is kept for one line."""
    store = some_runs(tmp_path / "store")
    (tmp_path / "file").write_text("in the way")
    index = index_of(store, tmp_path / "file" / "energybench")
    assert len(look(index)) == 4
    assert index.not_kept is not None
    assert "Not a directory" in index.not_kept
    assert len(look(index_of(store))) == 4


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, Path("/c/energybench")),
        ({"XDG_CACHE_HOME": "c", "HOME": "/h"}, Path("/h/.cache/energybench")),
        ({"HOME": "/h"}, Path("/h/.cache/energybench")),
        ({}, None),
    ],
)
def test_the_folder_of_the_cache(environment: dict[str, str], folder: Path | None) -> None:
    assert CacheFolder.of(environment).path == folder


def test_links_that_lead_out_of_the_store_are_not_followed(tmp_path: Path) -> None:
    """Neither a directory, nor the run.json of a directory, nor its samples; each has a row that
    says so, and no value of the other place.
    """
    outside = write_run(tmp_path / "outside", "2026-01-05T10-00-00.125Z_x_00000009", label="secret")
    store = tmp_path / "store"
    run = write_run(store, "2026-01-05T10-00-00.125Z_own_00000001", label="own")
    (store / "directory").symlink_to(outside)
    (store / "file").mkdir()
    (store / "file" / "run.json").symlink_to(outside / "run.json")
    (run / "samples.parquet").unlink()
    (run / "samples.parquet").symlink_to(outside / "samples.parquet")
    (store / "latest").symlink_to(store / "file")  # inside: the run has its row already
    rows = look(index_of(store))
    assert set(rows) == {"directory", "file", run.name}
    assert all(row.kind == "damaged" for row in rows.values())
    assert all("a link that leads out of the store" in row.reason for row in rows.values())
    assert all("secret" not in row.label for row in rows.values())


def test_foreign_texts_are_one_line_and_short(tmp_path: Path) -> None:
    """Control characters and characters of direction are replaced; the escape for HTML is the
    page's.
    """
    write_run(tmp_path, "x", label=f"{HOSTILE}\n\x1b[31m\u202e" + "a" * 5000)
    (row,) = look(index_of(tmp_path)).values()
    assert row.label.startswith(HOSTILE)
    assert len(row.label) < 300
    assert row.label.isprintable()


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    name = os.fsdecode(b"run-\xff")
    (tmp_path / name).mkdir()
    shutil.copyfile(SAMPLE / "run.json", tmp_path / name / "run.json")
    index = index_of(tmp_path, tmp_path / "cache")
    look(index)
    (row,) = look(index_of(tmp_path, tmp_path / "cache")).values()
    assert row.name == "run-\\xff"
    assert index.path(row) == tmp_path / name


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.write_text(""), "is not a folder"),
        (lambda path: write_run(path.parent, path.name), "is a single run or study, not a store"),
    ],
)
def test_what_is_not_a_store(tmp_path: Path, make: Any, words: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(BadInput, match=words):
        index_of(tmp_path / "x")


def test_an_unknown_key_leads_to_no_path(tmp_path: Path) -> None:
    """A key is looked up, and never a part of a path."""
    index = index_of(some_runs(tmp_path / "store"))
    look(index)
    for key in ("", "..", "../store", "2026-01-05T10-00-00.125Z_alpha_00000001", "%2e%2e", "\0"):
        with pytest.raises(BadInput, match="names no run of the store"):
            index.row(key)
