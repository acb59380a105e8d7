"""The devices named by `calibrate --drive`: to drive sensors, and to measure limits."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.measurement.profiles import CPU
from energybench.errors import BadInput
from energybench.measuring.sensors import Sensors
from energybench.model import Channel, of_work

_LEAST_OF_UUID = 8  # least characters of a UUID for naming a board


def devices(sensors: Sensors, wanted: str) -> tuple[str, ...]:
    """Devices with a working sensor: cpu, a GPU's UUID (or a unique part), or all.

    Raises BadInput.
    """
    boards = [gpu.uuid for gpu in sensors.gpus if channels_of(sensors, gpu.uuid)]
    remedy = "energybench doctor says what would fix that"
    if wanted == "all":
        used = [gpu.uuid for gpu in sensors.gpus if gpu.used and gpu.uuid in boards]
        present = [CPU, *used] if channels_of(sensors, CPU) else used
        if not present:
            raise BadInput("calibrate", "no sensor of a CPU or GPU works here", remedy)
        return tuple(present)
    if wanted == CPU:
        if not channels_of(sensors, CPU):
            raise BadInput("--drive cpu", "no sensor of the CPU or the node works here", remedy)
        return (CPU,)
    return (_board(boards, wanted),)


def boards(sensors: Sensors, wanted: str) -> tuple[str, ...]:
    """Devices, with or without a working sensor: cpu, a board's UUID (or a unique part), or all
    devices available to the work. Raises BadInput.
    """
    if wanted == CPU:
        return (CPU,)
    if wanted == "all":
        return (CPU, *(gpu.uuid for gpu in of_work(sensors.gpus) if not gpu.uncounted))
    return (_board([gpu.uuid for gpu in sensors.gpus if not gpu.uncounted], wanted),)


def _board(uuids: Sequence[str], wanted: str) -> str:
    """The only board with this UUID or part of a UUID. Raises BadInput."""
    matching = [uuid for uuid in uuids if uuid == wanted]
    if not matching and len(wanted) >= _LEAST_OF_UUID:
        matching = [uuid for uuid in uuids if wanted in uuid]
    if len(matching) != 1:
        raise BadInput(
            f"--drive {wanted}",
            "fits several boards" if matching else "fits no board",
            f"cpu, all, or one of: {', '.join(uuids) or 'no GPU here'}",
        )
    return matching[0]


def channels_of(sensors: Sensors, device: str) -> tuple[Channel, ...]:
    """The channels driven by the load of a device: the board's own channels; for the CPU the
    channels of packages, memory and the node.
    """
    uuids = {gpu.uuid for gpu in sensors.gpus}
    measured = [channel for channel in sensors.channels if channel.quality == "measured"]
    if device != CPU:
        return tuple(channel for channel in measured if channel.device == device)
    return tuple(
        channel
        for channel in measured
        if channel.device not in uuids and not channel.component.startswith("gpu")
    )
