"""The input deck of an application: rendered files in a folder of their own for each run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from energybench.errors import BadInput
from energybench_workloads.common import end_with_parent

Scalar = str | int | float | bool | None
STDOUT, STDERR = "stdout.txt", "stderr.txt"
_BASE = "deck"
_MOST_LAST = 300  # characters of a program's last words in a message


def rendered(folder: Path, parameters: Mapping[str, Scalar]) -> dict[str, bytes]:
    """File → content of a deck, with @name@ replaced by the parameter."""
    contents = {}
    for file in sorted(folder.iterdir()):
        text = file.read_text("utf-8")
        for name, value in parameters.items():
            text = text.replace(f"@{name}@", str(value))
        contents[file.name] = text.encode()
    return contents


def words(command: Sequence[str], parameters: Mapping[str, Scalar]) -> tuple[str, ...]:
    """The command with {name} replaced by the parameter."""
    done = []
    for word in command:
        for name, value in parameters.items():
            word = word.replace(f"{{{name}}}", str(value))
        done.append(word)
    return tuple(done)


class RunFolders:
    """The folders of an application: the prepared deck, and one for each run.

    keep  folder of the person's that keeps them; "": a temporary folder, removed at the end
    """

    def __init__(self, contents: Mapping[str, bytes], keep: str) -> None:
        self._temporary = not keep
        self.root = Path(keep or tempfile.mkdtemp(prefix="energybench-")).absolute()
        self._keep_all = bool(keep)
        self._last: Path | None = None
        self._number = 0
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if any(self.root.iterdir()):
                raise BadInput(f"--set keep={keep}", "is not an empty folder", "a new folder")
            self.base = self.root / _BASE
            self.base.mkdir()
            for name, content in contents.items():
                (self.base / name).write_bytes(content)
        except OSError as error:
            raise BadInput(
                f"--set keep={keep}", f"cannot be written: {error.strerror}", "another folder"
            ) from None

    def next(self) -> Path:
        """A new folder with the prepared deck. Without `keep`, the last run's folder goes."""
        if self._last is not None and not self._keep_all:
            shutil.rmtree(self._last, ignore_errors=True)
        self._number += 1
        self._last = self.root / f"run-{self._number}"
        shutil.copytree(self.base, self._last)
        return self._last

    def close(self) -> None:
        if self._temporary:
            shutil.rmtree(self.root, ignore_errors=True)


def execute(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command in a folder, with its output in files there.

    Raises RuntimeError with the last words of the program if its exit code is not 0.
    """
    with (folder / STDOUT).open("wb") as stdout, (folder / STDERR).open("wb") as stderr:
        code = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=end_with_parent,
            check=False,
        ).returncode
    if code:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        last = _last_words(folder / STDERR) or _last_words(folder / STDOUT)
        raise RuntimeError(f"{shlex.join(command)} ended with {how}: {last}")


def _last_words(file: Path) -> str:
    with file.open("rb") as content:
        content.seek(max(0, file.stat().st_size - _MOST_LAST))
        return " ".join(content.read().decode("utf-8", "replace").split())
