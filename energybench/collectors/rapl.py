"""RAPL energy counters of CPU packages and memory through powercap, Intel and AMD.

Every package and every dram zone adds up, and every die with a register of its own
(register_scope.py). The zones core and uncore
lie inside the package and are not opened. The zone psys contains package and dram; psys is recorded
and not summed. `intel-rapl-mmio` and `intel-rapl-tpmi` mirror the MSR zones. Source: Linux
Documentation/power/powercap/powercap.rst and drivers/powercap/intel_rapl_common.c.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.collectors import ranks
from energybench.collectors.ranks import socket_of
from energybench.collectors.register_scope import of_die, register_scope
from energybench.collectors.sysfs import NumberFile, hostname, text
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Context, Unavailable

POWERCAP = "sys/class/powercap"
# Intel SDM vol. 3B 16.10.3 "updated every ~1 msec"; AMD alike: Linux Documentation/hwmon/amd_energy
UPDATE_PERIOD_S = 0.001
# twice the largest TDP sold (500 W); 4x the zone's long-term limit if that is higher
LEAST_MAX_POWER_W = 1000.0
REMEDY = (
    "as root, give a group read access with a udev rule (docs/sensors/rapl.md), or run: "
    "chgrp GROUP /sys/class/powercap/intel-rapl*/energy_uj && chmod g+r "
    "/sys/class/powercap/intel-rapl*/energy_uj "
    "(until the next boot); or setcap cap_dac_read_search+ep on the Python interpreter; "
    "or use perf events (collector perf_rapl: CAP_PERFMON, or kernel.perf_event_paranoid <= 0)"
)
_REMEDY_NOT_DENIED = (
    "look at dmesg for intel_rapl; another reader or a firmware setting may hold the counter"
)

_ZONE = re.compile(r"(intel-rapl(?:-[a-z]+)?)(:\d+)*")
_PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
# control types, the preferred type first; the later types mirror the first type that is readable
_CONTROL_TYPES = ("intel-rapl", "intel-rapl-tpmi", "intel-rapl-mmio")
_PRIORS = {"cpu.package": "rapl.package", "cpu.dram": "rapl.dram", "platform": "rapl.psys"}

Part = tuple[str, str]  # component and device


class Zone(NamedTuple):
    """A powercap zone whose energy is recorded.

    id      name of the kernel: "intel-rapl:0:1"
    device  "package-0", "package-0-die-1", "psys"
    """

    id: str
    path: Path
    component: str
    device: str

    @property
    def control_type(self) -> str:
        return self.id.partition(":")[0]

    @property
    def part(self) -> Part:
        return self.component, self.device


def zones(root: Path) -> list[Zone]:
    """Package, dram and psys zones under `root`, zones of the preferred control type first.

    A zone is reachable by a link beside its parent and by its place inside the parent; the kernel's
    name shows that both paths lead to the same zone.
    """
    paths = dict(_walk(root / POWERCAP, depth=3))
    names = {zone: text(path / "name") or "" for zone, path in paths.items()}
    energy_zones = []
    for zone, path in paths.items():
        parent, name = zone.rpartition(":")[0], names[zone]
        if _PACKAGE.fullmatch(name):
            energy_zones.append(Zone(zone, path, "cpu.package", name))
        elif name == "psys":
            energy_zones.append(Zone(zone, path, "platform", name))
        elif name == "dram" and parent in names:
            energy_zones.append(Zone(zone, path, "cpu.dram", names[parent]))
    return sorted(energy_zones, key=_order)


def _order(zone: Zone) -> tuple[int, list[int]]:
    rank = {control_type: i for i, control_type in enumerate(_CONTROL_TYPES)}
    return (
        rank.get(zone.control_type, len(rank)),
        [int(number) for number in zone.id.split(":")[1:]],
    )


def _walk(folder: Path, depth: int) -> Iterator[tuple[str, Path]]:
    """Names and real paths of all zones below a folder."""
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
    return any(zone.component == "cpu.package" and _is_readable(zone) for zone in zones(root))


def _is_readable(zone: Zone) -> bool:
    line = NumberFile(zone.path / "energy_uj")
    try:
        return line.integer() is not None
    finally:
        line.close()


class Rapl:
    """Counters of every package and memory zone."""

    name = "rapl"
    about = (
        "CPU packages, Intel and AMD, and memory with a counter (not on AMD), by RAPL counters in "
        "/sys/class/powercap."
    )

    def __init__(self) -> None:
        self._lines: list[NumberFile] = []
        self._doubts: list[Doubt] = []

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        self._doubts = []
        energy_zones = zones(context.root)
        if not energy_zones:
            raise Unavailable(
                f"no RAPL zone under {context.root / POWERCAP}",
                "on bare metal load the driver: modprobe intel_rapl_msr (Intel since Sandy Bridge, "
                "AMD since Zen); a virtual machine has none",
            )
        channels, refused = self._open_zones(context, energy_zones)
        denied = any(_is_denied(error) for error in refused.values())
        remedy = REMEDY if denied else _REMEDY_NOT_DENIED
        if not any(channel.component == "cpu.package" for channel in channels):
            self.close()
            reason = "no RAPL package counter answers"
            if denied:
                reason = (
                    "RAPL counters may be read by root only (Linux 5.10 and newer, CVE-2020-8694)"
                )
            raise Unavailable(reason, remedy)
        self._doubts = [_unreadable(part, error, remedy) for part, error in refused.items()]
        return channels

    def _open_zones(
        self, context: Context, energy_zones: Sequence[Zone]
    ) -> tuple[list[Channel], Mapping[Part, OSError | None]]:
        """Channels of the readable zones, and the errors of parts without any readable zone.

        A zone of another control type than the open zones of its part is a mirror and stays closed.
        """
        host, scope = hostname(context.root), register_scope(context.root)
        channels: list[Channel] = []
        covered: set[Part] = set()  # components and sockets with an open counter
        control_types: dict[Part, str] = {}  # of the parts that are open
        errors: dict[Part, OSError | None] = {}
        for zone in energy_zones:
            part = zone.part
            if control_types.get(part, zone.control_type) != zone.control_type:
                continue
            line = NumberFile(zone.path / "energy_uj")
            if line.integer() is None:
                errors.setdefault(part, line.error)
                line.close()
                continue
            # a second zone of one name, such as psys of the second socket
            device = f"{zone.device}@{zone.id}" if part in control_types else zone.device
            control_types[part] = zone.control_type
            self._lines.append(line)
            channel = _channel(context, zone, device, host)
            socket = channel.component, channel.socket
            channels.append(of_die(channel, scope, repeats=socket in covered))
            covered.add(socket)
        refused = {part: error for part, error in errors.items() if part not in control_types}
        if scope != "package":
            channels += self._closed_dies(context, energy_zones, refused, covered)
        return channels, refused

    def _closed_dies(
        self,
        context: Context,
        energy_zones: Iterable[Zone],
        refused: Mapping[Part, OSError | None],
        covered: Collection[Part],
    ) -> list[Channel]:
        """Channels of dies that cannot be read beside a die of their socket that can.

        Their reads fail, so that the die is missing and not covered by the other die.
        """
        channels = []
        for part in refused:
            component, device = part
            if component == "cpu.package" and (component, socket_of(device)) in covered:
                zone = next(zone for zone in energy_zones if zone.part == part)
                self._lines.append(NumberFile(zone.path / "energy_uj"))
                channels.append(_channel(context, zone, device, hostname(context.root)))
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
        """Doubts about zones that exist and cannot be read."""
        return tuple(self._doubts)


def _is_denied(error: OSError | None) -> bool:
    return error is not None and error.errno in (errno.EACCES, errno.EPERM)


def _unreadable(part: Part, error: OSError | None, remedy: str) -> Doubt:
    component, device = part
    why = "it does not hold a number" if error is None else error.strerror or str(error)
    return Doubt(
        code="rapl-unreadable",
        message=f"RAPL counter {device} ({component}) exists and cannot be read: {why}",
        remedy=remedy,
        subject=f"{component} {device}",
    )


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
        gain=context.gain(_PRIORS[zone.component], gain_key(zone.component, device, host)),
        update_period_s=UPDATE_PERIOD_S,
        wrap=_wrap(text(zone.path / "max_energy_range_uj")),
        max_power_w=_max_power_w(zone.path),
        counts=zone.component != "platform",
        contains=("cpu.package", "cpu.dram") if zone.component == "platform" else (),
    )


def gain_key(component: str, device: str, host: str) -> str:
    """Key of a RAPL gain: part, socket and host, the same through powercap and through perf."""
    return f"rapl:{device}:{component.rpartition('.')[2]}@{host}"


def _wrap(largest_uj: str | None) -> int | None:
    """Microjoules at which the counter starts again from zero.

    largest_uj  content of max_energy_range_uj
    The register counts 2^32 energy units, and max_energy_range_uj is the value of 2^32 - 1 units
    (get_max_energy_counter hands ENERGY_STATUS_MASK to rapl_unit_xlate): zero follows one unit
    above that value, and not one microjoule.
    """
    if largest_uj is None or not largest_uj.isdigit() or int(largest_uj) == 0:
        return None
    largest = int(largest_uj)
    return largest + max(1, round(largest / (2**32 - 1)))


def _max_power_w(zone: Path) -> float:
    """Power that no real reading of the zone exceeds, W."""
    limits = [text(path) for path in zone.glob("constraint_*_power_limit_uw")]
    return max(
        [
            LEAST_MAX_POWER_W,
            *(4 * int(limit) / 1e6 for limit in limits if limit and limit.isdigit()),
        ]
    )
