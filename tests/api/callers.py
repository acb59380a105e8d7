"""Python programs that measure their own blocks, on a node whose true power is known."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from energybench.model import Measurement
from energybench.store.layout import runs
from energybench.store.reader import read_run
from tests.simulators import live_node

WATTS = 80.0
ZONES = {"intel-rapl:0": {"name": "package-0", "watts": WATTS, "start_uj": 5_000_000}}

_HEAD = """
import os, sys, time
import energybench
ROOT, STORE = sys.argv[1:3]
OPTIONS = dict(root=ROOT, store=STORE, collectors=["rapl"])

def spend(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)

def sampler():
    from energybench.api.link import link
    while link().pid is None:
        link().alive
        time.sleep(0.01)
    return link().pid
"""


class Caller(NamedTuple):
    """A finished program.

    runs  the measurements of its store, oldest first
    """

    code: int
    out: str
    error: str
    store: Path

    @property
    def runs(self) -> list[Measurement]:
        return [read_run(path) for path in runs(self.store)]


class Node(NamedTuple):
    """A machine with known power, and a store."""

    root: Path
    store: Path

    def start(
        self, source: str, *, options: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen[str]:
        """Start a program that measures itself here."""
        program = self.store.parent / "program.py"
        program.write_text(_HEAD + textwrap.dedent(source))
        return subprocess.Popen(
            [sys.executable, *options, str(program), str(self.root), str(self.store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def run(self, source: str, *, options: tuple[str, ...] = (), **environment: str) -> Caller:
        """Run a program to its end."""
        return self.finished(self.start(source, options=options, **environment))

    def finished(self, process: subprocess.Popen[str]) -> Caller:
        out, error = process.communicate(timeout=800)
        return Caller(process.returncode, out, error, self.store)


@contextmanager
def node(folder: Path) -> Iterator[Node]:
    """A live node below a folder."""
    with live_node(folder / "machine", ZONES) as live:
        yield Node(live.root, folder / "store")


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; a test that waits for ever is ended by its time limit."""
    while not condition():
        time.sleep(0.02)


def true_j(measurement: Measurement) -> float:
    """Mean true energy of the package in the repeats."""
    times = [repeat.time_s for repeat in measurement.repeats]
    return WATTS * sum(times) / len(times)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def package_j(measurement: Measurement) -> float:
    return measurement.components_j["cpu.package"].value
