"""From the raw counts of a counter to energy that only grows, with the gaps that are not known.

A falling count shows that the counter wrapped, but not how often. A failed read is not a wrap. A
reading that no real power explains is dropped. A counter that starts again from zero (driver
reloaded) leaves a gap whose energy nobody knows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.model import Channel, Trace

# Update period of a counter whose update period is not known, s: the longest period that was seen
# on boards of data centres.
_DEFAULT_PERIOD_S = 0.1
# So many implausible readings in a row that agree with each other are a counter that started again.
_RESET_AFTER = 3


class Span(NamedTuple):
    """A stretch of time in which the energy is not certain.

    extra_j  energy that the stretch may contain in addition, J; None if not known at all
    """

    start_s: float
    end_s: float
    extra_j: float | None


class Counter(NamedTuple):
    """An unwrapped counter.

    t_s        shape [n]: time of each good reading
    energy_j   shape [n]: joules since the first good reading
    wraps      how often the counter wrapped
    dropped    readings that no real power explains
    ambiguous  gaps long enough to hide further wraps
    resets     gaps in which the counter started again from zero
    """

    t_s: Floats
    energy_j: Floats
    wraps: int
    dropped: int
    ambiguous: tuple[Span, ...]
    resets: tuple[Span, ...]


def unwrap(trace: Trace) -> Counter:
    """Unwrap the trace of a counter.

    Failed reads (`ok` False) are passed over: the next good reading is compared with the last good
    one.
    """
    channel = trace.channel
    t_s, raw = trace.t_s[trace.ok], trace.raw[trace.ok]
    if _needs_steps(channel, t_s, raw):
        return _step_by_step(channel, t_s, raw)
    joules = np.empty(0)
    if raw.size:
        joules = np.asarray((raw - raw[0]) * channel.resolution, dtype=np.float64)
    return Counter(t_s, joules, 0, 0, _hidden_wraps(channel, t_s), ())


def _slack_s(channel: Channel) -> float:
    """Time by which two readings may be further apart in energy than in time."""
    return 2 * (channel.update_period_s or _DEFAULT_PERIOD_S)


def _needs_steps(channel: Channel, t_s: Floats, raw: npt.NDArray[np.int64]) -> bool:
    """Whether a count falls, or rises by more than the device's largest power explains."""
    counts = np.diff(raw)
    if (counts < 0).any():
        return True
    if channel.max_power_w is None:
        return False
    largest_j = channel.max_power_w * (np.diff(t_s) + _slack_s(channel))
    return bool((counts * channel.resolution > largest_j).any())


class _Step(NamedTuple):
    """Energy between two readings, J, and the number of wraps between them."""

    joules: float
    wraps: int


def _step(channel: Channel, before: int, after: int, gap_s: float) -> _Step | None:
    """The step between two readings; None if no real power explains the step."""
    counts, wraps = after - before, 0
    if counts < 0:
        if channel.wrap is None:
            return None
        counts, wraps = counts + channel.wrap, 1
    joules = counts * channel.resolution
    limit_w = channel.max_power_w
    if counts < 0 or (limit_w is not None and joules > limit_w * (gap_s + _slack_s(channel))):
        return None
    return _Step(joules, wraps)


class _Walk:
    """An unwrapped counter as it grows, reading by reading."""

    def __init__(self, channel: Channel, t_s: float, raw: int) -> None:
        self._channel = channel
        self.t_s, self.energy_j = [t_s], [0.0]
        self._raw = raw  # of the last good reading
        self.wraps = self.dropped = 0
        self.resets: list[Span] = []
        self._implausible: list[tuple[float, int]] = []  # since the last good reading

    def take(self, t_s: float, raw: int) -> None:
        """Add one reading."""
        step = _step(self._channel, self._raw, raw, t_s - self.t_s[-1])
        if step is not None:
            self._drop_implausible()
            self._add(t_s, raw, step)
            return
        # Readings that agree with each other, but not with the last good one, may be a restart.
        if self._implausible:
            last_s, last_raw = self._implausible[-1]
            if _step(self._channel, last_raw, raw, t_s - last_s) is None:
                self._drop_implausible()
        self._implausible.append((t_s, raw))
        if len(self._implausible) >= _RESET_AFTER:
            self._restart()

    def end(self) -> None:
        self._drop_implausible()

    def _add(self, t_s: float, raw: int, step: _Step) -> None:
        self.t_s.append(t_s)
        self.energy_j.append(self.energy_j[-1] + step.joules)
        self.wraps += step.wraps
        self._raw = raw

    def _drop_implausible(self) -> None:
        self.dropped += len(self._implausible)
        self._implausible = []

    def _restart(self) -> None:
        """Go on from the first of the implausible readings; the energy up to it is not known."""
        (t_s, raw), *rest = self._implausible
        self._implausible = []
        self.resets.append(Span(self.t_s[-1], t_s, None))
        self._add(t_s, raw, _Step(0.0, 0))
        for t_s, raw in rest:
            step = _step(self._channel, self._raw, raw, t_s - self.t_s[-1])
            self._add(t_s, raw, step or _Step(0.0, 0))


def _step_by_step(channel: Channel, t_s: Floats, raw: npt.NDArray[np.int64]) -> Counter:
    walk = _Walk(channel, float(t_s[0]), int(raw[0]))
    for t, counts in zip(t_s[1:].tolist(), raw[1:].tolist(), strict=True):
        walk.take(t, counts)
    walk.end()
    good_s = np.array(walk.t_s)
    return Counter(
        good_s,
        np.array(walk.energy_j),
        walk.wraps,
        walk.dropped,
        _hidden_wraps(channel, good_s),
        tuple(walk.resets),
    )


def _hidden_wraps(channel: Channel, t_s: Floats) -> tuple[Span, ...]:
    """Gaps in which the counter may have wrapped once more than its difference shows."""
    if channel.wrap is None or channel.max_power_w is None:
        return ()
    wrap_j = channel.wrap * channel.resolution
    wraps = np.floor(np.diff(t_s) * channel.max_power_w / wrap_j)
    return tuple(
        Span(float(t_s[i]), float(t_s[i + 1]), float(wraps[i]) * wrap_j)
        for i in np.flatnonzero(wraps >= 1)
    )
