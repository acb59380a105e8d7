"""What sampling costs: CPU seconds a second of the measuring side, at 10 Hz, of 2 sockets and 8 simulated GPUs of 200 µs a call.

    python benchmarks/sampling_cost.py [--seconds 20] [--times 3]

The cost of start, bursts and result is taken off by measuring a short and a long program and dividing the difference.
Goal: under 1 % of a core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from node import ENERGYBENCH, Node, node

CONF = "count=8\nlatency_us=200\nphase_ms=random\nwave=square,100,500,1.3,0.5\nenergy_ms=100\n"
SHORT_S = 2.0


def cpu_s(node: Node, seconds: float, folder: Path) -> float:
    """User and system seconds of the measuring side (and of `sleep`, which takes none)."""
    command = [ENERGYBENCH, "measure", "--root", str(node.root), "--collector", "rapl", "--collector", "nvml", "--", "sleep", str(seconds)]
    child = subprocess.Popen(command, cwd=folder, env=node.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"measure failed: {status}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, node(Path(name), CONF, period_s=0.01) as made:
        shares = []
        for _ in range(given.times):
            short, long = (cpu_s(made, seconds, Path(name)) for seconds in (SHORT_S, SHORT_S + given.seconds))
            shares.append((long - short) / given.seconds)
            print(f"{shares[-1]:.2%} of a core   (whole run of {SHORT_S + given.seconds:g} s: {long:.2f} s CPU, of {SHORT_S:g} s: {short:.2f} s)")
    print(f"median {median(shares):.2%} of a core at 10 Hz: 2 sockets with DRAM, 8 GPUs, 200 µs a call")


if __name__ == "__main__":
    main()
