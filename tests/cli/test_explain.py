"""`energybench explain`: the meaning of a doubt, for a person and as JSON."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.process import REPLAYS, command, in_process, one_line, with_env


def on_a_terminal(*arguments: str, columns: int, cwd: Path) -> list[str]:
    """Lines of a command whose stdout is a terminal of so many columns."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(*arguments), cwd=cwd, env=with_env({"COLUMNS": str(columns)}), stdout=theirs
    ):
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 4096):
                text += piece
        except OSError:  # a terminal without a writer
            pass
        finally:
            os.close(ours)
    return text.decode().splitlines()


def test_a_code_is_explained(tmp_path: Path) -> None:
    """Meaning, test, effect and remedy of one code; all codes without one; JSON."""
    one = in_process("explain", "one-node", cwd=tmp_path)
    assert one.code == 0
    assert [line.split()[0] for line in one.out.splitlines()] == [
        "one-node",
        "meaning",
        "test",
        "effect",
        "remedy",
    ]
    every = in_process("explain", cwd=tmp_path).out
    assert "one-node" in every
    assert "sensor-lost" in every
    (entry,) = in_process("explain", "sensor-lost", "--json", cwd=tmp_path).json["entries"]
    assert entry["code"] == "sensor-lost"
    assert set(entry) == {
        "code",
        "group",
        "title",
        "meaning",
        "test",
        "effect",
        "remedy",
    }


def test_several_codes_stand_in_the_order_of_the_command(tmp_path: Path) -> None:
    """As printed in brackets and in capitals; a code that is named twice stands once."""
    codes = ("trend", "[JITTER]", "jitter")
    text = in_process("explain", *codes, cwd=tmp_path).out
    assert [line.split()[0] for line in text.splitlines() if line[:1].strip()] == [
        "trend",
        "jitter",
    ]
    entries = in_process("explain", *codes, "--json", cwd=tmp_path).json["entries"]
    assert [entry["code"] for entry in entries] == ["trend", "jitter"]


def test_a_misspelt_code_is_refused_with_a_near_one(tmp_path: Path) -> None:
    refusal = one_line(in_process("explain", "trend", "temperatur-drift", cwd=tmp_path))
    assert "is not the code of a doubt" in refusal
    assert "did you mean temperature-drift?" in refusal


def test_markdown_of_named_codes(tmp_path: Path) -> None:
    """--markdown prints the named entries only; beside --json it is refused."""
    text = in_process("explain", "trend", "--markdown", cwd=tmp_path).out
    assert text.count("### ") == 1
    assert "### trend" in text
    assert "# Doubts\n" in in_process("explain", "--markdown", cwd=tmp_path).out
    both = in_process("explain", "trend", "--markdown", "--json", cwd=tmp_path)
    assert "two formats" in one_line(both)


@pytest.mark.parametrize("arguments", [(), ("unusable", "not-settled")])
def test_lines_fit_the_terminal(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """On a terminal no line is longer than the terminal; in a pipe a sentence is on one line."""
    lines = on_a_terminal("explain", *arguments, columns=72, cwd=tmp_path)
    assert 60 < max(map(len, lines)) <= 72
    piped = in_process("explain", *arguments, cwd=tmp_path).out
    assert max(map(len, piped.splitlines())) > 100
    assert " ".join(" ".join(lines).split()) == " ".join(piped.split())


def test_a_summary_names_the_command_once(tmp_path: Path) -> None:
    """After the doubts of a run, however many, one line says how to look a doubt up."""
    replay = str(REPLAYS / "gpu-node.toml")
    text = in_process("measure", "--replay", replay, "--label", "a", cwd=tmp_path).err
    assert text.count("  doubt [") > 1
    assert text.count("energybench explain CODE") == 1
    compared = in_process("compare", "_a_", "_a_", "--force", cwd=tmp_path).out
    assert compared.count("energybench explain CODE") == 1
