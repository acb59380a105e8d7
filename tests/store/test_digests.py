"""Comparisons of stored runs name the bytes of both runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from energybench.store.digests import of_run, of_stored
from energybench.store.layout import PARQUET, RUN
from energybench_reports.view.provenance import section
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_pair import compared


def run(folder: Path, name: str) -> Path:
    directory = folder / name
    directory.mkdir()
    for file in (RUN, PARQUET):
        (directory / file).write_bytes(f"{name} {file}".encode())
    return directory


def test_comparisons_get_the_digests_of_their_directories(tmp_path: Path) -> None:
    """By the ids of the runs; a comparison of which a run has no directory stays as it is."""
    pair = compared(cpu_node(), gpu_node())
    other = msgspec.structs.replace(pair, candidate="elsewhere")
    directories = {pair.baseline: run(tmp_path, "a"), pair.candidate: run(tmp_path, "b")}
    first, second = of_stored([pair, other], directories)
    assert first.digests == tuple(of_run(directory) for directory in directories.values())
    assert first.digests is not None
    assert [file.path for file in first.digests[0]] == [RUN, PARQUET]
    assert first.digests[1][0].sha256 == hashlib.sha256(b"b run.json").hexdigest()
    assert second.digests is None


def test_provenance_shows_the_begin_of_each_digest_once(tmp_path: Path) -> None:
    """Of a run in several comparisons too."""
    pair = compared(cpu_node(), gpu_node())
    directories = {pair.baseline: run(tmp_path, "a"), pair.candidate: run(tmp_path, "b")}
    made = of_stored([pair], directories) * 2
    (table,) = section((), made, {}).tables
    assert len(table.rows) == 4
    digest = hashlib.sha256(b"a run.json").hexdigest()
    cells = [cell.text for cell in table.rows[0]]
    assert cells == ["CPU node", pair.baseline, RUN, digest[:12]]
    assert section((), [pair], {}).tables[0].rows == ()
