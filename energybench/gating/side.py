"""The two sides of a comparison of revisions: folder, arguments and environment of the command.

Full paths into the user's working tree, in the command and in PYTHONPATH, are replaced by paths
into the worktree. The baseline's side then runs the code of the baseline.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from energybench.errors import BadInput
from energybench.gating.git_worktree import OF_A_REPOSITORY, Revision, is_tracked
from energybench.measuring.program import Program
from energybench.measuring.signals import Signals

_MOST_LINES = 6  # of the end of an output
_MOST_BYTES = 8192
_LONGEST_WAIT_S = 60.0  # between two looks at a program
# Usual folder of a Python environment that `--setup` makes.
_ENVIRONMENT = ".venv"
_IN_FOLDER = 'cd "$1" && shift && exec env "$@"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """A side of a comparison.

    name         name for people
    folder       working directory
    argv         program and arguments
    environment  variables that differ from the current process; None: not set
    """

    name: str
    folder: Path
    argv: tuple[str, ...]
    environment: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def command(self) -> tuple[str, ...]:
        """The program behind env(1): env sets the variables and becomes the program."""
        return ("env", *_changes(self.environment), *self.argv)


def here(argv: Sequence[str], folder: Path, name: str = "the working tree") -> Side:
    """The side of the unchanged working tree."""
    return Side(name=name, folder=folder, argv=tuple(argv))


def there(of: Revision, worktree: Path, argv: Sequence[str], folder: Path) -> Side:
    """The side of the baseline, in the worktree's counterpart of the person's folder.

    Raises BadInput if the revision does not have the folder.
    """
    own = _counterpart(of.tree, worktree, folder)
    if not own.is_dir():
        raise BadInput(f"--baseline {of.ref}", f"has no folder {os.path.relpath(folder, of.tree)}")
    words = [_word(of.tree, worktree, word) for word in argv]
    return Side(
        name=of.name,
        folder=own,
        argv=(_program(of.tree, words[0], folder, own), *words[1:]),
        environment=_environment(of.tree, worktree, own),
    )


def set_up(side: Side, command: str, signals: Signals) -> None:
    """Run a shell command in the folder of a side. Raises BadInput with the end of the output."""
    code, output = run_captured(
        Side(
            name=side.name,
            folder=side.folder,
            argv=("/bin/sh", "-c", command),
            environment=side.environment,
        ),
        signals,
    )
    if code and signals.received is None:
        raise BadInput("--setup", f"ended with {code} at {side.name}: {end_of(output)}")


def run_captured(side: Side, signals: Signals) -> tuple[int, bytes]:
    """Run the program of a side to the end. Returns the exit code and the end of the output."""
    with tempfile.TemporaryFile() as log:
        words = ("sh", str(side.folder), *side.command[1:])
        shell = ("/bin/sh", "-c", f"exec 2>&1 </dev/null; {_IN_FOLDER}", *words)
        program = Program(shell, {1: log.fileno()}, signals)
        program.start()
        while not program.done():
            program.wait(_LONGEST_WAIT_S)
        code = program.reap()
        log.seek(max(0, log.seek(0, os.SEEK_END) - _MOST_BYTES))
        return code, log.read()


def end_of(output: bytes) -> str:
    """The last lines of an output, in one line."""
    lines = [" ".join(line.split()) for line in output.decode("utf-8", "replace").splitlines()]
    last = [line for line in lines if line.strip("=-_ ")][-_MOST_LINES:]
    return " / ".join(last) or "without any output"


# ---------------------------------------------------------------- paths of the worktree


def _counterpart(tree: Path, worktree: Path, path: Path) -> Path:
    """The counterpart in the worktree of a path in the working tree."""
    return worktree / os.path.relpath(os.path.realpath(path), os.path.realpath(tree))


def _is_inside(tree: Path, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(tree))


def _word(tree: Path, worktree: Path, word: str) -> str:
    """A word of the command. A full path in the working tree (also after `--option=`, and before
    `::`) becomes the path in the worktree, if the file exists there.
    """
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    path, colons, rest = value.partition("::")
    if not os.path.isabs(path) or not _is_inside(tree, Path(path).parent):
        return word
    # the last part may be a link, such as the python of an environment
    own = _counterpart(tree, worktree, Path(path).parent) / Path(path).name
    return f"{option}{equals}{own}{colons}{rest}" if own.exists() else word


def _program(tree: Path, name: str, folder: Path, own: Path) -> str:
    """The program. A program that git does not track and that the worktree lacks (in a Python
    environment of the working tree) is the program of the working tree.
    """
    if "/" not in name or os.path.isabs(name) or (own / name).exists():
        return name
    path = folder / name
    return str(path) if path.exists() and not is_tracked(tree, path) else name


def _environment(tree: Path, worktree: Path, own: Path) -> dict[str, str | None]:
    """Variables of the baseline's side."""
    changes: dict[str, str | None] = dict.fromkeys(OF_A_REPOSITORY)
    paths = os.environ.get("PYTHONPATH")
    if paths is not None:
        words = [_word(tree, worktree, path) for path in paths.split(os.pathsep)]
        changes["PYTHONPATH"] = os.pathsep.join(words)
    for place in (own, worktree):
        environment = place / _ENVIRONMENT
        if (environment / "bin" / "python").exists():
            path = os.environ.get("PATH", os.defpath)
            changes["PATH"] = f"{environment / 'bin'}{os.pathsep}{path}"
            changes["VIRTUAL_ENV"] = str(environment)
            changes["PYTHONHOME"] = None
            break
    return changes


def _changes(environment: Mapping[str, str | None]) -> list[str]:
    """Arguments of env(1)."""
    removed = [word for key, value in environment.items() if value is None for word in ("-u", key)]
    return removed + [f"{key}={value}" for key, value in environment.items() if value is not None]
