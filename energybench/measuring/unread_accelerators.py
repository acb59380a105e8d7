"""Accelerators without a collector: the kernel lists such an accelerator, or the work runs on it.
The accelerators are added to the boards of the node, so that the boundary misses them with a range.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from energybench.analysis.energy.boundary import GPU, MODULE
from energybench.collectors import accelerators
from energybench.collectors.accelerators import Accelerator, Cause
from energybench.collectors.cuda_devices import no_device
from energybench.measuring.hidden_boards import hidden_doubts, hiding
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Context

if TYPE_CHECKING:
    from energybench.measuring.sensors import Sensors

_HOW_TO_READ = (
    "`energybench doctor` names the collectors that do not work; a meter of the node includes the "
    "board (--boundary node-dc, or `energybench attach` for a meter of your own)"
)


class _Shown(NamedTuple):
    """Accelerators of a maker in the kernel's lists, and those that the driver shows."""

    listed: int
    read: int


def with_work_device(sensors: Sensors, device: str) -> Sensors:
    """The sensors of a workload on `device`, with an unknown number of unlisted accelerators if the
    work uses any. The only accelerator available to the work counts as used.
    """
    read = any(_is_accelerator(channel) for channel in sensors.channels)
    if not device.startswith("cuda") or read:
        return sensors
    if sensors.gpus:
        return sensors._replace(gpus=_with_only_choice(sensors.gpus))
    cause = Cause(
        "the work runs on one, and neither a collector nor the kernel's lists name it",
        "`energybench doctor` names the collectors that do not work; in a container make the "
        "sensors visible (NVIDIA_DRIVER_CAPABILITIES=compute,utility), and /sys and /proc",
    )
    gpu = accelerators.uncounted("", is_used=True)
    doubt = accelerators.uncounted_doubt("", cause)
    return sensors._replace(gpus=(gpu,), doubts=(*sensors.doubts, doubt))


def _with_only_choice(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """The accelerators of a workload on an accelerator. If only one accelerator is available, it is
    marked as used.
    """
    choices = [gpu for gpu in gpus if gpu.used is not False]
    if len(choices) != 1:
        return gpus
    return tuple(
        msgspec.structs.replace(gpu, used=True) if gpu is choices[0] else gpu for gpu in gpus
    )


def with_unread_accelerators(
    sensors: Sensors, context: Context, environment: Mapping[str, str] | None = None
) -> Sensors:
    """The sensors, and the accelerators listed by the kernel without a description by a collector.

    A doubt is added for such an accelerator unless a collector reads it under another name.

    environment  tells which boards of the node a Slurm job holds; None: of this process
    """
    environment = os.environ if environment is None else environment
    listed = accelerators.accelerators(context.root)
    addresses = {accelerators.normal_bus_id(gpu.pci_bus_id or "") for gpu in sensors.gpus}
    uuids = {gpu.uuid for gpu in sensors.gpus}
    undescribed = [
        board
        for board in listed
        if board.bus_id not in addresses and not uuids & {board.uuid, board.id}
    ]
    shown = {
        maker: _Shown(len(boards), len(boards) - sum(board in undescribed for board in boards))
        for maker, boards in _by_maker(listed).items()
    }
    # A collector may describe boards without addresses: as many boards of the list count as
    # described.
    undescribed = undescribed[sum(not gpu.pci_bus_id for gpu in sensors.gpus) :]
    if not undescribed:
        return sensors
    use = accelerators.use_of_unread(listed, context.visible_devices)
    gpus = [accelerators.gpu(board, is_used=use[board.id]) for board in undescribed]
    return sensors._replace(
        gpus=(*sensors.gpus, *gpus),
        doubts=(
            *sensors.doubts,
            *_unread_doubts(undescribed, sensors.channels, uuids, shown, environment),
        ),
    )


def with_hanging_driver(sensors: Sensors, context: Context) -> Sensors:
    """The sensors, and an unknown number of accelerators if the driver of accelerators hangs and
    nothing lists an accelerator.
    """
    if sensors.gpus:
        return sensors
    cause = Cause(
        "their driver did not answer when it was opened, and the kernel's lists name none",
        "see the system log (dmesg) for the device; reload its driver or reboot the node",
    )
    value = context.visible_devices
    is_used = False if value is not None and no_device(value) else None
    return sensors._replace(
        gpus=(accelerators.uncounted("", is_used=is_used),),
        doubts=(*sensors.doubts, accelerators.uncounted_doubt("", cause)),
    )


def _unread_doubts(
    boards: Sequence[Accelerator],
    channels: Sequence[Channel],
    described: Collection[str],
    shown: Mapping[str, _Shown],
    environment: Mapping[str, str],
) -> list[Doubt]:
    """A doubt for each maker and cause, about the boards without a sensor.

    boards  accelerators that no collector describes
    shown   all accelerators of the node, by their makers
    """
    if any(channel.component == GPU and GPU in channel.contains for channel in channels):
        return []  # a sensor of all boards together
    own_names = {channel.device for channel in channels if _is_accelerator(channel)}
    unread = boards[len(own_names - set(described)) :]
    doubts: list[Doubt] = []
    for maker, ours in _by_maker(unread).items():
        if (hidden := hiding(*shown[maker], environment)) is not None:
            doubts += hidden_doubts(ours, *shown[maker], hidden)
            continue
        cause = Cause(f"no collector that was opened reads this board of {maker}", _HOW_TO_READ)
        doubts += accelerators.doubts(ours, cause)
    return doubts


def _by_maker(boards: Sequence[Accelerator]) -> dict[str, list[Accelerator]]:
    groups: dict[str, list[Accelerator]] = {}
    for board in boards:
        groups.setdefault(board.maker, []).append(board)
    return groups


def _is_accelerator(channel: Channel) -> bool:
    """Whether the channel covers an accelerator: a board, or a module with a board."""
    return channel.counts and (
        channel.component == GPU or (channel.component == MODULE and GPU in channel.contains)
    )
