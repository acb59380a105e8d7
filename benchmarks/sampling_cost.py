"""What sampling costs: CPU seconds a second of the measuring side and its readers, at 10 Hz, of 2
sockets and 8 simulated GPUs of 200 µs a call.

    python benchmarks/sampling_cost.py [--seconds 20] [--times 5]

CPU time is read from /proc/PID/task/*/schedstat while the run is under way, so that start, bursts
and result do not count. Goal: under 1 % of a core.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from node import ENERGYBENCH, Node, node

CONF = "count=8\nlatency_us=200\nphase_ms=random\nwave=square,100,500,1.3,0.5\nenergy_ms=100\n"
LEAD_S = 3.0  # after which the start and the burst are over


def cpu_s(pid: int) -> float:
    """Seconds on a CPU of the measuring process and its helpers, without the program."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    helpers = [child for child in children if b"sleep" not in _command(child)]
    return sum(_own_cpu_s(each) for each in (str(pid), *helpers))


def _command(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _own_cpu_s(pid: str) -> float:
    """Seconds on a CPU of all threads of a process (scheduler's own count, in ns)."""
    return (
        sum(
            int((task / "schedstat").read_text().split()[0])
            for task in Path(f"/proc/{pid}/task").iterdir()
        )
        / 1e9
    )


def share(node: Node, seconds: float, folder: Path) -> float:
    """CPU seconds a second of the measuring side while it samples."""
    command = [
        ENERGYBENCH,
        "measure",
        "--root",
        str(node.root),
        "--collector",
        "rapl",
        "--collector",
        "nvml",
        "--",
        "sleep",
        str(seconds + 2 * LEAD_S),
    ]
    child = subprocess.Popen(
        command, cwd=folder, env=node.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(LEAD_S)
    start, before = time.monotonic(), cpu_s(child.pid)
    time.sleep(seconds)
    share = (cpu_s(child.pid) - before) / (time.monotonic() - start)
    if child.wait():
        raise SystemExit(f"measure failed: {child.returncode}")
    return share


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, node(Path(name), CONF, period_s=0.01) as live:
        shares = [share(live, options.seconds, Path(name)) for _ in range(options.times)]
    print("   ".join(f"{value:.2%}" for value in shares))
    print(
        f"median {median(shares):.2%} of a core at 10 Hz: 2 sockets with DRAM, 8 GPUs, 200 µs a "
        "call"
    )


if __name__ == "__main__":
    main()
