"""Files that hold the temperature of each CPU package: coretemp, k10temp, or a thermal zone.

Sources: kernel docs hwmon/coretemp, hwmon/k10temp, thermal/sysfs-api (x86_pkg_temp).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from energybench.collectors.sysfs import text


def temperature_files(classes: Path, packages: Sequence[str]) -> Mapping[str, Path]:
    """Temperature file of each package, m°C.

    classes   /sys/class
    packages  names in the order of the kernel's numbers
    """
    if not packages:
        return {}
    hwmon = sorted((classes / "hwmon").glob("hwmon*"), key=_device)
    labelled = _coretemp(hwmon)
    ordered = _k10temp(hwmon)
    if not labelled and not ordered:
        ordered = _thermal_zones(classes / "thermal")
    named = {name: path for name, path in labelled.items() if name in packages}
    if named:
        return named
    # the first Zen has a sensor on each die: the first die of a package stands for the package
    dies = max(1, len(ordered) // len(packages))
    return dict(zip(packages, ordered[::dies], strict=False))


def _coretemp(folders: Sequence[Path]) -> dict[str, Path]:
    """Files of Intel packages, which coretemp names by the number of the package."""
    files = {}
    for folder in folders:
        if text(folder / "name") != "coretemp":
            continue
        for label, path in _labels(folder).items():
            if match := re.fullmatch(r"Package id (\d+)", label):
                files[f"package-{match[1]}"] = _input(path)
    return files


def _k10temp(folders: Sequence[Path]) -> list[Path]:
    """Files of AMD dies, in the order of the PCI devices.

    Tctl controls the fans: on some models Tctl is above the temperature of the die by a constant,
    which does not matter to a drift.
    """
    files = []
    for folder in folders:
        if text(folder / "name") != "k10temp":
            continue
        labels = _labels(folder)
        label = labels.get("Tdie") or labels.get("Tctl")
        files.append(_input(label) if label else folder / "temp1_input")
    return files


def _thermal_zones(folder: Path) -> list[Path]:
    """Files of the thermal zones of packages, in the order of the zones' numbers."""
    zones = sorted(
        folder.glob("thermal_zone*"),
        key=lambda zone: int("0" + zone.name.removeprefix("thermal_zone")),
    )
    return [zone / "temp" for zone in zones if text(zone / "type") == "x86_pkg_temp"]


def _labels(folder: Path) -> dict[str, Path]:
    return {text(path) or "": path for path in sorted(folder.glob("temp*_label"))}


def _device(folder: Path) -> str:
    """Device behind a hwmon folder.

    PCI devices 18.3, 19.3, … are AMD's packages in order; hwmon numbers follow the order in which
    modules load.
    """
    return str((folder / "device").resolve())


def _input(label: Path) -> Path:
    return label.with_name(label.name.replace("_label", "_input"))
