"""Directories of ranks in which nothing was measured, because the storage took no file."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from energybench.cli.main import main
from energybench.errors import BadInput, StorageFailed
from energybench.store.empty_directories import remove_if_empty
from energybench.store.layout import JOB as JOB_FILE
from energybench.store.layout import PARTIAL
from energybench.store.rank_job import ensure_rank_job
from tests.simulators.job_directory import JOB, Node, host


def launch(folder: Path) -> None:
    """What each node of a launch of ranks does before it measures."""
    ensure_rank_job(
        folder,
        label="app",
        command=("./app",),
        boundary="compute",
        own_job=JOB,
        nodes=("cpu1", "cpu2"),
        host=host("cpu1", Node()),
    )


@contextmanager
def no_space() -> Iterator[None]:
    """Files of this process take a few bytes more (setrlimit(2), RLIMIT_FSIZE)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_ranks_that_found_no_space_leave_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "results" / f"{PARTIAL}app_ebtest-71-r0_step-0"
    with no_space(), pytest.raises(StorageFailed, match="cannot be written"):
        launch(folder)
    assert not folder.exists()
    launch(folder)  # with space again
    assert [path.name for path in folder.iterdir()] == [JOB_FILE]
    with no_space(), pytest.raises(StorageFailed):
        launch(folder)  # a second node
    assert [path.name for path in folder.iterdir()] == [JOB_FILE]


def drafts(store: Path, *names: str, old: bool = True) -> Path:
    """A directory that a kill, or an earlier version on full storage, left."""
    folder = store / f"{PARTIAL}app_ebtest-71-r0_step-0"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("{")
        if old:
            os.utime(folder / name, (0, 0))
    if old:
        os.utime(folder, (0, 0))
    return folder


@pytest.mark.parametrize("names", [(), (".job.json-cpu1-30679", ".job.json-cpu2-1")])
@pytest.mark.parametrize("named", [False, True])
def test_recover_removes_a_directory_in_which_nothing_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, ...], named: bool
) -> None:
    folder = drafts(tmp_path / "results", *names)
    assert main(["recover", str(folder if named else folder.parent)]) == 0
    assert "nothing was measured" in capsys.readouterr().err
    assert not folder.exists()


def test_recover_removes_no_directory_that_is_young_or_holds_more(tmp_path: Path) -> None:
    """A rank may be about to begin in it; another file is none of ours."""
    young = drafts(tmp_path / "young", ".job.json-cpu1-3", old=False)
    with pytest.raises(BadInput, match="may be about to"):
        remove_if_empty(young)
    other = drafts(tmp_path / "other", ".job.json-cpu1-3", "samples.arrows")
    assert not remove_if_empty(other)
    part = drafts(tmp_path / "part", ".job.json-cpu1-3")
    (part / f"{PARTIAL}node-cpu1").mkdir()
    assert not remove_if_empty(part)
    store = tmp_path / "results"
    store.mkdir()
    assert not remove_if_empty(store)
    assert all(path.exists() for path in (young, other, part, store))
