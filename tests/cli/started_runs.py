"""Runs of the command line that a test starts and finds again in their store."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.process import command


def runs(store: Path) -> list[Path]:
    return (
        sorted(path for path in store.iterdir() if not path.name.startswith("."))
        if store.is_dir()
        else []
    )


def start(cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
