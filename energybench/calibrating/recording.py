"""Polling sensors while a load is driven: at 1 kHz, and without a pause if a sensor is faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from energybench.calibrating.loads.wave import LoadWave, Phase
from energybench.measuring.sampler import Opened
from energybench.model import Channel, Trace
from energybench.plugins import Clock, Reading

# ten times the fastest update of an NVML board (10 ms): a publication is located to half a
# millisecond
_POLL_S = 0.001
# a sensor whose value changes in this share of the polls may be faster than the polls: the last
# phase is polled without a pause
_EVERY_POLL = 0.3
_FASTEST = 500  # polls without a pause between two looks at the clock
_SHOWN = 500  # polls between two updates of the progress
# a reading that took this many times the median, and longer than half a poll, was interrupted: its
# middle is not its moment
_INTERRUPTED = 4.0


class _Column:
    """The readings of a channel during the recording."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.t_s: list[float] = []
        self.raw: list[int] = []
        self.ok: list[bool] = []
        self.took_s: list[float] = []

    def add(self, t_s: float, raw: int | None, took_s: float) -> None:
        """took_s: time between the looks at the clock around the reading; 0 for a time that the
        sensor states.
        """
        self.t_s.append(t_s)
        self.raw.append(raw or 0)
        self.ok.append(raw is not None)
        self.took_s.append(took_s)

    def fast(self) -> bool:
        """Whether the value changes in a large share of the polls."""
        pairs = zip(self.raw, self.raw[1:], strict=False)
        changed = sum(1 for before, after in pairs if before != after)
        return changed > _EVERY_POLL * len(self.raw)

    def trace(self) -> Trace:
        """The readings with a known time: without interrupted readings."""
        took_s = np.array(self.took_s)
        longest_s = (
            max(_INTERRUPTED * float(np.median(took_s)), _POLL_S / 2) if took_s.size else 0.0
        )
        in_time = took_s <= longest_s
        return Trace(
            channel=self.channel,
            t_s=np.array(self.t_s)[in_time],
            raw=np.array(self.raw, dtype=np.int64)[in_time],
            ok=np.array(self.ok, dtype=np.bool_)[in_time],
        )


class _Poller:
    """Reads all collectors, and keeps the readings of the wanted channels."""

    def __init__(self, opened: Sequence[Opened], wanted: set[str], clock: Clock) -> None:
        self._opened, self._clock = opened, clock
        self._rows = [
            [_Column(channel) if channel.id in wanted else None for channel in entry.channels]
            for entry in opened
        ]
        self.columns = [column for row in self._rows for column in row if column is not None]

    @property
    def polls(self) -> int:
        return len(self.columns[0].t_s)

    def poll(self) -> None:
        for entry, row in zip(self._opened, self._rows, strict=True):
            before = self._clock.now()
            try:
                values: Sequence[int | Reading | None] = entry.collector.read()
            except Exception:  # a plugin's fault is a failed read
                values = [None] * len(row)
            took_s = self._clock.now() - before
            for column, value in zip(row, values, strict=False):
                if column is None:
                    continue
                if isinstance(value, Reading):
                    column.add(value.t_s, value.raw, 0.0)
                else:
                    column.add(before + took_s / 2, value, took_s)

    def poll_without_pause(self, phase: Phase) -> None:
        """At most `_FASTEST` polls, until the phase ends."""
        for _ in range(_FASTEST):
            self.poll()
            if not _inside(self._clock.now(), phase):
                return


def record(
    opened: Sequence[Opened],
    wanted: set[str],
    plan: LoadWave,
    clock: Clock,
    share: Callable[[float], None],
) -> list[Trace]:
    """Poll at 1 kHz until the wave is over; in its last on-phase without a pause if a sensor may be
    faster. share: called with the finished share of the wave.
    """
    poller = _Poller(opened, wanted, clock)
    begun = due = clock.now()
    tight: bool | None = None
    while clock.now() < plan.end_s:
        in_last_phase = _inside(clock.now(), plan.tight)
        if in_last_phase and tight is None:
            tight = any(column.fast() for column in poller.columns)
        if in_last_phase and tight:
            poller.poll_without_pause(plan.tight)
            due = clock.now()
            continue
        poller.poll()
        if poller.polls % _SHOWN == 0:
            share((clock.now() - begun) / (plan.end_s - begun))
        due = max(due + _POLL_S, clock.now())
        time.sleep(max(0.0, due - clock.now()))
    return [column.trace() for column in poller.columns]


def _inside(t_s: float, phase: Phase) -> bool:
    return phase[0] <= t_s < phase[1]
