"""A run from opening the sensors to the finished directory: idle phases, rests, and the measured
windows in between.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType

from energybench import data
from energybench.analysis.energy.boundary import cover
from energybench.analysis.energy.idle_power import AFTER, BEFORE
from energybench.errors import BadInput
from energybench.launch import campaign_case
from energybench.measuring import host as provenance
from energybench.measuring.calibrated_sensors import limits_of, with_profiles
from energybench.measuring.conditions import Watch
from energybench.measuring.counted_once import CountedOnce
from energybench.measuring.other_load import Ledger
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.reader import Reader, open_watch
from energybench.measuring.readings import Tick
from energybench.measuring.recent_energy import RecentEnergy
from energybench.measuring.resting import REST_S, resting
from energybench.measuring.run_files import RunFiles
from energybench.measuring.sampler import Sampler, Wait
from energybench.measuring.sensors import Sensors, open_all, opened
from energybench.measuring.started_collectors import StartedCollectors, surroundings
from energybench.measuring.unread_accelerators import with_work_device
from energybench.measuring.windows import OpenWindow, Windows, never
from energybench.model import (
    DeviceLimits,
    Doubt,
    DoubtCode,
    Host,
    Measurement,
    Pause,
    Verification,
    Window,
    Work,
    WorkRecord,
)
from energybench.own_step import own_environment
from energybench.plugins import Clock, Context
from energybench.store.job_header import of_earlier_starts
from energybench.store.layout import new_id
from energybench.store.liveness import process_started
from energybench.store.run import Header
from energybench.store.sample_log import FLUSH_S
from energybench.store.writer import RunWriter

# Time between two writes of a node's part of a job: a thousand nodes that each wrote once a second
# would be felt by everybody who uses the file system that they share.
SHARED_FLUSH_S = 30.0
_IDLE_LOOK_S = 60.0  # end of the idle phase from which decisions take the idle power


def ranges() -> dict[str, tuple[float, float, str]]:
    """Stated power ranges of parts without a sensor: low W, high W, source."""
    return data.stated_ranges()


class Session:
    """Sensors, sampler and directory of a run.

    Leaving the session closes sensors and files; the files stay.

    plan            where the run is written and which sensors measure it
    clock           of the times in the run
    wait            waits until a time, or until something happens to the work
    pid             process number of the work; None: not running
    progress        reports how far the run is
    counts_repeats  whether energies of repeats are asked for during the run
    given_up        ends the waiting for drivers that do not answer
    readers         the started collectors; None: the session starts them
    idle_w          idle power before the work, W; None: not measured
    """

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        wait: Wait,
        pid: Callable[[], int | None],
        progress: Progress,
        *,
        counts_repeats: bool = True,
        given_up: Callable[[], bool] = never,
        readers: StartedCollectors | None = None,
    ) -> None:
        self.plan, self.clock, self.progress = plan, clock, progress
        self._wait, self._pid, self._given_up = wait, pid, given_up
        self._readers = readers
        self._stack = ExitStack()
        self.sensors: Sensors
        self.sampler: Sampler
        self.writer: RunFiles
        self.recent: RecentEnergy
        self._counts_repeats = counts_repeats
        self.idle_w: float | None = None
        self.windows: Windows
        self._reader: Reader
        self._others = Ledger()
        self._counted: CountedOnce
        self._threads: int | None = None
        self._has_readings = False

    def __enter__(self) -> Session:
        plan = self.plan
        context = surroundings(plan, self.clock)._replace(work_pid=self._pid)
        self._started_s = self.clock.now()
        self.sensors = self.open_sensors(context)
        if plan.workload is not None and plan.boundary in ("compute", "device"):
            self.sensors = with_work_device(self.sensors, plan.workload.device)
        self._stack.callback(self.sensors.close)
        host = self.describe_host()
        self._threads = host.threads
        try:
            # a boundary that the sensors cannot cover is reported before the work starts
            cover(plan.boundary, self.sensors.channels, host, ranges())
        except BadInput:
            self._stack.close()
            raise
        limits, limit_doubts = self.limits(host)
        self._counted = self.counted_once()
        self._stack.callback(self._counted.close)
        header = Header(
            id=plan.run_id or new_id(plan.label),
            label=plan.label,
            workload=plan.workload,
            command=plan.command,
            boundary=plan.boundary,
            repeats=plan.repeats,
            host=host,
            channels=self.sensors.channels,
            pid=os.getpid(),
            pid_started=process_started(os.getpid()),
            doubts=(*self.sensors.doubts, *limit_doubts, *self._of_earlier_starts()),
            session=plan.session,
            limits=limits,
            job=self._counted.job,
            case=campaign_case(os.environ),
        )
        self.recent = RecentEnergy(header, ranges(), counts_repeats=self._counts_repeats)
        try:
            self.writer = self._stack.enter_context(self.run_files(header))
            watch = self._stack.enter_context(self.watch(context))
            self._reader = Reader(self.sensors, self.clock, self._sink, self._wait, watch)
            self.sampler = self._reader.sampler
            self.windows = Windows(
                self.sampler, self.clock, self.writer, self.recent, watch, self._others
            )
        except BaseException:
            self._stack.close()
            raise
        return self

    def open_sensors(self, context: Context) -> Sensors:
        """The working sensors with calibration profiles. A replay opens the recording instead."""
        if self._readers is None:
            sensors = open_all(context, self.plan.collectors, self._given_up)
        else:
            sensors = opened(self._readers, context, self._given_up)
        return with_profiles(
            sensors, lambda: provenance.describe(self.clock, self.plan.root, sensors.gpus)
        )

    def describe_host(self) -> Host:
        """The measuring machine; for a replay, the machine of the recording."""
        return provenance.describe(self.clock, self.plan.root, self.sensors.gpus)

    def limits(self, host: Host) -> tuple[DeviceLimits | None, tuple[Doubt, ...]]:
        """Calibrated limits of the workload's device (None: not calibrated), and doubts about the
        limits. A replay has no limits, because nothing ran here.
        """
        if self.plan.workload is None:
            return None, ()
        return limits_of(self.plan.workload.device, host)

    def watch(self, context: Context) -> Watch:
        """The watch of the devices' conditions and of foreign load; a replay watches nothing."""
        return open_watch(self.sensors, context, self._pid, self._stack, self._counted.look)

    def counted_once(self) -> CountedOnce:
        """Looks whether this node is counted once in its job; a replay belongs to no job."""
        program = self.plan.command[0] if self.plan.command else ""
        return CountedOnce(own_environment(), self.plan.root, self._pid, program)

    def _of_earlier_starts(self) -> tuple[Doubt, ...]:
        """A doubt if Slurm has started the job again; of a part, the whole job's result says so."""
        return () if self.plan.part_of_job else of_earlier_starts(self._counted.job)

    def run_files(self, header: Header) -> RunFiles:
        """The files of the run."""
        flush_s = SHARED_FLUSH_S if self.plan.part_of_job else FLUSH_S
        return RunFiles(RunWriter(self.plan.store, header, flush_s))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def has_readings(self) -> bool:
        """Whether a sensor has been read."""
        return self._has_readings

    def _sink(self, tick: Tick) -> None:
        self._has_readings = True
        self.recent.samples.add(tick.readings)
        self.writer.poll(tick)
        if tick.pause is not None:
            self.writer.pause(tick.pause)
        self._take()

    def _take(self, *, last: bool = False) -> None:
        """Write down the readings of the watch."""
        for look in self._reader.watch.taken():
            if look.conditions:
                self.writer.conditions(look.conditions)
            if look.piece is not None:
                self._others.add(look.piece)
        if others := self._others.settled(self._reader.watch.cpus, last=last):
            self.writer.others(tuple(others))

    def idle(self, done: Callable[[], bool] = never, note: str = BEFORE) -> None:
        """Measure the node's idle power; no process holds a context on a device."""
        if self.plan.idle_s <= 0 or done():
            return
        self.progress(f"idle power, {self.plan.idle_s:g} s", None)
        with self.windows.idle(note, done) as window:
            self.sampler.base(done, window.start_s + self.plan.idle_s)
            end_s = self.clock.now()
            # a phase cut to less than half by a signal does not tell the idle power
            if end_s - window.start_s >= self.plan.idle_s / 2:
                window.end(end_s)
        if window.end_s is not None and not self.idle_w:
            start_s = max(window.start_s, end_s - _IDLE_LOOK_S)
            self.idle_w = self.recent.power_w(start_s, end_s)

    def idle_after(self, done: Callable[[], bool] = never, *, rested: bool = False) -> None:
        """Measure the idle power again after the work, once the node has come to rest. The
        difference to the idle power before the work is a drift.
        """
        if self.plan.idle_s > 0:
            if not rested:
                self.rest(0.0, REST_S, done, self.idle_w, both=True)
            self.idle(done, AFTER)

    def rest(
        self,
        least_s: float,
        most_s: float,
        done: Callable[[], bool] = never,
        near_w: float | None = None,
        *,
        both: bool = False,
    ) -> None:
        """Sample until the node is at rest, for `least_s` to `most_s`.

        At rest: the power has settled or is near `near_w`; with `both`, settled and near.
        If power is not measured, the rest takes `least_s`.
        """
        stages = resting(self.clock, self.recent, least_s, most_s, near_w, both=both)
        for until_s in stages:
            if done():
                return
            self.sampler.base(done, until_s)

    def region(self, label: str, start_s: float, end_s: float, repeat: int | None = None) -> None:
        self.writer.window(Window(label=label, start_s=start_s, end_s=end_s, repeat=repeat))

    def repeat(self, number: int, done: Callable[[], bool]) -> AbstractContextManager[OpenWindow]:
        """A repeat of a program that starts as it is; see `Windows.repeat`."""
        return self.windows.repeat(number, done=done)

    def repeats_j(self) -> Sequence[float]:
        """Energies of the finished repeats, J, or their durations, s, if no sensor measures."""
        return self.recent.repeats()

    def last_energy_j(self) -> float | None:
        """Energy of the repeat that has just ended; None: no sensor measures."""
        energies_j = self.recent.repeats() if self.recent.measures else ()
        return energies_j[-1] if energies_j else None

    def check(self, checks: tuple[Verification, ...]) -> None:
        """Write down the checks of a repeat's result."""
        self.writer.verification(checks)

    def work(self, work: Work, repeat: int) -> None:
        """Write down the work of a whole repeat."""
        self.writer.work(work, repeat)

    def record(self, record: WorkRecord) -> None:
        """Write down the record of the repeats so far."""
        self.writer.record(record)

    def pause(self, pause: Pause) -> None:
        """Write down when the measuring side did not run."""
        self.writer.pause(pause)

    def discard(self) -> None:
        """Remove the directory of a run in which nothing was measured."""
        self.writer.discard()

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None:
        self.writer.doubt(Doubt(code=code, message=message, remedy=remedy))

    def finish(self) -> tuple[Path, Measurement]:
        """Analyse the run from the files and move the directory into place.

        Raises BadInput if no repeat was completed.
        """
        self.progress("writing the result", None)
        self._reader.watch.stop()
        self._counted.look()
        doubts = self._reader.doubts(self._started_s)
        doubts += self._counted.doubts(
            reads_one_node=not self.plan.part_of_job, threads=self._threads
        )
        self._take(last=True)
        for doubt in doubts:
            self.writer.doubt(doubt)
        try:
            return self.writer.finish(ranges())
        except ValueError as error:
            raise BadInput(
                str(self.writer.directory), str(error), "the samples stay there"
            ) from None
