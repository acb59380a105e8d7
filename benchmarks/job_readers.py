"""What `measure --nodes job` costs a job: the wait before the program starts, the wait after its
end, and the CPU time and memory of the reader on each node.

    python benchmarks/job_readers.py [--seconds 30] [--repeats 3]

Needs root and Slurm (`make test-slurm` installs it): four simulated nodes on this machine, so that
several nodes share its cores. The times of an idle machine count. Figures that users were promised:
the first sample of two nodes within 3.5 s, the end within 2 s, less than 1 % of a core and 120 MB a
node.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.simulators.slurm import Cluster, Job, SetUp, Site, missing

_READER = b"node-reader"
_RATE_HZ = 10  # polls of the base rate


class Cost(NamedTuple):
    """Of all readers of a job together.

    cpu_s      CPU time of the readers and their collectors' processes, by the name of the process
    memory_mb  proportional set size: shared pages count once
    """

    cpu_s: dict[str, float]
    memory_mb: float
    nodes: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the program")
    parser.add_argument("--repeats", type=int, default=3, help="jobs")
    options = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    rows = []
    with Site() as site, Cluster(site, SetUp("readers")) as cluster:
        for number in range(options.repeats):
            rows.append(one_job(cluster, options.seconds))
            print(f"job {number + 1}: " + words(rows[-1]), flush=True)
    print(
        "medians: " + words(tuple(statistics.median(column) for column in zip(*rows, strict=True)))
    )
    return 0


def words(row: tuple[float, ...]) -> str:
    start_s, end_s, core, memory_mb = row
    return (
        f"program starts after {start_s:.2f} s, result {end_s:.2f} s after its end, "
        f"{core:.2%} of a core and {memory_mb:.0f} MB a node"
    )


def one_job(cluster: Cluster, seconds: float) -> tuple[float, float, float, float]:
    """Wait before and after the program, share of a core and memory of a node's reader."""
    program = f"bash -c 'date +%s.%N; sleep {seconds}; date +%s.%N'"
    script = (
        "date +%s.%N\n"
        f"energybench measure --nodes job --out store -- {program} 2>/dev/null\n"
        "date +%s.%N\n"
    )
    job: Job = cluster.sbatch(script, partition="gpu", nodes=2, ntasks=2, gres="gpu:4")
    job.wait_for_output(".", 2)
    time.sleep(seconds / 4)  # past the faster polls of the first seconds
    before, before_s = cost(), time.monotonic()
    time.sleep(seconds / 2)
    after, after_s = cost(), time.monotonic()
    job.wait()
    began, started, ended, finished = (float(text) for text in job.output.split())
    span_s = (after_s - before_s) * after.nodes
    spent = {name: (after.cpu_s[name] - before.cpu_s.get(name, 0.0)) for name in after.cpu_s}
    print(
        "CPU time a sample: "
        + ", ".join(f"{name} {1e6 * s / span_s / _RATE_HZ:.0f} µs" for name, s in spent.items())
    )
    core = sum(spent.values()) / span_s
    return started - began, finished - ended, core, after.memory_mb / after.nodes


def cost() -> Cost:
    """Of the readers that run now."""
    cpu_s: dict[str, float] = {}
    memory_mb, nodes = 0.0, 0
    parents = {pid: int(stat(pid)[1]) for pid in pids() if stat(pid)}
    readers = {pid for pid in parents if is_reader(read(f"/proc/{pid}/cmdline").split(b"\0"))}
    for pid in parents:
        if not ({pid, parents[pid], parents.get(parents[pid], 0)} & readers):
            continue
        fields = stat(pid)
        if fields:
            name = read(f"/proc/{pid}/comm").decode("utf-8", "replace").strip()
            cpu_s[name] = cpu_s.get(name, 0.0) + run_s(pid)
            memory_mb += pss_mb(pid)
            nodes += pid in readers
    return Cost(cpu_s, memory_mb, max(nodes, 1))


def run_s(pid: int) -> float:
    """CPU time of a process to the nanosecond: the times of /proc/PID/stat count in ticks of 10 ms,
    which are percents of what a reader takes in such a time.
    """
    tasks = read_names(f"/proc/{pid}/task")
    times = [read(f"/proc/{pid}/task/{task}/schedstat").split() for task in tasks]
    return sum(int(words[0]) for words in times if words) / 1e9


def read_names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def is_reader(command: list[bytes]) -> bool:
    """srun has the same words among its own."""
    return _READER in command and not command[0].endswith(b"srun")


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the state on; empty for a process that is gone."""
    return read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def pss_mb(pid: int) -> float:
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    sys.exit(main())
