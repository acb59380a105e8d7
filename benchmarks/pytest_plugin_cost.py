"""What the pytest plugin costs: an installed plugin that is not asked for, on pytest's start, and
the energy pass's loop against a bare loop.

    python benchmarks/pytest_plugin_cost.py [--wheel FILE]

Goals: under 10 ms of CPU on pytest's start, from a wheel; energy per iteration of a function of
1 µs within 2 % of a bare loop. At a given power energy per iteration is in the proportion of the
CPU time per iteration, which is compared here: an idle core adds nothing to it.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from functools import partial
from itertools import repeat
from pathlib import Path

STARTS = 40
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
CALLS = 200_000
TURNS = 25


def start_cpu_s(python: str, environment: dict[str, str], folder: str, *options: str) -> float:
    """CPU time of one start of pytest that collects nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "--co", "-p", "no:cacheprovider"),
            *("-c", os.devnull, *options, folder),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pytest_alone(folder: Path) -> str:
    """The Python of a new environment that has pytest and nothing else."""
    venv.create(folder)
    python = str(folder / "bin" / "python")
    subprocess.run([*PIP, "--python", python, "install", "-q", "pytest"], check=True)
    return python


def start(wheel: str | None) -> None:
    """With the plugin against without, alternating."""
    with tempfile.TemporaryDirectory() as temporary:
        empty = Path(temporary, "tests")
        empty.mkdir()
        python, environment = sys.executable, dict(os.environ)
        without = dict(os.environ)
        if wheel is not None:
            python = pytest_alone(Path(temporary, "venv"))
            target = str(Path(temporary, "site"))
            subprocess.run(
                [*PIP, "install", "-q", "--no-deps", "--target", target, wheel], check=True
            )
            environment["PYTHONPATH"] = target
            without.pop("PYTHONPATH", None)
        options = () if wheel is not None else ("-p", "no:energybench")
        for _ in range(2):  # compiled files, and files in memory
            start_cpu_s(python, environment, str(empty))
            start_cpu_s(python, without, str(empty), *options)
        pairs = [
            (
                start_cpu_s(python, environment, str(empty)),
                start_cpu_s(python, without, str(empty), *options),
            )
            for _ in range(STARTS)
        ]
    added = sorted(1e3 * (with_s - without_s) for with_s, without_s in pairs)
    least = [1e3 * min(starts_s) for starts_s in zip(*pairs, strict=True)]
    base = 1e3 * statistics.median(without_s for _, without_s in pairs)
    print(
        f"pytest's start: {base:.0f} ms of CPU, with the plugin {statistics.median(added):+.1f} ms "
        f"(middle half {added[STARTS // 4]:+.1f} … {added[3 * STARTS // 4]:+.1f}); the fastest of "
        f"{STARTS} starts each: {least[1]:.0f} ms, {least[0] - least[1]:+.1f} ms"
    )


def function(first: int = 1, second: int = 2) -> int:
    """About 1 µs."""
    total = 0
    for i in range(70):
        total += i
    return total


def bare_0(count: int) -> None:
    for _ in repeat(None, count):
        function()


def bare_1(count: int) -> None:
    for _ in repeat(None, count):
        function(1)


def bare_2(count: int) -> None:
    for _ in repeat(None, count):
        function(1, 2)


def loops() -> None:
    """CPU time of the plugin's loops against bare loops, alternating."""
    from energybench.pytest_plugin.loops import Chunks, Loop, loop_of

    def in_chunks(loop: Loop) -> None:
        chunks = Chunks(CALLS, math.inf)
        while count := chunks.next():
            loop(count)

    for args, bare in (((), bare_0), ((1,), bare_1), ((1, 2), bare_2)):
        loop = loop_of(function, args, {})
        ratios, bares_s = [], []
        for _ in range(TURNS):
            times_s = []
            for run in (partial(bare, CALLS), partial(in_chunks, loop)):
                start_s = time.thread_time()
                run()
                times_s.append(time.thread_time() - start_s)
            ratios.append(times_s[1] / times_s[0])
            bares_s.append(times_s[0])
        print(
            f"{len(args)} arguments: {1e6 * statistics.median(bares_s) / CALLS:.2f} µs an "
            f"iteration, the plugin's loop {100 * (statistics.median(ratios) - 1):+.2f} %"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--wheel", help="install this wheel beside pytest alone, instead of the present environment"
    )
    wheel = parser.parse_args().wheel
    start(wheel)
    loops()


if __name__ == "__main__":
    main()
