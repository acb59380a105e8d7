"""Beside the sampler, about once a second: temperature, clock and throttling of each device, and
what others do on this machine.

A thread of its own: a driver that takes its time, or a large /proc, holds up no sample and is not
in the way when the work ends. The sampler wakes it just after a sample at the base rate, so that it
has the time until the next, never in a burst, and soon after each edge of a repeat. A source that
turns out slow is asked less often. What was found waits until the sampling side takes it, which
alone writes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from energybench.measuring.neighbours import Neighbours, Slice
from energybench.model import Condition
from energybench.plugins import Clock, Watches

# the time constant of a heat sink is tens of seconds; and EE HPC WG and MLPerf ask for power itself
# no more often
PERIOD_S = 1.0
# Share of the time that asking may take: devices half of the 1 % of a core that measuring may cost,
# /proc a fifth of it. Ten times that at edges.
_DEVICES, _PROCESSES, _AT_EDGE = 0.005, 0.002, 10
_PATIENCE_S = 1.0  # for the last reading of a run; a driver that hangs is left alone then


class Found(NamedTuple):
    """One reading: what the devices said, and what others did since the last look (None: nothing
    new).
    """

    conditions: tuple[Condition, ...]
    piece: Slice | None


class Source:
    """When one source is asked: every PERIOD_S, or less often where it takes its time; at an edge
    sooner.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self.due_s = self._again_s = float("-inf")

    def wants(self, now_s: float, *, edge: bool) -> bool:
        return now_s >= (self._again_s if edge else self.due_s)

    def took(self, start_s: float, seconds: float) -> None:
        least_s = seconds / self._share
        self.due_s, self._again_s = start_s + max(PERIOD_S, least_s), start_s + least_s / _AT_EDGE


class Watch:
    """Reads from entering to `stop`. Without anything to watch there is no thread."""

    def __init__(
        self, devices: Sequence[Watches], neighbours: Neighbours | None, clock: Clock
    ) -> None:
        self._devices, self._neighbours, self._clock = tuple(devices), neighbours, clock
        self._sources = (Source(_DEVICES), Source(_PROCESSES))
        self._wake = threading.Event()
        self._edge = self._over = False
        self._found: deque[Found] = deque()
        self._thread = (
            threading.Thread(target=self._run, name="watch", daemon=True)
            if devices or neighbours
            else None
        )

    def __enter__(self) -> Watch:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def cpus(self) -> int:
        return self._neighbours.cpus if self._neighbours is not None else 1

    def sampled(self) -> None:
        """The sampler is at its base rate, and has time until its next sample."""
        now_s = self._clock.now()
        if any(source.wants(now_s, edge=self._edge) for source in self._sources):
            self._wake.set()

    def opened(self) -> None:
        """A repeat has begun: it is read as soon as its opening burst is over."""
        self._edge = True

    def closed(self) -> None:
        """A repeat and its closing burst are over: read now."""
        self._edge = True
        self._wake.set()

    def taken(self) -> list[Found]:
        """What was found since this was last asked."""
        return [self._found.popleft() for _ in range(len(self._found))]

    def stop(self) -> None:
        """One reading more where an edge is without its own, then the end. May be called twice."""
        self._over = True
        self._wake.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        self._read(edge=True)
        while True:
            self._wake.wait()
            self._wake.clear()
            over, edge, self._edge = self._over, self._edge, False
            if edge or not over:
                self._read(edge=edge, last=over)
            if over:
                return

    def _read(self, *, edge: bool, last: bool = False) -> None:
        """Ask whoever is due; at the end everybody."""
        conditions: list[Condition] = []
        piece: Slice | None = None
        devices, processes = self._sources
        start_s = self._clock.now()
        if last or devices.wants(start_s, edge=edge):
            for device in self._devices:
                try:
                    conditions += device.conditions()
                except Exception:  # a plugin's fault costs its answer, not the run
                    continue
            devices.took(start_s, self._clock.now() - start_s)
        start_s, before_s = self._clock.now(), time.thread_time()
        if last or processes.wants(start_s, edge=edge):
            try:
                piece = self._neighbours.look() if self._neighbours is not None else None
            except Exception:  # a /proc that nobody foresaw: others are then not known
                self._neighbours = None
            processes.took(
                start_s, time.thread_time() - before_s
            )  # on a CPU: on a busy machine it waits, which costs nothing
        if conditions or piece is not None:
            self._found.append(Found(tuple(conditions), piece))
