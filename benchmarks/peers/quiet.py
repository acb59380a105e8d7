"""Whether the machine was quiet: a process that waits for a core is late, and its tool's figure is chance. Nothing where the kernel does not tell."""

from __future__ import annotations

import time
from pathlib import Path

_PRESSURE = Path("/proc/pressure/cpu")  # Linux Documentation/accounting/psi.rst
BUSY = 0.5  # share of a time in which some process waited for a core; with one tool alone on two cores it is below 0.05
_PATIENCE_S = 20.0


def stalled_s() -> float | None:
    """Seconds since boot in which at least one process waited for a core."""
    try:
        return float(_PRESSURE.read_text("ascii").split("total=")[1].split()[0]) / 1e6
    except (OSError, IndexError, ValueError):
        return None


def share(before_s: float | None, after_s: float | None, wall_s: float) -> float | None:
    return None if before_s is None or after_s is None else (after_s - before_s) / wall_s


def wait() -> None:
    """Until two seconds have been quiet, or patience ends."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        before, start = stalled_s(), time.monotonic()
        time.sleep(2)
        now = share(before, stalled_s(), time.monotonic() - start)
        if now is None or now < BUSY:
            return
