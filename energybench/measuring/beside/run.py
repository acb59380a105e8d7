"""A run beside its caller: the directory, the windows, and the stages around every window."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from energybench.analysis.energy.boundary import cover
from energybench.analysis.energy.idle_power import AFTER, BEFORE
from energybench.analysis.uncertainty.repeats import wants_more
from energybench.measuring.beside.open_window import OpenWindow, Part, Parts
from energybench.measuring.beside.readers import Readers
from energybench.measuring.beside.stages import Stage, Task
from energybench.measuring.beside.stated_works import StatedWorks
from energybench.measuring.conditions import Look
from energybench.measuring.other_load import Ledger
from energybench.measuring.reader import Reader
from energybench.measuring.readings import Tick
from energybench.measuring.recent_energy import RecentEnergy
from energybench.measuring.resting import REST_S, resting
from energybench.measuring.run_files import RunFiles
from energybench.measuring.sampler import BASE_PERIOD_S, BURST_PERIOD_S, smear_s
from energybench.measuring.session import ranges
from energybench.measuring.stagger import GOLDEN, part_time, phase, start_s
from energybench.measuring.windows import MOST_BURSTS, SLOW_UPDATES, UPDATES, located
from energybench.model import IDLE, REPEAT, CutBy, Doubt, Host, Verification, Window, Work
from energybench.plugins import Clock
from energybench.store.layout import new_id
from energybench.store.liveness import process_started
from energybench.store.run import Header, RecordLine
from energybench.store.writer import RunWriter

_LOOK_BACK_S = 5.0  # of samples, for a part-time sensor's latest ticks
# After a window, for the watch of foreign load, which reads after the next tick.
_WATCH_S = 2 * BASE_PERIOD_S


class BesideRun:
    """A run of the caller, from its opening to its handing over.

    number       of the run in the caller's messages
    files        the written files
    window_open  whether a repeat has begun and not ended
    open, parts  the open window, and the sum of its finished parts
    """

    def __init__(self, message: dict[str, Any], reader: Reader, host: Host, clock: Clock) -> None:
        """Open the run's directory. Raises BadInput."""
        self.number: int = message["run"]
        self._reader, self._clock = reader, clock
        self._opened_s = clock.now()
        self._idle_s: float = message["idle_s"]
        self._header = Header(
            id=new_id(message["label"]),
            label=message["label"],
            workload=None,
            command=tuple(message["command"]),
            boundary=message["boundary"],
            host=host,
            channels=reader.sensors.channels,
            pid=os.getpid(),
            pid_started=process_started(os.getpid()),
            doubts=reader.sensors.doubts,
            session=message["session"],
        )
        cover(message["boundary"], self._header.channels, host, ranges())
        self.files = RunFiles(RunWriter(Path(message["store"]), self._header))
        self.files.__enter__()
        counts_repeats = message["counts_repeats"]  # and holds their readings
        self._recent = RecentEnergy(self._header, ranges(), counts_repeats=counts_repeats)
        self.open = OpenWindow(self._header, self._recent.samples, active=not counts_repeats)
        self.parts = Parts(ranges())
        self._others = Ledger()
        self._tasks: list[Task] = []
        self._answers: list[dict[str, Any]] = []
        self._left: list[Callable[[], None]] = []  # called once no task is left
        self._overlaps: set[str] = set()
        self._works = StatedWorks(self.files.work)
        self._repeat = 0  # number of the present or next repeat
        self._awaited = False  # the caller was told to begin, and has not begun yet
        self._start_s = math.nan
        self._idle_w: float | None = None
        self.window_open = False

    # ------------------------------------------------------------ stages

    @property
    def sampled(self) -> bool:
        """Whether the samples of this moment belong to the run."""
        return self.window_open or self._awaited or bool(self._tasks)

    @property
    def until_s(self) -> float:
        """End of the present stage; infinite: no next stage."""
        stages = [task.stage for task in self._tasks if task.stage is not None]
        return min((stage.until_s for stage in stages), default=math.inf)

    @property
    def fast(self) -> bool:
        return any(task.stage is not None and task.stage.fast for task in self._tasks)

    def advance(self, now_s: float) -> None:
        """Go on to the next stages if the present stages are over."""
        for task in self._tasks:
            task.advance(now_s)
        self._tasks = [task for task in self._tasks if task.stage is not None]
        if not self._tasks:
            left, self._left = self._left, []
            for action in left:
                action()

    def _begin(self, stages: Iterator[Stage]) -> None:
        task = Task(stages)
        if task.stage is not None:
            self._tasks.append(task)

    def when_left(self, action: Callable[[], None]) -> None:
        """Call once the present stages are over."""
        self._left.append(action)

    def taken_answers(self) -> list[dict[str, Any]]:
        """Answers to the caller since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def take(self, tick: Tick, looks: Sequence[Look]) -> None:
        """The readings of a poll, and of the watch."""
        self._recent.samples.add(tick.readings)
        self.files.poll(tick)
        self._take_looks(looks)

    def last_part(self) -> Part | None:
        """The rest of the open window after the finished parts; None: `parts` do not hold this
        window.
        """
        return self.open.last_part() if self._repeat == 0 else None

    def _doubt(self, doubt: Doubt) -> None:
        self.files.doubt(doubt)
        self.open.keep(RecordLine(doubt=doubt))

    def _take_looks(self, looks: Sequence[Look], *, last: bool = False) -> None:
        for look in looks:
            if look.conditions:
                self.files.conditions(look.conditions)
                self.open.keep(RecordLine(conditions=look.conditions), look.conditions[0].t_s)
            if look.piece is not None:
                self._others.add(look.piece)
        if others := self._others.settled(self._reader.watch.cpus, last=last):
            self.files.others(tuple(others))
            self.open.keep(RecordLine(others=tuple(others)), others[0].end_s)

    # ------------------------------------------------------------ messages

    def handle(self, message: dict[str, Any]) -> None:
        """A message about this run."""
        tasks: dict[str, Callable[[dict[str, Any]], None]] = {
            "approach": lambda message: self._begin(self._approach(message)),
            "begun": self._begun,
            "ended": self._ended,
            "settle": lambda message: self._begin(self._settle(message["n"])),
            "regions": self._regions,
            "work": lambda message: self._take_work(message["repeat"], message["work"]),
            "check": lambda message: self._check(msgspec.convert(message["check"], Verification)),
            "doubt": lambda message: self._doubt(msgspec.convert(message["doubt"], Doubt)),
            "more": self._more,
        }
        tasks[message["do"]](message)

    def _check(self, check: Verification) -> None:
        self.files.verification((check,))
        self.open.keep(RecordLine(verification=(check,)))

    def _approach(self, message: dict[str, Any]) -> Iterator[Stage]:
        """Before a window: let averaging sensors forget earlier work, measure the idle power if it
        is asked for, then poll fast over two updates. The caller begins when told to.
        """
        edge_s = self._reader.sampler.edge_s
        if smeared_s := self._smeared_s():
            yield Stage(self._clock.now() + smeared_s, fast=False)
        if self._repeat == 0 and self._idle_s > 0 and self._idle_w is None:
            yield from self._idle(BEFORE)
        if self._repeat > 0:
            # starts at different places of the sensor's period, so that the repeats' scatter shows
            # the effect of the place
            stretch_s = edge_s * ((self._repeat * GOLDEN) % 1 / 2)
            yield Stage(self._clock.now() + stretch_s, fast=True)
        yield from self._edge()
        at_s = self._part_time_start_s(message.get("at_most"))
        if at_s is not None:
            yield Stage(at_s, fast=True)
        self._awaited = True
        self.files.opening(REPEAT, self._clock.now(), self._repeat)
        self._answers.append({"n": message["n"], "go": True})

    def _edge(self) -> Iterator[Stage]:
        """Fast polls that locate the sensors' ticks around an edge, like for other windows."""
        begin_s, least = self._clock.now(), UPDATES
        for _ in range(MOST_BURSTS):
            yield Stage(self._clock.now() + self._reader.sampler.edge_s, fast=True)
            if located(self._recent, begin_s, least):
                return
            least = SLOW_UPDATES

    def _part_time_start_s(self, of: int | None) -> float | None:
        """Start of a repeat at its place in the period of a part-time sensor; None: no such sensor
        or a single repeat.
        """
        channels = self._reader.sampler.channels
        sensor = part_time(channels)
        if sensor is None:
            return None
        now_s = self._clock.now()
        trace = self._recent.samples.traces(now_s - _LOOK_BACK_S)[channels.index(sensor)]
        return start_s(trace, now_s + 2 * BURST_PERIOD_S, phase(self._repeat, of))

    def _smeared_s(self) -> float:
        """Time in which averaging sensors still show work outside a window, s."""
        smeared_s = smear_s(self._reader.sampler.channels)
        return smeared_s + 2 * self._recent.slowest_s if smeared_s else 0.0

    def _idle(self, note: str) -> Iterator[Stage]:
        yield from self._edge()
        start_s = self._clock.now()
        self.files.opening(IDLE, start_s)
        self.open.hold(start_s)
        yield Stage(start_s + self._idle_s, fast=False)
        end_s = self._clock.now()
        yield from self._edge()
        window = Window(label=IDLE, start_s=start_s, end_s=end_s, note=note)
        self.files.window(window)
        self.open.keep(RecordLine(window=window))
        self._idle_w = self._idle_w or self._recent.power_w(start_s, end_s)

    def _begun(self, message: dict[str, Any]) -> None:
        self._awaited, self.window_open = False, True
        self._start_s = message["start_s"]
        self._others.open(self._start_s)
        self._reader.watch.opened()
        self._recent.repeat_opened(self._start_s)
        if self._repeat == 0:
            self.open.begin(self._start_s)

    def _ended(self, message: dict[str, Any]) -> None:
        self._awaited = self.window_open = False
        window = Window(
            label=REPEAT,
            start_s=message["start_s"],
            end_s=message["end_s"],
            repeat=self._repeat,
            block=message["block"],
            cut=message["cut"],
        )
        if window.cut is None:
            self._works.whole_repeat(self._repeat)
        self._repeat += 1
        self.open.end()
        if message["work"] is not None:
            self._take_work(self._repeat - 1, message["work"])
        self._begin(self._leave(window))

    def _leave(self, window: Window) -> Iterator[Stage]:
        """After a window: poll fast over its end, sample on as long as averaging sensors show the
        work, write the window down, and let the watch read.
        """
        yield from self._edge()
        if smeared_s := self._smeared_s():
            yield Stage(self._clock.now() + smeared_s, fast=False)
        self.files.window(window)
        self._others.close(window.start_s, window.end_s)
        self._reader.watch.closed()
        self._recent.repeat_closed(window)
        yield Stage(self._clock.now() + _WATCH_S, fast=False)

    def _settle(self, n: int) -> Iterator[Stage]:
        """After the work: measure the idle power again, once the node has come to rest."""
        stages = resting(self._clock, self._recent, 0.0, REST_S, self._idle_w, both=True)
        for until_s in stages:
            yield Stage(until_s, fast=False)
        yield from self._idle(AFTER)
        self._answers.append({"n": n, "go": True})

    def _regions(self, message: dict[str, Any]) -> None:
        for label, repeat, start, end in message["regions"]:
            self.files.window(Window(label=label, start_s=start, end_s=end, repeat=repeat))

    def _take_work(self, repeat: int, work: dict[str, Any]) -> None:
        self._works.state(repeat, msgspec.convert(work, Work))

    def _more(self, message: dict[str, Any]) -> None:
        """Whether a further repeat is wanted, decided after the repeats so far are closed."""
        energies_j = self._recent.repeats
        self.when_left(
            lambda: self._answers.append(
                {
                    "n": message["n"],
                    "more": wants_more(energies_j(), message["target_rel"], message["at_most"]),
                }
            )
        )

    # ------------------------------------------------------------ the end

    def overlaps(self, other: BesideRun) -> None:
        """Add a doubt: another block of the program was open in the same time."""
        name = other._header.label
        if name in self._overlaps:
            return
        self._overlaps.add(name)
        self._doubt(
            Doubt(
                code="blocks-overlap",
                message=f"the block {name!r} of the same program ran in the same time: the energy "
                "of the machine in that time is in both results",
                remedy="measure a block that holds both, or one after the other",
                subject=name,
            )
        )

    def leave_open_window(self, cut: CutBy = "end-unknown") -> None:
        """End a window that the caller did not end."""
        if self.window_open:
            self._ended(
                {
                    "start_s": self._start_s,
                    "end_s": self._clock.now(),
                    "block": None,
                    "cut": cut,
                    "work": None,
                }
            )

    def caller_ended(self) -> None:
        """Keep the measured part of an open window; the caller waits for nothing any more."""
        self._awaited = False
        self.leave_open_window("caller-ended")

    def before_finish(self, readers: Readers) -> None:
        """Take the watch's readings, and the doubts about the sensors."""
        self._take_looks(readers.looks(), last=True)
        for doubt in self._reader.doubts(self._opened_s):
            self.files.doubt(doubt)
