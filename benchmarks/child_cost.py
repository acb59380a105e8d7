"""CPU time and peak memory of a command, as the kernel counts them at the end of the process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """The cost of one process.

    cpu_s    processor time in user and kernel mode, s
    peak_mb  largest resident memory, MB
    """

    cpu_s: float
    peak_mb: float

    def row(self, name: str) -> str:
        return f"{name:<36} {self.cpu_s:8.1f} s CPU {self.peak_mb:8.0f} MB peak"


def energybench(*words: str, folder: str | None = None) -> Cost:
    """The cost of an energybench command. Exits with the command's message if the command fails."""
    return cost([sys.executable, "-m", "energybench", *words], folder)


def cost(command: Sequence[str], folder: str | None = None) -> Cost:
    """The cost of a command whose output is thrown away."""
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"exit code {process.returncode}: {' '.join(command)}")
    # Linux counts ru_maxrss in KiB (getrusage(2))
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
