"""Parts of two jobs have the name of the same node, and are two results everywhere."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from energybench.cli.main import main
from tests.simulators.job_directory import JOB, Node, finished_job

PART = "node-cpu1"


class Parts(NamedTuple):
    """Parts of two jobs on one node, in a store. The second one drew less."""

    store: Path
    first: Path
    second: Path

    @property
    def names(self) -> tuple[str, str]:
        return str(self.first), str(self.second)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Of a job and of the restart of it; a task of an array and a component differ in the same
    way, by the job.
    """
    store = tmp_path_factory.mktemp("store")
    nodes = {"cpu1": Node(), "cpu2": Node()}
    first = finished_job(store, nodes)
    less = {name: node._replace(busy_w=150.0) for name, node in nodes.items()}
    second = finished_job(store, less, job=msgspec.structs.replace(JOB, restart=1))
    return Parts(store, first / PART, second / PART)


def out(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code = main(words)
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(out(capsys, *words, "--json"))


def codes(document: Any) -> set[str]:
    return {doubt["code"] for doubt in document["doubts"]}


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the first table of a Markdown report whose line of heads begins so."""
    lines = iter(text.splitlines())
    assert any(line.startswith(f"| {head}") for line in lines), text
    next(lines)
    table = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]


def test_a_comparison_of_parts_is_of_two_runs(
    parts: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = answer(capsys, "compare", *parts.names, "--force")
    assert "same-run" not in codes(pair)
    assert pair["baseline"] == f"{parts.first.parent.name}/{PART}"
    assert pair["candidate"] == f"{parts.second.parent.name}/{PART}"


def test_a_part_beside_itself_is_still_one_run(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "same-run" in codes(answer(capsys, "compare", *(str(parts.first),) * 2, "--force"))
    # named from inside its job, with the folder as the store
    relative = f"{parts.first}/../{PART}"
    assert "same-run" in codes(answer(capsys, "compare", str(parts.first), relative, "--force"))


def test_a_report_has_a_label_and_a_row_for_each_part(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = out(capsys, "report", *parts.names, "--format", "markdown")
    stamp = " (one node of a job: not the energy of the job)"
    energies = {label.removesuffix(stamp): energy for label, _, energy, *_ in rows(text, "run |")}
    assert list(energies) == ["app (1)", "app (2)"]
    assert energies["app (1)"].startswith("1.600 kJ")
    assert energies["app (2)"].startswith("850 J")
    # with their comparison
    pair = tmp_path / "pair.json"
    pair.write_text(out(capsys, "compare", *parts.names, "--force", "--json"))
    document = answer(capsys, "report", str(pair), *parts.names)
    ids = [result["id"] for result in document["results"] if result["kind"] == "measurement"]
    compared = next(each for each in document["results"] if each["kind"] == "comparison")
    assert ids == [compared["baseline"], compared["candidate"]]
    beside = out(capsys, "report", str(pair), *parts.names, "--format", "markdown")
    assert "measurement | app (1) | app (2)" in beside
    assert len(rows(beside.partition("Power of a node")[2], "")) == 2


@pytest.mark.parametrize("names", [(PART, PART), ("one", "two")])
def test_copies_of_parts_outside_of_their_jobs_are_told_apart(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, str]
) -> None:
    copies = [tmp_path / f"job{i}" / name for i, name in enumerate(names)]
    for copy, part in zip(copies, (parts.first, parts.second), strict=True):
        shutil.copytree(part, copy)
    named = [str(copy) for copy in copies]
    assert "same-run" not in codes(answer(capsys, "compare", *named, "--force"))
    ids = [result["id"] for result in answer(capsys, "report", *named)["results"]]
    assert len(set(ids)) == 2
    assert all(each.endswith(f"/{PART}") for each in ids)


def test_files_with_the_results_of_parts_are_told_apart(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two JSON files with a part each, and one document that holds both parts under one id."""
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for file, part in zip(files, (parts.first, parts.second), strict=True):
        shutil.copy(part / "run.json", file)
    document = answer(capsys, "report", *map(str, files))
    ids = [result["id"] for result in document["results"]]
    assert len(set(ids)) == 2
    for result in document["results"]:
        result["id"] = PART
    both = tmp_path / "both.json"
    both.write_text(json.dumps(document))
    again = answer(capsys, "report", str(both))
    assert sorted(result["id"] for result in again["results"]) == sorted(ids)


def test_a_part_is_found_by_the_id_that_a_comparison_has(
    parts: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    own = f"{parts.second.parent.name}/{PART}"
    graded = answer(capsys, "grade", own, "--store", str(parts.store))
    assert graded["measurement"] == own
    assert main(("grade", f"{own}/..", "--store", str(parts.store))) == 2
    capsys.readouterr()


def test_a_bundle_takes_parts_of_two_jobs(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = tmp_path / "pair.json"
    pair.write_text(out(capsys, "compare", *parts.names, "--force", "--json"))
    bundle = tmp_path / "both.tar.gz"
    out(capsys, "bundle", *parts.names, str(pair), "--out", str(bundle))
    checked = out(capsys, "verify", str(bundle))
    assert "made again from both runs" in checked


def test_a_whole_job_is_no_part(parts: Parts, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer(capsys, "report", str(parts.store))
    ids = [result["id"] for result in document["results"]]
    assert ids == sorted([parts.first.parent.name, parts.second.parent.name])
