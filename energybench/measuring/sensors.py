"""Opens the collectors that work here, and tells why the others do not.

Accelerators that the kernel lists and no collector reads are added to the boards of the node, so
that the boundary misses them with a range.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from energybench.analysis.energy.boundary import CPU, GPU, MODULE
from energybench.collectors import accelerators
from energybench.collectors.accelerators import Accelerator, Cause
from energybench.errors import BadInput
from energybench.measuring.plugin_doubts import catalogued
from energybench.measuring.sampler import Opened
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Collector, Context, DescribesHost, Unavailable, load, registered

_HOW_TO_READ = (
    "`energybench doctor` names the collectors that do not work; a meter of the node includes the "
    "board (--boundary node-dc, or `energybench attach` for a meter of your own)"
)


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
    gpus    boards known to the collectors, and accelerators that only the kernel lists
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
    describing: list[DescribesHost] = []
    for name, collector in _loaded(only, broken):
        if _last_resort(collector) and not only and _cpu_covered(opened):
            absent.append(AbsentCollector(name, "a sensor covers the CPU", "nothing to do"))
            continue
        channels = _channels(name, collector, context)
        if isinstance(channels, str):
            broken.append(channels)
            continue
        if isinstance(channels, AbsentCollector):
            absent.append(channels)
        else:
            first = sum(len(entry.channels) for entry in opened)
            opened.append(Opened(collector, channels, first))
        # a collector that does not work may know of boards all the same
        if isinstance(collector, DescribesHost):
            describing.append(collector)
    gpus, doubts = _descriptions(describing, broken)
    found = Sensors(tuple(opened), tuple(absent), tuple(broken), gpus, doubts)
    return _with_unread_accelerators(found, context)


def with_work_device(sensors: Sensors, device: str) -> Sensors:
    """The sensors of a workload on `device`: accelerators that the work uses and nobody lists are
    added, in an unknown number.
    """
    read = any(_is_accelerator(channel) for channel in sensors.channels)
    if not device.startswith("cuda") or sensors.gpus or read:
        return sensors
    cause = Cause(
        "the work runs on one, and neither a collector nor the kernel's lists name it",
        "`energybench doctor` names the collectors that do not work; in a container make the "
        "sensors visible (NVIDIA_DRIVER_CAPABILITIES=compute,utility), and /sys and /proc",
    )
    gpu = accelerators.uncounted("", is_used=True)
    doubt = accelerators.uncounted_doubt("", cause)
    return sensors._replace(gpus=(gpu,), doubts=(*sensors.doubts, doubt))


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


def _descriptions(
    describing: Sequence[DescribesHost], broken: list[str]
) -> tuple[tuple[Gpu, ...], tuple[Doubt, ...]]:
    """The collectors' boards and doubts; failures go into `broken`."""
    gpus: list[Gpu] = []
    doubts: list[Doubt] = []
    for collector in describing:
        try:
            gpus += collector.gpus()
            doubts += catalogued(collector.doubts(), "sensor-note")
        except Exception as error:
            name = getattr(collector, "name", type(collector).__name__)
            broken.append(
                f"collector {name!r}: description failed: {type(error).__name__}: {error}"
            )
    doubts += [
        Doubt(code="broken-plugin", message=line, remedy="mend or uninstall it") for line in broken
    ]
    return tuple(gpus), tuple(doubts)


def _with_unread_accelerators(sensors: Sensors, context: Context) -> Sensors:
    """The sensors with the accelerators that the kernel lists and no collector describes.

    The doubts are about accelerators beyond those that collectors read under names of their own.
    """
    listed = accelerators.accelerators(context.root)
    addresses = {accelerators.normal_bus_id(gpu.pci_bus_id or "") for gpu in sensors.gpus}
    uuids = {gpu.uuid for gpu in sensors.gpus}
    undescribed = [
        board
        for board in listed
        if board.bus_id not in addresses and not uuids & {board.uuid, board.id}
    ]
    # A collector may describe boards without their addresses: so many of the list are described.
    undescribed = undescribed[sum(not gpu.pci_bus_id for gpu in sensors.gpus) :]
    if not undescribed:
        return sensors
    used = accelerators.used(listed, context.visible_devices, context.device_order)
    gpus = [accelerators.gpu(board, is_used=board.id in used) for board in undescribed]
    return sensors._replace(
        gpus=(*sensors.gpus, *gpus),
        doubts=(*sensors.doubts, *_unread_doubts(undescribed, sensors.channels, uuids)),
    )


def _unread_doubts(
    boards: Sequence[Accelerator], channels: Sequence[Channel], described: Collection[str]
) -> list[Doubt]:
    """A doubt for each maker and cause, about the boards that no sensor covers."""
    if any(channel.component == GPU and GPU in channel.contains for channel in channels):
        return []  # a sensor that covers all boards together
    own_names = {channel.device for channel in channels if _is_accelerator(channel)}
    unread = boards[len(own_names - set(described)) :]
    doubts: list[Doubt] = []
    for maker in dict.fromkeys(board.maker for board in unread):
        ours = [board for board in unread if board.maker == maker]
        cause = Cause(f"no collector that was opened reads this board of {maker}", _HOW_TO_READ)
        doubts += accelerators.doubts(ours, cause)
    return doubts


def _is_accelerator(channel: Channel) -> bool:
    """Whether the channel covers an accelerator: a board, or a module with a board."""
    return channel.counts and (
        channel.component == GPU or (channel.component == MODULE and GPU in channel.contains)
    )


def _cpu_covered(opened: Sequence[Opened]) -> bool:
    return any(
        channel.component in (CPU, MODULE) and channel.counts
        for entry in opened
        for channel in entry.channels
    )
