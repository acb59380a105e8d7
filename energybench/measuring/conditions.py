"""Beside the sampler, about once a second: temperature, clock and throttling of every device, and
foreign load on the machine.

The watch has a separate thread: a slow driver or a large /proc delays no sample, and does not hold
up the end of the work. The sampler wakes the thread just after a sample at the base rate, and the
thread has the time until the next sample; never during fast polls, and soon after the edges of a
repeat. A slow source is asked less often. Readings wait until the sampling thread takes them: only
that thread writes.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from energybench.measuring.neighbours import Neighbours, Slice
from energybench.model import Condition
from energybench.plugins import Clock, Watches

# The time constant of a heat sink is tens of seconds, and EE HPC WG and MLPerf do not ask even for
# power more often.
PERIOD_S = 1.0
# Share of the time for the questions. Measuring may cost 1 % of a core: devices may take a half,
# the processes of /proc three twentieths, and the look for other jobs one. At edges ten times as
# much.
_DEVICES, _PROCESSES, _JOBS, _AT_EDGE = 0.005, 0.0015, 0.001, 10
_PATIENCE_S = 1.0  # for the last reading of a run; a hanging driver is then left alone


class Look(NamedTuple):
    """A reading of the watch.

    conditions  of the devices
    piece       CPU time of foreign processes since the last look; None: the processes were not
                looked at
    """

    conditions: tuple[Condition, ...]
    piece: Slice | None


class ConditionSource:
    """When a source is asked: every PERIOD_S, less often if it is slow, sooner at an edge."""

    def __init__(self, share: float) -> None:
        self._share = share
        self.due_s = self._again_s = float("-inf")

    def wants(self, now_s: float, *, edge: bool) -> bool:
        return now_s >= (self._again_s if edge else self.due_s)

    def took(self, start_s: float, seconds: float) -> None:
        least_s = seconds / self._share
        self.due_s, self._again_s = start_s + max(PERIOD_S, least_s), start_s + least_s / _AT_EDGE


class Watch:
    """Reads from entering to `stop`. Without anything to watch no thread is started."""

    def __init__(
        self,
        devices: Sequence[Watches],
        neighbours: Neighbours | None,
        clock: Clock,
        look_at_job: Callable[[], None] = lambda: None,
    ) -> None:
        self._look_at_job = look_at_job
        self._devices, self._neighbours, self._clock = tuple(devices), neighbours, clock
        self._sources = tuple(map(ConditionSource, (_DEVICES, _PROCESSES, _JOBS)))
        self._wake = threading.Event()
        self._edge = self._over = False
        self._looks: deque[Look] = deque()
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
        """Wake the thread if a source is due: the sampler polls at the base rate, and leaves time
        until the next sample.
        """
        now_s = self._clock.now()
        if any(source.wants(now_s, edge=self._edge) for source in self._sources):
            self._wake.set()

    def opened(self) -> None:
        """A repeat has begun: read as soon as the fast polls are over."""
        self._edge = True

    def closed(self) -> None:
        """A repeat and the fast polls after it are over: read now."""
        self._edge = True
        self._wake.set()

    def taken(self) -> list[Look]:
        """Readings since the last call."""
        return [self._looks.popleft() for _ in range(len(self._looks))]

    def stop(self) -> None:
        """Read once more if an edge has no reading yet, then end. May be called twice."""
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
        """Ask the sources that are due; at the end, every source."""
        conditions: list[Condition] = []
        piece: Slice | None = None
        devices, processes, jobs = self._sources
        # a job of seconds has to be seen, and slow devices or many processes are asked less often
        start_s, before_s = self._clock.now(), time.thread_time()
        if last or jobs.wants(start_s, edge=edge):
            with contextlib.suppress(Exception):
                self._look_at_job()
            jobs.took(start_s, time.thread_time() - before_s)
        start_s = self._clock.now()
        if last or devices.wants(start_s, edge=edge):
            for device in self._devices:
                try:
                    conditions += device.conditions()
                except Exception:  # a faulty plugin costs an answer, not the run
                    continue
            devices.took(start_s, self._clock.now() - start_s)
        start_s, before_s = self._clock.now(), time.thread_time()
        if last or processes.wants(start_s, edge=edge):
            try:
                piece = self._neighbours.look() if self._neighbours is not None else None
            except Exception:  # an unforeseen /proc: foreign load is then not known
                self._neighbours = None
            # time on a CPU: waiting for a CPU on a busy machine costs nothing
            processes.took(start_s, time.thread_time() - before_s)
        if conditions or piece is not None:
            self._looks.append(Look(tuple(conditions), piece))
