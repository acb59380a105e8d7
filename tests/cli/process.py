"""The command line as a person runs it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

REPLAYS = Path(__file__).parents[2] / "energybench" / "data" / "replays"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def energybench(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
    stdin: str | None = None,
) -> Ran:
    """Run it to its end."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=with_env(env or {}),
        timeout=timeout,
        capture_output=True,
        text=True,
        input=stdin,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def with_env(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment and more."""
    return {**os.environ, **more}


def command(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "energybench", *arguments]


def one_line(ran: Ran) -> str:
    """The one line of a person's mistake: exit code 2, nothing on stdout, no traceback."""
    assert ran.code == 2, (ran.code, ran.err)
    assert ran.out == ""
    lines = ran.err.strip().splitlines()
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("energybench: ")
    assert "Traceback" not in ran.err
    return lines[0]
