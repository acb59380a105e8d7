"""Runs on replayed sensors whose truth is known, and the files of meters beside them."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from energybench.cli.main import main
from energybench.collectors.waveforms import Steps, Wave
from tests.cli.process import Ran, in_process

STARTED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
REPEATS = [(40.0, 60.2), (65.0, 85.1), (90.0, 110.3)]
BOARD = "GPU-11111111-2222-3333-4444-555555555555"
PSU, FIXED_W = 0.94, 90.0


def levels(idle_w: float, load_w: float) -> Wave:
    """Idle for 40 s, then three repeats of 20 s with breaks of 5 s."""
    return Steps(
        [(0.0, idle_w)]
        + [(t, w) for start, end in REPEATS for t, w in ((start, load_w), (end, idle_w))]
    )


CPU, MEMORY, GPU = levels(60.0, 250.0), levels(10.0, 30.0), levels(50.0, 400.0)


def energybench(*arguments: str, cwd: Path) -> Ran:
    """The command line in this process, from its arguments to what it prints: a start of Python
    each would be most of the time.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return Ran(code, out.getvalue(), err.getvalue())


class Run(NamedTuple):
    """A finished run, in the store `results` of a folder."""

    folder: Path
    id: str

    @property
    def directory(self) -> Path:
        return self.folder / "results" / self.id

    def attached(self) -> Path:
        return self.folder / "results" / f"{self.id}_attached"


def copied(run: Run, folder: Path) -> Run:
    """A copy of the run in a folder of its own, to attach meters to."""
    shutil.copytree(run.directory, folder / "results" / run.id)
    return Run(folder, run.id)


def mean_j(energy_j: Callable[[float], float]) -> float:
    """Mean true energy of a repeat, J."""
    return sum(energy_j(end) - energy_j(start) for start, end in REPEATS) / len(REPEATS)


def node_j(t: float) -> float:
    """Energy at the plug: fixed power, the sensors' parts, and the supply's losses."""
    return (FIXED_W * t + CPU.energy_j(t) + MEMORY.energy_j(t)) / PSU


def toml(
    path: Path,
    gain: float,
    *,
    gpu: bool = False,
    anchor: str | None = "2026-03-01T10:00:00.000+00:00",
    wave: str | None = None,
) -> Path:
    """A replay file. Its virtual time 0 is the run's 1 s, which the anchor ties to 10:00:00 UTC."""
    head = f"""schema = "energybench-replay/1"
label = "solver"
idle = [0.0, 35.0]
repeats = {[list(span) for span in REPEATS]}
work = {{ amount = 1.0, unit = "solve", fingerprint = "f", precision = "equal-accuracy" }}
[host]
name = "n1"
sockets = 1
memory_bytes = 1000000000
"""
    if anchor is not None:
        head += f'started_utc = "{anchor}"\nstarted_s = 1.0\n'
    if gpu:
        head += f'gpus = [{{ uuid = "{BOARD}", name = "board", driver = "570.1" }}]\n'
    channels = [
        (
            "rapl",
            "package-0",
            "cpu.package",
            "counter",
            "",
            1e-6,
            "rapl.package",
            60.0,
            250.0,
            0.001,
        )
    ]
    channels += [
        ("rapl", "package-0", "cpu.dram", "counter", "", 1e-6, "rapl.dram", 10.0, 30.0, 0.001)
    ]
    if gpu:
        channels += [
            ("nvml", BOARD, "gpu.board", "counter", "energy", 1e-3, "nvml.gain", 50.0, 400.0, 0.1)
        ]
        channels += [
            (
                "nvml",
                BOARD,
                "gpu.board",
                "power",
                "power_instant",
                1e-3,
                "nvml.gain",
                50.0,
                400.0,
                0.1,
            )
        ]
    for (
        collector,
        device,
        component,
        kind,
        quantity,
        resolution,
        prior,
        idle_w,
        load_w,
        period_s,
    ) in channels:
        steps = wave or [[0.0, idle_w]] + [
            [t, w] for start, end in REPEATS for t, w in ((start, load_w), (end, idle_w))
        ]
        shape = f'{{ kind = "steps", steps = {steps} }}' if wave is None else wave
        head += f"""[[channels]]
collector = "{collector}"
device = "{device}"
component = "{component}"
kind = "{kind}"
quantity = "{quantity}"
resolution = {resolution}
period_s = {period_s}
window_s = {0.025 if kind == "power" else 0.0}
gain = {gain}
prior = "{prior}"
counts = {"true" if kind == "counter" else "false"}
wave = {shape}
"""
    path.write_text(head, "utf-8")
    return path


def measured(folder: Path, gain: float = 1.0, **changes: Any) -> Run:
    ran = energybench(
        "measure",
        "--replay",
        str(toml(folder / "node.toml", gain, **changes)),
        "--json",
        cwd=folder,
    )
    assert ran.code == 0, ran.err
    return Run(folder, ran.json["id"])


def meter(
    path: Path,
    energy_j: Callable[[float], float],
    offset_s: float = 0.0,
    spacing: float = 1.0,
    first: float = -40.3,
    last: float = 150.0,
) -> Path:
    """A meter's CSV, its clock `offset_s` ahead."""
    lines, t = ["time,power_w"], first
    while t < last:
        watts = (energy_j(t) - energy_j(t - spacing)) / spacing
        stamp = (STARTED + timedelta(seconds=t + offset_s)).isoformat(timespec="milliseconds")
        lines.append(f"{stamp},{watts:.1f}")
        t += spacing
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def attach(run: Run, file: Path, *more: str, scope: str = "node") -> Any:
    return in_process(
        "attach",
        run.id,
        "--meter",
        str(file),
        "--scope",
        scope,
        "--accuracy",
        "1%",
        *more,
        cwd=run.folder,
    )
