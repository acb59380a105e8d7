"""The examples of CONTRIBUTING.md keep the contract that it points to, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
POINTS = """[energybench.collectors]
battery = contributed_0:Battery

[energybench.workloads]
matmul = contributed_1:Matmul
"""


def test_the_examples_pass_the_contract_tests(tmp_path: Path) -> None:
    """A collector and a workload, copied into a package of their own."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    for i, block in enumerate(blocks):
        (tmp_path / f"contributed_{i}.py").write_text(block)
    info = tmp_path / "contributed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: contributed\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    tests = [
        str(ROOT / "tests" / f"test_contract_{door}.py") for door in ("collectors", "workloads")
    ]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        *tests,
        "-k",
        "battery or matmul",
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) >= 10
