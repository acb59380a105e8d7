"""One run: every tool measures the same windows at once, each in a process of its own.

The boards' waves follow CLOCK_BOOTTIME and their sensors' phases follow the seed, so that every
process sees the same boards; packages are one tree that all processes read.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import ours
from rows import Row
from scene import in_private_sys
from table import OURS, Timed

HERE = Path(__file__).parent
READY_S = 180.0  # a peer that has not loaded by then has failed
# Between two windows: codecarbon takes up to 1.1 s to stop, energybench about as long to start.
_GAP_S = (2.5, 3.0)
_START_S = 0.5  # from the start of energybench's command to the start of its window


class Answer(NamedTuple):
    """The windows of one tool; `failure` is the last line of its error messages."""

    windows: Sequence[Timed]
    version: str
    failure: str | None = None


class Scene(NamedTuple):
    """The environment of one tool, and the root of its sensors (None: its own machine's)."""

    folder: Path
    env: Mapping[str, str]
    root: Path | None
    index: Callable[[str], str]  # from a device of energybench to the index of a board or package


class Peer:
    """One process of a driver."""

    def __init__(self, tool: str, variant: str, row: Row, scene: Scene, python: Path) -> None:
        self._folder = scene.folder
        self._limit_s = 120 + row.windows * (row.seconds + 10)
        request = {
            "seconds": row.seconds,
            "windows": row.windows,
            "sensor": row.sensor,
            "power_only": row.power_only,
            "variant": variant,
            "folder": str(scene.folder),
        }
        argv = [str(python), str(HERE / f"drive_{tool}.py"), json.dumps(request)]
        with (scene.folder / "errors").open("w") as errors:
            self._process = subprocess.Popen(
                in_private_sys(scene.root, argv) if scene.root else argv,
                cwd=scene.folder,
                # the peers' environment has its own packages
                env={key: value for key, value in scene.env.items() if key != "PYTHONPATH"},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def wait_ready(self, until_s: float) -> None:
        """Until the driver has loaded its tool, or has failed, or the time is over."""
        while (
            not (self._folder / "ready").exists()
            and self._process.poll() is None
            and time.monotonic() < until_s
        ):
            time.sleep(0.05)

    def go(self, starts_s: Sequence[float]) -> None:
        unfinished = self._folder / "go.part"
        unfinished.write_text(json.dumps(list(starts_s)), "utf-8")
        unfinished.rename(self._folder / "go")

    def answer(self) -> Answer:
        try:
            code: int | str = self._process.wait(self._limit_s)
        except subprocess.TimeoutExpired:
            self.stop()
            code = "none: it did not end"
        out = self._folder / "windows.json"
        if code != 0 or not out.exists():
            lines = (self._folder / "errors").read_text("utf-8", "replace").strip().splitlines()
            return Answer((), "", lines[-1] if lines else f"exit code {code}")
        stated = json.loads(out.read_text("utf-8"))
        timed = [
            Timed(tuple(one["begin_s"]), tuple(one["end_s"]), one["energy_j"])
            for one in stated["windows"]
        ]
        return Answer(timed, str(stated["version"]))

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def measured_together(
    row: Row,
    scenes: Mapping[tuple[str, str], Scene],
    python: Path | None,
    at_s: float | None,
    before_windows: Callable[[float], None] = lambda start_s: None,
) -> dict[tuple[str, str], Answer]:
    """Answers by tool and variant.

    at_s            CLOCK_MONOTONIC of the first window; None: as soon as all tools have loaded
    before_windows  is called with the start of the first window before the tools are told
    """
    peers: dict[tuple[str, str], Peer] = {}
    try:
        for key, scene in scenes.items():
            if key[0] != OURS:
                assert python is not None
                peers[key] = Peer(*key, row, scene, python)
        latest_s = time.monotonic() + READY_S if at_s is None else at_s - 1.5
        for peer in peers.values():
            peer.wait_ready(latest_s)
        start_s = time.monotonic() + 1.5 + random.random() if at_s is None else at_s
        starts_s = []
        for _ in range(row.windows):
            starts_s.append(start_s)
            start_s += row.seconds + random.uniform(*_GAP_S)
        before_windows(starts_s[0])
        for peer in peers.values():
            peer.go(starts_s)
        answers = {
            key: _ours(row, scene, starts_s) for key, scene in scenes.items() if key[0] == OURS
        }
        return answers | {key: peer.answer() for key, peer in peers.items()}
    finally:
        for peer in peers.values():
            peer.stop()


def _ours(row: Row, scene: Scene, starts_s: Sequence[float]) -> Answer:
    """The command of energybench, once a window."""
    windows: list[Timed] = []
    failures: list[str] = []

    def one_window(start_s: float, folder: Path) -> None:
        folder.mkdir()
        time.sleep(max(0.0, start_s - _START_S - time.monotonic()))
        collector = "nvml" if row.sensor == "gpu" else "rapl"
        argv = ours.command(row.seconds, collector, scene.root or Path("/"))
        try:
            begin_s, end_s, energies = ours.measured(argv, folder, dict(scene.env))
        except subprocess.CalledProcessError as error:
            failures.append((error.stderr.strip().splitlines() or [str(error)])[-1])
            return
        except RuntimeError as error:
            failures.append(str(error))
            return
        energy_j = {scene.index(device): joules for device, joules in energies.items()}
        windows.append(Timed((begin_s, begin_s), (end_s, end_s), energy_j))

    threads = [
        threading.Thread(target=one_window, args=(start_s, scene.folder / f"window-{i}"))
        for i, start_s in enumerate(starts_s)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        print(f"{row.name} {OURS}: {failure}", file=sys.stderr)
    return Answer(windows, "this tree", failures[0] if failures and not windows else None)
