"""RAPL energy counters of CPU packages and memory through powercap, Intel and AMD.

What adds up: every package (and every die of one) and every dram zone. core and uncore lie inside
the package and are not opened; psys contains package and dram and is recorded without being summed;
`intel-rapl-mmio` and `intel-rapl-tpmi` mirror the MSR zones. Source: Linux
Documentation/power/powercap/powercap.rst and drivers/powercap/intel_rapl_common.c.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.collectors import ranks
from energybench.collectors.ranks import socket_of
from energybench.collectors.sysfs import Line, hostname, text
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Context, Unavailable

POWERCAP = "sys/class/powercap"
# Intel SDM vol. 3B 16.10.3 "updated every ~1 msec"; AMD alike: Linux Documentation/hwmon/amd_energy
UPDATE_PERIOD_S = 0.001
# twice the largest TDP sold (500 W); a limit of 4x the long-term limit where that is higher
LEAST_MAX_POWER_W = 1000.0
REMEDY = (
    "as root, give a group read access with a udev rule (docs/sensors/rapl.md), or run: "
    "chgrp GROUP /sys/class/powercap/intel-rapl*/energy_uj && chmod g+r "
    "/sys/class/powercap/intel-rapl*/energy_uj "
    "(until the next boot); or setcap cap_dac_read_search+ep on the Python interpreter; "
    "or use perf events (collector perf_rapl: CAP_PERFMON, or kernel.perf_event_paranoid <= 0)"
)

_ZONE = re.compile(r"(intel-rapl(?:-[a-z]+)?)(:\d+)*")
_PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
_ORDER = (
    "intel-rapl",
    "intel-rapl-tpmi",
    "intel-rapl-mmio",
)  # the first that is readable stands for its mirrors
_PARTS = {"cpu.package": "rapl.package", "cpu.dram": "rapl.dram", "platform": "rapl.psys"}


class Zone(NamedTuple):
    """One powercap zone that counts energy worth recording."""

    id: str  # "intel-rapl:0:1", the kernel's own name
    path: Path
    component: str
    device: str  # "package-0", "package-0-die-1", "psys"

    @property
    def control_type(self) -> str:
        return self.id.partition(":")[0]


def zones(root: Path) -> list[Zone]:
    """Package, dram and psys zones under `root`, each once, those of the preferred control type
    first.

    A zone is reachable by a link beside its parent and by its place inside it; the kernel's name
    tells that both are one.
    """
    paths = dict(_walk(root / POWERCAP, depth=3))
    names = {zone: text(path / "name") or "" for zone, path in paths.items()}
    found = []
    for zone, path in paths.items():
        parent, name = zone.rpartition(":")[0], names[zone]
        if _PACKAGE.fullmatch(name):
            found.append(Zone(zone, path, "cpu.package", name))
        elif name == "psys":
            found.append(Zone(zone, path, "platform", name))
        elif name == "dram" and parent in names:
            found.append(Zone(zone, path, "cpu.dram", names[parent]))
    rank = {control: i for i, control in enumerate(_ORDER)}
    return sorted(
        found,
        key=lambda zone: (
            rank.get(zone.control_type, len(rank)),
            [int(part) for part in zone.id.split(":")[1:]],
        ),
    )


def _walk(folder: Path, depth: int) -> Iterator[tuple[str, Path]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if not _ZONE.fullmatch(name):
            continue
        path = Path(os.path.realpath(folder / name))
        if ":" in path.name:
            yield path.name, path
        if depth:
            yield from _walk(path, depth - 1)


def package_readable(root: Path) -> bool:
    """Whether at least one package's counter can be read through powercap."""
    return any(zone.component == "cpu.package" and _once(zone) is not None for zone in zones(root))


def _once(zone: Zone) -> int | None:
    line = Line(zone.path / "energy_uj")
    try:
        return line.integer()
    finally:
        line.close()


