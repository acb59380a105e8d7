"""A report alone: what follows from the runs of its document is made again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energybench.measuring.session import ranges
from energybench.proof.checking import check
from energybench.proof.proof import Proof
from tests.cli.process import in_process
from tests.proof.conftest import DATE, Results
from tests.proof.test_projections import SCENARIO, SITE

_FILES = ("results", "comparison.json", "own.json", "example.json", "grade.json")


@pytest.fixture(scope="module")
def document(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document of two runs, their comparison, two projections and a grade."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(results.folder / "results", folder / "results")
    shutil.copy(results.folder / "comparison.json", folder)
    (folder / "site.toml").write_text(SITE)
    (folder / "own.toml").write_text(SCENARIO)
    for name, words in {
        "own.json": ("project", "--scenario", "own.toml", "comparison.json"),
        "example.json": ("project", "--scenario", "example-centre", "comparison.json"),
        "grade.json": ("grade", str(results.runs[1])),
        "document.json": ("report", *_FILES, "--format", "json", "--date", DATE),
    }.items():
        ran = in_process(*words, *(("--json",) if words[0] != "report" else ()), cwd=folder)
        assert ran.code == 0, ran.err
        (folder / name).write_text(ran.out)
    return folder / "document.json"


def proof_of(document: Path, folder: Path, change: Callable[[list[Any]], None]) -> Proof:
    """The page of a changed document, as a forger would make it."""
    content = json.loads(document.read_text())
    change(content["results"] + content["grades"])
    (folder / "changed.json").write_text(json.dumps(content))
    words = ("report", "changed.json", "--format", "html", "--out", "page.html", "--date", DATE)
    ran = in_process(*words, cwd=folder)
    assert ran.code == 0, ran.err
    return check(folder / "page.html", ranges())


def of_kind(results: list[Any], kind: str) -> Any:
    return next(one for one in results if one["kind"] == kind)


def test_comparisons_projections_and_grades_are_made_again(document: Path, tmp_path: Path) -> None:
    """What cannot be made again is named."""
    found = proof_of(document, tmp_path, lambda results: None)
    assert found.outcome == "text-only", found.findings
    assert found.missing == ("samples", "scenario")
    words = "\n".join(found.checked)
    assert "made again from the intervals of its two runs" in words
    assert "made again from the scenario example-centre" in words
    assert "1 line at the values of inputs" in words
    assert "the grade of" in words
    assert any("its scenario 'grottobarn'" in line for line in found.not_checked)


def verdict(results: list[Any]) -> None:
    comparison = of_kind(results, "comparison")
    comparison["verdict"] = "worse" if comparison["verdict"] == "better" else "better"


def speedup(results: list[Any]) -> None:
    comparison = of_kind(results, "comparison")
    for name in ("value", "low", "high"):
        comparison["speedup"][name] *= 2
    for effect in comparison["speedup"]["effects"]:
        effect["u"] *= 2


def line(results: list[Any]) -> None:
    """A line ten times as large, with the answer of the month."""
    own = next(one for one in results if one.get("scenario") == "grottobarn" or "lines" in one)
    for estimate in (own["lines"][-1]["value"], own["saved_mwh_per_month"]):
        for name in ("value", "low", "high"):
            estimate[name] *= 10
        for effect in estimate["effects"]:
            effect["u"] *= 10


def answer(results: list[Any]) -> None:
    own = next(one for one in results if "lines" in one)
    estimate = own["saved_mwh_per_month"]
    estimate["value"] = (estimate["value"] + estimate["high"]) / 2


@pytest.mark.parametrize("change", [verdict, speedup, line, answer])
def test_a_page_of_a_changed_document_is_found(
    document: Path, tmp_path: Path, change: Callable[[list[Any]], None]
) -> None:
    """A page whose text agrees with the embedded document, but whose embedded document disagrees
    with the runs inside the document.
    """
    found = proof_of(document, tmp_path, change)
    assert found.outcome == "differs"
    assert not any("its text" in finding.what for finding in found.findings), found.findings


def a_claim(results: list[Any]) -> None:
    claims = results[0]["claims"]
    one = next(claim for claim in claims if claim["verdict"] != "consistent")
    one["verdict"] = "consistent"


def a_doubt(results: list[Any]) -> None:
    results[0]["doubts"].pop()


def test_a_shipped_scenario_alone_is_made_again_as_a_whole(tmp_path: Path) -> None:
    """Claims and doubts follow from the scenario, without any comparison."""
    names = ("nersc-2023", "ai-inference-2023")
    for name in names:
        ran = in_process("project", "--scenario", name, "--json", cwd=tmp_path)
        (tmp_path / f"{name}.json").write_text(ran.out)
    files = (f"{name}.json" for name in names)
    words = ("report", *files, "--format", "json", "--date", DATE)
    (tmp_path / "document.json").write_text(in_process(*words, cwd=tmp_path).out)
    document = tmp_path / "document.json"
    assert proof_of(document, tmp_path, lambda results: None).outcome == "verified"
    for change in (a_claim, a_doubt):
        assert proof_of(document, tmp_path, change).outcome == "differs", change.__name__
