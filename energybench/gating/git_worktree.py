"""A revision of the user's repository, checked out in a git worktree of its own.

The user's working tree, index, branches and stash do not change: the worktree lies in a folder for
temporary files, has no branch, and is removed afterwards. The next process removes the worktree of
a killed process: a lock that ends with its process shows that no process uses the worktree.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from energybench.errors import BadInput, brief

OPTION = "--baseline"
# Variables that lead git to a repository besides the repository of the folder. Hooks of git set
# these variables.
OF_A_REPOSITORY = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_NAMESPACE",
)
_PREFIX = "energybench-baseline-"
_LOCK = "lock"
# Files by which a project tells pytest and Python what to do.
_CONFIGURATION = (
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
    "conftest.py",
)
_MOST_NAMES = 5


class Revision(NamedTuple):
    """The revision that a person named with --baseline.

    ref     name as typed
    commit  full name of the commit
    tree    top folder of the user's working tree
    """

    ref: str
    commit: str
    tree: Path

    @property
    def name(self) -> str:
        """The name of the revision, for people."""
        short = self.commit[:10]
        return self.ref if self.commit.startswith(self.ref) else f"{self.ref} ({short})"


def revision(ref: str, folder: Path) -> Revision:
    """The revision of the repository that holds the folder. Raises BadInput."""
    done = _git(folder, "rev-parse", "--show-toplevel")
    if done.returncode:
        raise BadInput(OPTION, f"{folder} is not in a working tree of git: {_last(done)}")
    tree = Path(os.fsdecode(done.stdout).removesuffix("\n"))
    wanted = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    done = _git(tree, *wanted)
    commit = done.stdout.decode().strip()
    if done.returncode or not commit:
        raise BadInput(
            f"{OPTION} {ref}",
            "is not a revision of this repository",
            "git fetch; a checkout of CI often holds a single commit: fetch-depth: 0",
        )
    return Revision(ref, commit, tree)


@contextmanager
def checked_out(of: Revision) -> Iterator[Path]:
    """The top folder of a worktree of the revision, which is removed at the end.

    Raises BadInput if git cannot check the revision out.
    """
    _remove_leftovers(of.tree)
    parent = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    lock = os.open(parent / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    worktree = parent / of.tree.name
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # hooks and monitors of the user's repository must not run
        quiet = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
        words = ("worktree", "add", "--quiet", "--force", "--detach", str(worktree), of.commit)
        done = _git(of.tree, *quiet, *words)
        if done.returncode:
            raise BadInput(f"{OPTION} {of.ref}", f"cannot be checked out: {_last(done)}")
        yield worktree
    finally:
        _remove(of.tree, worktree)
        os.close(lock)


def remarks(of: Revision, worktree: Path, folder: Path) -> list[str]:
    """Remarks about the two sides for a person, one per line.

    folder  the folder in which the person works
    """
    changed, untracked = _state(of.tree)
    head = _git(of.tree, "rev-parse", "--verify", "--quiet", "HEAD").stdout.decode().strip()
    if changed:
        state = f"with {changed} changed file{'s' * (changed != 1)}"
    elif head == of.commit and not untracked:
        state = "which is the same: both sides run the same code"
    else:
        state = "without changes that are not committed"
    lines = [f"A is {of.name}, in {worktree}; B is the working tree as it is, {state}"]
    missing = [*_ignored_configuration(of.tree, folder, untracked), *untracked]
    missing = [name for name in missing if not (worktree / name).exists()]
    if missing:
        names = ", ".join(missing[:_MOST_NAMES])
        more = len(missing) - _MOST_NAMES
        names += f" and {more} more" if more > 0 else ""
        lines.append(f"not there on side A, because git does not track it: {names}")
    if (worktree / ".gitmodules").is_file():
        lines.append(
            "submodules are not checked out on side A: --setup 'git submodule update --init'"
        )
    return lines


def is_tracked(tree: Path, path: Path) -> bool:
    """Whether git tracks a file, or files in a folder, of the working tree."""
    return bool(_git(tree, "ls-files", "-z", "--", f":(top,literal){_inside(tree, path)}").stdout)


def _inside(tree: Path, path: Path) -> str:
    return os.path.relpath(path, tree)


def _state(tree: Path) -> tuple[int, list[str]]:
    """Number of changed files, and the files that git does not track."""
    done = _git(tree, "status", "--porcelain", "-z", "--untracked-files=normal", "--no-renames")
    entries = os.fsdecode(done.stdout).split("\0")
    untracked = [entry[3:] for entry in entries if entry.startswith("?? ")]
    changed = sum(bool(entry) and not entry.startswith("?? ") for entry in entries)
    return changed, [name for name in untracked if not name.startswith(".energybench")]


def _ignored_configuration(tree: Path, folder: Path, untracked: list[str]) -> list[str]:
    """Configuration that git ignores."""
    places = dict.fromkeys((folder, tree))
    files = [place / name for place in places for name in _CONFIGURATION]
    names = [_inside(tree, file) for file in files if file.is_file() and not is_tracked(tree, file)]
    return [name for name in names if name not in untracked]


# ---------------------------------------------------------------- removal


def _remove(tree: Path, worktree: Path) -> None:
    """Remove a worktree, the folder around the worktree, and git's record of the worktree."""
    _git(tree, "worktree", "remove", "--force", "--force", str(worktree))
    shutil.rmtree(worktree.parent, onerror=_removed_all_the_same)
    # git keeps a record of a worktree if git could not remove the folder
    _git(tree, "worktree", "remove", "--force", "--force", str(worktree))


def _removed_all_the_same(function: object, path: str, error: object) -> None:
    """A test may have left folders without the right to write in them."""
    del function, error
    try:
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
    except OSError:
        pass


def _remove_leftovers(tree: Path) -> None:
    """Remove worktrees of processes that were killed."""
    listed = os.fsdecode(_git(tree, "worktree", "list", "--porcelain").stdout).splitlines()
    for line in listed:
        worktree = Path(line.removeprefix("worktree "))
        ours = line.startswith("worktree ") and worktree.parent.name.startswith(_PREFIX)
        if ours and not _is_used(worktree.parent):
            _remove(tree, worktree)


def _is_used(parent: Path) -> bool:
    """Whether the process that made the folder still runs."""
    try:
        lock = os.open(parent / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return parent.exists()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


# ---------------------------------------------------------------- git


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder. Raises BadInput without git."""
    environment = {key: value for key, value in os.environ.items() if key not in OF_A_REPOSITORY}
    # without this variable, `status` would refresh and write the index
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    environment["GIT_TERMINAL_PROMPT"] = "0"
    try:
        return subprocess.run(
            ["git", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise BadInput(OPTION, f"git cannot be run: {error.strerror}", "install git") from None


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last line of git's errors."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return brief(
        lines[-1].removeprefix("fatal: ") if lines else f"git ended with {done.returncode}"
    )
