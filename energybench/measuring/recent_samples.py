"""The last readings, kept in memory: what deciding about the run needs while it runs (the power of
a moment ago, a sensor's last tick).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from energybench.model import Channel, Trace

_KEEP_S = 120.0  # twice the longest warm-up; a second of eight boards takes some 20 kB


class Recent:
    """A window on the samples that moves on."""

    def __init__(self, channels: Sequence[Channel], keep_s: float = _KEEP_S) -> None:
        self._channels, self._keep_s = tuple(channels), keep_s
        self._readings: deque[tuple[int, float, int | None]] = deque()

    def add(self, values: Sequence[tuple[int, float, int | None]]) -> None:
        """One poll's readings: (channel number, time, raw)."""
        self._readings.extend(values)
        if values:
            oldest = values[-1][1] - self._keep_s
            while self._readings[0][1] < oldest:
                self._readings.popleft()

    def traces(self, since_s: float) -> tuple[Trace, ...]:
        """What was read from then on, one trace a channel."""
        held: list[list[tuple[float, int | None]]] = [[] for _ in self._channels]
        for channel, t_s, raw in reversed(self._readings):
            if (
                t_s < since_s - 1.0
            ):  # a reading may carry its sensor's own time, a little before its neighbours'
                break
            if t_s >= since_s:
                held[channel].append((t_s, raw))
        return tuple(
            _trace(channel, found) for channel, found in zip(self._channels, held, strict=True)
        )


def _trace(channel: Channel, readings: list[tuple[float, int | None]]) -> Trace:
    readings.sort(key=lambda reading: reading[0])
    return Trace(
        channel=channel,
        t_s=np.array([t_s for t_s, _ in readings], dtype=np.float64),
        raw=np.array([raw or 0 for _, raw in readings], dtype=np.int64),
        ok=np.array([raw is not None for _, raw in readings], dtype=np.bool_),
    )
