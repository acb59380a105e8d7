"""Whether the dies of a CPU package share one RAPL energy register, by the maker and the model.

AMD and Hygon: a register for each package, which a kernel may show once for every die. Intel: a
register for each die on Cascade Lake-AP (Xeon Platinum 92xx), the only Intel CPU of several dies
whose counters are read by MSR. Source: Linux drivers/powercap/intel_rapl_common.c, comment at
rapl_msrs_are_pkg_scope (6.12).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from energybench.collectors.ranks import is_die
from energybench.collectors.sysfs import text
from energybench.model import Channel

Scope = Literal["package", "die", "unknown"]

_SHARE = {"AuthenticAMD", "HygonGenuine"}
_CASCADE_LAKE_AP = re.compile(r"\bPlatinum 92\d\d\b", re.IGNORECASE)


def register_scope(root: Path) -> Scope:
    """The part of the CPU covered by an energy register."""
    cpuinfo = text(root / "proc/cpuinfo") or ""
    vendor = re.search(r"^vendor_id[ \t]*:[ \t]*(\S+)", cpuinfo, re.MULTILINE)
    name = re.search(r"^model name[ \t]*:[ \t]*(\S.*)$", cpuinfo, re.MULTILINE)
    if vendor is None:
        return "unknown"
    if vendor[1] in _SHARE:
        return "package"
    if vendor[1] == "GenuineIntel" and name is not None and _CASCADE_LAKE_AP.search(name[1]):
        return "die"
    return "unknown"


def of_die(channel: Channel, scope: Scope, *, repeats: bool) -> Channel:
    """The channel of a die with the knowledge about its register; other channels unchanged.

    repeats  whether an earlier channel covers the same component of the same socket
    """
    if not is_die(channel.device) or scope == "unknown":
        return channel
    if scope == "die":
        return msgspec.structs.replace(channel, own_register=True)
    return msgspec.structs.replace(channel, counts=channel.counts and not repeats)
