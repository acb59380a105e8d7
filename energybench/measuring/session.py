"""One run from opening the sensors to the finished directory: idle phases, repeats with bursts at
their edges, saving after each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from energybench import data
from energybench.analysis.energy.boundary import cover
from energybench.analysis.energy.idle_power import AFTER, BEFORE
from energybench.analysis.measurement.measure import (
    Record,
    energies_so_far,
    sampling_rel,
)
from energybench.analysis.uncertainty.settling import settled
from energybench.collectors.cpu_state import CpuState
from energybench.errors import BadInput
from energybench.measuring import host as provenance
from energybench.measuring.calibrated_sensors import limits_of, with_profiles
from energybench.measuring.conditions import Watch
from energybench.measuring.neighbours import Ledger, Neighbours
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.recent_samples import Recent
from energybench.measuring.sampler import BURST_PERIOD_S, Sampler, Tick, smear_s
from energybench.measuring.sensors import Sensors, open_all
from energybench.measuring.stagger import GOLDEN, part_time, phase, start_s
from energybench.model import (
    IDLE,
    REPEAT,
    DeviceLimits,
    Doubt,
    DoubtCode,
    Host,
    Measurement,
    Trace,
    Window,
)
from energybench.plugins import Clock, Context, ListsProcesses, Watches
from energybench.store.layout import new_id
from energybench.store.run import Header, Line, process_started, record
from energybench.store.writer import RunWriter

# after the work, at most: a board's clocks and its 1 s averages are down again in a few seconds
REST_S = 10.0
_REST_PART_S = 0.5
_UPDATES = 10  # of the slowest sensor, whose mean power is then good to some percent without bursts
_NEAR_IDLE = 1.1
_IDLE_LOOK_S = 60.0  # of the idle phase, for deciding: what `Recent` surely still holds


def ranges() -> dict[str, tuple[float, float, str]]:
    """The stated ranges of parts without a sensor."""
    return {name: (row.low, row.high, row.source) for name, row in data.part_ranges().items()}


class Session:
    """Sensors, sampler and run directory of one run.

    Leaving it closes all three; what was written stays.
    """

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        wait: Callable[[float], None],
        pid: Callable[[], int | None],
        progress: Progress,
    ) -> None:
        self.plan, self.clock, self.progress = plan, clock, progress
        self._wait, self._pid = wait, pid
        self._stack = ExitStack()
        self.sensors: Sensors
        self.sampler: Sampler
        self.writer: RunWriter
        self.recent: Recent
        self.idle_w: float | None = None  # as it was before the work
        self._header: Header
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
        self.sensors = self.open_sensors(context)
        self._stack.callback(self.sensors.close)
        host = self.describe_host()
        try:
            cover(
                plan.boundary, self.sensors.channels, host, ranges()
            )  # a boundary that cannot be had is said before the work starts
        except BadInput:
            self._stack.close()
            raise
        limits, said = self.limits(host)
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
            doubts=(*self.sensors.doubts, *said),
            session=plan.session,
            limits=limits,
        )
        self._header, self.recent = header, Recent(self.sensors.channels)
        try:
            self.writer = self._stack.enter_context(RunWriter(plan.store, header))
            self._watch = self._stack.enter_context(self.watch(context))
            self.sampler = Sampler(
                self.sensors.opened, self.clock, self._sink, self._wait, self._watch.sampled
            )
        except BaseException:
            self._stack.close()
            raise
        return self

    def open_sensors(self, context: Context) -> Sensors:
        """Whatever works here, with its calibration profiles; a replay has its own."""
        sensors = open_all(context, self.plan.collectors)
        return with_profiles(
            sensors, lambda: provenance.describe(self.clock, self.plan.root, sensors.gpus)
        )

    def describe_host(self) -> Host:
        """This machine; a replay has its recording's."""
        return provenance.describe(self.clock, self.plan.root, self.sensors.gpus)

    def limits(self, host: Host) -> tuple[DeviceLimits | None, tuple[Doubt, ...]]:
        """What the device of a workload reaches at most, where that was measured; a replay has not
        been run here.
        """
        return (
            limits_of(self.plan.workload.device, host)
            if self.plan.workload is not None
            else (None, ())
        )

    def watch(self, context: Context) -> Watch:
        """Of the devices and of other load; a replay has none."""
        cpu = CpuState()
        cpu.open(context)
        self._stack.callback(cpu.close)
        collectors = [entry.collector for entry in self.sensors.opened]
        boards = [collector for collector in collectors if isinstance(collector, ListsProcesses)]
        neighbours = Neighbours(
            context.root, self.clock, self._pid, boards, os.environ.get("SLURM_JOB_ID")
        )
        return Watch(
            [cpu, *(collector for collector in collectors if isinstance(collector, Watches))],
            neighbours,
            self.clock,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _sink(self, tick: Tick) -> None:
        self.recent.add(tick.values)
        self.writer.poll(tick.values, tick.late_s, tick.burst, tick.missed)
        self._take()

    def _take(self, *, last: bool = False) -> None:
        """Write down what the watch has found."""
        for found in self._watch.taken():
            if found.conditions:
                self.writer.conditions(found.conditions)
            if found.piece is not None:
                self._others.add(found.piece)
        if others := self._others.settled(self._watch.cpus, last=last):
            self.writer.others(tuple(others))

    def idle(self, done: Callable[[], bool] = lambda: False, note: str = BEFORE) -> None:
        """Sample the node without the work: no context held, polled."""
        if self.plan.idle_s <= 0 or done():
            return
        self.progress(f"idle power, {self.plan.idle_s:g} s", None)
        self.sampler.burst(self.sampler.edge_s, done)
        start = self.clock.now()
        self.writer.opening(IDLE, start)
        self.sampler.base(done, start + self.plan.idle_s)
        end = self.clock.now()
        self.sampler.burst(self.sampler.edge_s, done)
        if end - start >= self.plan.idle_s / 2:  # one that a signal cut short says nothing
            self.writer.window(Window(label=IDLE, start_s=start, end_s=end, note=note))
            self.idle_w = self.idle_w or self.power_w(max(start, end - _IDLE_LOOK_S), end)

    def idle_after(self, done: Callable[[], bool] = lambda: False, *, rested: bool = False) -> None:
        """The same once the work has ended and the node has come to rest: its difference to the
        idle before is a drift.
        """
        if self.plan.idle_s > 0:
            if not rested:
                self.rest(0.0, REST_S, done, self.idle_w, both=True)
            self.idle(done, AFTER)

    def rest(
        self,
        least_s: float,
        most_s: float,
        done: Callable[[], bool] = lambda: False,
        near_w: float | None = None,
        *,
        both: bool = False,
    ) -> None:
        """Sample until the power has come to rest, or is down near `near_w` (`both`: and): at
        least, at most so long. The least where it is not measured.
        """
        begun, part_s = self.clock.now(), max(_REST_PART_S, _UPDATES * self.slowest_s)
        powers: list[float] = []
        known = True
        while not done() and (spent := self.clock.now() - begun) < most_s:
            near = bool(powers) and near_w is not None and powers[-1] <= _NEAR_IDLE * near_w
            rested = (
                settled(powers) and (near or near_w is None) if both else settled(powers) or near
            )
            if spent >= least_s and (rested or not known):
                return
            start = self.clock.now()
            self.sampler.base(done, min(start + part_s, begun + most_s))
            power = self.power_w(start, self.clock.now())
            known = power is not None
            powers += [power] if power is not None else []

    def power_w(self, start_s: float, end_s: float) -> float | None:
        """Mean power of a moment ago; None where nothing is measured."""
        if end_s <= start_s or not any(
            channel.counts and channel.quality == "measured" for channel in self.sensors.channels
        ):
            return None
        found = energies_so_far(*self._moment(start_s, end_s), ranges())
        return found[0] / (end_s - start_s) if found[0] else None

    def sampling_rel(self, start_s: float, end_s: float) -> float | None:
        """What a sensor that sees only a part of its period leaves open in the energy of a moment
        ago; None where nothing is known of it.
        """
        return (
            sampling_rel(*self._moment(start_s, end_s), ranges())
            if part_time(self.sensors.channels) is not None
            else None
        )

    def _moment(self, start_s: float, end_s: float) -> tuple[Record, tuple[Trace, ...]]:
        window = Window(label=REPEAT, start_s=start_s, end_s=end_s)
        return record(self._header, (Line(window=window),)), self.recent.traces(start_s - 1.0)

    @property
    def slowest_s(self) -> float:
        """Update period of the slowest sensor that counts."""
        return max(
            (
                channel.update_period_s or 0.0
                for channel in self.sensors.channels
                if channel.counts and channel.quality == "measured"
            ),
            default=0.0,
        )

    def approach(self, number: int, repeats: int | None) -> None:
        """Sample fast up to the moment that repeat `number` is to start at: spread over the period
        of a sensor that sees only a part of it.
        """
        self.outside()
        edge, never = self.sampler.edge_s, lambda: False
        staggered = part_time(self.sensors.channels)
        if staggered is None:
            self.sampler.burst(edge * (1 + (number * GOLDEN) % 1 / 2))
            return
        self.sampler.burst(edge)
        now = self.clock.now()
        seen = self.recent.traces(now - 5.0)[self.sensors.channels.index(staggered)]
        at = start_s(seen, now + 2 * BURST_PERIOD_S, phase(number, repeats))
        if at is None:
            self.sampler.burst(edge * ((number * GOLDEN) % 1 / 2))
            return
        self.sampler.burst(at - now - 2 * BURST_PERIOD_S)
        self.sampler.base(never, at)

    def edge(self) -> None:
        """Sample fast for a moment, so that the sensors' ticks around a window's edge are found."""
        self.sampler.burst(self.sampler.edge_s)

    def outside(self, done: Callable[[], bool] = lambda: False) -> None:
        """Sample as long as a sensor that averages smears the work out beyond its window; no time
        where a counter needs none of it.
        """
        if smeared_s := smear_s(self.sensors.channels):
            self.sampler.base(done, self.clock.now() + smeared_s + 2 * self.slowest_s)

    def open_repeat(self, number: int) -> float:
        """Mark the beginning of a repeat; its time."""
        start = self.clock.now()
        self.writer.opening(REPEAT, start, number)
        self._others.open(start)
        self._watch.opened()
        return start

    def close_repeat(
        self, number: int, start_s: float, end_s: float, block: int | None = None
    ) -> None:
        """Sample over the edge, then save: a later failure does not cost this repeat."""
        self.edge()
        self.outside()
        self.writer.window(
            Window(label=REPEAT, start_s=start_s, end_s=end_s, repeat=number, block=block)
        )
        self._others.close(start_s, end_s)
        self._watch.closed()

    def region(self, label: str, start_s: float, end_s: float, repeat: int | None = None) -> None:
        self.writer.window(Window(label=label, start_s=start_s, end_s=end_s, repeat=repeat))

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None:
        self.writer.doubt(Doubt(code=code, message=message, remedy=remedy))

    def energies(self) -> Sequence[float]:
        """Energies of the repeats so far (times, where nothing can be measured): what decides
        whether to go on.
        """
        record, traces = self.writer.so_far()
        totals = energies_so_far(record, traces, ranges())
        energies = [total for total in totals if total is not None]
        return (
            energies
            if len(energies) == len(totals)
            else [window.duration_s for window in record.windows if window.label == REPEAT]
        )

    def finish(self) -> tuple[Path, Measurement]:
        """The finished run. Raises BadInput where no repeat was completed."""
        self.progress("writing the result", None)
        self._watch.stop()
        self._take(last=True)
        try:
            return self.writer.finish(ranges())
        except ValueError as error:
            raise BadInput(
                str(self.writer.directory), str(error), "the samples stay there"
            ) from None
