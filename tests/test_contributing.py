"""The three examples of CONTRIBUTING.md keep the promises of the page, as they stand there.

The examples are copied into a tree of their own in the places that the page names, beside links to
the files of this tree, with the entry points and the row of priors that the page shows.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRIORS = Path("energybench/data/priors.toml")
PLACES = {  # entry point → file of the example, in the order of the page
    "hwmon_energy": Path("energybench/collectors/hwmon_energy.py"),
    "matmul": Path("energybench_workloads/matmul.py"),
    "jsonl": Path("energybench_reports/jsonl_report.py"),
}
FOLDERS = {
    "energybench": "energybench",
    "energybench_workloads": "workloads",
    "energybench_reports": "reports",
}


def blocks(language: str) -> list[str]:
    """The code of the page in one language."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def linked(folder: Path, to: Path, own: set[Path], here: Path) -> None:
    """Fill `folder` with links into `to`; folders that hold a file of `own` are real folders."""
    folder.mkdir(exist_ok=True)
    for entry in to.iterdir():
        place = here / entry.name
        if entry.name == "__pycache__" or place in own:
            continue
        if any(place in path.parents for path in own):
            linked(folder / entry.name, entry, own, place)
        else:
            (folder / entry.name).symlink_to(entry)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the three packages with the examples in them, and their metadata."""
    root = tmp_path_factory.mktemp("contributed")
    own = {PRIORS, *PLACES.values()}
    for package, folder in FOLDERS.items():
        linked(root / package, ROOT / folder, own, Path(package))
    for place, code in zip(PLACES.values(), blocks("python"), strict=True):
        (root / place).write_text(code, "utf-8")
    points, row = blocks("toml")
    rows = (ROOT / PRIORS).read_text("utf-8")
    if row.splitlines()[0] not in rows:
        rows += "\n" + row
    (root / PRIORS).write_text(rows, "utf-8")
    info = root / "contributed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: contributed\nVersion: 1.0\n")
    groups = tomllib.loads(points)["project"]["entry-points"]
    (info / "entry_points.txt").write_text(
        "\n".join(
            f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
            for group, entries in groups.items()
        )
    )
    return root


def python(tree: Path, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Python with the examples on its path. PYTHONSAFEPATH: not with the tree of this test."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_examples_pass_the_contract_tests(tree: Path) -> None:
    """Collector, workload and report keep the contracts of all plugins."""
    doors = ("collectors", "workloads", "reports")
    done = python(
        tree,
        *("-m", "pytest", "-q", "--import-mode=append", "-p", "no:cacheprovider"),
        *("-p", "no:xdist", "-p", "no:hypothesispytest"),
        *(str(ROOT / "tests" / f"test_contract_{door}.py") for door in doors),
        *("-k", " or ".join(PLACES)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) >= 25


def test_the_collector_reads_counters(tree: Path, tmp_path: Path) -> None:
    """A socket counts with the prior of the page, another counter is only recorded, and a counter
    that cannot be read is a doubt.
    """
    folder = tmp_path / "sys/class/hwmon/hwmon3"
    folder.mkdir(parents=True)
    for name, content in {
        "name": "amd_energy",
        "energy1_label": "Esocket1",
        "energy1_input": "5000000",
        "energy2_label": "Ecore000",
        "energy2_input": "70",
        "energy3_input": "none",
    }.items():
        (folder / name).write_text(content + "\n")
    code = (
        "import pathlib, sys; from energybench.collectors.hwmon_energy import HwmonEnergy\n"
        "from energybench.data import priors; from energybench.plugins import Context\n"
        "collector = HwmonEnergy()\n"
        "context = Context(clock=None, root=pathlib.Path(sys.argv[1]), priors=priors())\n"
        "for c in collector.open(context): print(c.component, c.socket, c.counts, c.gain.u_rel)\n"
        "print(*collector.read(), *(doubt.code for doubt in collector.doubts()))\n"
    )
    done = python(tree, "-c", code, str(tmp_path))
    assert done.stdout.splitlines() == [
        "cpu.package package-1 True 0.05",
        "hwmon.amd_energy  False 0.05",
        "5000000 70 sensor-note",
    ], done.stderr


def test_the_report_has_every_number_of_the_table(tree: Path) -> None:
    """One JSON object for each row; a sensor that was lost gives null, never 0."""
    code = (
        "from energybench_reports.jsonl_report import Jsonl\n"
        "from tests.reports.samples import SAMPLES\n"
        "print(Jsonl().render(SAMPLES['partial']()).decode())\n"
    )
    done = python(tree, "-c", f"import sys; sys.path.append({str(ROOT)!r})\n{code}")
    head, *rows = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert head["title"] == "A run that lost its sensor", done.stderr
    energies = [row for row in rows if row["quantity"] in ("energy", "energy_ratio")]
    assert [(row["label"], row["value"], row["kind"]) for row in energies] == [
        ("GPU node, sensor lost", None, "missing"),
        ("CPU node / GPU node, sensor lost", None, "missing"),
    ]


def test_the_examples_pass_the_linter(tree: Path) -> None:
    """ruff with the settings of this project, lint and format."""
    files = [str(tree / place) for place in PLACES.values()]
    for command in (["check"], ["format", "--check", "--diff"]):
        done = python(
            tree,
            *("-m", "ruff", *command, "--no-cache", "--config", str(ROOT / "pyproject.toml")),
            *files,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_are_typed(tree: Path, tmp_path: Path) -> None:
    """mypy --strict on the examples and the modules that they import.

    The stubs of numpy are left out: they alone take longer than everything else.
    """
    settings = tmp_path / "mypy.ini"
    settings.write_text(
        "[mypy]\nstrict = True\n"
        "[mypy-numpy.*]\nfollow_imports = skip\nfollow_imports_for_stubs = True\n"
    )
    done = python(
        tree,
        *("-m", "mypy", "--config-file", str(settings), "--explicit-package-bases"),
        *("--no-incremental", "--follow-imports=silent"),
        *(str(tree / place) for place in PLACES.values()),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_names_the_layers_in_the_order_of_the_contract() -> None:
    """Every folder and module of the contract that import-linter holds, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = page.partition("## Who may know whom")[2].partition("\n`energybench` never")[0]
    named = re.findall(r"`(\w+)`", section)
    for layer in contract["layers"]:
        modules = {name.removeprefix("energybench.") for name in layer.split(" | ")}
        assert set(named[: len(modules)]) == modules
        del named[: len(modules)]
    assert named == []
