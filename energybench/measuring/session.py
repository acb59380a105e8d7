"""A run from opening the sensors to the finished directory: idle phases, rests, and the measured
windows in between.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from energybench import data
from energybench.analysis.energy.boundary import cover
from energybench.analysis.energy.idle_power import AFTER, BEFORE
from energybench.analysis.uncertainty.settling import settled
from energybench.collectors.cpu_state import CpuState
from energybench.errors import BadInput
from energybench.measuring import host as provenance
from energybench.measuring.calibrated_sensors import limits_of, with_profiles
from energybench.measuring.conditions import Watch
from energybench.measuring.isolated_collector import IsolatedCollector
from energybench.measuring.neighbours import Neighbours
from energybench.measuring.other_load import Ledger
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.recent_energy import RecentEnergy
from energybench.measuring.run_files import RunFiles
from energybench.measuring.sampler import Sampler, Tick, Wait
from energybench.measuring.sensors import Sensors, open_all
from energybench.measuring.unread_accelerators import with_work_device
from energybench.measuring.windows import Windows, never
from energybench.model import DeviceLimits, Doubt, DoubtCode, Host, Measurement, Window
from energybench.plugins import Clock, Context
from energybench.store.layout import new_id
from energybench.store.liveness import process_started
from energybench.store.run import Header
from energybench.store.writer import RunWriter

# Longest rest before the idle phase after the work. A board's clocks and averages of 1 s are down
# again in a few seconds.
REST_S = 10.0
_REST_PART_S = 0.5  # least length of the parts for judging a rest
# and least number of updates of the slowest sensor in a part: the mean power is then good to some
# percent without fast polls
_UPDATES = 10
_NEAR_IDLE = 1.1  # times the idle power: near enough
_LAST_ANSWERS_S = 2.0  # patience with the last read of a run; a longer read is a silent sensor
_SLOW_SHARE = 0.01  # of the ticks of a collector, as for missed samples
_IDLE_LOOK_S = 60.0  # end of the idle phase from which decisions take the idle power


def ranges() -> dict[str, tuple[float, float, str]]:
    """Stated power ranges of parts without a sensor: low W, high W, source."""
    return {name: (row.low, row.high, row.source) for name, row in data.part_ranges().items()}


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
    ) -> None:
        self.plan, self.clock, self.progress = plan, clock, progress
        self._wait, self._pid, self._given_up = wait, pid, given_up
        self._stack = ExitStack()
        self.sensors: Sensors
        self.sampler: Sampler
        self.writer: RunFiles
        self.recent: RecentEnergy
        self._counts_repeats = counts_repeats
        self.idle_w: float | None = None
        self.windows: Windows
        self._watch: Watch
        self._others = Ledger()

    def __enter__(self) -> Session:
        plan = self.plan
        context = Context(
            clock=self.clock,
            root=plan.root,
            visible_devices=plan.visible_devices,
            device_order=plan.device_order,
            work_pid=self._pid,
            priors=data.priors(),
        )
        self._started_s = self.clock.now()
        self.sensors = self.open_sensors(context)
        if plan.workload is not None and plan.boundary in ("compute", "device"):
            self.sensors = with_work_device(self.sensors, plan.workload.device)
        self._stack.callback(self.sensors.close)
        host = self.describe_host()
        try:
            # a boundary that the sensors cannot cover is reported before the work starts
            cover(plan.boundary, self.sensors.channels, host, ranges())
        except BadInput:
            self._stack.close()
            raise
        limits, limit_doubts = self.limits(host)
        header = Header(
            id=new_id(plan.label),
            label=plan.label,
            workload=plan.workload,
            command=plan.command,
            boundary=plan.boundary,
            host=host,
            channels=self.sensors.channels,
            pid=os.getpid(),
            pid_started=process_started(os.getpid()),
            doubts=(*self.sensors.doubts, *limit_doubts),
            session=plan.session,
            limits=limits,
        )
        self.recent = RecentEnergy(header, ranges(), counts_repeats=self._counts_repeats)
        try:
            self.writer = self._stack.enter_context(self.run_files(header))
            self._watch = self._stack.enter_context(self.watch(context))
            self.sampler = Sampler(
                self.sensors.opened, self.clock, self._sink, self._wait, self._watch.sampled
            )
            self.windows = Windows(
                self.sampler, self.clock, self.writer, self.recent, self._watch, self._others
            )
        except BaseException:
            self._stack.close()
            raise
        return self

    def open_sensors(self, context: Context) -> Sensors:
        """The working sensors with calibration profiles. A replay opens the recording instead."""
        sensors = open_all(context, self.plan.collectors, self._given_up)
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
        cpu = CpuState()
        cpu.open(context)
        self._stack.callback(cpu.close)
        collectors = [
            entry.collector
            for entry in self.sensors.opened
            if isinstance(entry.collector, IsolatedCollector)
        ]
        boards = [collector for collector in collectors if collector.lists]
        neighbours = Neighbours(
            context.root, self.clock, self._pid, boards, os.environ.get("SLURM_JOB_ID")
        )
        return Watch(
            [cpu, *(collector for collector in collectors if collector.watches)],
            neighbours,
            self.clock,
        )

    def run_files(self, header: Header) -> RunFiles:
        """The files of the run."""
        return RunFiles(RunWriter(self.plan.store, header))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _sink(self, tick: Tick) -> None:
        self.recent.samples.add(tick.readings)
        self.writer.poll(tick)
        self._take()

    def _take(self, *, last: bool = False) -> None:
        """Write down the readings of the watch."""
        for look in self._watch.taken():
            if look.conditions:
                self.writer.conditions(look.conditions)
            if look.piece is not None:
                self._others.add(look.piece)
        if others := self._others.settled(self._watch.cpus, last=last):
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
        begin_s, part_s = self.clock.now(), max(_REST_PART_S, _UPDATES * self.recent.slowest_s)
        powers_w: list[float] = []
        measured = True
        while not done() and (spent_s := self.clock.now() - begin_s) < most_s:
            if spent_s >= least_s and (not measured or _at_rest(powers_w, near_w, both=both)):
                return
            start_s = self.clock.now()
            self.sampler.base(done, min(start_s + part_s, begin_s + most_s))
            power_w = self.recent.power_w(start_s, self.clock.now())
            measured = power_w is not None
            if power_w is not None:
                powers_w.append(power_w)

    def region(self, label: str, start_s: float, end_s: float, repeat: int | None = None) -> None:
        self.writer.window(Window(label=label, start_s=start_s, end_s=end_s, repeat=repeat))

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None:
        self.writer.doubt(Doubt(code=code, message=message, remedy=remedy))

    def finish(self) -> tuple[Path, Measurement]:
        """Analyse the run from the files and move the directory into place.

        Raises BadInput if no repeat was completed.
        """
        self.progress("writing the result", None)
        self._watch.stop()
        self.sampler.take_last_answers(_LAST_ANSWERS_S)
        self._take(last=True)
        for entry in self.sensors.opened:
            if isinstance(entry.collector, IsolatedCollector):
                self._doubt_silence(entry.collector)
        self._doubt_slow_reads()
        try:
            return self.writer.finish(ranges())
        except ValueError as error:
            raise BadInput(
                str(self.writer.directory), str(error), "the samples stay there"
            ) from None

    def _doubt_slow_reads(self) -> None:
        for name, share in self.sampler.slow_shares().items():
            if share > _SLOW_SHARE:
                self.doubt(
                    "slow-reads",
                    f"{share:.0%} of the scheduled samples of {name} came while an earlier read "
                    "had not returned yet",
                    "see the system log (dmesg) for the device; fewer monitoring tools that ask "
                    "the same driver",
                )

    def _doubt_silence(self, collector: IsolatedCollector) -> None:
        """Add a doubt if a collector gives no readings any more."""
        if collector.end is not None:
            what = collector.end
        elif collector.asked_s is not None:
            what = "a read that was begun then has not returned"
        else:
            return
        silent_s = collector.answered_s - self._started_s
        self.doubt(
            "sensor-silent",
            f"{collector.name} gave no reading from {silent_s:.1f} s after the start of the run: "
            f"{what}",
            "see the system log (dmesg) for the device; reload its driver or reboot the node, then "
            "repeat the run",
        )


def _at_rest(powers_w: list[float], near_w: float | None, *, both: bool) -> bool:
    """Whether the powers of the parts have settled or (`both`: and) come down near a level."""
    near = bool(powers_w) and near_w is not None and powers_w[-1] <= _NEAR_IDLE * near_w
    if both:
        return settled(powers_w) and (near or near_w is None)
    return settled(powers_w) or near
