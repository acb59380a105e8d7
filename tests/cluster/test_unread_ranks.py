"""Ranks of a launch that nobody reads, and launches that share a name: said, and never silent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.store.layout import PARTIAL, RUN
from tests.simulators.trees import live_node

SOCKET = {"intel-rapl:0": {"name": "package-0", "watts": 60}}


def launched(folder: Path, ranks: int, *words: str) -> subprocess.CompletedProcess[str]:
    """`energybench rank` as rank 0 of some ranks of mpirun, of which no other joins."""
    named = ("SLURM", "OMPI", "PMI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    own = {"SIZE": ranks, "LOCAL_SIZE": ranks, "LOCAL_RANK": 0}
    mpi = {f"OMPI_COMM_WORLD_{name}": str(value) for name, value in own.items()}
    return subprocess.run(
        [sys.executable, "-m", "energybench", *words],
        env=kept | mpi | {"PMIX_NAMESPACE": folder.name},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def rank(folder: Path, ranks: int, *options: str) -> subprocess.CompletedProcess[str]:
    words = ("--root", str(folder / "machine"), "--out", "store", *options)
    return launched(folder, ranks, "rank", *words, "--", "sleep", "0.3")


@pytest.mark.parametrize(("ranks", "doubted"), [(1, False), (3, True)])
def test_ranks_without_a_reader_are_doubted(tmp_path: Path, ranks: int, doubted: bool) -> None:
    """`srun --multi-prog` with `energybench rank` in some lines: the others may run longer."""
    with live_node(tmp_path / "machine", SOCKET):
        done = rank(tmp_path, ranks)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "store").glob(f"{PARTIAL}*")
    launched(tmp_path, 1, "recover", str(folder))
    (file,) = (tmp_path / "store").glob(f"[!.]*/{RUN}")
    doubts = {each["code"]: each["message"] for each in json.loads(file.read_text())["doubts"]}
    assert ("ranks-unread" in doubts) is doubted
    if doubted:
        assert "2 of 3 ranks" in doubts["ranks-unread"]


def test_a_second_run_in_a_step_needs_a_label(tmp_path: Path) -> None:
    """Before and after the first is recovered. The program runs, and one line says what to do."""
    with live_node(tmp_path / "machine", SOCKET):
        rank(tmp_path, 1)
        second = rank(tmp_path, 1)
        (folder,) = (tmp_path / "store").glob(f"{PARTIAL}*")
        launched(tmp_path, 1, "recover", str(folder))
        third = rank(tmp_path, 1)
        labelled = rank(tmp_path, 1, "--label", "again")
    for refused in (second, third):
        assert refused.returncode == 0
        (line,) = refused.stderr.splitlines()
        assert "not measured" in line
        assert "--label NAME" in line
    assert "not measured" not in labelled.stderr
