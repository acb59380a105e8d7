"""The working collectors, each in a separate process, and the reasons for absent collectors."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from energybench.analysis.energy.boundary import CPU, GPU, MODULE
from energybench.errors import BadInput
from energybench.measuring.isolated_collector import (
    OPEN_PATIENCE_S,
    CollectorGone,
    IsolatedCollector,
    Silent,
)
from energybench.measuring.sampler import Opened
from energybench.measuring.started_collectors import StartedCollectors, start
from energybench.measuring.unread_accelerators import (
    with_hanging_driver,
    with_unread_accelerators,
)
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Context

_LOOK_S = 0.1  # between two looks at whether a signal ends the waiting
_NOTABLE_READ_S = 1e-3  # a shorter read adds nothing to the uncertainty of a sensor's lag


class AbsentCollector(NamedTuple):
    """A collector that does not work here, and the reason."""

    name: str
    reason: str
    remedy: str


class Sensors(NamedTuple):
    """The collectors of a run.

    opened collectors that work here
    absent  collectors that do not work here, with reason and remedy
    broken  a line for every failed plugin: a fault, not an absence
    gpus    boards known to the collectors, and accelerators listed only by the kernel
    doubts  about the sensors
    """

    opened: tuple[Opened, ...]
    absent: tuple[AbsentCollector, ...]
    broken: tuple[str, ...]
    gpus: tuple[Gpu, ...]
    doubts: tuple[Doubt, ...]

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(channel for entry in self.opened for channel in entry.channels)

    def close(self) -> None:
        for entry in self.opened:
            if isinstance(entry.collector, IsolatedCollector):
                entry.collector.release()  # all processes end side by side
        for entry in self.opened:
            entry.collector.close()


class _Opening:
    """The collectors during the collection of their answers.

    opened  collectors that work here
    absent  collectors that do not work here
    broken  a line for every failed plugin
    doubts  about drivers that hang
    hanging components of the drivers that hang or crash
    """

    def __init__(self, given_up: Callable[[], bool]) -> None:
        self._given_up = given_up
        self.opened: list[Opened] = []
        self.absent: list[AbsentCollector] = []
        self.broken: list[str] = []
        self.describing: list[IsolatedCollector] = []
        self.doubts: list[Doubt] = []
        self.hanging: set[str] = set()

    def loaded(
        self, collectors: Sequence[IsolatedCollector]
    ) -> list[tuple[IsolatedCollector, bool]]:
        """The collectors with loadable plugins, and whether a collector is a last resort."""
        good = []
        for collector in collectors:
            answer = self._answer(collector, collector.loaded)
            if answer is not None:
                good.append((collector, bool(answer["last_resort"])))
        return good

    def open_last_resort(self, collectors: Sequence[IsolatedCollector]) -> None:
        """Have the collectors of last resort open their sensors, and take their answers."""
        asked = []
        for collector in collectors:
            try:
                collector.open_last_resort()
                asked.append(collector)
            except CollectorGone as gone:
                self._ended(collector, gone)
        self.take(asked)

    def take(self, collectors: Sequence[IsolatedCollector]) -> None:
        """Take the answers of collectors that open their sensors side by side."""
        for collector in collectors:
            answer = self._answer(collector, collector.opened)
            if answer is None:
                continue
            self.describing.append(collector)
            if "absent" in answer:
                self.absent.append(AbsentCollector(collector.name, *answer["absent"]))
                collector.release()
                continue
            channels = _as_late_as_reads(answer["channels"], answer["read_s"])
            first = sum(len(entry.channels) for entry in self.opened)
            self.opened.append(Opened(collector, channels, first))

    def _answer(
        self, collector: IsolatedCollector, ask: Callable[[float], dict[str, Any]]
    ) -> dict[str, Any] | None:
        """The collector's answer; None without an answer, or for a broken plugin."""
        until_s = time.monotonic() + OPEN_PATIENCE_S
        while time.monotonic() < until_s and not self._given_up():
            try:
                answer = ask(_LOOK_S)
            except Silent:
                continue
            except CollectorGone as gone:
                self._ended(collector, gone)
                return None
            if "broken" in answer:
                self.broken.append(answer["broken"])
                collector.close()
                return None
            return answer
        collector.close()
        self._silent(collector.name)
        self.hanging |= set(collector.components)
        return None

    def _silent(self, name: str) -> None:
        """Note a driver that hangs: its devices exist and draw power that no sensor reads."""
        reason = f"its driver did not answer within {OPEN_PATIENCE_S:g} s"
        remedy = "see the system log (dmesg) for the device; reload its driver or reboot the node"
        self.absent.append(AbsentCollector(name, reason, remedy))
        message = f"{name} is not in this run: {reason}"
        self.doubts.append(Doubt(code="sensor-silent", message=message, remedy=remedy))

    def _ended(self, collector: IsolatedCollector, gone: CollectorGone) -> None:
        collector.close()
        self.hanging |= set(collector.components)
        self.broken.append(f"collector {collector.name!r}: {gone} while the sensors were opened")


