"""The windows of a run, idle phases and repeats, each measured in the same order of steps.

`Windows.measured` is the only place that knows the order; its docstring gives the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from energybench.measuring.conditions import Watch
from energybench.measuring.moments import Moment
from energybench.measuring.other_load import Ledger
from energybench.measuring.recent_energy import RecentEnergy
from energybench.measuring.run_files import RunFiles
from energybench.measuring.sampler import BURST_PERIOD_S, Sampler, smear_s
from energybench.measuring.stagger import GOLDEN, part_time, phase, start_s
from energybench.model import IDLE, REPEAT, CutBy, Window
from energybench.plugins import Clock

# A burst is long enough for two updates. A counter that shows fewer is slower than stated: three
# updates locate its period, too. A counter that stands still shows none and delays no more than
# this number of bursts.
UPDATES, SLOW_UPDATES, MOST_BURSTS = 2, 3, 4
_LOOK_BACK_S = 5.0  # of samples, for a part-time sensor's latest ticks


def never() -> bool:
    """A condition that is never true."""
    return False


def located(recent: RecentEnergy, since_s: float, least: int) -> bool:
    """Whether every counter that fast polls can locate has updated `least` times since a time, or
    could not be read.
    """
    for trace in recent.samples.traces(since_s):
        channel = trace.channel
        if channel.kind != "counter" or not channel.counts or channel.stamped:
            continue
        if (channel.update_period_s or 0.0) <= BURST_PERIOD_S:
            continue
        readings = trace.raw[trace.ok]
        if readings.size and np.count_nonzero(np.diff(readings)) < least:
            return False
    return True


@dataclass(kw_only=True)
class OpenWindow:
    """An open window, which is written only if `end` states the end of the work.

    label    idle or repeat
    number   of the repeat, from 0; None: an idle phase
    block    of an interleaved run, from 0; None: the run is alone
    note     when the idle phase took place; empty: a repeat
    cut      why a repeat is not known to be whole; None: the repeat is whole
    start_s  when the window began; not a number: not yet
    signal, signal_after_s
             latest signal from outside that may have ended the work, and its time after the start
    goes_on  whether a part of the work goes on after its end; asked after the fast polls
    end_s    when the work was over; None: not stated
    start_half_s, end_half_s  half-widths of the intervals that hold the true start and end
    """

    sampler: Sampler
    label: str
    start_s: float = math.nan
    number: int | None = None
    block: int | None = None
    note: str = ""
    cut: CutBy | None = None
    signal: str | None = None
    signal_after_s: float | None = None
    goes_on: Callable[[], bool] | None = None
    end_s: float | None = field(default=None, init=False)
    start_half_s: float = field(default=0.0, init=False)
    end_half_s: float = field(default=0.0, init=False)

    def sample(self, done: Callable[[], bool]) -> None:
        """Poll fast over the opening edge, then at the base rate, until the work is done."""
        self.sampler.burst(self.sampler.edge_s, done)
        self.sampler.base(done)

    def end(self, end_s: float, start_s: float | None = None) -> None:
        """State the end of the work and, if the work has noted a start, the start."""
        self.end_s = end_s
        self.start_s = self.start_s if start_s is None else start_s

    def seen(self, start: Moment, end: Moment) -> None:
        """State start and end of the work as they were seen from outside."""
        self.start_s, self.start_half_s = start
        self.end_s, self.end_half_s = max(end.t_s, start.t_s), end.half_s

    def written(self) -> Window:
        """The complete window. Raises RuntimeError if the end was not stated."""
        if self.end_s is None:
            raise RuntimeError("the window has no end yet")
        return Window(
            label=self.label,
            start_s=self.start_s,
            end_s=self.end_s,
            repeat=self.number,
            note=self.note,
            block=self.block,
            start_half_s=self.start_half_s,
            end_half_s=self.end_half_s,
            cut=self.cut,
            signal=self.signal,
            signal_after_s=self.signal_after_s,
        )


class Windows:
    """Opens and closes the windows of a run.

    cut_off  repeat still open after an exception in the work; None: no open repeat
    """

    def __init__(
        self,
        sampler: Sampler,
        clock: Clock,
        writer: RunFiles,
        recent: RecentEnergy,
        watch: Watch,
        others: Ledger,
    ) -> None:
        self._sampler, self._clock, self._writer = sampler, clock, writer
        self._recent, self._watch, self._others = recent, watch, others
        self.cut_off: OpenWindow | None = None

    # ------------------------------------------------------------ the order of the steps

    @contextmanager
    def measured(
        self,
        opened: OpenWindow,
        approach: Callable[[], None],
        leave: Callable[[], None],
        start_s: float | None = None,
    ) -> Iterator[OpenWindow]:
        """Measure a window. The block under `with` begins the work, samples, and states the end.

        1. `approach`: sample until averaging sensors no longer show earlier work, then poll fast,
           to locate the last tick of every counter before the window to 5 ms. Fast polls come
           before the opening, because opening and start of the work are to be a single moment.
        2. Open: write the start down, for recovery of a run killed inside the window, and tell the
           watch of foreign load.
        3. Begin the work (the caller): nothing lies between opening and the start.
        4. Poll fast over the opening edge for the first ticks inside the window, then at the base
           rate until the work is done (the caller, by `OpenWindow.sample`). An idle phase has no
           change of power at the start, and needs no fast polls.
        5. State the end (the caller), before any further step costs time.
        6. `leave`: poll fast over the closing edge, and sample on as long as averaging sensors
           still show the work.
        7. Write the window down: a failure from here on does not cost this window. Only then wake
           the watch, since the watch must not read during fast polls.

        A window without an end is not written. After an exception a repeat stays in `cut_off`.
        `start_s`: when a recorded window began; None: now.
        """
        approach()
        opened.start_s = self._clock.now() if start_s is None else start_s
        repeat = opened.label == REPEAT
        self._writer.opening(opened.label, opened.start_s, opened.number)
        if repeat:
            self._others.open(opened.start_s)
            self._watch.opened()
            self._recent.repeat_opened(opened.start_s)
            self.cut_off = opened
        yield opened
        if repeat:
            self.cut_off = None
        if opened.end_s is not None:
            leave()
            if opened.cut is None and opened.goes_on is not None and opened.goes_on():
                opened.cut = "descendants"
            self._close(opened.written())

    def _close(self, window: Window) -> None:
        self._writer.window(window)
        if window.label == REPEAT:
            self._others.close(window.start_s, window.end_s)
            self._watch.closed()
            self._recent.repeat_closed(window)

    def close_cut_off(self, end_s: float) -> None:
        """Keep the measured part of an interrupted repeat."""
        if self.cut_off is not None:
            self.cut_off.end(end_s)
            self.cut_off.cut = "signal"
            self._leave_repeat()
            self._close(self.cut_off.written())
            self.cut_off = None

    # ------------------------------------------------------------ kinds of windows

    @contextmanager
    def repeat(
        self,
        number: int,
        *,
        place: int | None = None,
        of: int | None = None,
        block: int | None = None,
        done: Callable[[], bool] = never,
    ) -> Iterator[OpenWindow]:
        """A repeat of the work.

        place  number for spreading the start over the period of a part-time sensor; None: no
               spreading
        of     number of places; None: not known
        done   whether a signal has come: ends the approach early, and cuts a repeat that is open
        """

        def approach() -> None:
            self._outside(done)
            if place is None:
                self._edge()
            else:
                self._stagger(place, of)

        window = OpenWindow(sampler=self._sampler, label=REPEAT, number=number, block=block)
        with self.measured(window, approach, self._leave_repeat):
            yield window
            if done() and window.cut != "signal-handled":
                window.cut = "signal"

    @contextmanager
    def idle(self, note: str, done: Callable[[], bool]) -> Iterator[OpenWindow]:
        """An idle phase; `done` ends the fast polls at the edges early."""

        def edge() -> None:
            self._edge(done)

        window = OpenWindow(sampler=self._sampler, label=IDLE, note=note)
        with self.measured(window, edge, edge):
            yield window

    def recorded(self, window: Window) -> None:
        """A window of a recording, with the recording's own start and end. The fast polls go on
        across the opening edge.
        """
        edge_s = self._sampler.edge_s

        def approach() -> None:
            self._sampler.base(never, max(window.start_s - edge_s, self._clock.now()))
            self._sampler.burst(max(window.start_s + edge_s - self._clock.now(), 0.0))

        opened = OpenWindow(
            sampler=self._sampler,
            label=window.label,
            number=window.repeat,
            block=window.block,
            note=window.note,
            cut=window.cut,
            signal=window.signal,
            signal_after_s=window.signal_after_s,
        )
        with self.measured(opened, approach, self._edge, window.start_s):
            self._sampler.base(never, window.end_s)
            opened.end(window.end_s)

    # ------------------------------------------------------------ before and after a window

    def _edge(self, done: Callable[[], bool] = never) -> None:
        """Poll fast, to locate the sensors' ticks around an edge: longer if a counter updates more
        slowly than its documentation states.
        """
        begin_s, least = self._clock.now(), UPDATES
        for _ in range(MOST_BURSTS):
            self._sampler.burst(self._sampler.edge_s, done)
            if done() or located(self._recent, begin_s, least):
                return
            least = SLOW_UPDATES

    def _leave_repeat(self) -> None:
        self._edge()
        self._outside(never)

    def _outside(self, done: Callable[[], bool]) -> None:
        """Sample as long as an averaging sensor shows work outside the work's window; not at all if
        a counter stands beside every averaging sensor.
        """
        if smeared_s := smear_s(self._sampler.channels):
            self._sampler.base(done, self._clock.now() + smeared_s + 2 * self._recent.slowest_s)

    def _stagger(self, place: int, of: int | None) -> None:
        """Poll fast up to the start of a repeat. Starts are spread over the period of a part-time
        sensor.
        """
        edge_s = self._sampler.edge_s
        sensor = part_time(self._sampler.channels)
        if sensor is None:
            self._sampler.burst(edge_s * (1 + (place * GOLDEN) % 1 / 2))
            return
        self._edge()
        now = self._clock.now()
        trace = self._recent.samples.traces(now - _LOOK_BACK_S)[
            self._sampler.channels.index(sensor)
        ]
        at = start_s(trace, now + 2 * BURST_PERIOD_S, phase(place, of))
        if at is None:
            self._sampler.burst(edge_s * ((place * GOLDEN) % 1 / 2))
            return
        self._sampler.burst(at - now - 2 * BURST_PERIOD_S)
        self._sampler.base(never, at)
