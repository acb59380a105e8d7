"""Size of the array to read, from the machine's caches."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MIB = 2**20
# The array is this multiple of the last-level cache, so that reads come from memory (STREAM's own
# rule, McCalpin 1995)
CACHES = 4
# Least size of the array: for small caches, and for virtual machines that show less than the real
# cache
LEAST_CPU, LEAST_GPU = 512 * MIB, 1024 * MIB
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def last_level_bytes(root: Path = Path("/")) -> int:
    """Last-level cache of the whole machine: every instance of the highest level, counted once. 0
    if sysfs lists no cache.
    """
    # A cache appears once for every CPU that shares the cache
    caches: dict[tuple[int, str], int] = {}
    for index in root.glob("sys/devices/system/cpu/cpu[0-9]*/cache/index[0-9]*"):
        try:
            level, kind, size, shared = (
                (index / name).read_text().strip()
                for name in ("level", "type", "size", "shared_cpu_list")
            )
        except OSError:
            continue
        match = re.fullmatch(r"(\d+)([KMG]?)", size)
        if match and kind != "Instruction" and level.isdigit():
            caches[int(level), shared] = int(match[1]) * _UNITS.get(match[2], 1)

    highest = max((level for level, _ in caches), default=0)
    return sum(size for (level, _), size in caches.items() if level == highest)


def array_bytes(device: torch.device) -> int:
    """Bytes of the array to read: four caches, and at least 512 MiB on a CPU, 1 GiB on a GPU; whole
    MiB.
    """
    import torch

    if device.type == "cuda":
        cache = int(getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0))
        return _round_up(max(LEAST_GPU, CACHES * cache))
    return _round_up(max(LEAST_CPU, CACHES * last_level_bytes()))


def _round_up(size: int) -> int:
    return -(-size // MIB) * MIB
