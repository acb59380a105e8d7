"""From the raw counts of a counter to energy that only grows, with gaps of unknown energy.

A falling count shows that the counter wrapped, but not the number of wraps. A failed read is not a
wrap. A reading that no real power explains is dropped. A counter that starts again from zero
(driver reloaded) leaves a gap of unknown energy.
"""

from __future__ import annotations

from array import array
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.plausible import implausible_above_w
from energybench.analysis.traces.slow_updates import slower_period_s
from energybench.model import Channel, Trace

# Update period for a counter with an unknown update period, s: the longest known period of boards
# in data centres.
_DEFAULT_PERIOD_S = 0.1
# Number of consecutive implausible but consistent readings that show a restart of the counter.
_RESET_AFTER = 3
# A shorter row of plausible readings is taken one by one, which is faster.
_AT_ONCE = 20


class Span(NamedTuple):
    """A stretch of time in which the energy is not certain.

    extra_j  energy that the stretch may contain in addition, J; None if the energy is unknown
    code     code of the doubt that names the reason
    """

    start_s: float
    end_s: float
    extra_j: float | None
    code: Literal["wrap-ambiguous", "counter-reset", "stuck-sensor"]


class Counter(NamedTuple):
    """An unwrapped counter.

    t_s        shape [n]: times of the good readings
    energy_j   shape [n]: joules since the first good reading
    wraps      number of wraps of the counter
    dropped    readings that no real power explains
    ambiguous  gaps long enough to hide further wraps
    resets     gaps in which the counter started again from zero, or was set back
    stops      stretches in which the counter stood still, and did not catch up
    """

    t_s: Floats
    energy_j: Floats
    wraps: int
    dropped: int
    ambiguous: tuple[Span, ...]
    resets: tuple[Span, ...]
    stops: tuple[Span, ...] = ()


def unwrap(trace: Trace) -> Counter:
    """Unwrap the trace of a counter.

    Failed reads (`ok` False) are passed over: the next good reading is compared with the last good
    reading.
    """
    channel = trace.channel
    t_s, raw = trace.t_s[trace.ok], trace.raw[trace.ok]
    if not raw.size:
        return Counter(t_s, np.empty(0), 0, 0, (), ())
    limits = _Limits.of(channel, t_s, raw)
    steps = _Steps.of(limits, channel, t_s, raw)
    if not steps.plausible.all():
        return _around_implausible_steps(limits, channel, t_s, raw, steps)
    wraps = int(np.count_nonzero(steps.wrapped))
    if wraps:
        joules = _running_sum(0.0, steps.joules)
    else:
        joules = np.asarray((raw - raw[0]) * channel.resolution, dtype=np.float64)
    return Counter(t_s, joules, wraps, 0, _hidden_wraps(channel, t_s), ())


def _running_sum(start: float, steps_j: Floats) -> Floats:
    """The sums after every step, added in sequence as in `_Walk`."""
    return np.cumsum(np.concatenate(([start], steps_j)))


class _Limits(NamedTuple):
    """Limits of a plausible step between two readings.

    power_w  power that no real reading exceeds
    slack_s  additional time that the energy between two readings may cover: a counter shows the
             energy of the last update
    """

    power_w: float
    slack_s: float

    @classmethod
    def of(cls, channel: Channel, t_s: Floats, raw: npt.NDArray[np.int64]) -> _Limits:
        stated_s = channel.update_period_s or _DEFAULT_PERIOD_S
        slower_s = slower_period_s(t_s, raw, stated_s)
        return cls(implausible_above_w(channel), 2 * max(stated_s, slower_s or 0.0))


class _Steps(NamedTuple):
    """The steps between consecutive readings; shapes [n − 1].

    joules     energy, J, after a wrap if the count falls
    wrapped    whether the count falls
    plausible  whether the device's largest power explains the step
    """

    joules: Floats
    wrapped: npt.NDArray[np.bool_]
    plausible: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls, limits: _Limits, channel: Channel, t_s: Floats, raw: npt.NDArray[np.int64]
    ) -> _Steps:
        counts = np.diff(raw)
        wrapped = counts < 0
        # A wrap beyond 64-bit counts is implausible here: `_Walk` decides with numbers of any size.
        if channel.wrap is not None and channel.wrap < 2**63:
            counts[wrapped] += channel.wrap
        joules = counts * channel.resolution
        largest_j = limits.power_w * (np.diff(t_s) + limits.slack_s)
        return cls(joules, wrapped, (counts >= 0) & ~(joules > largest_j))

    def between(self, start: int, end: int) -> _Steps:
        return _Steps(self.joules[start:end], self.wrapped[start:end], self.plausible[start:end])


class _Step(NamedTuple):
    """Energy between two readings, J, and the number of wraps between them."""

    joules: float
    wraps: int


def _step(limits: _Limits, channel: Channel, before: int, after: int, gap_s: float) -> _Step | None:
    """The step between two readings; None if no real power explains the step."""
    counts, wraps = after - before, 0
    if counts < 0:
        if channel.wrap is None:
            return None
        counts, wraps = counts + channel.wrap, 1
    joules = counts * channel.resolution
    if counts < 0 or joules > limits.power_w * (gap_s + limits.slack_s):
        return None
    return _Step(joules, wraps)


