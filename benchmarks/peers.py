"""The same windows, in real time, against simulated sensors with a known truth: energybench and
six peers.

    python benchmarks/peers.py [--rows a100-10s,…] [--tools energybench,zeus,…] [--runs 1]
    [--windows 2] [--json FILE]

Each peer is used in its best documented way (benchmarks/peers/drive_*.py) from an environment of
their own (build/peers/venv, made on the first run from peers/requirements.txt); energybench is the
real command, `energybench measure -- sleep …`. All tools measure the same windows at the same time,
each in a process of its own. The truth is taken over the window that favours the tool: from before
or after it was asked to begin, to before or after it was asked to end; for energybench it is the
window that it states. Boards and packages count one by one, each with its own random phase. --json
keeps the results: rows and tools that are asked for again replace those of the file, the others are
shown as they stand.

The whole takes about a quarter of an hour. On a busy machine a tool that waits for a core is late,
and its figure is chance: run the whole with `nice -n -10` there (root).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "peers"))

from rows import (
    ROWS,
    Row,
    boot_offset_s,
    configuration,
    package_zones,
    waves,
)
from scene import blackout, gpu_environment, no_private_sys, packages, plain_environment
from table import OURS, Cell, Timed, Truth, cell, text
from together import Answer, Scene, measured_together

HERE = Path(__file__).parent
VENV = HERE.parent / "build/peers/venv"
PEERS = ("zeus", "codecarbon", "jpwr", "perun", "wattameter", "landauer")
VARIANTS = {"zeus": ("", "power50")}  # tried where there is no counter; the better one stands
OUTAGE_S = 1.2
_MISPLACED_S = 0.45  # counters wrap 0.5 s inside a window's edges at the earliest
LEAD_S = 40.0  # from the start of the packages to the window: time for all peers to load

Tool = tuple[str, str]  # name and variant
Windows = list[tuple[Timed, Truth]]


def environment() -> Path:
    """Python of the peers' environment, made on the first run."""
    python = VENV / "bin/python"
    if not python.exists():
        print(f"making {VENV}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / "peers/requirements.txt")],
            check=True,
        )
    return python


def gpu_run(row: Row, seed: int, tools: Sequence[Tool]) -> tuple[dict[Tool, Answer], Truth]:
    """All tools before sixteen boards."""
    boards, offset_s = waves(row, seed), boot_offset_s()
    with tempfile.TemporaryDirectory() as name:
        scenes = {}
        for i, tool in enumerate(tools):
            folder = Path(name) / str(i)
            folder.mkdir()
            env = gpu_environment(folder, configuration(row, boards), seed)
            scenes[tool] = Scene(
                folder, env, None, lambda uuid: str(int(uuid.rpartition("-")[2], 16))
            )
        answers = measured_together(row, scenes, python_for(tools), None)

    def truth(index: str, start_s: float, end_s: float) -> float:
        return boards[int(index)].joules(start_s, end_s, offset_s)

    return answers, truth


def rapl_run(row: Row, seed: int, tools: Sequence[Tool]) -> tuple[dict[Tool, Answer], Truth]:
    """All tools before six packages whose counters wrap, or cannot be read for a while, inside the
    window.
    """
    simulated_packages = package_zones(row, seed, LEAD_S)
    zones = {
        f"intel-rapl:{i}": {"name": f"package-{i}", "watts": one.watts, "start_uj": one.start_uj}
        for i, one in enumerate(simulated_packages)
    }
    with ExitStack() as stack:
        name = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        live = stack.enter_context(packages(name, zones))
        scenes = {}
        for i, tool in enumerate(tools):
            folder = name / str(i)
            folder.mkdir()
            scenes[tool] = Scene(
                folder, plain_environment(folder), live.root, lambda dev: dev.rpartition("-")[2]
            )
        outages: list[threading.Thread] = []

        def before_windows(start_s: float) -> None:
            if row.event == "outage":
                after_s = random.Random(seed).uniform(1.0, row.seconds - OUTAGE_S - 1.0)
                outages.append(blackout(live, start_s + after_s, OUTAGE_S))

        at_s = live.start_s + LEAD_S
        answers = measured_together(row, scenes, python_for(tools), at_s, before_windows)
        for outage in outages:
            outage.join()

    def truth(index: str, start_s: float, end_s: float) -> float:
        return simulated_packages[int(index)].watts * (end_s - start_s)

    for tool, answer in answers.items():
        for timed in answer.windows:
            off_s = timed.begin_s[1] - at_s
            if abs(off_s) > _MISPLACED_S:
                print(f"{row.name} {tool[0]}: began {off_s:+.2f} s off its time", file=sys.stderr)
                answers[tool] = answer._replace(windows=(), failure="began too late in every run")
    return answers, truth


