"""What the drivers share: they run in the peers' own environment, one process a tool.

    python drive_TOOL.py '{"seconds": 10, "windows": 2, "at_s": null, "sensor": "gpu", "variant":
    "", "out": "FILE"}'

A driver opens a window with its tool, sleeps in it, closes it, and writes what the tool said of
every board or package with the four times around it: CLOCK_MONOTONIC just before and just after the
tool was asked to begin, and to end.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

Energies = dict[str, float]  # joules by the index of the board or package
Measure = Callable[["Work"], Energies]  # opens a window, calls the work, closes the window

_LONGEST_GAP_S = (
    0.5  # windows of one process start after a random wait, so that each has its own phase
)


class Request:
    """What is to be measured, as it stands on the command line."""

    def __init__(self) -> None:
        settings = json.loads(sys.argv[1])
        self.seconds = float(settings["seconds"])
        self.windows = int(settings["windows"])
        self.at_s = settings[
            "at_s"
        ]  # CLOCK_MONOTONIC at which the only window shall begin; None: at once
        self.gpu = settings["sensor"] == "gpu"
        self.variant = settings["variant"]
        self.out = Path(settings["out"])


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
    if request.at_s is not None:
        wait_s = request.at_s - lead_s - time.monotonic()
        if wait_s < 0:
            print(f"{distribution}: {-wait_s:.1f} s late", file=sys.stderr)
        time.sleep(max(wait_s, 0.0))
    rows = []
    for _ in range(request.windows):
        time.sleep(random.uniform(0, _LONGEST_GAP_S) if request.at_s is None else 0.0)
        work = Work(request.seconds)
        before = time.monotonic()
        energies = measure(work)
        after = time.monotonic()
        rows.append(window(before, work.times[0], after, energies))
    write(request, distribution, rows)


def window(
    before: float, inner: tuple[float, float], after: float, energies: Energies
) -> dict[str, object]:
    return {"begin_s": [before, inner[0]], "end_s": [inner[1], after], "energy_j": energies}


def write(request: Request, distribution: str, windows: list[dict[str, object]]) -> None:
    request.out.write_text(
        json.dumps({"version": version(distribution), "windows": windows}), "utf-8"
    )
