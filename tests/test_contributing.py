"""The examples of CONTRIBUTING.md keep the contract that the page names, as they stand there."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from energybench.data import priors
from energybench.model import Document
from energybench.plugins import load
from tests.reports.samples import SAMPLES
from tests.simulators import context

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MODULES = ("battery", "matmul", "csv_report")
POINTS = """[energybench.collectors]
battery = contributed.battery:Battery

[energybench.workloads]
matmul = contributed.matmul:Matmul

[energybench.reports]
csv = contributed.csv_report:Csv
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three examples as a package of their own, with entry points."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "contributed").mkdir()
    (folder / "contributed/__init__.py").write_text('"""The examples of CONTRIBUTING.md."""\n')
    for name, block in zip(MODULES, blocks("python"), strict=True):
        (folder / f"contributed/{name}.py").write_text(block)
    info = folder / "contributed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: contributed\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    return folder


def run(*command: str, path: str = "") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, (path, os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_examples_pass_the_contract_tests(package: Path) -> None:
    """A collector, a workload and a report, installed from a package of their own."""
    doors = ("collectors", "workloads", "reports")
    tests = [str(ROOT / f"tests/test_contract_{door}.py") for door in doors]
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", "battery or matmul or csv")
    done = run("pytest", *options, *tests, path=str(package))
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) >= 20


def test_the_examples_pass_ruff(package: Path) -> None:
    """Lint and format, by the rules of this project (100 columns)."""
    settings = ("--config", str(ROOT / "pyproject.toml"), str(package / "contributed"))
    for command in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        done = run("ruff", *command, *settings)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_pass_mypy(package: Path) -> None:
    """`mypy --strict` over the examples and over the protocols that they fulfil."""
    (package / "contributed/doors.py").write_text(
        '"""Each example fulfils the protocol of its door."""\n\n'
        "from contributed.battery import Battery\n"
        "from contributed.csv_report import Csv\n"
        "from contributed.matmul import Matmul\n"
        "from energybench.plugins import Collector, Report, Workload\n\n"
        "collector: Collector = Battery()\n"
        "workload: Workload = Matmul()\n"
        "report: Report = Csv()\n"
    )
    cache = ("--cache-dir", str(package / "cache"))
    path = os.pathsep.join([str(package), str(ROOT / ".typing")])
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *cache, "--strict", "-p", "contributed"],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_collector_reads_a_tree(package: Path, tmp_path: Path, monkeypatch) -> None:
    """With its row of priors: one channel for each battery, microwatts, None for a failed read."""
    monkeypatch.syspath_prepend(str(package))
    for name, kind, watts in (("AC", "Mains", None), ("BAT0", "Battery", 12_340_000)):
        folder = tmp_path / "sys/class/power_supply" / name
        folder.mkdir(parents=True)
        (folder / "type").write_text(kind + "\n")
        if watts is not None:
            (folder / "power_now").write_text(f"{watts}\n")
    collector = load("collectors", "battery")
    (channel,) = collector.open(context(tmp_path, priors=priors("".join(blocks("toml")))))
    assert (channel.device, channel.gain.u_rel) == ("BAT0", 0.05)
    assert collector.read() == [12_340_000]
    (tmp_path / "sys/class/power_supply/BAT0/power_now").write_text("")
    assert collector.read() == [None]
    collector.close()


@pytest.mark.parametrize("sample", ["comparison", "partial", "estimated", "study", "empty"])
def test_the_report_has_one_line_for_each_result(
    package: Path, sample: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An energy that was not measured is an empty cell, never 0."""
    monkeypatch.syspath_prepend(str(package))
    document: Document = SAMPLES[sample]()
    text = load("reports", "csv").render(document).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(document.results)
    for row, result in zip(rows, document.results, strict=True):
        if row["kind"] == "energy":
            energy = result.energy_j
            assert row["value"] == ("" if energy is None else str(energy.value))
            assert row["boundary"] == result.boundary.name
