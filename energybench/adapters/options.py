"""Words of a command line that an adapter needs: files named by options, and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath


def behind_program(command: Sequence[str], programs: Sequence[str]) -> Sequence[str]:
    """The words behind the program's name, so that options of srun or mpirun are not taken for the
    program's. All words if the program is not named: a script of the person's may start it.
    """
    for i, word in enumerate(command):
        if any(fnmatchcase(PurePath(word).name, name) for name in programs):
            return command[i + 1 :]
    return command


def named_file(words: Sequence[str], options: Mapping[str, str]) -> str | None:
    """The file that an option names; None: none of the options was given."""
    for option, name in options.items():
        for i, word in enumerate(words[:-1]):
            if word == option:
                return name.replace("{}", words[i + 1])
    return None


def parameters(words: Sequence[str], options: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    """The options that belong to the problem, each with its words, in the order of their names."""
    return tuple(
        sorted(
            tuple(words[i : i + 1 + options[word]])
            for i, word in enumerate(words)
            if word in options
        )
    )
