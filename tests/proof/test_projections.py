"""Projections and grades of a bundle are made again from its scenarios, comparisons and runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energybench.measuring.session import ranges
from energybench.proof.checking import check
from energybench.proof.proof import Proof
from tests.cli.process import in_process, one_line
from tests.proof.conftest import DATE, Results
from tests.proof.forging import Change, edit, rebuilt, replace

SITE = """schema = "energybench-site/1"
name = "grottobarn"
[inputs.hours]
value = 1.08
unit = ""
source = "report of grottobarn"
date = "2025"
"""
SCENARIO = """schema = "energybench-scenario/1"
name = "grottobarn"
title = "Saving at grottobarn"
about = "One input, one line."
include = "site.toml"
[inputs.ratio]
measured = "energy_ratio"
unit = ""
source = "measured"
[inputs.used_mwh]
value = 100
low = 90
high = 110
unit = "MWh"
source = "meters of grottobarn"
[[lines]]
name = "saved"
formula = "used_mwh * hours * (1 - 1 / ratio)"
unit = "MWh"
[results]
saved_mwh_per_month = "saved"
"""


@pytest.fixture(scope="module")
def folder(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A projection with a scenario of one's own, one with a scenario of energybench, one of a
    published claim alone, and a grade.
    """
    folder = tmp_path_factory.mktemp("projected")
    shutil.copytree(results.folder / "results", folder / "results")
    shutil.copy(results.folder / "comparison.json", folder)
    (folder / "site.toml").write_text(SITE)
    (folder / "own.toml").write_text(SCENARIO)
    for name, words in {
        "own.json": ("project", "--scenario", "own.toml", "comparison.json", "--sensitivity"),
        "built.json": ("project", "--scenario", "example-centre", "comparison.json"),
        "claims.json": ("project", "--scenario", "ai-inference-2023"),
        "grade.json": ("grade", results.runs[0].name, "--machine-nodes", "4000"),
    }.items():
        ran = in_process(*words, "--json", cwd=folder)
        assert ran.code == 0, ran.err
        (folder / name).write_text(ran.out)
    return folder


FILES = ("comparison.json", "own.json", "built.json", "claims.json", "grade.json")


def bundle(folder: Path, out: str, *more: str) -> Path:
    words = ("results", *FILES, "--scenario-file", "own.toml", "--date", DATE)
    ran = in_process("bundle", *words, "--out", out, *more, cwd=folder)
    assert ran.code == 0, ran.err
    return folder / out


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    return bundle(folder, "whole.zip")


def proof(path: Path) -> Proof:
    return check(path, ranges())


def test_projections_and_grades_are_made_again(whole: Path, results: Results) -> None:
    """With the site facts that the scenario includes, and the number of nodes of the machine."""
    found = proof(whole)
    assert found.outcome == "verified", found.findings
    words = "\n".join(found.checked)
    assert "made again from scenarios/own.toml and 1 comparison" in words
    assert "made again from the scenario example-centre of energybench and 1 comparison" in words
    assert "made again from the scenario ai-inference-2023 of energybench" in words
    assert f"the grade of {results.runs[0].name}, made again from the run" in words


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (edit("own.json", lambda p: p["saved_mwh_per_month"].update(value=91.0)), "results/own"),
        (replace("own.toml", "value = 100", "value = 101"), "results/own.json"),
        (replace("site.toml", "1.08", "1.09"), "results/own.json"),
        (replace("site.toml", "energybench-site/1", "energybench-site/7"), "scenarios/own.toml"),
        (replace("own.toml", '"site.toml"', '"../site.toml"'), "scenarios/own.toml"),
        (replace("own.toml", '"site.toml"', '"/etc/passwd"'), "scenarios/own.toml"),
        (edit("built.json", lambda p: p["lines"][0]["value"].update(low=0.0)), "results/built"),
        (edit("claims.json", lambda p: p["claims"][0].update(why="so")), "results/claims.json"),
        (edit("grade.json", lambda g: g.update(machine_nodes=1)), "results/grade.json"),
        (replace("grade.json", '"fail"', '"pass"'), "results/grade.json"),
    ],
)
def test_changed_projections_scenarios_and_grades(
    whole: Path, tmp_path: Path, change: Change, place: str
) -> None:
    """By a forger who makes the sums anew."""
    found = proof(rebuilt(whole, tmp_path, change, sums=True))
    assert found.outcome == "differs"
    assert any(finding.place.startswith(place) for finding in found.findings), found.findings


