"""What the kernels' sizes follow from: caches, and how long one call of a kernel may take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MIB = 2**20
# times the last-level cache, so that what is read comes from memory (STREAM's own rule, McCalpin
# 1995)
CACHES = 4
LEAST_CPU, LEAST_GPU = (
    512 * MIB,
    1024 * MIB,
)  # where the cache is smaller, or a virtual machine shows less than there is
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def last_level_bytes(root: Path = Path("/")) -> int:
    """Last-level cache of the whole machine: the highest level there is, each instance once. 0
    where sysfs does not say.
    """
    found: dict[tuple[int, str], int] = {}
    for index in root.glob("sys/devices/system/cpu/cpu[0-9]*/cache/index[0-9]*"):
        try:
            level, kind, size, shared = (
                (index / name).read_text().strip()
                for name in ("level", "type", "size", "shared_cpu_list")
            )
        except OSError:
            continue
        told = re.fullmatch(r"(\d+)([KMG]?)", size)
        if told and kind != "Instruction" and level.isdigit():
            found[int(level), shared] = int(told[1]) * _UNITS.get(told[2], 1)
    highest = max((level for level, _ in found), default=0)
    return sum(size for (level, _), size in found.items() if level == highest)


def array_bytes(device: torch.device) -> int:
    """Bytes of the array that is read: four caches, and at least 512 MiB on a CPU, 1 GiB on a GPU;
    whole MiB.
    """
    import torch

    if device.type == "cuda":
        cache = int(getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0))
        return _whole(max(LEAST_GPU, CACHES * cache))
    return _whole(max(LEAST_CPU, CACHES * last_level_bytes()))


def _whole(size: int) -> int:
    return -(-size // MIB) * MIB
