"""The command line as a person runs it: a process of its own. `in_process` is the same command
line without the start of a process, for commands that only read.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from energybench.cli.main import main

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
    timeout: float = 280,
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


def in_process(*arguments: str, cwd: Path, stdin: str = "") -> Ran:
    """Run it to its end in the process of the tests, which takes a tenth of the time.

    For commands that measure nothing and start nothing: a measurement handles signals and forks.
    An exception of the command fails the test, as a traceback of a process does.
    """
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
        mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")),
    ):
        code = main(arguments)
    out, err = (stream.buffer.getvalue().decode() for stream in streams)  # type: ignore[attr-defined]
    return Ran(code, out, err)


def with_env(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment and more."""
    return {**os.environ, **more}


def python_path(folder: Path) -> dict[str, str]:
    """The variable with which processes find modules in a folder, before those of this process."""
    paths = (str(folder), os.environ.get("PYTHONPATH"))
    return {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def command(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "energybench", *arguments]


def until(found: Callable[[], Any], seconds: float = 800.0) -> Any:
    """Wait for something to become true; the limit is for a hang, not for a busy machine."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        value = found()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it never came")


def partial(folder: Path, *words: str, count: int = 1) -> list[Path]:
    """The runs that are being measured, if so many have a line with each of these words in their
    record: "repeat" once a repeat has begun, '"work":{' once one is complete.
    """
    store = folder / "results"
    runs = sorted([*store.glob(".partial-*"), *store.glob("*/.partial-*")])
    logs = [run / "windows.jsonl" for run in runs]
    texts = [log.read_text() if log.is_file() else "" for log in logs]
    found = [
        run for run, text in zip(runs, texts, strict=True) if all(word in text for word in words)
    ]
    return found if len(found) >= count else []


def batches(run: Path, more: int) -> None:
    """Wait until a running measurement has written so many more batches of samples."""
    file, sizes = run / "samples.arrows", set[int]()

    def grown() -> bool:
        sizes.add(file.stat().st_size if file.exists() else 0)
        return len(sizes) > more

    until(grown)


def one_line(ran: Ran) -> str:
    """The one line of a person's mistake: exit code 2, nothing on stdout, no traceback."""
    assert ran.code == 2, (ran.code, ran.err)
    assert ran.out == ""
    lines = ran.err.strip().splitlines()
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("energybench: ")
    assert "Traceback" not in ran.err
    return lines[0]
