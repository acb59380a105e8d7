"""Every option that a remedy names exists in the command that makes such a result."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from energybench.analysis.uncertainty.effect_kinds import KINDS
from energybench.data.doubt_catalogue import CODES, catalogue
from tests.cli.test_options import COMMANDS, options

PACKAGE = Path(__file__).parents[2] / "energybench"
MEASURING = ("measure", "run")
# Codes that only some commands raise, beside the groups of the catalogue.
RAISED_BY = {
    "attached": ("attach",),
    "clock-offset": ("attach",),
    "meter-interleaved": ("attach",),
    "meter-name-contradicts": ("attach",),
    "meter-one-feed": ("attach",),
    "meter-outliers": ("attach",),
    "meter-slope": ("attach",),
    "meter-rows-left-out": ("attach",),
    "meter-smooths": ("attach",),
    "min-window-missed": ("run",),
    "not-settled": ("run",),
    "interleaved": ("run",),
    "target-missed": MEASURING,
}
GROUPS = {"Workloads": ("run",), "Profiles and machine limits from a calibration": ("calibrate",)}
FOREIGN = {"--exclusive", "--gpus", "--multi-prog", "--nv"}  # of Slurm and of containers
# A measurement has to be repeated with this option, whatever the command that raised the doubt.
MEASURED_AGAIN = {option for name, option, _ in options() if name == "measure"} & {
    option for name, option, _ in options() if name == "run"
}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def of_command(name: str) -> set[str]:
    return {option for command, option, _ in options() if command == name}


def unknown(text: str, commands: tuple[str, ...]) -> list[str]:
    """Options in a text that neither the command named beside them has, nor all commands that
    raise the doubt.
    """
    wrong = []
    spans = re.split(r"(`[^`]*`)", text)
    for span in spans:
        words = span.strip("`").removeprefix("energybench ").split()
        named = words[0] if span.startswith("`") and words and words[0] in COMMANDS else None
        wanted = (named,) if named else commands
        for option in OPTION.findall(span):
            again = not named and option in MEASURED_AGAIN
            known = all(option in of_command(command) for command in wanted)
            if option not in FOREIGN and not again and not known:
                wrong.append(option)
    return wrong


def raised_by(code: str) -> tuple[str, ...]:
    return RAISED_BY.get(code) or GROUPS.get(catalogue()[code].group, MEASURING)


def words_of(node: ast.AST) -> str:
    """The literal words of an expression; `0` in place of a figure."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.FormattedValue):
        return "0"
    return "".join(words_of(child) for child in ast.iter_child_nodes(node))


def stated_doubts() -> Iterator[tuple[str, str, str]]:
    """Place, code and words of every doubt that the source states in place."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            codes = [
                argument.value
                for argument in arguments
                if isinstance(argument, ast.Constant) and argument.value in CODES
            ]
            if codes:
                words = " ".join(words_of(argument) for argument in arguments)
                yield f"{path.name}:{node.lineno}", str(codes[0]), words


@pytest.mark.parametrize("code", CODES)
def test_options_in_the_catalogue_exist_where_the_doubt_arises(code: str) -> None:
    """`measure` has no --min-window, so no doubt of `measure` may name it without its command."""
    assert unknown(catalogue()[code].remedy, raised_by(code)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_options_in_the_remedies_of_effects_exist_in_both_commands(kind: str) -> None:
    """An effect of the budget may stand in a result of `measure` and of `run`."""
    for remedy in KINDS[kind].remedies.values():  # type: ignore[index]
        assert unknown(remedy, MEASURING) == []


def test_options_in_stated_doubts_exist_where_the_doubt_arises() -> None:
    """Message and remedy, wherever the source states a doubt."""
    doubts = list(stated_doubts())
    assert len(doubts) > 60
    wrong = {
        f"{place} {code}": options
        for place, code, words in doubts
        if (options := unknown(words, raised_by(code)))
    }
    assert wrong == {}


def test_the_check_sees_an_option_of_another_command() -> None:
    """--min-window belongs to `run`: named with it, it is known, and alone it is not."""
    assert unknown("longer repeats (`--min-window`)", MEASURING) == ["--min-window"]
    assert unknown("longer repeats (`run --min-window`)", MEASURING) == []
    assert unknown("`attach --holds` or `measure --holds`", MEASURING) == ["--holds"]