class Rapl:
    """Counters of every package and memory zone. Constructing it reads nothing."""

    name = "rapl"
    about = (
        "CPU packages, Intel and AMD, and memory where it has a counter (no AMD), by RAPL counters "
        "in /sys/class/powercap."
    )

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._doubts: list[Doubt] = []

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        self._doubts = []
        found = zones(context.root)
        if not found:
            raise Unavailable(
                f"no RAPL zone under {context.root / POWERCAP}",
                "on bare metal load the driver: modprobe intel_rapl_msr (Intel since Sandy Bridge, "
                "AMD since Zen); a virtual machine has none",
            )
        host = hostname(context.root)
        channels: list[Channel] = []
        taken: dict[tuple[str, str], str] = {}  # part and device → control type that has it
        refused: dict[tuple[str, str], OSError | None] = {}
        for zone in found:
            part = (zone.component, zone.device)
            if taken.get(part, zone.control_type) != zone.control_type:
                continue  # a mirror of what is open already
            line = Line(zone.path / "energy_uj")
            if line.integer() is None:
                refused.setdefault(part, line.error)
                line.close()
                continue
            device = zone.device if part not in taken else f"{zone.device}@{zone.id}"
            taken[part] = zone.control_type
            self._lines.append(line)
            channels.append(_channel(context, zone, device, host))
        missing = {part: error for part, error in refused.items() if part not in taken}
        denied = any(
            error is not None and error.errno in (errno.EACCES, errno.EPERM)
            for error in missing.values()
        )
        remedy = (
            REMEDY
            if denied
            else (
                "look at dmesg for intel_rapl; another reader or a firmware setting may hold the "
                "counter"
            )
        )
        if not any(channel.component == "cpu.package" for channel in channels):
            self.close()
            reason = (
                "RAPL counters may be read by root only (Linux 5.10 and newer, CVE-2020-8694)"
                if denied
                else "no RAPL package counter answers"
            )
            raise Unavailable(reason, remedy)
        self._doubts = [
            Doubt(
                code="rapl-unreadable",
                message=f"RAPL counter {device} ({component}) is there and cannot be read: "
                f"{_why(error)}",
                remedy=remedy,
                subject=f"{component} {device}",
            )
            for (component, device), error in missing.items()
        ]
        return channels

    def read(self) -> list[int | None]:
        return [line.integer() for line in self._lines]

    def close(self) -> None:
        for line in self._lines:
            line.close()
        self._lines = []

    def gpus(self) -> Sequence[Gpu]:
        return ()

    def doubts(self) -> Sequence[Doubt]:
        """Zones that are there and could not be opened."""
        return tuple(self._doubts)


def _why(error: OSError | None) -> str:
    return "it holds no number" if error is None else error.strerror or str(error)


def _channel(context: Context, zone: Zone, device: str, host: str) -> Channel:
    return Channel(
        collector="rapl",
        rank=ranks.RAPL,
        device=device,
        socket=socket_of(device),
        component=zone.component,
        kind="counter",
        quantity="energy",
        resolution=1e-6,
        gain=context.gain(_PARTS[zone.component], gain_key(zone.component, device, host)),
        update_period_s=UPDATE_PERIOD_S,
        wrap=_wrap(text(zone.path / "max_energy_range_uj")),
        max_power_w=_max_power_w(zone.path),
        counts=zone.component != "platform",
        contains=("cpu.package", "cpu.dram") if zone.component == "platform" else (),
    )


def gain_key(component: str, device: str, host: str) -> str:
    """What a RAPL gain belongs to: this part of this socket of this host, by whichever way it is
    read.
    """
    return f"rapl:{device}:{component.rpartition('.')[2]}@{host}"


def _wrap(written: str | None) -> int | None:
    """Microjoules at which the counter starts anew.

    The register counts 2^32 energy units; `max_energy_range_uj` is the value of 2^32 - 1 of them
    (get_max_energy_counter hands ENERGY_STATUS_MASK to rapl_unit_xlate), so that zero follows one
    unit, and not one microjoule, above it.
    """
    if written is None or not written.isdigit() or int(written) == 0:
        return None
    largest = int(written)
    return largest + max(1, round(largest / (2**32 - 1)))


def _max_power_w(zone: Path) -> float:
    limits = [text(path) for path in zone.glob("constraint_*_power_limit_uw")]
    return max(
        [
            LEAST_MAX_POWER_W,
            *(4 * int(limit) / 1e6 for limit in limits if limit and limit.isdigit()),
        ]
    )
