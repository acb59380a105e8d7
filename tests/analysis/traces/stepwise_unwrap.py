"""Unwrapping one reading after the other: the reference for `unwrap`, which takes rows at once."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.unwrap import Counter, Span
from energybench.model import Channel

RESET_AFTER = 3


class Limits(NamedTuple):
    """Limits of a plausible step between two readings."""

    power_w: float
    slack_s: float


class _Step(NamedTuple):
    """Energy between two readings, J, and the number of wraps between them."""

    joules: float
    wraps: int


def _step(limits: Limits, channel: Channel, before: int, after: int, gap_s: float) -> _Step | None:
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
    """An unwrapped counter as it grows, reading by reading."""

    def __init__(self, limits: Limits, channel: Channel, t_s: float, raw: int) -> None:
        self._limits, self._channel = limits, channel
        self.t_s, self.energy_j = array("d", [t_s]), array("d", [0.0])
        self._raw = raw  # of the last good reading
        self._changed_s = t_s  # of the first reading with that value
        self.wraps = self.dropped = 0
        self.resets: list[Span] = []
        self._implausible: list[tuple[float, int]] = []  # since the last good reading

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
        # Readings that agree with each other, but not with the last good one, may be a restart.
        if self._implausible:
            last_s, last_raw = self._implausible[-1]
            if _step(self._limits, self._channel, last_raw, raw, t_s - last_s) is None:
                self._drop_implausible()
        self._implausible.append((t_s, raw))
        if len(self._implausible) >= RESET_AFTER:
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
        """Whether the counter jumped forward: this reading goes on plausibly from readings above
        the last good one that no real power explains. The time that has passed since then makes the
        jump look like a possible power, but the readings in between say when it came.

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
        """The stretch in which the counter may have been set back for good, by so little that this
        reading has passed the last good one again; None if the readings between the two were only
        wrong.

        Readings below the last good one from which this reading goes on plausibly are either
        wrong, or right with an energy missing before the first of them.
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
        """Go on from the first of the implausible readings; the energy up to it is not known."""
        (t_s, raw), *rest = self._implausible
        self._implausible = []
        self.resets.append(Span(self.t_s[-1], t_s, None, "counter-reset"))
        self._add(t_s, raw, _Step(0.0, 0))
        for t_s, raw in rest:
            step = _step(self._limits, self._channel, self._raw, raw, t_s - self.t_s[-1])
            self._add(t_s, raw, step or _Step(0.0, 0))


def step_by_step(
    limits: Limits, channel: Channel, t_s: Floats, raw: npt.NDArray[np.int64]
) -> Counter:
    """The counter, without the gaps that may hide wraps."""
    walk = _Walk(limits, channel, float(t_s[0]), int(raw[0]))
    # views give numbers of Python one by one, without a list of objects in memory
    for t, counts in zip(t_s[1:].data, raw[1:].data, strict=True):
        walk.take(t, counts)
    walk.end()
    good_s = np.array(walk.t_s)
    return Counter(
        good_s,
        np.array(walk.energy_j),
        walk.wraps,
        walk.dropped,
        (),
        tuple(walk.resets),
    )
