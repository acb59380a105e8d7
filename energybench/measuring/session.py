"""One run from opening the sensors to the finished directory: idle phase, repeats with bursts at their edges, saving after each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from energybench import data
from energybench.analysis.boundary import cover
from energybench.analysis.measurement import IDLE, REPEAT, energies_so_far
from energybench.errors import BadInput
from energybench.measuring import host as provenance
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.sampler import Sampler, Tick
from energybench.measuring.sensors import Sensors, open_all
from energybench.model import Doubt, Host, Measurement, Window
from energybench.plugins import Clock, Context
from energybench.store.layout import new_id
from energybench.store.run import Header, process_started
from energybench.store.writer import RunWriter


def ranges() -> dict[str, tuple[float, float, str]]:
    """The stated ranges of parts without a sensor."""
    return {name: (row.low, row.high, row.source) for name, row in data.part_ranges().items()}


class Session:
    """Sensors, sampler and run directory of one run. Leaving it closes all three; what was written stays."""

    def __init__(self, plan: Plan, clock: Clock, wait: Callable[[float], None], pid: Callable[[], int | None], progress: Progress) -> None:
        self.plan, self.clock, self.progress = plan, clock, progress
        self._wait, self._pid = wait, pid
        self._stack = ExitStack()
        self.sensors: Sensors
        self.sampler: Sampler
        self.writer: RunWriter

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
            cover(plan.boundary, self.sensors.channels, host, ranges())  # a boundary that cannot be had is said before the work starts
        except BadInput:
            self._stack.close()
            raise
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
            doubts=self.sensors.doubts,
        )
        try:
            self.writer = self._stack.enter_context(RunWriter(plan.store, header))
            self.sampler = Sampler(self.sensors.opened, self.clock, self._sink, self._wait)
        except BaseException:
            self._stack.close()
            raise
        return self

    def open_sensors(self, context: Context) -> Sensors:
        """Whatever works here; a replay has its own."""
        return open_all(context, self.plan.collectors)

    def describe_host(self) -> Host:
        """This machine; a replay has its recording's."""
        return provenance.describe(self.clock, self.plan.root, self.sensors.gpus)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def _sink(self, tick: Tick) -> None:
        self.writer.poll(tick.values, tick.late_s, tick.burst, tick.missed)

    def idle(self, done: Callable[[], bool] = lambda: False) -> None:
        """Sample the node before the work: no context held, polled."""
        if self.plan.idle_s <= 0:
            return
        self.progress(f"idle power, {self.plan.idle_s:g} s", None)
        self.sampler.burst(self.sampler.edge_s, done)
        start = self.clock.now()
        self.writer.opening(IDLE, start)
        self.sampler.base(done, start + self.plan.idle_s)
        end = self.clock.now()
        self.sampler.burst(self.sampler.edge_s, done)
        self.writer.window(Window(label=IDLE, start_s=start, end_s=end))

    def edge(self) -> None:
        """Sample fast for a moment, so that the sensors' ticks around a window's edge are found."""
        self.sampler.burst(self.sampler.edge_s)

    def open_repeat(self, number: int) -> float:
        """Mark the beginning of a repeat; its time."""
        start = self.clock.now()
        self.writer.opening(REPEAT, start, number)
        return start

    def close_repeat(self, number: int, start_s: float, end_s: float) -> None:
        """Sample over the edge, then save: a later failure does not cost this repeat."""
        self.edge()
        self.writer.window(Window(label=REPEAT, start_s=start_s, end_s=end_s, repeat=number))

    def region(self, label: str, start_s: float, end_s: float, repeat: int | None = None) -> None:
        self.writer.window(Window(label=label, start_s=start_s, end_s=end_s, repeat=repeat))

    def doubt(self, code: str, message: str, remedy: str) -> None:
        self.writer.doubt(Doubt(code=code, message=message, remedy=remedy))

    def energies(self) -> Sequence[float]:
        """Energies of the repeats so far (times, where nothing can be measured): what decides whether to go on."""
        record, traces = self.writer.so_far()
        totals = energies_so_far(record, traces, ranges())
        energies = [total for total in totals if total is not None]
        return energies if len(energies) == len(totals) else [window.duration_s for window in record.windows if window.label == REPEAT]

    def finish(self) -> tuple[Path, Measurement]:
        """The finished run. Raises BadInput where no repeat was completed."""
        self.progress("writing the result", None)
        try:
            return self.writer.finish(ranges())
        except ValueError as error:
            raise BadInput(str(self.writer.directory), str(error), "the samples stay there") from None
