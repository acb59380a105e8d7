"""examples/reframe: ReFrame runs energybench and records the energy with its interval."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.process import with_env
from tests.simulators import reframe


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        reframe.command(folder, *words),
        cwd=folder,
        env=with_env({"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}),
        capture_output=True,
        text=True,
        timeout=800,
    )


def test_reframe_records_the_energy_with_its_interval(tmp_path: Path) -> None:
    done = run(tmp_path, "-S", "repeats=2", "-S", "program=sleep 0.3")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = reframe.figures(tmp_path)
    assert 0 <= figures["energy_low"] <= figures["energy"] <= figures["energy_high"]
    assert 0 < figures["time_low"] <= figures["time"] <= figures["time_high"]
    assert figures["time_high"] >= 0.3  # never less than the sleep


def test_a_program_that_fails_fails_the_check(tmp_path: Path) -> None:
    done = run(tmp_path, "-S", "repeats=1", "-S", "program=false")
    assert done.returncode == 1
    assert "EnergyOfProgram" in done.stdout
