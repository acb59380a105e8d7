"""Running ReFrame, the regression framework of HPC centres, on the check that examples/ ships."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

CHECK = Path(__file__).parents[2] / "examples/reframe/energy_check.py"


def program() -> str:
    """Path of `reframe`. Skips the test if it is not installed."""
    beside = Path(sys.executable).with_name("reframe")
    found = str(beside) if beside.is_file() else shutil.which("reframe")
    if found is None:
        pytest.skip("reframe is not installed: pip install ReFrame-HPC")
    return found


def command(folder: Path, *words: str) -> list[str]:
    """The command that runs the check; its files stay in the folder."""
    prefix = [f"--prefix={folder}", f"--report-file={folder}/report.json", "--nocolor"]
    return [program(), *prefix, "-c", str(CHECK), *words, "-r"]


def figures(folder: Path) -> dict[str, float]:
    """The performance variables that ReFrame recorded, by name."""
    report: Any = json.loads((folder / "report.json").read_text())
    (case,) = report["runs"][0]["testcases"]
    assert case["result"] == "pass", case
    return {name.rpartition(":")[2]: value[0] for name, value in case["perfvalues"].items()}
