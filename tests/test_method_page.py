"""docs/method.md works as it stands: its commands run, and its numbers are those of the run."""

from __future__ import annotations

import contextlib
import glob
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from energybench.analysis.uncertainty.budget import budget
from energybench.model import Measurement

pytestmark = pytest.mark.xdist_group("method_page")  # the fixtures are made once

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/method.md").read_text("utf-8")
REPLAYS = ROOT / "energybench/data/replays"


class Block(NamedTuple):
    """A fenced block: "sh" (commands), "python" or "text" (the output of the block before)."""

    language: str
    text: str


def section(title: str) -> str:
    """The text below one heading, up to the next heading of the same level."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


EXAMPLE = section("A worked example")
BLOCKS = [Block(*match) for match in re.findall(r"```(\w+)\n(.*?)```", EXAMPLE, re.DOTALL)]


def shell(line: str, folder: Path) -> str:
    """Run one command of the page in a folder of its own."""
    program, *arguments = shlex.split(line)
    if program == "rm":
        for name in ("example", "example.md"):
            assert name in arguments
            assert not (folder / name).exists()
        return ""
    assert program == "energybench", line
    expanded = [
        name
        for argument in arguments
        for name in sorted(glob.glob(argument, root_dir=folder)) or [argument]
    ]
    expanded = [
        str(ROOT / argument) if argument.startswith("energybench/") else argument
        for argument in expanded
    ]
    done = subprocess.run(
        [sys.executable, "-m", "energybench", *expanded],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str]:
    """The output of each block of the example, in order, and the report that the example writes."""
    folder = tmp_path_factory.mktemp("example")
    names: dict[str, Any] = {}
    printed = []
    with contextlib.chdir(folder):
        for block in BLOCKS:
            if block.language == "sh":
                printed.append("".join(shell(line, folder) for line in block.text.splitlines()))
            elif block.language == "python":
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(compile(block.text, "docs/method.md", "exec"), names)
                printed.append(out.getvalue())
            else:
                printed.append("")
    return printed, (folder / "example.md").read_text()


def test_each_output_on_the_page_is_the_output_of_the_block_before(
    outputs: tuple[list[str], str],
) -> None:
    printed, _ = outputs
    checked = 0
    for before, block, output in zip(BLOCKS, BLOCKS[1:], printed, strict=False):
        if block.language != "text":
            continue
        if before.language == "python":
            assert output == block.text
        else:  # an excerpt of what a command prints
            for line in block.text.splitlines():
                assert line in output
        checked += 1
    assert checked >= 6


def test_the_output_in_the_readme_is_that_of_the_replays(outputs: tuple[list[str], str]) -> None:
    """README shows the comparison of the same two replays, by the labels of the replay files; an
    ellipsis stands for the words between.
    """
    printed, _ = outputs
    compared = next(output for output in printed if "energy ratio" in output)
    block = (ROOT / "README.md").read_text("utf-8").split("\n## Output\n", 1)[1]
    lines = [
        line for line in block.split("\nIntervals are", 1)[0].splitlines() if line[:4] == "    "
    ]
    assert len(lines) >= 6
    for line in lines:
        words = (
            line.strip().replace("solver on two CPUs", "cpu").replace("solver on four A100", "gpu")
        )
        for piece in words.split("…"):
            assert piece.strip(" :") in compared, piece


def test_the_lines_of_the_budget_are_those_of_the_report(outputs: tuple[list[str], str]) -> None:
    """Standard uncertainty, share and half-width without the effect, line by line."""
    _, report = outputs
    head, *rows = [line for line in EXAMPLE.splitlines() if line.startswith("| ")]
    assert head in report
    assert len(rows) == 5
    for row in rows:
        _, u, share, without, _ = (cell.strip() for cell in row.strip("|").split("|"))
        assert f"| {u} | {share} | {without} |" in report


def test_each_number_in_the_words_comes_from_the_run(outputs: tuple[list[str], str]) -> None:
    """Joules, watts and percentages between the blocks of the example; round numbers below 100,
    such as the 3 % of a prior, may stand for themselves.
    """
    printed, report = outputs
    inputs = "".join((REPLAYS / f"{name}-node.toml").read_text() for name in ("cpu", "gpu"))
    derived = [
        f"{235.2 * 60.28:.3f}",
        f"{235.2 * 60.28 - 14177.697:.3f}",
        f"{2211.90 - 2207.09:.2f}",
        f"{(33393.06 - 30941.81) / 2:.0f}",
    ]
    known = " ".join([*printed, report, inputs, *derived])
    words = re.sub(r"```.*?```", "", EXAMPLE, flags=re.DOTALL)
    words = "\n".join(line for line in words.splitlines() if not line.startswith("| "))
    numbers = re.findall(r"(\d[\d.]*) (?:J|W|%)(?!\w)", words)
    assert len(numbers) > 8
    for number in numbers:
        if "." in number or float(number) >= 100:
            assert number in known or number == "6.1", number


def test_the_width_of_the_ratio(outputs: tuple[list[str], str]) -> None:
    printed, _ = outputs
    ratio = next(output for output in printed if "energy ratio" in output)
    assert "(±6.1 %)" in " ".join(EXAMPLE.split())
    assert "instead of ±6.1 %" in ratio


def test_the_gains_of_two_remedies(tmp_path: Path) -> None:
    """The widths without uncalibrated packages, and without modelled memory, come from the runs."""
    suspects = section("Why is my interval ±4 %?")
    for node, effect, now, without in (
        ("cpu", "gain", 3.8, 1.1),
        ("gpu", "model", 4.8, 3.4),
    ):
        replay = ["--replay", str(REPLAYS / f"{node}-node.toml"), "--label", node]
        out = ["--out", str(tmp_path / node), "--json"]
        measured = shell(shlex.join(["energybench", "measure", *replay, *out]), tmp_path)
        energy = msgspec.json.decode(measured, type=Measurement).energy_j
        assert energy is not None
        line = next(line for line in budget(energy) if effect in line.effect)
        assert f"{100 * energy.half_width / energy.value:.1f}" == f"{now}"
        assert f"{100 * line.half_width_without / energy.value:.1f}" == f"{without}"
        assert f"±{now} % becomes ±{without} %" in suspects


def test_the_picture_is_that_of_the_replays(tmp_path: Path) -> None:
    """The committed picture is what its script draws from the replays, byte for byte."""
    target = tmp_path / "trace.svg"
    script = ROOT / "benchmarks/method_picture.py"
    subprocess.run(
        [sys.executable, str(script), "--out", str(target)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=800,
    )
    assert target.read_text() == (ROOT / "docs/images/trace.svg").read_text()


def test_the_words_of_the_glossary_stand_in_order() -> None:
    rows = re.findall(r"^\| ([a-z][^|]*?) \|", section("Glossary"), re.MULTILINE)[1:]
    assert rows == sorted(rows, key=str.lower)
