"""RAPL zones without an energy: the cause shown by the files, and the remedy for the cause."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.collectors import absence
from energybench.collectors.rapl_zones import POWERCAP, ZONE, Part, walk
from energybench.collectors.sysfs import NumberFile, text
from energybench.model import Doubt
from energybench.plugins import Unavailable

REMEDY = (
    "as root, give a group read access with a udev rule (docs/sensors/rapl.md), or run: "
    "chgrp GROUP /sys/class/powercap/intel-rapl*/energy_uj && chmod g+r "
    "/sys/class/powercap/intel-rapl*/energy_uj "
    "(until the next boot); or setcap cap_dac_read_search+ep on the Python interpreter; "
    "or use perf events (collector perf_rapl: CAP_PERFMON, or kernel.perf_event_paranoid <= 0)"
)
_REMEDY_NOT_DENIED = (
    "look at dmesg for intel_rapl: a firmware setting or a hypervisor may hold the register"
)
_DEVICES = "sys/devices/virtual/powercap"


class Fault(NamedTuple):
    """An unusable file of a counter, and the error of the read; None for a successful read."""

    file: Path
    error: OSError | None

    @property
    def words(self) -> str:
        return absence.file_fault(self.file, self.error)

    def remedy(self, root: Path) -> str:
        """The remedy for this fault: permission, a masked file, or a silent register."""
        if absence.denied(self.error):
            return REMEDY
        masked = self.error is None or self.error.errno == errno.ENOENT
        if masked and absence.container(root):
            return absence.unmask(root, _DEVICES)
        return _REMEDY_NOT_DENIED


def nameless_zones(root: Path) -> dict[str, str]:
    """Zones without a readable name, and therefore without a known meaning: zone → reason."""
    faults = {}
    paths = list(walk(root / POWERCAP, depth=3))
    named = {zone for zone, path in paths if text(path / "name")}
    for zone, path in paths:
        if zone in named:
            continue
        if not path.is_dir():
            faults[zone] = f"its link leads to {path}, which is not there"
        else:
            line = NumberFile(path / "name")
            line.read()
            faults[zone] = f"its name cannot be read: {absence.file_fault(line.path, line.error)}"
            line.close()
    return faults


def no_zone(root: Path, nameless: Mapping[str, str]) -> Unavailable:
    """The reason for the lack of zones, from the existing files and the machine."""
    folder = root / POWERCAP
    if nameless:
        zone, why = next(iter(nameless.items()))
        reason = f"{len(nameless)} RAPL zones under {folder} are masked ({zone}: {why})"
        return Unavailable(reason, absence.unmask(root, _DEVICES))
    names, error = absence.entries(folder)
    if absence.denied(error):
        return Unavailable(
            f"no RAPL zone can be seen: {folder}: permission denied",
            "as root, give this user access to the folder",
        )
    if machine := absence.without_rapl(root):
        return Unavailable(f"no RAPL zone under {folder}: {machine[0]}", machine[1])
    if any(ZONE.fullmatch(name) for name in names):
        return Unavailable(
            f"no RAPL zone under {folder}: the driver is loaded and has found no package",
            "look at dmesg for intel_rapl: the kernel may be older than the CPU",
        )
    if error is not None and not (root / "sys/devices/system/cpu").exists():
        return Unavailable(f"no RAPL zone: {root / 'sys'} is not mounted here", "mount /sys")
    return Unavailable(
        f"no RAPL zone under {folder}: the driver is not loaded",
        "as root: modprobe intel_rapl_msr (Intel since Sandy Bridge, AMD since Zen)",
    )


def no_package(root: Path, faults: Sequence[Fault]) -> Unavailable:
    """The reason why zones exist and no package's counter can be read."""
    refused = [fault for fault in faults if absence.denied(fault.error)]
    if refused:
        return Unavailable(
            "RAPL counters may be read by root only (Linux 5.10 and newer, CVE-2020-8694)", REMEDY
        )
    if not faults:
        return Unavailable(
            "no RAPL zone of a package is there, only zones of other parts",
            _REMEDY_NOT_DENIED,
        )
    words = f"no RAPL package counter answers ({faults[0].file}: {faults[0].words})"
    return Unavailable(words, faults[0].remedy(root))


def unreadable(root: Path, part: Part, fault: Fault) -> Doubt:
    component, device = part
    return Doubt(
        code="rapl-unreadable",
        message=f"RAPL counter {device} ({component}) exists and cannot be read: {fault.words}",
        remedy=fault.remedy(root),
        subject=f"{component} {device}",
    )


def hidden(root: Path, zone: str, why: str) -> Doubt:
    return Doubt(
        code="rapl-unreadable",
        message=f"RAPL zone {zone} exists and nobody knows what it counts: {why}",
        remedy=absence.unmask(root, _DEVICES),
        subject=zone,
    )
