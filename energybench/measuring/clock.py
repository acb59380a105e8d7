"""The clocks: CLOCK_MONOTONIC, and a virtual clock that a replay drives."""

from __future__ import annotations

import time


class MonotonicClock:
    """Seconds on CLOCK_MONOTONIC, shared by the processes of a host."""

    def now(self) -> float:
        return time.monotonic()


class VirtualClock:
    """Time that passes only when somebody waits."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        return self._now_s

    def advance(self, until_s: float, fds: tuple[int, ...] = ()) -> None:
        """Wait until a time; nothing happens to file descriptors in virtual time."""
        self._now_s = max(self._now_s, until_s)
