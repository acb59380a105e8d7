"""`energybench slurm` on a machine without Slurm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.process import energybench


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (("check", "1"), "scontrol"),
        (("statement", "--since", "1d"), "scontrol"),
        (("doctor",), "scontrol"),
    ],
)
def test_without_slurm_is_one_line(tmp_path: Path, words: tuple[str, ...], program: str) -> None:
    ran = energybench("slurm", *words, cwd=tmp_path, env={**os.environ, "PATH": str(tmp_path)})
    assert ran.code == 2
    assert f"{program}: is not installed here" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_two_formats_are_refused(tmp_path: Path) -> None:
    words = ("slurm", "statement", "--since", "1d", "--csv", "--json")
    ran = energybench(*words, cwd=tmp_path, env=dict(os.environ))
    assert ran.code == 2
    assert "two formats" in ran.err
