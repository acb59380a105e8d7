"""The wheel holds the files of the tree, and runs in another place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("packaging")  # the fixtures are made once

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "energybench": "energybench",
    "workloads": "energybench_workloads",
    "reports": "energybench_reports",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the tree as it stands, built from a copy with the installed setuptools."""
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in tracked:
        if (ROOT / name).is_file() and not name.startswith((".typing", "tests/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(out), str(source)],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_files_of_the_tree(wheel: Path) -> None:
    """Every module, template and data file of the three folders, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    tree = set()
    for folder, package in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            inner = path.relative_to(ROOT / folder)
            if path.is_file() and "__pycache__" not in path.parts and inner.parts[0] != "reference":
                tree.add(f"{package}/{inner.as_posix()}")
    assert packed == tree


def test_the_wheel_runs_from_another_directory(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, with the dependencies of this environment and from another
    directory, the wheel finds its templates and data.
    """
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True
    )
    python = tmp_path / "venv" / "bin" / "python"
    target = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    packages = Path(target.stdout.strip())
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    dependencies = next(path for path in sys.path if path.endswith("site-packages"))
    # The editable install of the tree must not stand in for the wheel: links lead to the
    # dependencies, and none to energybench.
    for entry in Path(dependencies).iterdir():
        if (
            "energybench" not in entry.name
            and not (packages / entry.name).exists()
            and entry.suffix != ".pth"
        ):
            (packages / entry.name).symlink_to(entry)
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(python), "-m", "energybench", *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=800,
        )

    origin = subprocess.run(
        [str(python), "-c", "import energybench; print(energybench.__file__)"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert str(packages) in origin.stdout
    for things in ("workloads", "collectors", "reports", "scenarios"):
        listed = run("list", things, "--json")
        assert listed.returncode == 0, listed.stderr
        entries = json.loads(listed.stdout)["entries"]
        assert entries
        assert all(entry["works"] for entry in entries), entries
    measured = run("measure", "--json", "--", "true")
    assert measured.returncode == 0, measured.stderr
    projected = run("project", "--scenario", "nersc-2023", "--json")
    assert projected.returncode == 0, projected.stderr
    report = run("report", "results", "--format", "html", "--out", "r.html")
    assert report.returncode == 0, report.stderr
    assert b"<html" in (tmp_path / "r.html").read_bytes()[:2000]


def test_dependencies_are_few_and_pinned() -> None:
    """Every core dependency has a tested version in constraints.txt."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    required = {
        requirement.split(">")[0].split("[")[0].lower() for requirement in project["dependencies"]
    }
    assert len(required) <= 12
    assert required <= pinned
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text()


def test_the_version_agrees() -> None:
    """pyproject.toml and the package state the same version."""
    import tomllib

    import energybench

    assert (
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        == energybench.__version__
    )