def python_for(tools: Sequence[Tool]) -> Path | None:
    return environment() if any(name != OURS for name, _ in tools) else None


def absent(tool: str, row: Row) -> str | None:
    """Why a tool cannot do a row at all."""
    if row.sensor == "rapl" and tool == "jpwr":
        return "has no method for RAPL"
    return no_private_sys() if row.sensor == "rapl" and tool != OURS else None


def measure(row: Row, names: Sequence[str], runs: int) -> dict[str, Cell]:
    """Cells of all tools in a row; `runs` times the number of runs of the row."""
    cells = {name: Cell(reason=why) for name in names if (why := absent(name, row)) is not None}
    tools = [
        (name, variant)
        for name in names
        if name not in cells
        for variant in (VARIANTS.get(name, ("",)) if row.power_only else ("",))
    ]
    windows: dict[Tool, Windows] = {tool: [] for tool in tools}
    answers: dict[Tool, Answer] = {}
    load: list[float] = []
    for seed in range(1, runs * row.runs + 1):
        load.append(round(os.getloadavg()[0], 2))
        answers, truth = (gpu_run if row.sensor == "gpu" else rapl_run)(row, seed, tools)
        for tool, answer in answers.items():
            windows[tool] += [(timed, truth) for timed in answer.windows]
    for tool in tools:
        name, variant = tool
        if not any(timed.energy_j for timed, _ in windows[tool]):
            one = Cell(reason=answers[tool].failure or "gave no energies", load=load)
        else:
            details = Cell(version=answers[tool].version, variant=variant, load=load)
            one = cell(windows[tool]) | details
        other = cells.get(name, Cell())
        if "rms_rel" not in other or one.get("rms_rel", 1e9) < other["rms_rel"]:
            cells[name] = one
    return cells


def chosen(given: str | None, known: Iterable[str], what: str) -> list[str]:
    names = list(known)
    wanted = given.split(",") if given else names
    for name in wanted:
        if name not in names:
            raise SystemExit(f"peers.py: {what} {name!r}: have {', '.join(names)}")
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", help="comma-separated; default: all")
    parser.add_argument("--tools", help="comma-separated; default: all")
    parser.add_argument("--runs", type=int, default=1, help="repeat every row (default: 1)")
    parser.add_argument(
        "--windows", type=int, help="windows of every process (default: those of the row)"
    )
    parser.add_argument("--json", type=Path, help="file that results are kept in and merged with")
    options = parser.parse_args()
    names = chosen(options.rows, [row.name for row in ROWS], "row")
    tools = chosen(options.tools, [OURS, *PEERS], "tool")
    cells: dict[str, dict[str, Cell]] = {}
    if options.json and options.json.exists():
        cells = json.loads(options.json.read_text("utf-8"))["rows"]
    for row in (row for row in ROWS if row.name in names):
        began_s = time.monotonic()
        if options.windows is not None:
            row = row._replace(windows=options.windows)
        cells.setdefault(row.name, {}).update(measure(row, tools, options.runs))
        for tool in tools:
            done = cells[row.name][tool]
            message = (
                f"median {done['median_rel']:.3%}, RMS {done['rms_rel']:.3%}, worst "
                f"{done['worst_rel']:+.2%}, {done['windows']} windows, {done['taken']}"
                if "rms_rel" in done
                else done["reason"]
            )
            print(f"{row.name:<12} {tool:<12} {message}", file=sys.stderr, flush=True)
        took_s, load = time.monotonic() - began_s, os.getloadavg()[0]
        print(f"{row.name:<12} {took_s:.0f} s, load {load:.1f}", file=sys.stderr, flush=True)
        if options.json:
            options.json.write_text(json.dumps({"rows": cells}, indent=1) + "\n", "utf-8")
    print(text(cells, ROWS, [OURS, *PEERS]))
    now = time.strftime("%Y-%m-%d")
    print(f"{now}, Python {platform.python_version()}, {os.cpu_count()} cores, {machine()}")


def machine() -> str:
    """The processor's name, from /proc/cpuinfo."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
