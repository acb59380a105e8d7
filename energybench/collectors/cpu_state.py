"""Temperature, clock and thermal throttling of each CPU package, as the kernel tells them. No
channel: nothing here is energy.

Sources: kernel docs hwmon/coretemp and hwmon/k10temp (labels, m°C), thermal/sysfs-api
(x86_pkg_temp), cpufreq (scaling_cur_freq, kHz), ABI/testing/sysfs-devices-system-cpu
(thermal_throttle/*_count), proc_stat(5).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from energybench.collectors.sysfs import Line, text
from energybench.model import Condition
from energybench.plugins import Context

# Cores asked for their clock and their throttle count, of each package: asking wakes a core on
# kernels before 5.18 (up to 20 ms of waiting for each that slept), and sixteen of them have the
# package's mean to a quarter of what single cores scatter by.
_ASKED = 16
# of the time since the last reading: a core's clock while it sleeps says nothing about the work
_BUSY = 0.5
_SAME = (
    3  # readings of /proc/cpuinfo without any change after which its MHz are a label, not a clock
)
_HZ_PER_KHZ = 1e3


class CpuState:
    """The packages below `context.root`.

    What is not there is None; a machine that shows nothing has no conditions.
    """

    def __init__(self) -> None:
        self._context: Context | None = None
        self._packages: dict[str, list[int]] = {}  # CPU numbers of each, one a core first
        self._temperatures: dict[str, Line] = {}
        self._throttles: dict[str, list[Line]] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._clocks: dict[int, Line] = {}
        self._spent: dict[int, tuple[int, int]] = {}  # of each CPU: ticks at work, ticks in all
        self._labels: tuple[float, ...] = ()
        self._unchanged = 0

    def open(self, context: Context) -> None:
        """Find what there is, and take the counts that later readings are compared with."""
        self._context = context
        cpus = context.root / "sys/devices/system/cpu"
        self._packages = _packages(cpus)
        self._temperatures = {
            name: Line(path)
            for name, path in _temperatures(
                context.root / "sys/class", list(self._packages)
            ).items()
        }
        self._throttles = {}
        for name, members in self._packages.items():
            files = [cpus / f"cpu{members[0]}/thermal_throttle/package_throttle_count"]
            files += [
                cpus / f"cpu{number}/thermal_throttle/core_throttle_count"
                for number in _spread(members)
            ]
            self._throttles[name] = [Line(path) for path in files if path.exists()]
        self._counts = {
            name: [line.integer() for line in lines] for name, lines in self._throttles.items()
        }
        paths = {
            number: cpus / f"cpu{number}/cpufreq/scaling_cur_freq"
            for members in self._packages.values()
            for number in members
        }
        self._clocks = {number: Line(path) for number, path in paths.items() if path.exists()}
        self._busy()

    def conditions(self) -> Sequence[Condition]:
        if self._context is None:
            return ()
        t_s, busy = self._context.clock.now(), self._busy()
        mhz = self._clock_mhz(busy)
        made = []
        for name in self._packages:
            hot = self._temperatures[name].integer() if name in self._temperatures else None
            found = Condition(
                t_s=t_s,
                device=name,
                temperature_c=None if hot is None else hot / 1e3,
                clock_mhz=mhz.get(name),
                throttle=self._throttle(name),
            )
            if (found.temperature_c, found.clock_mhz, found.throttle) != (None, None, None):
                made.append(found)
        return made

    def close(self) -> None:
        for line in (
            *self._temperatures.values(),
            *(line for lines in self._throttles.values() for line in lines),
            *self._clocks.values(),
        ):
            line.close()

    def _throttle(self, name: str) -> str | None:
        """Whether a count rose since the last reading."""
        before, now = self._counts[name], [line.integer() for line in self._throttles[name]]
        self._counts[name] = now
        pairs = [
            (old, new)
            for old, new in zip(before, now, strict=True)
            if old is not None and new is not None
        ]
        if not pairs:
            return None
        return "thermal" if any(new > old for old, new in pairs) else "none"

    def _clock_mhz(self, busy: set[int]) -> dict[str, float]:
        """Mean clock of the packages' busy cores, or of some of them."""
        if not busy or self._context is None:
            return {}
        asked = {
            name: _spread([number for number in members if number in busy])
            for name, members in self._packages.items()
        }
        if self._clocks:
            found = {
                number: self._clocks[number].integer()
                for members in asked.values()
                for number in members
                if number in self._clocks
            }
            mhz = {number: khz * _HZ_PER_KHZ / 1e6 for number, khz in found.items() if khz}
        else:
            mhz = self._labelled_mhz()
        means = {}
        for name, members in asked.items():
            values = [mhz[number] for number in members if number in mhz]
            if values:
                means[name] = sum(values) / len(values)
        return means

    def _labelled_mhz(self) -> dict[int, float]:
        """MHz of /proc/cpuinfo, where they are a clock at all: a virtual machine's stand still.

        Not read again once that is clear.
        """
        if self._unchanged >= _SAME or self._context is None:
            return {}
        found = text(self._context.root / "proc/cpuinfo") or ""
        numbers = re.findall(r"^processor\s*:\s*(\d+)", found, re.M)
        values = [float(value) for value in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", found, re.M)]
        before, self._labels = self._labels, tuple(values)
        moves = before not in ((), self._labels)
        self._unchanged = 0 if moves else self._unchanged + 1
        if not moves or len(values) != len(numbers):
            return {}
        return {int(number): value for number, value in zip(numbers, values, strict=True)}

    def _busy(self) -> set[int]:
        """CPUs that were at work for most of the time since the last call."""
        if self._context is None:
            return set()
        before, now = self._spent, _spent(self._context.root / "proc/stat")
        self._spent = now
        both = [
            (number, at_work - before[number][0], whole - before[number][1])
            for number, (at_work, whole) in now.items()
            if number in before
        ]
        return {number for number, at_work, whole in both if whole > 0 and at_work / whole >= _BUSY}


def _packages(cpus: Path) -> dict[str, list[int]]:
    """CPUs of each package, first threads of cores before second ones."""
    found: dict[str, list[int]] = defaultdict(list)
    seconds: dict[str, list[int]] = defaultdict(list)
    cores: set[tuple[str, str]] = set()
    numbers = sorted(
        int(path.name[3:]) for path in cpus.glob("cpu[0-9]*") if path.name[3:].isdigit()
    )
    for number in numbers:
        package = text(cpus / f"cpu{number}/topology/physical_package_id")
        if package is None or not package.isdigit():
            continue
        name, core = f"package-{package}", text(cpus / f"cpu{number}/topology/core_id")
        seen = core is not None and (name, core) in cores
        (seconds if seen else found)[name].append(number)
        if core is not None:
            cores.add((name, core))
    return {name: members + seconds[name] for name, members in sorted(found.items())}


def _temperatures(classes: Path, packages: Sequence[str]) -> dict[str, Path]:
    """Files with each package's temperature in m°C: coretemp by its label, k10temp (Tdie, else
    Tctl) and thermal zones in their order.
    """
    if not packages:
        return {}
    labelled, ordered = {}, []
    for folder in sorted((classes / "hwmon").glob("hwmon*"), key=_device):
        driver = text(folder / "name")
        labels = {text(path): path for path in sorted(folder.glob("temp*_label"))}
        for label, path in labels.items():
            if driver == "coretemp" and (match := re.fullmatch(r"Package id (\d+)", label or "")):
                labelled[f"package-{match[1]}"] = _input(path)
        if driver == "k10temp":
            # Tctl is what the fans follow: on some models above the die's temperature by a
            # constant, which no drift sees.
            chosen = labels.get("Tdie") or labels.get("Tctl")
            ordered.append(_input(chosen) if chosen else folder / "temp1_input")
    if not labelled and not ordered:
        zones = sorted(
            (classes / "thermal").glob("thermal_zone*"),
            key=lambda zone: int("0" + zone.name.removeprefix("thermal_zone")),
        )
        ordered = [zone / "temp" for zone in zones if text(zone / "type") == "x86_pkg_temp"]
    dies = max(
        1, len(ordered) // len(packages)
    )  # the first Zen has a sensor on each die: the package's first one stands for it
    return {name: path for name, path in labelled.items() if name in packages} or dict(
        zip(packages, ordered[::dies], strict=False)
    )


def _device(folder: Path) -> str:
    """What the sensor sits on: PCI devices 18.3, 19.3, … are AMD's packages in order, while hwmon
    numbers come as modules load.
    """
    return str((folder / "device").resolve())


def _input(label: Path) -> Path:
    return label.with_name(label.name.replace("_label", "_input"))


def _spread(members: Sequence[int]) -> list[int]:
    """At most so many as are asked, evenly over the package."""
    step = max(1, -(-len(members) // _ASKED))
    return list(members[::step])


def _spent(stat: Path) -> dict[int, tuple[int, int]]:
    found = {}
    for line in (text(stat) or "").splitlines():
        name, *fields = line.split()
        if not name.startswith("cpu"):
            break
        if name[3:].isdigit() and len(fields) >= 7 and all(field.isdigit() for field in fields[:7]):
            user, nice, system, idle, waiting, irq, soft = (int(field) for field in fields[:7])
            at_work = user + nice + system + irq + soft
            found[int(name[3:])] = (at_work, at_work + idle + waiting)
    return found
