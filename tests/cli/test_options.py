"""Options and help of all commands: one name means one thing, and every summary is whole."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from energybench.cli.main import app
from tests.cli.process import energybench

COMMANDS: dict[str, Any] = {
    name: command
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
    if not command.hidden
}


def options() -> Iterator[tuple[str, str, Any]]:
    """Each option of each command: (command, option, parameter)."""
    for name, command in COMMANDS.items():
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    yield name, option, parameter


# Options whose meaning depends on the command.
BY_COMMAND = {
    "--out",
    "--format",
    "--repeats",
    "--device",
    "--idle",
    "--seed",
    "--min-window",
    "--label",
    "--title",
}
# Words of one command's matter, and the commands whose help may use them.
MATTERS = {
    r"experiments": {"simulate"},
    r"\bcells?\b": {"study", "simulate"},
    r"calibration profile": {"calibrate"},
    r"in a study": set(),
    r"`run`|energybench run": set(),
}


def test_an_option_has_one_type_and_one_help_text_in_all_commands() -> None:
    """Whoever knows an option of one command knows it in every other; the text of a few options
    follows the command.
    """
    observed: dict[str, dict[tuple[Any, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for command, option, parameter in options():
        context = typer.Context(COMMANDS[command])
        name_and_type, text = parameter.get_help_record(context)
        limits = re.findall(r"[\d.]*(?:<=?)?x(?:[<>]=?)[\d.]+", text)
        words = () if option in BY_COMMAND else (parameter.help,)
        observed[option][name_and_type, *limits, *words].append(command)
    different = {
        option: dict(meanings) for option, meanings in observed.items() if len(meanings) > 1
    }
    assert different == {}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_help_of_a_command_is_about_that_command(command: str) -> None:
    """No help text speaks of what only another command does."""
    texts = [parameter.help or "" for name, _, parameter in options() if name == command]
    for words, commands in MATTERS.items():
        if command not in commands:
            assert not [text for text in texts if re.search(words, text)]


def test_every_option_says_what_it_is_for() -> None:
    assert [name for *name, parameter in options() if not parameter.help] == []


def narrow(*arguments: str, folder: Path) -> str:
    """Help as it is printed on a terminal of 80 columns."""
    ran = energybench(*arguments, "--help", cwd=folder, env={**os.environ, "COLUMNS": "80"})
    assert ran.code == 0, ran.err
    assert ran.err == ""
    return ran.out


def test_each_command_has_its_line(tmp_path: Path) -> None:
    """80 columns hold every summary whole; the groups are there."""
    text = narrow(folder=tmp_path)
    assert "…" not in text
    assert "..." not in text.replace("[ARGS]...", "")
    assert max(map(len, text.splitlines())) <= 80
    for name in COMMANDS:
        (line,) = [line for line in text.splitlines() if line.startswith(f"  {name} ")]
        assert line.endswith((".", "?")), line
    titles = ["Measure", "Compare", "Project", "Make the interval narrower", "Look at results"]
    places = [text.index(f"\n{title}:") for title in titles]
    assert places == sorted(places)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(tmp_path: Path, command: str) -> None:
    text = narrow(command, folder=tmp_path)
    assert text.startswith(f"Usage: energybench {command} ")
    assert "--help" in text


def every_command(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The commands, and those of groups such as `slurm`."""
    for word, inner in getattr(command, "commands", {}).items():
        yield from every_command(inner, f"{name} {word}".strip())
    if name:
        yield name, command


def test_help_names_only_options_that_exist() -> None:
    """A text that names an option of no command sends a person to an error."""
    commands = list(every_command(typer.main.get_command(app)))
    known = {option for _, command in commands for one in command.params for option in one.opts}
    known |= {
        option for _, command in commands for one in command.params for option in one.secondary_opts
    }
    unknown = {
        (name, option)
        for name, command in commands
        for text in (command.help, *(getattr(one, "help", None) for one in command.params))
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text or "")
        if option not in known
    }
    assert unknown == set()
