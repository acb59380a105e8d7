"""Opens the collectors that work here, and tells why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.energy.boundary import CPU, MODULE
from energybench.errors import BadInput
from energybench.measuring.plugin_doubts import catalogued
from energybench.measuring.sampler import Opened
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Collector, Context, DescribesHost, Unavailable, load, registered


class AbsentCollector(NamedTuple):
    """A collector that does not work here, and why."""

    name: str
    reason: str
    remedy: str


class Sensors(NamedTuple):
    """The collectors of a run.

    opened collectors that work here
    absent  collectors that do not work here, with reason and remedy
    broken  a line for every failed plugin: a fault, not an absence
    gpus    boards known to the collectors
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
            entry.collector.close()


def open_all(context: Context, only: Sequence[str] = ()) -> Sensors:
    """Open every registered collector, or the collectors in `only`.

    A collector of last resort (a model of the CPU) is opened only if no sensor covers the CPU, or
    if `only` names it. Raises BadInput if a collector of `only` does not exist or does not load.
    """
    opened: list[Opened] = []
    absent: list[AbsentCollector] = []
    broken: list[str] = []
    for name, collector in _loaded(only, broken):
        if _last_resort(collector) and not only and _cpu_covered(opened):
            absent.append(AbsentCollector(name, "a sensor covers the CPU", "nothing to do"))
            continue
        channels = _channels(name, collector, context)
        if isinstance(channels, AbsentCollector):
            absent.append(channels)
        elif isinstance(channels, str):
            broken.append(channels)
        else:
            first = sum(len(entry.channels) for entry in opened)
            opened.append(Opened(collector, channels, first))
    return _described(opened, absent, broken)


def _loaded(only: Sequence[str], broken: list[str]) -> list[tuple[str, Collector]]:
    """The wanted collectors by name, those of last resort last; failures go into `broken`."""
    collectors: list[tuple[str, Collector]] = []
    for name in only or registered("collectors"):
        try:
            collectors.append((name, load("collectors", name)))
        except BadInput as error:
            if only:
                raise
            broken.append(str(error))
    return sorted(collectors, key=lambda entry: _last_resort(entry[1]))


def _last_resort(collector: Collector) -> bool:
    return bool(getattr(collector, "last_resort", False))


def _channels(
    name: str, collector: Collector, context: Context
) -> tuple[Channel, ...] | AbsentCollector | str:
    """The channels of a collector; or the reason why the collector does not work here; or a line
    about the failure.
    """
    try:
        return tuple(collector.open(context))
    except Unavailable as why:
        return AbsentCollector(name, why.reason, why.remedy)
    except Exception as error:
        return f"collector {name!r}: open failed: {type(error).__name__}: {error}"


def _described(opened: list[Opened], absent: list[AbsentCollector], broken: list[str]) -> Sensors:
    """The sensors with the collectors' boards and doubts."""
    describing = [entry.collector for entry in opened if isinstance(entry.collector, DescribesHost)]
    doubts = [
        doubt for collector in describing for doubt in catalogued(collector.doubts(), "sensor-note")
    ]
    doubts += [
        Doubt(code="broken-plugin", message=line, remedy="mend or uninstall it") for line in broken
    ]
    gpus = tuple(gpu for collector in describing for gpu in collector.gpus())
    return Sensors(tuple(opened), tuple(absent), tuple(broken), gpus, tuple(doubts))


def _cpu_covered(opened: Sequence[Opened]) -> bool:
    return any(
        channel.component in (CPU, MODULE) and channel.counts
        for entry in opened
        for channel in entry.channels
    )
