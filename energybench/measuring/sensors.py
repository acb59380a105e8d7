"""Opening whatever collectors work here, and saying why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, get_args

import msgspec

from energybench.analysis.energy.boundary import CPU, MODULE
from energybench.errors import BadInput
from energybench.measuring.sampler import Opened
from energybench.model import Channel, Doubt, DoubtCode, Gpu
from energybench.plugins import Collector, Context, DescribesHost, Unavailable, load, registered

LAST_RESORT = "estimate"  # opened only where no sensor covers the CPU


class Absent(NamedTuple):
    """A collector that does not work here."""

    name: str
    reason: str
    remedy: str


class Sensors(NamedTuple):
    """The collectors of a run.

    `broken`: plugins that failed, which is a fault and not an absence.
    """

    opened: tuple[Opened, ...]
    absent: tuple[Absent, ...]
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
    """Open every registered collector (or those named), the CPU model only where no sensor covers
    the CPU.

    Raises BadInput where a collector that was asked for by name does not exist or does not load.
    """
    names = list(only) or [
        *(name for name in registered("collectors") if name != LAST_RESORT),
        LAST_RESORT,
    ]
    made: list[Collector] = []
    absent: list[Absent] = []
    broken: list[str] = []
    opened: list[Opened] = []
    for name in names:
        if name == LAST_RESORT and not only and _cpu_covered(opened):
            absent.append(Absent(name, "a sensor covers the CPU", "nothing to do"))
            continue
        try:
            collector: Collector = load("collectors", name)
        except BadInput as error:
            if only:
                raise
            broken.append(str(error))
            continue
        try:
            channels = tuple(collector.open(context))
        except Unavailable as why:
            absent.append(Absent(name, why.reason, why.remedy))
            continue
        except Exception as error:
            broken.append(f"collector {name!r}: open failed: {type(error).__name__}: {error}")
            continue
        opened.append(Opened(collector, channels, sum(len(entry.channels) for entry in opened)))
        made.append(collector)
    told = [collector for collector in made if isinstance(collector, DescribesHost)]
    doubts = [doubt for collector in told for doubt in _catalogued(collector)]
    doubts += [
        Doubt(code="broken-plugin", message=line, remedy="mend or uninstall it") for line in broken
    ]
    gpus = tuple(gpu for collector in told for gpu in collector.gpus())
    return Sensors(tuple(opened), tuple(absent), tuple(broken), gpus, tuple(doubts))


def _catalogued(collector: DescribesHost) -> list[Doubt]:
    """The doubts of a collector. A code that the catalogue does not hold, from a plugin that was
    not type-checked, becomes a note with that code in its message.
    """
    return [
        doubt
        if doubt.code in get_args(DoubtCode)
        else msgspec.structs.replace(
            doubt, code="sensor-note", message=f"[{doubt.code}] {doubt.message}"
        )
        for doubt in collector.doubts()
    ]


def _cpu_covered(opened: Sequence[Opened]) -> bool:
    return any(
        channel.component in (CPU, MODULE) and channel.counts
        for entry in opened
        for channel in entry.channels
    )
