"""The scripts that print the figures of the docs run, at sizes that take seconds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("script", "arguments", "figure"),
    [
        ("statement", "--applications 1", r"^ +1 +\d"),
        ("verify", "--runs 1", r"^verify +\d"),
        ("view_index", "--runs 20", r"^again: address after +\d"),
        ("many_runs", "--runs 3", r"^report --format html +\d"),
        ("report_pages", "--runs 1", r"^a page without charts +\d"),
        ("day_report", "--hours 0.2", r"^reading and page +\d"),
        ("collect", "--nodes 2 --minutes 2", r"^2 nodes, compare +\d"),
        ("fold", "--nodes 1 --drawn-to 1", r"^\| 1, the same \|"),
        ("gates", "--sessions 20 --tests 5 --single 200", r"%"),
    ],
)
def test_a_script_prints_its_figure(
    tmp_path: Path, script: str, arguments: str, figure: str
) -> None:
    result = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{script}.py"), *arguments.split()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        check=False,
    )
    assert re.search(figure, result.stdout, re.MULTILINE), result.stdout + result.stderr
    assert "Traceback" not in result.stderr
