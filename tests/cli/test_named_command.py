"""The command line of one command alone is the same as within the complete command line."""

from __future__ import annotations

import pytest

from energybench.cli.main import app
from energybench.cli.named_command import command_line, complete

NAMES = [str(one.name) for one in (*app.registered_commands, *app.registered_groups)]


@pytest.mark.parametrize("name", NAMES)
def test_a_command_alone_has_the_same_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Name, arguments and every option; of a group, its commands."""
    pages = []
    for whole in (command_line(app, name), complete(app)):
        whole(args=[name, "--help"], prog_name="energybench", standalone_mode=False)
        pages.append(capsys.readouterr().out)
    assert pages[0] == pages[1]
    assert f"energybench {name}" in pages[0]


@pytest.mark.parametrize("word", ["--help", "--version", "measre", ""])
def test_a_word_that_names_no_command_gets_all(word: str) -> None:
    """The list of commands, and names that are similar to a mistyped one, need all commands."""
    assert command_line(app, word) is complete(app)
