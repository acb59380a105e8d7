"""Damaged inputs through the command line (benchmarks/fuzz.py), a few hundred of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/fuzz.py"
_PARTS, _CASES = 2, 500


@pytest.mark.parametrize("part", range(_PARTS))
def test_damaged_inputs_end_in_one_line(part: int) -> None:
    """No traceback, warning, hang, unknown exit code or control character: in every part of the
    cases, which the processes of the suite share.
    """
    count = _CASES // _PARTS
    words = ["--seed", "1", "--count", str(count), "--first", str(part * count)]
    ran = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert f"{count} cases, 0 failed" in ran.stdout


def test_the_fuzzer_sees_failures(tmp_path: Path) -> None:
    """A command that raises, warns, or prints a control character is a failed case."""
    probe = (
        "import sys, warnings; sys.path.insert(0, sys.argv[1]); sys.argv[1:] = []\n"
        "import fuzz\n"
        "def raises(): raise KeyError('x')\n"
        "def warns(): warnings.warn('w', RuntimeWarning); return 0\n"
        "def paints(): print(chr(27)); return 0\n"
        "for run in (raises, warns, paints, lambda: 3, lambda: 0):\n"
        "    print(fuzz._reason(*fuzz._captured(run)))\n"
    )
    words = [sys.executable, "-c", probe, str(SCRIPT.parent)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    *failures, last = ran.stdout.splitlines()
    assert failures[0] == "exception"
    assert "Warning" in failures[1]
    assert "control character" in failures[2]
    assert failures[3] == "exit code 3"
    assert last == "None"
