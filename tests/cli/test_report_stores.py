"""A broken run of a store costs a line of its report, samples are read only for charts, and a
comparison names the bytes of its runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.report_folder import FORMATS, refused, report, results_of_every_kind

pytestmark = pytest.mark.xdist_group("report_stores")  # runs that the module's tests share


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return results_of_every_kind(tmp_path_factory.mktemp("input"))


@pytest.fixture
def broken(store: Path, tmp_path: Path) -> Path:
    """A store of two whole runs and a broken one."""
    shutil.copytree(store / "results", tmp_path / "results")
    (tmp_path / "results" / "2026_broken").mkdir()
    (tmp_path / "results" / "2026_broken" / "run.json").write_text('{"schema": "energ')
    return tmp_path


@pytest.mark.parametrize("form", FORMATS)
def test_a_broken_run_costs_a_line(broken: Path, form: str) -> None:
    """The report names run and reason, and has the others."""
    if form == "html":
        pytest.importorskip("vl_convert")
    page = " ".join(report(broken, "results", form=form).out.replace("\\", "").split())
    assert "Left out, because it cannot be read: results/2026" in page
    assert "2026_broken/run.json: is not JSON at line 1" in page
    if form == "json":
        assert [result["label"] for result in json.loads(page)["results"]] == ["cpu", "gpu"]


def test_one_whole_run_does_not_hide_the_broken_one(broken: Path) -> None:
    """A single result is a document if there is a note to it."""
    for whole in list((broken / "results").glob("*gpu*")):
        shutil.rmtree(whole)
    content = report(broken, "results").json
    assert content["kind"] == "document"
    assert len(content["notes"]) == 1


ODD = {
    "is a pipe": os.mkfifo,
    "is a folder": Path.mkdir,
    "no such file": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("name", ["run.json", "study.json"])
@pytest.mark.parametrize("words", ODD)
def test_a_result_that_is_no_file_costs_a_line(broken: Path, words: str, name: str) -> None:
    """As `energybench view` lists it; named alone, it is refused for the same reason."""
    odd = broken / "results" / "2026_odd"
    odd.mkdir()
    ODD[words](odd / name)
    notes = report(broken, "results").json["notes"]
    assert len(notes) == 2
    assert any(f"2026_odd/{name}: {words}" in note for note in notes)
    assert f"2026_odd/{name}: {words}" in refused(broken, "results/2026_odd")


def test_many_broken_runs_are_counted(broken: Path) -> None:
    for number in range(30):
        shutil.copytree(broken / "results/2026_broken", broken / f"results/2026_broken{number}")
    notes = report(broken, "results").json["notes"]
    assert len(notes) == 21
    assert notes[-1] == "Left out, too: 11 more runs that cannot be read."


def test_a_store_without_a_whole_run_is_refused(broken: Path) -> None:
    for whole in [*(broken / "results").glob("*gpu*"), *(broken / "results").glob("*cpu*")]:
        (whole / "run.json").write_text("")
    line = refused(broken, "results")
    assert "results: none of 3 runs can be read, the first because" in line


def test_a_broken_run_that_was_named_is_refused(broken: Path) -> None:
    """A person who names a run wants that run."""
    assert "is not JSON" in refused(broken, "results/2026_broken")


@pytest.mark.parametrize("form", ["json", "markdown", "terminal"])
def test_samples_are_read_for_charts_only(broken: Path, form: str) -> None:
    """Formats without charts of power are the same if no samples can be read."""
    before = report(broken, "results", form=form).out
    for samples in (broken / "results").glob("*/samples.parquet"):
        samples.write_bytes(b"no samples")
    assert report(broken, "results", form=form).out == before
    pytest.importorskip("vl_convert")
    assert "Power over time of cpu is not shown" in report(broken, "results", form="html").out


OPENED = """
import sys
from energybench.cli.main import main
names = []
sys.addaudithook(lambda event, arguments: names.append(str(arguments[0]))
                 if event == "open" else None)
code = main(["report", "many", "--format", sys.argv[1], "--out", "many.out"])
assert not [name for name in names if "samples.parquet" in name][:3]
assert any(name.endswith("run.json") for name in names)
sys.exit(code)
"""


def test_a_hundred_runs_open_no_samples(store: Path, tmp_path: Path) -> None:
    """A process that opens the samples of a run fails the test."""
    import subprocess

    (run,) = (store / "results").glob("*_cpu_*")
    text = (run / "run.json").read_text("utf-8")
    for number in range(100):
        folder = tmp_path / "many" / f"2026-{number:03}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(text.replace(run.name, folder.name), "utf-8")
        (folder / "samples.parquet").write_bytes(b"no samples")
    for form in ("json", "markdown"):
        done = subprocess.run(
            [sys.executable, "-c", OPENED, form], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "many.out").stat().st_size > 10_000


def test_a_comparison_names_the_bytes_of_its_runs(store: Path) -> None:
    """Digests of run.json and samples of both sides, as sha256sum prints them."""
    comparison = json.loads((store / "cmp.json").read_text())
    for side, name in zip(comparison["digests"], ("cpu", "gpu"), strict=True):
        (run,) = (store / "results").glob(f"*_{name}_*")
        assert side == [
            {"path": file, "sha256": hashlib.sha256((run / file).read_bytes()).hexdigest()}
            for file in ("run.json", "samples.parquet")
        ]
