"""Words of a command line for an adapter: files named by options, and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath


def behind_program(command: Sequence[str], programs: Sequence[str]) -> Sequence[str]:
    """The words behind the program's name, so that options of srun or mpirun are not mistaken for
    the program's options. All words if the program is not named, because a person's script may
    start the program.
    """
    for i, word in enumerate(command):
        if any(fnmatchcase(PurePath(word).name, name) for name in programs):
            return command[i + 1 :]
    return command


def named_file(words: Sequence[str], options: Mapping[str, str]) -> str | None:
    """The file named by an option; None: no such option was given."""
    for option, name in options.items():
        for i, word in enumerate(words[:-1]):
            if word == option:
                return name.replace("{}", words[i + 1])
    return None


def parameters(words: Sequence[str], options: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    """The options that belong to the problem, with their words, in the order of their names."""
    return tuple(
        sorted(
            tuple(words[i : i + 1 + options[word]])
            for i, word in enumerate(words)
            if word in options
        )
    )
