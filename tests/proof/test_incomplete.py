"""Bundles and pages that lack the runs on which their numbers rest are never verified."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energybench.measuring.session import ranges
from energybench.proof.checking import check
from tests.cli.process import in_process
from tests.proof.conftest import DATE, Results
from tests.proof.forging import rebuilt

Forgery = Callable[[dict[str, Any]], None]


def untouched(comparison: dict[str, Any]) -> None:
    """Nothing is changed, and nobody can know."""


def not_replayed(comparison: dict[str, Any]) -> None:
    """Doubts and stamps that are gone cannot be known from the fields that are left."""
    comparison["doubts"] = [one for one in comparison["doubts"] if one["code"] != "replayed"]
    comparison["stamps"] = []


def test_a_comparison_without_its_runs(results: Results, tmp_path: Path) -> None:
    """In a bundle exit code 1, in a page alone exit code 0; both say what was not checked, and
    `bundle` names the runs before.
    """
    for forgery in (untouched, not_replayed):
        comparison = json.loads((results.folder / "comparison.json").read_text())
        forgery(comparison)
        bundled = made(comparison, tmp_path)
        for run in results.runs:
            assert run.name in bundled.err
        ran = in_process("verify", "b.zip", cwd=tmp_path)
        assert ran.code == 1
        assert ran.out.startswith("b.zip: not verified: numbers rest on runs that are not in")
        as_json = in_process("verify", "b.zip", "--json", cwd=tmp_path).json
        assert (as_json["outcome"], as_json["missing"]) == ("incomplete", ["runs"])
        ran = in_process("verify", "page.html", cwd=tmp_path)
        assert ran.code == 0
        assert ran.out.startswith("page.html: only the text was compared")
        assert "rest on runs that are not there, and are not verified" in ran.out


def made(comparison: dict[str, Any], folder: Path) -> Any:
    """Bundle the comparison, with a page of it; what `bundle` printed."""
    (folder / "c.json").write_text(json.dumps(comparison))
    words = ("report", "c.json", "--format", "html", "--out", "page.html", "--date", DATE)
    assert in_process(*words, cwd=folder).code == 0
    ran = in_process("bundle", "c.json", "--document", "page.html", "--out", "b.zip", cwd=folder)
    assert ran.code == 0, ran.err
    return ran


def speedup_as_energy(comparison: dict[str, Any]) -> None:
    comparison.update(energy_ratio=comparison["speedup"], energy_delay_ratio=None)


def delay_as_energy(comparison: dict[str, Any]) -> None:
    comparison["energy_ratio"] = comparison["energy_delay_ratio"]


def half_the_power(comparison: dict[str, Any]) -> None:
    power_w = comparison["power_w"][1]
    power_w.update({end: power_w[end] / 2 for end in ("value", "low", "high")})


def fewer_hours(comparison: dict[str, Any]) -> None:
    comparison["node_hours"][1] /= 2


def faster(comparison: dict[str, Any]) -> None:
    speedup = comparison["speedup"]
    speedup.update({end: speedup[end] * 2 for end in ("value", "low", "high")})


def other_verdict(comparison: dict[str, Any]) -> None:
    comparison["verdict"] = "worse" if comparison["verdict"] == "better" else "better"


def other_margin(comparison: dict[str, Any]) -> None:
    comparison["margin"] = 10 * comparison["energy_ratio"]["high"]


def unknown_scatter(comparison: dict[str, Any]) -> None:
    comparison.update(scatter_known=False, verdict="inconclusive")


def assumed_power(comparison: dict[str, Any]) -> None:
    comparison["quality"] = "estimated"


def stamped(comparison: dict[str, Any]) -> None:
    comparison["stamps"] = []


FORGERIES = (
    speedup_as_energy,
    delay_as_energy,
    half_the_power,
    fewer_hours,
    faster,
    other_verdict,
    other_margin,
    unknown_scatter,
    assumed_power,
    stamped,
)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_fields_that_contradict_each_other(
    results: Results, tmp_path: Path, forgery: Forgery
) -> None:
    """What follows from the comparison's own fields is checked without its runs."""
    comparison = json.loads((results.folder / "comparison.json").read_text())
    forgery(comparison)
    made(comparison, tmp_path)
    assert check(tmp_path / "b.zip", ranges()).outcome == "differs"
    if forgery is not stamped:  # a page is made with the stamps that follow from the fields
        assert check(tmp_path / "page.html", ranges()).outcome == "differs"


def test_a_run_without_samples(results: Results, tmp_path: Path) -> None:
    """Its numbers stand as stated."""

    def without(unpacked: Path) -> None:
        shutil.rmtree(unpacked / "tables")
        (unpacked / "results" / "comparison.json").unlink()
        for samples in (unpacked / "runs").glob("*/samples.parquet"):
            samples.unlink()

    found = check(rebuilt(results.numbers, tmp_path, without, sums=True), ranges())
    assert (found.outcome, found.missing) == ("incomplete", ("samples",)), found.findings


def test_another_version_does_not_excuse_what_is_missing(results: Results, tmp_path: Path) -> None:
    """A bundle that states another version is incomplete all the same, and its exit code is 1."""

    def older(unpacked: Path) -> None:
        shutil.rmtree(unpacked / "tables")
        shutil.rmtree(unpacked / "runs")
        manifest = unpacked / "manifest.json"
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"energybench": "0.0.1"}))
        file = unpacked / "results/comparison.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"verdict": "equivalent"}))

    path = rebuilt(results.numbers, tmp_path, older, sums=True)
    found = check(path, ranges())
    assert found.findings
    assert all(finding.by_version for finding in found.findings)
    assert found.outcome == "incomplete"
    assert in_process("verify", str(path), cwd=tmp_path).code == 1


def test_whole_bundles_have_no_warning(results: Results, tmp_path: Path) -> None:
    out = str(tmp_path / "whole.zip")
    ran = in_process("bundle", *results.wanted, "--out", out, "--json", cwd=results.folder)
    assert ran.json["absent"] == {}
    assert "it lacks" not in ran.err
