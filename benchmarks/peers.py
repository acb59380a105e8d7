"""The same windows, in real time, against simulated sensors with a known truth: energybench and
four peers.

    python benchmarks/peers.py [--rows a100-10s,…] [--tools energybench,zeus,…] [--phases 32]
    [--json FILE]

Each peer is used in its best documented way (benchmarks/peers/drive_*.py) from an environment of
their own (build/peers/venv, made on the first run from peers/requirements.txt); energybench is the
real command, `energybench measure -- sleep …`. The truth is taken over the window that favours the
tool: from before or after it was asked to begin, to before or after it was asked to end; for
energybench it is the window that it states. Boards and packages count one by one, each with its own
random phase. --json keeps what was measured: rows and tools that are asked for again replace what
the file has, the rest of it is shown as it stands.

On a busy machine a tool that waits for a core is late, and its figure is chance: run the whole with
`nice -n -10` there (root).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import ours
from rows import BOARDS, PACKAGES, ROWS, Row, boot_offset_s, configuration, package_zones, waves
from scene import (
    blackout,
    gpu_environment,
    in_private_sys,
    no_private_sys,
    packages,
    plain_environment,
)
from table import OURS, Cell, Timed, cell, text

HERE = Path(__file__).parent
VENV = HERE.parent / "build/peers/venv"
PEERS = ("zeus", "codecarbon", "jpwr", "perun")
VARIANTS = {"zeus": ("", "power50")}  # tried where there is no counter; the better one stands
OUTAGE_S = 1.2
_MISPLACED_S = 0.45  # counters wrap 0.5 s inside a window's edges at the earliest
LEAD_S = {
    OURS: 4.0,
    "zeus": 14.0,
    "codecarbon": 9.0,
    "perun": 24.0,
}  # from a start of the packages to the window: time to load, and to warm up

Truth = Callable[[str, float, float], float]
Window = tuple[Timed, Truth]


class Run(NamedTuple):
    windows: list[Window]
    version: str


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


def driven(
    tool: str,
    row: Row,
    folder: Path,
    env: dict[str, str],
    *,
    windows: int,
    at_s: float | None,
    variant: str = "",
    root: Path | None = None,
) -> tuple[list[Timed], str]:
    """What a peer says of its windows, and its version. Raises RuntimeError with its last words."""
    out = folder / "windows.json"
    request = {
        "seconds": row.seconds,
        "windows": windows,
        "at_s": at_s,
        "sensor": row.sensor,
        "variant": variant,
        "out": str(out),
    }
    argv = [str(environment()), str(HERE / f"peers/drive_{tool}.py"), json.dumps(request)]
    limit_s = 120 + windows * (row.seconds + 10)
    done = subprocess.run(
        in_private_sys(root, argv) if root else argv,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    if done.returncode != 0 or not out.exists():
        raise RuntimeError(
            (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        )
    answer = json.loads(out.read_text("utf-8"))
    return [
        Timed(tuple(one["begin_s"]), tuple(one["end_s"]), one["energy_j"])
        for one in answer["windows"]
    ], str(answer["version"])


def stated(
    argv: list[str], folder: Path, env: dict[str, str], index: Callable[[str], str]
) -> tuple[list[Timed], str]:
    """The same of energybench."""
    start_s, end_s, energies = ours.measured(argv, folder, env)
    return [
        Timed(
            (start_s, start_s),
            (end_s, end_s),
            {index(device): joules for device, joules in energies.items()},
        )
    ], "this tree"


def gpu_run(tool: str, row: Row, seed: int, windows: int, variant: str) -> Run:
    """One process of a tool before sixteen boards."""
    boards, offset_s = waves(row, seed), boot_offset_s()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = gpu_environment(folder, configuration(row, boards), seed)
        time.sleep(random.uniform(0, 1))
        if tool == OURS:
            timed, version = stated(
                ours.command(row.seconds, "nvml"),
                folder,
                env,
                lambda uuid: str(int(uuid.rpartition("-")[2], 16)),
            )
        else:
            timed, version = driven(
                tool, row, folder, env, windows=windows, at_s=None, variant=variant
            )

    def truth(index: str, start_s: float, end_s: float) -> float:
        return boards[int(index)].joules(start_s, end_s, offset_s)

    return Run([(one, truth) for one in timed], version)


def rapl_run(tool: str, row: Row, seed: int) -> Run:
    """One process of a tool before six packages whose counters wrap, or cannot be read for a while,
    inside the window.
    """
    lead_s = LEAD_S[tool]
    simulated_packages = package_zones(row, seed, lead_s)
    zones = {
        f"intel-rapl:{i}": {"name": f"package-{i}", "watts": one.watts, "start_uj": one.start_uj}
        for i, one in enumerate(simulated_packages)
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = plain_environment(folder)
        with packages(folder, zones) as live:
            at_s = live.start_s + lead_s
            if row.event == "outage":
                blackout(
                    live,
                    at_s + random.Random(seed).uniform(1.0, row.seconds - OUTAGE_S - 1.0),
                    OUTAGE_S,
                )
            if tool == OURS:
                time.sleep(max(0.0, at_s - 0.8 - time.monotonic()))  # what it needs to start
                timed, version = stated(
                    ours.command(row.seconds, "rapl", live.root),
                    folder,
                    env,
                    lambda device: device.rpartition("-")[2],
                )
            else:
                timed, version = driven(
                    tool, row, folder, env, windows=1, at_s=at_s, root=live.root
                )

    def truth(index: str, start_s: float, end_s: float) -> float:
        return simulated_packages[int(index)].watts * (end_s - start_s)

    off_s = timed[0].begin_s[1] - at_s
    if abs(off_s) > _MISPLACED_S:
        print(
            f"{row.name:<12} {tool:<12} began {off_s:+.2f} s off its time; measured again",
            file=sys.stderr,
        )
        return Run([], version)
    return Run([(one, truth) for one in timed], version)


def absent(tool: str, row: Row) -> str | None:
    """Why a tool cannot do a row at all."""
    if row.sensor == "rapl" and tool == "jpwr":
        return "has no method for RAPL"
    return no_private_sys() if row.sensor == "rapl" and tool != OURS else None


def measure(tool: str, row: Row, phases: int) -> Cell:
    """At least so many windows of a tool in a row; more where the row says so."""
    if (why := absent(tool, row)) is not None:
        return Cell(reason=why)
    wanted = phases * row.times
    tries = 3 * (1 + wanted // (BOARDS if row.sensor == "gpu" else PACKAGES))
    cells: list[Cell] = []
    for variant in VARIANTS.get(tool, ("",)) if row.power_only else ("",):
        windows: list[Window] = []
        load: list[float] = []
        version = ""
        for seed in range(1, tries + 1):
            if len(energies_of(windows)) >= wanted:
                break
            load.append(round(os.getloadavg()[0], 2))
            try:
                run = (
                    gpu_run(tool, row, seed, row.windows if tool != OURS else 1, variant)
                    if row.sensor == "gpu"
                    else rapl_run(tool, row, seed)
                )
            except (RuntimeError, subprocess.SubprocessError) as error:
                return Cell(reason=f"failed: {error}", load=load)
            windows += run.windows
            version = run.version
        if not windows:
            return Cell(reason="gave no energies", load=load)
        cells.append(cell(windows) | Cell(version=version, variant=variant, load=load))
    return min(cells, key=lambda one: one["rms_rel"])


def energies_of(windows: list[Window]) -> list[float]:
    return [joules for timed, _ in windows for joules in timed.energy_j.values()]


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
    parser.add_argument(
        "--phases",
        type=int,
        default=32,
        help="windows a row, at least 20 for a figure (default: 32)",
    )
    parser.add_argument("--json", type=Path, help="file that results are kept in and merged with")
    options = parser.parse_args()
    rows = chosen(options.rows, [row.name for row in ROWS], "row")
    tools = chosen(options.tools, [OURS, *PEERS], "tool")
    cells: dict[str, dict[str, Cell]] = {}
    if options.json and options.json.exists():
        cells = json.loads(options.json.read_text("utf-8"))["rows"]
    for row in (row for row in ROWS if row.name in rows):
        for tool in tools:
            done = measure(tool, row, options.phases)
            cells.setdefault(row.name, {})[tool] = done
            message = (
                f"{done['rms_rel']:.3%}, worst {done['worst_rel']:+.2%}, {done['windows']} "
                f"windows, {done['taken']}"
                if "rms_rel" in done
                else done["reason"]
            )
            print(
                f"{row.name:<12} {tool:<12} {message}  load {max(done.get('load', [0.0])):.1f}",
                file=sys.stderr,
                flush=True,
            )
            if options.json:
                options.json.write_text(json.dumps({"rows": cells}, indent=1) + "\n", "utf-8")
    print(text(cells, {row.name: row.title for row in ROWS}, [OURS, *PEERS]))


if __name__ == "__main__":
    main()
