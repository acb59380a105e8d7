"""`statement`: runs and comparisons in, a PDF out; everything else is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.process import REPLAYS, in_process, one_line

pytest.importorskip("typst")
pytest.importorskip("fontTools")
pypdf = pytest.importorskip("pypdf")

pytestmark = pytest.mark.xdist_group("statement")  # runs that the module's tests share


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two replayed runs, their comparison, and publication files."""
    folder = tmp_path_factory.mktemp("statement")
    for name in ("cpu", "gpu"):
        replay = str(REPLAYS / f"{name}-node.toml")
        assert in_process("measure", "--replay", replay, "--label", name, cwd=folder).code == 0
    (folder / "cmp.json").write_text(in_process("compare", "cpu", "gpu", "--json", cwd=folder).out)
    schema = 'schema = "energybench-publication/1"\n'
    (folder / "pub.toml").write_text(f'{schema}publisher = "Centre #1"\npaper = "letter"\n')
    (folder / "odd.toml").write_text(f"{schema}badge = 5\n")
    return folder


@pytest.mark.parametrize("names", [("cmp.json",), ("cpu", "gpu"), ("cmp.json", "cpu", "gpu")])
def test_a_comparison_alone_or_with_its_runs(store: Path, names: tuple[str, ...]) -> None:
    """The runs of a comparison are looked up in the store; two runs are compared. `report` reads
    the PDF again.
    """
    words = ("--draft", "--publication", "pub.toml", "--date", "2026-11-29", "--out", "s.pdf")
    ran = in_process("statement", *names, *words, cwd=store)
    assert ran.code == 0, ran.err
    assert float(pypdf.PdfReader(store / "s.pdf").pages[0].mediabox.width) == 612  # letter
    read = json.loads(in_process("report", "s.pdf", "--format", "json", cwd=store).out)
    assert [result["kind"] for result in read["results"]].count("comparison") == 1
    assert {result.get("label") for result in read["results"]} >= {"cpu", "gpu"}
    assert read["publication"]["publisher"] == "Centre #1"
    [pair] = [result for result in read["results"] if result["kind"] == "comparison"]
    assert all(pair["digests"])


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("cmp.json", "--out", "s.pdf"), "replayed from a recording"),
        (("cpu", "--out", "s.pdf"), "replayed from a recording"),
        (("cmp.json", "--draft", "--out", "s.txt"), "is not a PDF"),
        (("cmp.json", "--draft", "--out", "absent/s.pdf"), "there is no folder absent"),
        (("cmp.json", "--draft", "--publication", "odd.toml", "--out", "s.pdf"), "'badge'"),
        (("cmp.json", "--draft", "--publication", "no.toml", "--out", "s.pdf"), "no such file"),
        (("nothing", "--draft", "--out", "s.pdf"), "no such run"),
        (("cmp.json", "--draft", "--date", "soon", "--out", "s.pdf"), "is not a date"),
    ],
)
def test_refusals_are_one_line(store: Path, words: tuple[str, ...], problem: str) -> None:
    assert problem in one_line(in_process("statement", *words, cwd=store))


def test_a_comparison_without_its_runs_is_refused(store: Path) -> None:
    """Number of runs, nodes and sensors are must-haves, so that the runs have to be known."""
    text = (store / "cmp.json").read_text().replace(': "replayed"', ': "limit-unknown"')
    (store / "alone.json").write_text(text)
    words = ("alone.json", "--store", "away", "--out", "s.pdf")
    assert "is not known: name its folder" in one_line(in_process("statement", *words, cwd=store))


def test_a_comparison_that_its_runs_contradict_is_refused(store: Path) -> None:
    """With the runs of the store, and without them if its own fields contradict each other."""
    comparison = json.loads((store / "cmp.json").read_text())
    comparison["energy_ratio"] = comparison["energy_delay_ratio"]
    (store / "changed.json").write_text(json.dumps(comparison))
    words = ("statement", "changed.json", "--draft", "--out", "changed.pdf")
    assert "contradicts its runs: energy_ratio" in one_line(in_process(*words, cwd=store))
    away = in_process(*words, "--store", "away", cwd=store)
    assert "contradicts itself: energy_ratio" in one_line(away)
    comparison = json.loads((store / "cmp.json").read_text())
    comparison["doubts"] = comparison["doubts"][1:]
    (store / "changed.json").write_text(json.dumps(comparison))
    assert "contradicts its runs: doubt" in one_line(in_process(*words, cwd=store))
    assert not (store / "changed.pdf").exists()
