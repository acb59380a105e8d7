"""The two sides of `energybench ab --baseline`, set up, while they are needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from energybench.cli import common
from energybench.cli.ab_wish import Wish
from energybench.errors import BadInput
from energybench.gating import git_worktree
from energybench.gating.side import Side, here, set_up, there
from energybench.measuring.signals import Signals


@contextmanager
def two_sides(wish: Wish, words: Sequence[str], signals: Signals) -> Iterator[tuple[Side, Side]]:
    """Baseline and candidate. The worktree is removed at the end, whatever happens.

    After a signal the sides are not set up. Raises BadInput.
    """
    assert wish.baseline is not None
    folder = Path.cwd()
    revision = git_worktree.revision(wish.baseline, folder)
    with git_worktree.checked_out(revision) as worktree:
        for line in git_worktree.remarks(revision, worktree, folder):
            common.say(f"energybench: {line}")
        side = there(revision, worktree, words, folder)
        if wish.setup is not None and not signals.ending():
            common.steps(f"--setup: {wish.setup}", None)
            set_up(side, wish.setup, signals)
            side = there(revision, worktree, words, folder)  # with the .venv that it made
        candidate = here(words, folder)
        if not signals.ending():
            for one in (side, candidate):
                _check_program(one)
        yield side, candidate


def _check_program(side: Side) -> None:
    """Raise BadInput if there is no such program: the rehearsal would run to its end first."""
    name = side.argv[0]
    path = side.environment.get("PATH") or os.environ.get("PATH")
    if "/" in name:
        file = side.folder / name
        usable = file.is_file() and os.access(file, os.X_OK)
    else:
        usable = shutil.which(name, path=path) is not None
    if not usable:
        raise BadInput(name, f"no such program at {side.name}", "--setup makes what A needs")
