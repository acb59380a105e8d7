"""The last readings of every channel, kept in memory for decisions during the run: has the power
settled, when did a sensor tick, how much energy did the last repeat take.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from energybench.model import Channel, Trace
from energybench.plugins import Reading

# Twice the longest warm-up by default. 17 bytes a reading: eight boards take some 400 kB.
_KEEP_S = 120.0
# a reading may carry the sensor's own time, a little before neighbouring readings
_OUT_OF_ORDER_S = 1.0


class Recent:
    """Readings of at least the last `keep_s`.

    hold_since_s  time after which readings are kept at any age; infinite: no hold
    """

    def __init__(self, channels: Sequence[Channel], keep_s: float = _KEEP_S) -> None:
        self._columns = tuple(_Column(channel) for channel in channels)
        self._keep_s = keep_s
        self._trim_at_s = -math.inf
        self.hold_since_s = math.inf

    def add(self, readings: Sequence[Reading]) -> None:
        """The readings of one poll."""
        for reading in readings:
            self._columns[reading.channel].append(reading.t_s, reading.raw)
        if readings and readings[-1].t_s > self._trim_at_s:
            now_s = readings[-1].t_s
            for column in self._columns:
                column.trim(min(now_s - self._keep_s, self.hold_since_s))
            self._trim_at_s = now_s + self._keep_s

    def traces(self, since_s: float) -> tuple[Trace, ...]:
        """Readings after a time, as a trace for every channel."""
        return tuple(column.trace(since_s) for column in self._columns)


class _Column:
    """Readings of a channel, in the order of the polls."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._t_s, self._raw, self._ok = array("d"), array("q"), bytearray()

    def append(self, t_s: float, raw: int | None) -> None:
        self._t_s.append(t_s)
        self._raw.append(raw or 0)
        self._ok.append(raw is not None)

    def trim(self, before_s: float) -> None:
        """Forget readings before a time."""
        count = bisect_left(self._t_s, before_s - _OUT_OF_ORDER_S)
        del self._t_s[:count], self._raw[:count], self._ok[:count]

    def trace(self, since_s: float) -> Trace:
        # copies, because an exported array cannot grow
        first = bisect_left(self._t_s, since_s - _OUT_OF_ORDER_S)
        t_s = np.array(self._t_s[first:], dtype=np.float64)
        raw = np.array(self._raw[first:], dtype=np.int64)
        ok = np.array(self._ok[first:], dtype=np.bool_)
        chosen = np.flatnonzero(t_s >= since_s)
        chosen = chosen[np.argsort(t_s[chosen], kind="stable")]
        return Trace(channel=self._channel, t_s=t_s[chosen], raw=raw[chosen], ok=ok[chosen])