def open_all(
    context: Context,
    only: Sequence[str] = (),
    given_up: Callable[[], bool] = lambda: False,
) -> Sensors:
    """Start every registered collector, or the collectors in `only`, and open them.

    Raises BadInput if a collector of `only` does not exist or does not load.

    given_up  ends the waiting for silent drivers
    """
    return opened(start(context, only), context, given_up)


def opened(readers: StartedCollectors, context: Context, given_up: Callable[[], bool]) -> Sensors:
    """The sensors of started collectors.

    A collector of last resort (a model of the CPU) is opened only if no sensor covers the CPU, or
    on request by name. A driver that does not answer in time is absent. Raises BadInput if a
    requested collector does not load.
    """
    opening = _Opening(given_up)
    for collector in readers.collectors:
        collector.follow(context.work_pid)
    collectors = opening.loaded(readers.collectors)
    if readers.asked and opening.broken:
        readers.close()
        raise BadInput(
            f"--collector {', '.join(readers.asked)}", opening.broken[0], "mend or uninstall it"
        )
    waits = [collector for collector, last_resort in collectors if last_resort]
    if readers.asked:
        waits = []
    opening.take([collector for collector, _ in collectors if collector not in waits])
    if waits and _cpu_covered(opening.opened):
        for collector in waits:
            collector.release()
            opening.absent.append(
                AbsentCollector(collector.name, "a sensor covers the CPU", "nothing to do")
            )
    else:
        opening.open_last_resort(waits)
    sensors = _described(opening)
    working = {entry.collector.name for entry in sensors.opened}
    for collector in readers.collectors:
        if collector.name not in working:
            collector.close()
    sensors = with_unread_accelerators(sensors, context)
    return with_hanging_driver(sensors, context) if GPU in opening.hanging else sensors


def _as_late_as_reads(channels: Sequence[Channel], read_s: float) -> tuple[Channel, ...]:
    """The channels of a collector with slow reads: a value holds for a moment anywhere within its
    read, which adds to the uncertainty of the sensor's lag.
    """
    if read_s < _NOTABLE_READ_S:
        return tuple(channels)
    return tuple(
        channel
        if channel.stamped
        else msgspec.structs.replace(
            channel, lag_u_s=math.hypot(channel.lag_u_s, read_s / math.sqrt(12))
        )
        for channel in channels
    )


def _described(opening: _Opening) -> Sensors:
    """The sensors with the collectors' boards and doubts."""
    doubts = [doubt for collector in opening.describing for doubt in collector.doubts()]
    doubts += opening.doubts
    doubts += [
        Doubt(code="broken-plugin", message=line, remedy="mend or uninstall it")
        for line in opening.broken
    ]
    gpus = tuple(gpu for collector in opening.describing for gpu in collector.gpus())
    return Sensors(
        tuple(opening.opened), tuple(opening.absent), tuple(opening.broken), gpus, tuple(doubts)
    )


def _cpu_covered(opened: Sequence[Opened]) -> bool:
    return any(
        channel.component in (CPU, MODULE) and channel.counts
        for entry in opened
        for channel in entry.channels
    )