class _Walk:
    """A counter that is unwrapped reading by reading."""

    def __init__(self, limits: _Limits, channel: Channel, t_s: float, raw: int) -> None:
        self._limits, self._channel = limits, channel
        self.t_s, self.energy_j = array("d", [t_s]), array("d", [0.0])
        self._raw = raw  # of the last good reading
        self._changed_s = t_s  # of the first reading with the value `_raw`
        self.wraps = self.dropped = 0
        self.resets: list[Span] = []
        self._implausible: list[tuple[float, int]] = []  # since the last good reading

    @property
    def undecided(self) -> bool:
        """Whether implausible readings wait: later readings decide between reset and error."""
        return bool(self._implausible)

    def take_plausible(self, t_s: Floats, raw: npt.NDArray[np.int64], steps: _Steps) -> None:
        """Add consecutive readings at once. Every reading must continue plausibly from the previous
        reading, the first from the last good reading, and no implausible reading may wait.
        """
        self.energy_j.frombytes(_running_sum(self.energy_j[-1], steps.joules)[1:].tobytes())
        self.t_s.frombytes(t_s.tobytes())
        self.wraps += int(np.count_nonzero(steps.wrapped))
        changes = np.flatnonzero(np.diff(raw, prepend=self._raw))
        if changes.size:
            self._raw, self._changed_s = int(raw[-1]), float(t_s[changes[-1]])

    def take(self, t_s: float, raw: int) -> None:
        """Add one reading."""
        step = _step(self._limits, self._channel, self._raw, raw, t_s - self.t_s[-1])
        if step is not None and self._jumped(t_s, raw):
            self._implausible.append((t_s, raw))
            self._restart()
            return
        if step is not None:
            set_back = self._set_back(t_s, raw)
            if set_back is not None:
                self.resets.append(set_back)
            self._drop_implausible()
            self._add(t_s, raw, step)
            return
        # Readings that agree with each other, but not with the last good reading, may be a restart.
        if self._implausible:
            last_s, last_raw = self._implausible[-1]
            if _step(self._limits, self._channel, last_raw, raw, t_s - last_s) is None:
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
        if raw != self._raw:
            self._raw, self._changed_s = raw, t_s

    def _jumped(self, t_s: float, raw: int) -> bool:
        """Whether the counter jumped forward: the new reading continues plausibly from implausible
        readings above the last good reading. Over the time since the last good reading, the jump
        looks like a possible power, but the implausible readings show the time of the jump.

        A counter that stood still and catches up has not jumped.
        """
        if not self._implausible:
            return False
        (first_s, first_raw), (last_s, last_raw) = self._implausible[0], self._implausible[-1]
        if first_raw <= self._raw or t_s <= last_s:
            return False
        still_s = first_s - self._changed_s
        if _step(self._limits, self._channel, self._raw, first_raw, still_s) is not None:
            return False
        onward = _step(self._limits, self._channel, last_raw, raw, t_s - last_s)
        return onward is not None and not onward.wraps

    def _set_back(self, t_s: float, raw: int) -> Span | None:
        """The stretch of a possible permanent set-back of the counter. The set-back is so small
        that the new reading is above the last good reading again. None if the readings in between
        were only wrong.

        If the new reading continues plausibly from readings below the last good reading, the low
        readings are either wrong, or right, and then energy is missing before the first of them.
        """
        if not self._implausible:
            return None
        (first_s, first_raw), (last_s, last_raw) = self._implausible[0], self._implausible[-1]
        onward = _step(self._limits, self._channel, last_raw, raw, t_s - last_s)
        if onward is None or onward.wraps or first_raw >= self._raw or t_s <= last_s:
            return None
        watts = onward.joules / (t_s - last_s)
        fallen_j = (self._raw - first_raw) * self._channel.resolution
        extra_j = fallen_j + watts * (first_s - self.t_s[-1])
        return Span(self.t_s[-1], t_s, extra_j, "counter-reset")

    def _drop_implausible(self) -> None:
        self.dropped += len(self._implausible)
        self._implausible = []

    def _restart(self) -> None:
        """Continue from the first implausible reading, with unknown energy before this reading."""
        (t_s, raw), *rest = self._implausible
        self._implausible = []
        self.resets.append(Span(self.t_s[-1], t_s, None, "counter-reset"))
        self._add(t_s, raw, _Step(0.0, 0))
        for t_s, raw in rest:
            step = _step(self._limits, self._channel, self._raw, raw, t_s - self.t_s[-1])
            self._add(t_s, raw, step or _Step(0.0, 0))


def _around_implausible_steps(
    limits: _Limits, channel: Channel, t_s: Floats, raw: npt.NDArray[np.int64], steps: _Steps
) -> Counter:
    """Unwrap reading by reading after an implausible step, and at once up to the next such step."""
    walk = _Walk(limits, channel, float(t_s[0]), int(raw[0]))
    # for every step, the index of the next implausible step; without one, the number of steps
    places = np.where(steps.plausible, len(steps.plausible), np.arange(len(steps.plausible)))
    next_implausible = np.minimum.accumulate(places[::-1])[::-1].tolist()
    step = 0
    while step < len(next_implausible):
        end = next_implausible[step]
        if not walk.undecided and end - step >= _AT_ONCE:
            readings = slice(step + 1, end + 1)
            walk.take_plausible(t_s[readings], raw[readings], steps.between(step, end))
            step = end
        else:
            walk.take(float(t_s[step + 1]), int(raw[step + 1]))
            step += 1
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
    """Gaps in which the counter may have wrapped more often than the difference shows."""
    if channel.wrap is None or channel.max_power_w is None:
        return ()
    wrap_j = channel.wrap * channel.resolution
    wraps = np.floor(np.diff(t_s) * channel.max_power_w / wrap_j)
    return tuple(
        Span(float(t_s[i]), float(t_s[i + 1]), float(wraps[i]) * wrap_j, "wrap-ambiguous")
        for i in np.flatnonzero(wraps >= 1)
    )
