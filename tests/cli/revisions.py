"""A repository with two revisions, whose work counts its own energy, for `ab --baseline`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.process import Ran, command, energybench, with_env
from tests.pytest_plugin.runs import entry

# without the plugins that these sessions do not need; hypothesis takes longer to load than pytest
WITHOUT = ("cacheprovider", "timeout", "hypothesispytest", "anyio", "xdist", "xdist.looponfail")
PYTEST = (sys.executable, "-m", "pytest", "-q", *(f"-pno:{plugin}" for plugin in WITHOUT))
SHORT = ("--benchmark-energy-windows=2", "--benchmark-energy-min-time=0.2")
LONG = ("--benchmark-energy-windows=1", "--benchmark-energy-min-time=1")

# The work itself counts its energy, so that a busy machine does not change it.
CODE = """
import os
import time

ENERGY_UJ = {energy_uj}


def work():
    time.sleep(0.005)
    with open(os.environ["COUNTER"], "r+") as counter:
        total = int(counter.read()) + ENERGY_UJ
        counter.seek(0)
        counter.write(str(total))
    time.sleep(0.005)
"""
TESTS = """
import shop


def test_work(energy_benchmark):
    energy_benchmark(shop.work)
"""
MORE = (
    TESTS
    + """

def test_renamed_{n}(energy_benchmark):
    energy_benchmark(shop.work)


def test_breaks(energy_benchmark):
    energy_benchmark(shop.work)
    assert {n} == 1
"""
)


class Project:
    """A repository in a folder, with sensors beside it."""

    def __init__(self, folder: Path, root: Path, counter: Path, cache: Path) -> None:
        self.folder, self.root = folder, root
        self.temporary = folder.parent / "temporary"
        self.temporary.mkdir()
        paths = (str(entry(cache)), os.environ.get("PYTHONPATH", ""))
        self.environment = {
            "ENERGYBENCH_ROOT": str(root),
            "COUNTER": str(counter),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.temporary),
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{
                f"GIT_{who}_{what}": "somebody"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }

    def git(self, *words: str) -> str:
        return subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env=with_env(self.environment),
            check=True,
            text=True,
            capture_output=True,
        ).stdout

    def commit(self, files: dict[str, str], tag: str) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", tag)
        self.git("tag", tag)

    def ab(self, *words: str, folder: Path | None = None, **more: str) -> Ran:
        return energybench(
            "ab", *words, timeout=800, cwd=folder or self.folder, env={**self.environment, **more}
        )

    @property
    def state(self) -> tuple[str, bytes, str, str]:
        """What a comparison must leave as it is: changes, index, stash, worktrees."""
        status = self.git("status", "--porcelain", "--ignored")
        index = (self.folder / ".git" / "index").read_bytes()
        return status, index, self.git("stash", "list"), self.git("worktree", "list")

    @property
    def left(self) -> list[Path]:
        """Folders of worktrees that are left."""
        return list(self.temporary.glob("energybench-baseline-*"))


def started(project: Project, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("ab", "--baseline", "before", *words),
        cwd=project.folder,
        env=with_env(project.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def running_in(folder: Path) -> list[int]:
    """Processes whose working directory is in a folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
