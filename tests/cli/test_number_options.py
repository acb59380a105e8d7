"""Every option that takes a number refuses every text that is no number of its range, in one line
that names the option, the text and the range.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
import typer
from typer.models import OptionInfo

from energybench.cli.main import app
from energybench.errors import BadInput
from energybench.units import decimal_number, whole_number
from energybench_workloads.grids import Lists
from energybench_workloads.settings import Settings
from tests.cli.process import in_process, one_line

# Python's int() and float() read most of these texts as numbers.
NO_NUMBERS = ("nan", "inf", "-inf", "1e999", "", "１", "٣", "1_000", "0x10", " 5 ", "5 s", "1,5")

# Options of text that hold a number: the command in which the text is read, and words of the range.
TEXTS = {
    "--repeats": (("measure", "--repeats", "TEXT", "--", "true"), "a whole number from 1"),
    "--fail": (("ab", "--fail", "TEXT", "--", "true", ":::", "true"), "at most 100 %"),
    "--threshold": (("ci", "compare", "a", "b", "--threshold", "TEXT"), "at most 100 %"),
    "--between-runs": (("ci", "compare", "a", "b", "--between-runs", "TEXT"), "at most 100 %"),
    "--accuracy": (
        ("attach", "run", "--meter", "m.csv", "--scope", "node", "--accuracy", "TEXT"),
        "above 0 % and up to 50 %",
    ),
    "--window": (("simulate", "--window", "TEXT"), "0.05 to 3600 seconds"),
    "--run-repeats": (("simulate", "--run-repeats", "TEXT"), "1 to 1000"),
}
# Options of text that hold no number, or numbers inside another notation.
WORDS = {
    *("--label", "--boundary", "--collector", "--device", "--size", "--set", "--variant"),
    *(
        "--scenario",
        "--drive",
        "--against",
        "--scope",
        "--name",
        "--node",
        "--board",
        "--column",
        "--unit",
    ),
    *("--time-column", "--time-format", "--timezone", "--select", "--sensor", "--wave", "--gain"),
    *("--format", "--title", "--note", "--nodes", "--baseline", "--setup", "--adapter"),
    *("--date", "--hide", "--sha256"),
    # of Slurm
    *("--partition", "--account", "--user", "--since", "--until"),
    # settings of a workload, which Settings reads
    *("--steps", "--to-iou"),
}


def callbacks(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """(words of the command, its function) of every command."""
    for command in group.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        yield (*path, name), command.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from callbacks(inner.typer_instance, (*path, str(inner.name)))


def options() -> Iterator[tuple[tuple[str, ...], str, set[Any], OptionInfo]]:
    """(words of the command, option, its types, its description) of every option with a value."""
    for path, callback in callbacks(app):
        for hint in get_type_hints(callback, include_extras=True).values():
            annotated = next(
                (one for one in (hint, *get_args(hint)) if get_origin(one) is Annotated), None
            )
            if annotated is None:
                continue
            type_, info = get_args(annotated)[:2]
            if isinstance(info, OptionInfo):
                # of list[str] | None, the str
                inner = {type_, *get_args(type_)}
                types = inner | {one for type_ in inner for one in get_args(type_)}
                # within Annotated, typer keeps the first name in the place of the default
                names = [one for one in (info.default, *(info.param_decls or ())) if one]
                yield path, str(names[0]), types, info


NUMBERS = [(path, option, info) for path, option, types, info in options() if types & {int, float}]


def test_the_walk_finds_the_options() -> None:
    """Of nested commands too."""
    assert len(NUMBERS) > 20
    assert (("ci", "compare"), "--threshold") in {(path, option) for path, option, *_ in options()}


def test_every_option_of_text_is_known_to_hold_a_number_or_none() -> None:
    """A new option has to be put in one of the two tables."""
    texts = {option for _, option, types, _ in options() if str in types}
    assert texts == WORDS | set(TEXTS)


@pytest.mark.parametrize(
    ("path", "option", "info"),
    NUMBERS,
    ids=[" ".join((*path, option)) for path, option, _ in NUMBERS],
)
def test_a_text_that_is_no_number_of_the_range(
    tmp_path: Path, path: tuple[str, ...], option: str, info: OptionInfo
) -> None:
    """One line with the option, the text and the range; exit code 2."""
    assert info.min is not None
    assert info.max is not None
    outside = [str(info.max + 1), "-1", "99999999999999999999"]
    for text in (*NO_NUMBERS, *outside):
        with pytest.raises(BadInput) as caught:
            info.parser(text)  # type: ignore[misc]
        assert str(caught.value).startswith(f"{option} {shlex.quote(text)}: is ")
        assert f"number from {info.min} to {info.max})" in str(caught.value)
    # each start of the command line takes its time: one text
    line = one_line(in_process(*path, option, "1_000", cwd=tmp_path))
    assert line.startswith(f"energybench: {option} 1_000: is not a")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", sorted(TEXTS))
def test_an_option_of_text_that_holds_a_number(tmp_path: Path, option: str) -> None:
    """The same line, with the words of the option's own range."""
    arguments, words = TEXTS[option]
    sign = "%" if "%" in words or option == "--accuracy" else ""
    texts = ["nan", "１" + sign, "1_000" + sign]
    for text in texts:
        ran = in_process(*(text if a == "TEXT" else a for a in arguments), cwd=tmp_path)
        line = one_line(ran)
        assert line.startswith(f"energybench: {option}"), line
        assert words in line, line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_setting_of_a_workload_is_a_number_of_its_range(text: str) -> None:
    """A single number, and the lists of a study."""
    settings, lists = Settings({"n": text}, ["n"]), Lists({"n": text}, ["n"])
    for read in (settings.whole, settings.number):
        with pytest.raises(BadInput, match="number from 0 to 9"):
            read("n", 1, 0, 9)
    if text not in (" 5 ", "1,5"):  # entries of a list are separated by commas, with blanks
        for read_list in (lists.wholes, lists.numbers):
            with pytest.raises(BadInput, match=r"at least one entry|numbers from 0 to 9"):
                read_list("n", (1,), 0, 9)


def test_numbers_in_ascii_digits_are_read() -> None:
    for text, value in (("5", 5.0), ("0.5", 0.5), (".5", 0.5), ("1e-3", 1e-3), ("+2.", 2.0)):
        assert decimal_number(text) == value
    assert [decimal_number(text) for text in NO_NUMBERS] == [None] * len(NO_NUMBERS)
    assert [whole_number(text) for text in NO_NUMBERS] == [None] * len(NO_NUMBERS)
    assert whole_number(str(2**63 - 1)) == 2**63 - 1
    assert whole_number(str(2**63)) is None
