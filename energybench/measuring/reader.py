"""Reading the sensors of this machine: one sampler and one watch, for one run or several."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack

from energybench.collectors.cpu_state import CpuState
from energybench.measuring.conditions import Watch
from energybench.measuring.isolated_collector import IsolatedCollector
from energybench.measuring.neighbours import Neighbours
from energybench.measuring.sampler import Sampler, Sink, Wait
from energybench.measuring.sensors import Sensors
from energybench.model import Doubt
from energybench.plugins import Clock, Context

_LAST_ANSWERS_S = 2.0  # patience with the last read of a run; a longer read is a silent sensor
_SLOW_SHARE = 0.01  # of the ticks of a collector, as for missed samples


def open_watch(
    sensors: Sensors,
    context: Context,
    work_pid: Callable[[], int | None],
    stack: ExitStack,
    look_at_job: Callable[[], None] = lambda: None,
) -> Watch:
    """The watch of the devices' conditions and of foreign load; `stack` closes its sensors.

    look_at_job  is called about once a second
    """
    cpu = CpuState()
    cpu.open(context)
    stack.callback(cpu.close)
    collectors = _isolated(sensors)
    boards = [collector for collector in collectors if collector.lists]
    neighbours = Neighbours(
        context.root, context.clock, work_pid, boards, os.environ.get("SLURM_JOB_ID")
    )
    return Watch(
        [cpu, *(collector for collector in collectors if collector.watches)],
        neighbours,
        context.clock,
        look_at_job,
    )


class Reader:
    """Reads the opened sensors.

    sensors  what is read
    sampler  polls the sensors and hands every tick to the sink
    watch    reads the devices' conditions and foreign load beside the sampler
    """

    def __init__(
        self, sensors: Sensors, clock: Clock, sink: Sink, wait: Wait, watch: Watch
    ) -> None:
        self.sensors, self.watch = sensors, watch
        self.sampler = Sampler(sensors.opened, clock, sink, wait, watch.sampled)
        self._clock = clock

    @property
    def silent(self) -> bool:
        """Whether a collector gives no readings any more."""
        return any(
            collector.end is not None or not collector.resting
            for collector in _isolated(self.sensors)
        )

    def doubts(self, since_s: float) -> list[Doubt]:
        """Doubts about collectors that gave no reading any more, or read too slowly, in a run that
        began at `since_s`.
        """
        self.sampler.rest(_LAST_ANSWERS_S)
        doubts = [
            doubt
            for collector in _isolated(self.sensors)
            if (doubt := _of_silence(collector, since_s)) is not None
        ]
        return doubts + [
            Doubt(
                code="slow-reads",
                message=f"{share:.0%} of the scheduled samples of {name} came while an earlier "
                "read had not returned yet",
                remedy="see the system log (dmesg) for the device; fewer monitoring tools that "
                "ask the same driver",
            )
            for name, share in self.sampler.slow_shares().items()
            if share > _SLOW_SHARE
        ]


def _isolated(sensors: Sensors) -> list[IsolatedCollector]:
    return [
        entry.collector
        for entry in sensors.opened
        if isinstance(entry.collector, IsolatedCollector)
    ]


def _of_silence(collector: IsolatedCollector, since_s: float) -> Doubt | None:
    """The doubt about a collector that gives no readings any more; None: the collector reads."""
    if collector.end is not None:
        cause = collector.end
    elif not collector.resting:
        cause = "a read that was begun then has not returned"
    else:
        return None
    silent_s = max(collector.answered_s - since_s, 0.0)
    return Doubt(
        code="sensor-silent",
        message=f"{collector.name} gave no reading from {silent_s:.1f} s after the start of the "
        f"run: {cause}",
        remedy="see the system log (dmesg) for the device; reload its driver or reboot the node, "
        "then repeat the run",
    )
