"""The command that the first word names, without the others: the options of thirty commands take
the library a fifth of the time in which `energybench --version` ends.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import typer
from typer.main import get_command


@functools.cache  # a process of a person needs one; tests and loops call many
def command_line(app: typer.Typer, first_word: str) -> Callable[..., Any]:
    """The command line with the one command, or group of commands, of that name.

    A word that names none (an option, a mistyped name) gets the complete command line, which
    lists all commands and knows those with similar names.
    """
    commands = [one for one in app.registered_commands if one.name == first_word]
    groups = [one for one in app.registered_groups if one.name == first_word]
    if not commands and not groups:
        return complete(app)
    part = copy.copy(app)
    part.registered_commands, part.registered_groups = commands, groups
    return get_command(part)


@functools.cache
def complete(app: typer.Typer) -> Callable[..., Any]:
    """The command line with all commands."""
    return get_command(app)
