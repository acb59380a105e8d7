"""Seconds of `energybench --help` and `energybench measure -- true`, each a process of its own,
beside Python's own start.

    python benchmarks/startup.py [--times 15]

Goals: --help under 0.3 s, measure -- true under 1 s in all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "energybench --help": [str(Path(sys.executable).with_name("energybench")), "--help"],
    "energybench measure -- true": [
        str(Path(sys.executable).with_name("energybench")),
        "measure",
        "--",
        "true",
    ],
}


def seconds(command: list[str], cwd: str) -> float:
    # with this variable every start would compile the sources again
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=15)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        durations: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for command in COMMANDS.values():
            seconds(command, folder)  # once for compiled sources and the file cache
        for _ in range(times):
            for name, command in COMMANDS.items():
                durations[name].append(seconds(command, folder))
    base = median(durations["python -c pass"])
    for name, values in durations.items():
        print(
            f"{name:<30} median {median(values):.3f} s   worst {max(values):.3f} s   "
            f"{median(values) / base:5.1f} x python"
        )


if __name__ == "__main__":
    main()
