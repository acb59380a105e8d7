"""The tables of docs/accuracy.md from a study (benchmarks/coverage_tables.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/coverage_tables.py"


def test_the_tables_hold_the_figures_of_the_study(tmp_path: Path) -> None:
    """A real, small study: its overall coverage stands in the first line and, pooled from
    the cells, in the row of each sensor; every number of repeats has a row.
    """
    options = ["--experiments", "12", "--sensor", "rapl", "--wave", "constant", "--wave", "square"]
    options += ["--window", "1", "--window", "5", "--jobs", "1", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "energybench", "simulate", *options],
        capture_output=True,
        text=True,
        check=True,
    )
    study = json.loads(ran.stdout)
    (tmp_path / "study.json").write_text(ran.stdout, "utf-8")
    printed = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "study.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = printed.stdout.splitlines()
    assert lines[0].startswith("4 cells of 12 experiments, seed 1")
    assert f"coverage {study['overall']['coverage']:.1%} (" in lines[0]
    (sensor,) = [line for line in lines if line.startswith("| rapl | ")]
    fields = [field.strip() for field in sensor.strip("| ").split("|")]
    assert len(fields) == 1 + len(study["by_window"]) + 3
    for field, window in zip(fields[1:], study["by_window"], strict=False):
        coverage = float(field.split("%")[0]) / 100
        assert coverage == pytest.approx(window["figures"]["coverage"], abs=6e-4)
    for group in study["by_repeats"]:
        if group["figures"]["coverage"] is not None:
            prefix = f"| {group['repeats']} | {group['figures']['coverage']:.1%}"
            assert any(line.startswith(prefix) for line in lines)
