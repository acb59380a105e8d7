"""RAPL zones of powercap: the zones with the energy of packages, memory and the platform."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from energybench.collectors.sysfs import text

POWERCAP = "sys/class/powercap"
ZONE = re.compile(r"(intel-rapl(?:-[a-z]+)?)(:\d+)*")
_PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
# control types, the preferred type first; later types mirror the first readable type
_CONTROL_TYPES = ("intel-rapl", "intel-rapl-tpmi", "intel-rapl-mmio")

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
    paths = dict(walk(root / POWERCAP, depth=3))
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


def walk(folder: Path, depth: int) -> Iterator[tuple[str, Path]]:
    """Names and real paths of all zones below a folder."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if not ZONE.fullmatch(name):
            continue
        path = Path(os.path.realpath(folder / name))
        if ":" in path.name:
            yield path.name, path
        if depth:
            yield from walk(path, depth - 1)
