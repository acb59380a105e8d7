"""Two runs are the same problem if their inputs, parameters and stated values are the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from energybench.adapters.excerpt import Excerpt
from energybench.adapters.outcome import outcome
from energybench.adapters.problem import of_command
from tests.adapters.files import OUTPUT, solver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"a": "deck", "b": "deck", "c": "other", "n.in": "deck"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "solver.in").write_text("default")
    return tmp_path


def fingerprint(folder: Path, command: str, output: bytes = OUTPUT) -> str:
    loaded = solver()
    inputs = of_command(loaded.adapter, command.split(), folder, None)
    assert inputs.unread == ()
    work = outcome(loaded, Excerpt(output), inputs).work
    assert work is not None
    return work.fingerprint


SAME = [
    "solver -i a",
    "srun -n 4 -i c /opt/bin/solver -i b",
    "solver -name n",
    "solver -v -i a -name missing",
]
OTHER = ["solver -i c", "solver", "solver -i a -D x 1", "solver -i a -D x 2"]


@pytest.mark.parametrize("command", SAME)
def test_the_same_content_is_the_same_problem(folder: Path, command: str) -> None:
    """Whatever the file is called, and whoever starts the program."""
    assert fingerprint(folder, command) == fingerprint(folder, "solver -i a")


def test_other_content_parameters_or_values_are_another_problem(folder: Path) -> None:
    others = {fingerprint(folder, command) for command in OTHER}
    others.add(fingerprint(folder, "solver -i a", OUTPUT.replace(b"7 steps", b"8 steps")))
    assert len(others) == len(OTHER) + 1
    assert fingerprint(folder, "solver -i a") not in others


def test_the_order_of_parameters_and_the_form_of_a_number_do_not_matter(folder: Path) -> None:
    assert fingerprint(folder, "solver -D x 1 -D y 2") == fingerprint(
        folder, "solver -D y 2 -D x 1"
    )
    longer = OUTPUT.replace(b"100", b"0100")
    assert fingerprint(folder, "solver", longer) == fingerprint(folder, "solver")


def test_an_input_on_standard_input_counts(folder: Path) -> None:
    """A file on standard input is the input, and reading it leaves its place alone."""
    (folder / "solver.in").unlink()
    loaded = solver('files = ["solver.in"]\n', "")
    with (folder / "a").open("rb") as first, (folder / "c").open("rb") as second:
        first.seek(2)
        of_a = of_command(loaded.adapter, ["solver"], folder, first.fileno())
        of_c = of_command(loaded.adapter, ["solver"], folder, second.fileno())
        assert os.lseek(first.fileno(), 0, os.SEEK_CUR) == 2
    assert of_a.digests != of_c.digests
    assert of_a.digests == of_command(loaded.adapter, ["solver", "-i", "b"], folder, None).digests


def test_an_input_that_cannot_be_read_is_a_doubt(folder: Path) -> None:
    """A folder, a pipe or a missing file costs the content, and is told."""
    os.mkfifo(folder / "pipe")
    loaded = solver()
    for name in ("missing", ".", "pipe"):
        inputs = of_command(loaded.adapter, ["solver", "-i", name], folder, None)
        (doubt,) = outcome(loaded, Excerpt(OUTPUT), inputs).doubts
        assert doubt.code == "input-unread"
        assert name in doubt.message
