"""A node's part of a job that is read alone: doubted everywhere, and never a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from energybench.analysis.comparison.compare import compare
from energybench.cli.main import main
from energybench.model import Job, Measurement
from energybench.store import reader
from energybench.store.job_merging import collect
from tests.simulators.job_directory import JOB, Node, finished_job

THREE = {f"n{i}": Node(busy_w=300.0 + 10 * i) for i in range(3)}
THREE_NODES = msgspec.structs.replace(JOB, nodes=3)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_job(tmp_path_factory.mktemp("store"), THREE, job=THREE_NODES)


def codes(document: Any) -> list[str]:
    return [doubt["code"] for doubt in document["doubts"]]


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main((*words, "--json")) == 0
    return json.loads(capsys.readouterr().out)


def test_a_part_against_its_job_has_no_verdict(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ratio of one node to three nodes is not a difference of the program."""
    pair = answer(capsys, "compare", f"{job}/node-n0", str(job))
    assert pair["verdict"] is None
    assert not pair["counted_once"]
    assert "part-of-job" in codes(pair)
    assert [stamp["code"] for stamp in pair["stamps"]] == ["part-of-a-job"]
    assert any("3 nodes" in doubt["message"] for doubt in pair["doubts"])


def test_parts_of_two_jobs_have_no_verdict(tmp_path: Path, job: Path) -> None:
    other = finished_job(tmp_path, THREE, job=msgspec.structs.replace(THREE_NODES, id="72"))
    sides = [reader.read_beside_others(each / "node-n0") for each in (job, other)]
    comparison = compare(*sides)
    assert comparison.verdict is None
    assert "part-of-job" in {doubt.code for doubt in comparison.doubts}


def test_reports_of_a_part_state_that_it_is_one(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("terminal", "markdown", "html"):
        words = ("report", f"{job}/node-n0", "--format", form)
        assert main(words) == 0
        text = capsys.readouterr().out
        assert "one node of a job" in text, form
        assert "part-of-job" in text, form
    assert codes(answer(capsys, "report", f"{job}/node-n0")) == ["part-of-job"]


def test_the_result_of_the_job_has_no_such_doubt(job: Path) -> None:
    for result in (reader.read_run(job), collect(job)):
        assert "part-of-job" not in {doubt.code for doubt in result.doubts}
        assert not {stamp.code for stamp in result.stamps} & {"part-of-a-job"}


def part_of(launch: Job | None, part: Measurement, **fields: Any) -> list[str]:
    changed = msgspec.structs.replace(part, job=launch, **fields)
    # also from a file that states nothing about it
    again = msgspec.json.decode(msgspec.json.encode(changed), type=Measurement)
    assert again == changed
    return [doubt.code for doubt in changed.doubts if doubt.code == "part-of-job"]


@pytest.mark.parametrize(
    ("launch", "doubted"),
    [
        (THREE_NODES, True),
        (None, True),
        (msgspec.structs.replace(JOB, nodes=1), False),
        (msgspec.structs.replace(JOB, nodes=1, het_groups=2), True),
        (msgspec.structs.replace(JOB, nodes=None), True),
        (Job(launcher="openmpi", ranks=4, ranks_here=4), False),
        (Job(launcher="openmpi", ranks=8, ranks_here=4), True),
    ],
)
def test_a_job_with_a_single_node_is_its_part(job: Path, launch: Job | None, doubted: bool) -> None:
    part = reader.read_run(job / "node-n0")
    assert part_of(launch, part) == ["part-of-job"] * doubted
    assert part_of(launch, part, id="a-job/node-n0") == ["part-of-job"] * doubted
    assert part_of(launch, part, id="2026-03-02T10-15-02.125Z_app_4f2a9c01") == []


def test_a_statement_of_a_part_is_refused(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the part itself nor a comparison with it is for publication."""
    assert main(("compare", f"{job}/node-n0", str(job), "--json")) == 0
    pair = tmp_path / "pair.json"
    pair.write_text(capsys.readouterr().out)
    for words in ((f"{job}/node-n0",), (str(pair), "--store", str(job.parent))):
        assert main(("statement", *words, "--out", str(tmp_path / "statement.pdf"))) == 2
        assert "one node of a job" in capsys.readouterr().err
