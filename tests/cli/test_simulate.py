"""`energybench simulate`: the printed text, the JSON document, and bad input in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.process import in_process, one_line

SHORT = (
    "--experiments",
    "12",
    "--sensor",
    "rapl",
    "--wave",
    "constant",
    "--window",
    "0.35",
    "--jobs",
    "1",
)


def test_text_and_json_tell_the_same(tmp_path: Path) -> None:
    """A line a cell, the marginals and the overall line; the document has the same figures and its
    schema.
    """
    text, document = (
        in_process("simulate", *SHORT, cwd=tmp_path),
        in_process("simulate", *SHORT, "--json", cwd=tmp_path),
    )
    assert (text.code, document.code) == (0, 0), text.err + document.err
    result = document.json
    assert result["schema"] == "energybench-simulation/1"
    assert [cell["sensor"] for cell in result["cells"]] == ["rapl"]
    assert result["overall"]["experiments"] == 12
    assert {(group["gain"], group["window_s"]) for group in result["apart"]} == {("wide", 0.35)}
    assert sum(group["figures"]["experiments"] for group in result["by_repeats"]) == 12
    for title in (
        "rapl  constant  0.35 s",
        "by sensor",
        "by repeats",
        "apart",
        "overall",
        "A small study",
    ):
        assert title in text.out
    assert f"{result['overall']['coverage']:.1%}" in text.out.splitlines()[-2]


def test_an_exact_gain_leaves_the_sampling_alone(tmp_path: Path) -> None:
    """--gain 1: a constant load and a 1 ms counter leave next to nothing; nothing stands apart."""
    result = in_process(
        "simulate", *SHORT, "--gain", "1", "--run-repeats", "1", "--json", cwd=tmp_path
    ).json
    assert result["apart"] == []
    assert result["overall"]["half_width_rel"] < 0.01
    assert result["repeats"] == ["1"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--sensor", "h200"), "a100"),
        (("--wave", "sine"), "square"),
        (("--window", "long"), "0.35"),
        (("--window", "1e9"), "600"),
        (("--window", "nan"), "600"),
        (("--run-repeats", "0"), "stop"),
        (("--run-repeats", "many"), "stop"),
        (("--gain", "2"), "biased"),
    ],
)
def test_a_wrong_name_is_told_the_good_ones(
    wrong: tuple[str, str], told: str, tmp_path: Path
) -> None:
    """One line, exit 2, nothing run."""
    assert told in one_line(in_process("simulate", *wrong, cwd=tmp_path))


def test_the_page_names_all_there_is_to_choose(tmp_path: Path) -> None:
    """docs/simulate.md has a row for each sensor, load and gain that the command takes, and the
    columns that it prints.
    """
    page = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text("utf-8")
    rows = {
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"^\| `([^`]+)`", line)
    }
    for option in ("--sensor", "--wave", "--gain"):
        expected_names = re.findall(
            r"\((.*)\)", one_line(in_process("simulate", option, "nosuch", cwd=tmp_path))
        )[0].split(", ")
        assert set(expected_names) <= rows, option
        rows -= set(expected_names)
    assert rows == {
        "--sensor",
        "--wave",
        "--gain",
    }  # the tables' heads: no row of something there is none of
    printed = in_process("simulate", *SHORT, "--experiments", "1", cwd=tmp_path).out.splitlines()[0]
    assert all(
        column in printed and f"**{column}**" in page
        for column in ("flagged", "coverage", "error rms", "95 %", "half-width", "/ oracle")
    )
