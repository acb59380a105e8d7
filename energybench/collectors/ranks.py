"""Ranks and sockets of the built-in collectors' channels.

Of two sensors of one part, the sensor with the lower rank counts. The counters of the kernel come
before the counters of a vendor's library, and a blade controller's counters come last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from energybench.model import UNRANKED

RAPL, PERF_RAPL, NVML, PM_COUNTERS = 10, 20, 30, 40

_BY_COLLECTOR: Mapping[str, int] = {
    "rapl": RAPL,
    "perf_rapl": PERF_RAPL,
    "nvml": NVML,
    "pm_counters": PM_COUNTERS,
}
# collectors whose counters belong to one socket; a replay names sockets as RAPL does
_BY_SOCKET = frozenset({"rapl", "perf_rapl", "replay"})
_SOCKET = re.compile(r"package-\d+")
_DIE = re.compile(r"package-\d+-die-\d+")


def socket_of(device: str) -> str:
    """'package-0' of 'package-0', of its die 'package-0-die-1' and of 'package-0@intel-rapl:2'.

    "" if the device is not a package.
    """
    package = _SOCKET.match(device)
    return package[0] if package else ""


def is_die(device: str) -> bool:
    """Whether the device is a die of a package: 'package-0-die-1'."""
    return _DIE.match(device) is not None


def imitated(collector: str, device: str) -> tuple[int, str]:
    """(rank, socket) of a synthetic channel that imitates the named collector."""
    socket = socket_of(device) if collector in _BY_SOCKET else ""
    return _BY_COLLECTOR.get(collector, UNRANKED), socket
