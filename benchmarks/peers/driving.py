"""What the drivers share: they run in the peers' own environment, one process a tool.

    python drive_TOOL.py '{"seconds": 10, "windows": 2, "sensor": "gpu", "power_only": false,
    "variant": "", "folder": "FOLDER"}'

A driver loads its tool, writes FOLDER/ready, and waits for FOLDER/go: a list of times on
CLOCK_MONOTONIC. At each time the driver opens a window with its tool, sleeps, and closes it.
The driver writes the energy of every board or package to FOLDER/windows.json, with four times:
CLOCK_MONOTONIC just before and just after the tool was asked to begin, and to end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

Energies = dict[str, float]  # joules by the index of the board or package
Measure = Callable[["Work"], Energies]  # opens a window, calls the work, closes the window

_POLL_S = 0.02


class Request:
    """The windows to measure, from the command line."""

    def __init__(self) -> None:
        settings = json.loads(sys.argv[1])
        self.seconds = float(settings["seconds"])
        self.windows = int(settings["windows"])
        self.gpu = settings["sensor"] == "gpu"
        self.power_only = bool(settings["power_only"])
        self.variant = settings["variant"]
        self.folder = Path(settings["folder"])

    def starts_s(self) -> list[float]:
        """Times on CLOCK_MONOTONIC at which the windows shall begin; waits until they are set."""
        (self.folder / "ready").touch()
        go = self.folder / "go"
        while not go.exists():
            time.sleep(_POLL_S)
        return [float(start_s) for start_s in json.loads(go.read_text("utf-8"))]


class Work:
    """Sleeping, and when it began and ended."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.times: list[tuple[float, float]] = []

    def __call__(self) -> None:
        begin = time.monotonic()
        time.sleep(self.seconds)
        self.times.append((begin, time.monotonic()))


def drive(request: Request, measure: Measure, distribution: str) -> None:
    """Measure the windows one by one.

    Two short ones before are thrown away: they load what is loaded late, and show how long
    beginning takes.
    """
    lead_s = 0.0
    for _ in range(2):
        warm = Work(0.15)
        called = time.monotonic()
        measure(warm)
        lead_s = warm.times[0][0] - called
    rows = []
    for start_s in request.starts_s():
        wait_until(start_s - lead_s)
        work = Work(request.seconds)
        before = time.monotonic()
        energies = measure(work)
        after = time.monotonic()
        rows.append(window(before, work.times[0], after, energies))
    write(request, distribution, rows)


def wait_until(t_s: float) -> None:
    """Sleep until a time on CLOCK_MONOTONIC; a time that has passed is no wait."""
    time.sleep(max(t_s - time.monotonic(), 0.0))


def window(
    before: float, inner: tuple[float, float], after: float, energies: Energies
) -> dict[str, object]:
    return {"begin_s": [before, inner[0]], "end_s": [inner[1], after], "energy_j": energies}


def write(request: Request, distribution: str, windows: list[dict[str, object]]) -> None:
    answer = {"version": version(distribution), "windows": windows}
    (request.folder / "windows.json").write_text(json.dumps(answer), "utf-8")