@pytest.mark.parametrize("gone", ["scenarios", "runs"])
def test_what_is_missing_is_named(whole: Path, tmp_path: Path, gone: str) -> None:
    """A projection whose scenario, or whose runs, are not in the bundle, is not checked."""

    def without(unpacked: Path) -> None:
        shutil.rmtree(unpacked / gone)
        shutil.rmtree(unpacked / "tables")

    found = proof(rebuilt(whole, tmp_path, without, sums=True))
    assert found.outcome == "incomplete", found.findings
    assert found.missing == (("scenario",) if gone == "scenarios" else ("runs",))
    missing = "its scenario 'grottobarn'" if gone == "scenarios" else "a run of its comparisons"
    [words] = [
        words
        for words in found.not_checked
        if words.startswith("results/own.json") and f"{missing} is not in the bundle" in words
    ]
    for unchecked in ("title", "sources and evidence", "intervals", "sensitivity", "stamps"):
        assert unchecked in words


def more_saved(projection: Any) -> None:
    """Ten times the answer, and its interval."""
    answer = projection["saved_mwh_per_month"]
    answer.update({end: 10 * answer[end] for end in ("value", "low", "high")})


def another_line(projection: Any) -> None:
    line = projection["lines"][0]["value"]
    line.update({end: 10 * line[end] for end in ("value", "low", "high")})


@pytest.mark.parametrize("gone", ["scenarios", "runs"])
@pytest.mark.parametrize("change", [more_saved, another_line])
def test_lines_are_checked_without_the_scenario_or_the_runs(
    whole: Path, tmp_path: Path, gone: str, change: Callable[[Any], None]
) -> None:
    """As in a page alone: each line at the values of its inputs, and the answers are lines."""

    def changed(unpacked: Path) -> None:
        shutil.rmtree(unpacked / gone)
        shutil.rmtree(unpacked / "tables")
        edit("own.json", change)(unpacked)

    found = proof(rebuilt(whole, tmp_path, changed, sums=True))
    assert found.outcome == "differs"
    assert any(finding.place == "results/own.json" for finding in found.findings), found.findings


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["doubts"][0].update(message="none of the inputs is assumed"),
        lambda p: p["doubts"][0].update(remedy="none is needed"),
        lambda p: p["doubts"].append({**p["doubts"][0], "message": "the inputs were audited"}),
        lambda p: p.update(stamps=[]),
        lambda p: p.update(audited=True),
    ],
)
@pytest.mark.parametrize("file", ["own.json", "built.json", "claims.json"])
def test_words_of_a_projection(
    whole: Path, tmp_path: Path, file: str, change: Callable[[Any], None]
) -> None:
    """Doubts, stamps and fields that no projection has."""
    found = proof(rebuilt(whole, tmp_path, edit(file, change), sums=True))
    assert found.outcome == "differs"


def test_with_pseudonyms(folder: Path, tmp_path: Path) -> None:
    """The names in scenarios are replaced, and projections and grades follow from the new files."""
    path = bundle(folder, "redacted.zip", "--redact", "--hide", "grottobarn")
    found = proof(path)
    assert found.outcome == "verified", found.findings
    assert b"grottobarn" not in path.read_bytes()
    assert sum("made again from" in words and "projection" in words for words in found.checked) == 3


def test_scenarios_that_cannot_be_checked_are_refused(folder: Path, tmp_path: Path) -> None:
    """Another file, and site facts of another folder, whose name would not be in the bundle."""
    (tmp_path / "no.toml").write_text("x = 1\n")
    (tmp_path / "far.toml").write_text(SCENARIO.replace("site.toml", "../site.toml"))
    for name, words in {"no.toml": "schema", "far.toml": "beside the scenario"}.items():
        arguments = ("--scenario-file", str(tmp_path / name), "--out", "none.zip")
        assert words in one_line(in_process("bundle", "results", *arguments, cwd=folder))
