"""Temperature, clock and thermal throttling of each CPU package, as the kernel shows them.

These are conditions of a run and not energy, so this module has no channel. Sources: kernel docs
hwmon/coretemp and hwmon/k10temp (labels, m°C), thermal/sysfs-api (x86_pkg_temp), cpufreq
(scaling_cur_freq, kHz), ABI/testing/sysfs-devices-system-cpu (thermal_throttle/*_count),
proc_stat(5).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.collectors.package_temperatures import temperature_files
from energybench.collectors.sysfs import NumberFile, text
from energybench.model import Condition
from energybench.plugins import Context

# Largest number of cores of a package that are read for clock and throttle count. A read wakes a
# sleeping core on kernels before 5.18 (up to 20 ms of waiting for each). Sixteen cores give the
# mean of the package to a quarter of the scatter of single cores.
_SAMPLED_CORES = 16
# share of the time since the last reading that a core must have worked: the clock of a sleeping
# core says nothing about the work
_BUSY = 0.5
# readings of /proc/cpuinfo without any change after which the MHz are taken for a label and not for
# a clock
_UNCHANGED_READINGS = 3
_HZ_PER_KHZ = 1e3


class _CpuTicks(NamedTuple):
    """Ticks of one CPU since boot: at work, and in all."""

    work: int
    total: int


class CpuState:
    """The packages below `context.root`.

    A value that the kernel does not show is None; a machine without any value has no conditions.
    """

    def __init__(self) -> None:
        self._context: Context | None = None
        self._packages: dict[str, list[int]] = {}  # CPU numbers, first threads of cores first
        self._temperatures: dict[str, NumberFile] = {}
        self._throttles: dict[str, list[NumberFile]] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._clocks: dict[int, NumberFile] = {}
        self._ticks: dict[int, _CpuTicks] = {}
        self._labels: tuple[float, ...] = ()
        self._unchanged = 0

    def open(self, context: Context) -> None:
        """Find the kernel's files, and read the counts that later readings are compared with."""
        self._context = context
        cpus = context.root / "sys/devices/system/cpu"
        self._packages = _packages(cpus)
        files = temperature_files(context.root / "sys/class", list(self._packages))
        self._temperatures = {name: NumberFile(path) for name, path in files.items()}
        self._throttles = {
            name: _lines(_throttle_files(cpus, members)) for name, members in self._packages.items()
        }
        self._counts = {
            name: [line.integer() for line in lines] for name, lines in self._throttles.items()
        }
        clocks = {
            number: cpus / f"cpu{number}/cpufreq/scaling_cur_freq"
            for members in self._packages.values()
            for number in members
        }
        self._clocks = {
            number: NumberFile(path) for number, path in clocks.items() if path.exists()
        }
        self._busy()

    def conditions(self) -> Sequence[Condition]:
        if self._context is None:
            return ()
        t_s = self._context.clock.now()
        mhz = self._clock_mhz(self._busy())
        conditions = []
        for name in self._packages:
            line = self._temperatures.get(name)
            millidegrees = line.integer() if line is not None else None
            condition = Condition(
                t_s=t_s,
                device=name,
                temperature_c=None if millidegrees is None else millidegrees / 1e3,
                clock_mhz=mhz.get(name),
                throttle=self._throttle(name),
            )
            values = (condition.temperature_c, condition.clock_mhz, condition.throttle)
            if values != (None, None, None):
                conditions.append(condition)
        return conditions

    def close(self) -> None:
        throttles = [line for lines in self._throttles.values() for line in lines]
        for line in (*self._temperatures.values(), *throttles, *self._clocks.values()):
            line.close()

    def _throttle(self, name: str) -> str | None:
        """State of the package: "thermal" if a throttle count rose since the last reading."""
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

    # ---------------------------------------------------------------- clocks

    def _clock_mhz(self, busy: set[int]) -> dict[str, float]:
        """Mean clock of the busy cores of each package, or of a sample of the busy cores."""
        sampled = {
            name: _spread([number for number in members if number in busy])
            for name, members in self._packages.items()
        }
        if not busy:
            mhz: Mapping[int, float] = {}
        elif self._clocks:
            mhz = self._measured_mhz(number for members in sampled.values() for number in members)
        else:
            mhz = self._labelled_mhz()
        means = {}
        for name, members in sampled.items():
            values = [mhz[number] for number in members if number in mhz]
            if values:
                means[name] = sum(values) / len(values)
        return means

    def _measured_mhz(self, numbers: Iterable[int]) -> dict[int, float]:
        """Clocks of these CPUs by cpufreq."""
        mhz = {}
        for number in numbers:
            khz = self._clocks[number].integer() if number in self._clocks else None
            if khz:
                mhz[number] = khz * _HZ_PER_KHZ / 1e6
        return mhz

    def _labelled_mhz(self) -> dict[int, float]:
        """Clocks of all CPUs by the MHz of /proc/cpuinfo, if the MHz change.

        The MHz of a virtual machine stand still: after some readings without a change the file is
        not read again.
        """
        if self._unchanged >= _UNCHANGED_READINGS or self._context is None:
            return {}
        cpuinfo = text(self._context.root / "proc/cpuinfo") or ""
        numbers = re.findall(r"^processor[ \t]*:[ \t]*(\d+)", cpuinfo, re.M)
        texts = re.findall(r"^cpu MHz[ \t]*:[ \t]*(\d+(?:\.\d+)?)[ \t]*$", cpuinfo, re.M)
        values = [float(value) for value in texts]
        before, self._labels = self._labels, tuple(values)
        moves = before not in ((), self._labels)
        self._unchanged = 0 if moves else self._unchanged + 1
        if not moves or len(values) != len(numbers):
            return {}
        return {int(number): value for number, value in zip(numbers, values, strict=True)}

    def _busy(self) -> set[int]:
        """CPUs that worked for most of the time since the last call."""
        if self._context is None:
            return set()
        before, self._ticks = self._ticks, _ticks(self._context.root / "proc/stat")
        busy = set()
        for number, now in self._ticks.items():
            last = before.get(number)
            total = now.total - last.total if last is not None else 0
            if last is not None and total > 0 and (now.work - last.work) / total >= _BUSY:
                busy.add(number)
        return busy


# ---------------------------------------------------------------- files of the kernel


def _packages(cpus: Path) -> dict[str, list[int]]:
    """CPU numbers of each package, first threads of cores before second threads."""
    first: dict[str, list[int]] = defaultdict(list)
    second: dict[str, list[int]] = defaultdict(list)
    cores: set[tuple[str, str]] = set()
    numbers = sorted(
        int(path.name[3:]) for path in cpus.glob("cpu[0-9]*") if path.name[3:].isdigit()
    )
    for number in numbers:
        package = text(cpus / f"cpu{number}/topology/physical_package_id")
        if package is None or not package.isdigit():
            continue
        name, core = f"package-{package}", text(cpus / f"cpu{number}/topology/core_id")
        is_second = core is not None and (name, core) in cores
        (second if is_second else first)[name].append(number)
        if core is not None:
            cores.add((name, core))
    return {name: members + second[name] for name, members in sorted(first.items())}


def _throttle_files(cpus: Path, members: Sequence[int]) -> list[Path]:
    """The throttle count of the package, and the counts of a sample of the package's cores."""
    package = cpus / f"cpu{members[0]}/thermal_throttle/package_throttle_count"
    cores = [
        cpus / f"cpu{number}/thermal_throttle/core_throttle_count" for number in _spread(members)
    ]
    return [package, *cores]


def _lines(paths: Sequence[Path]) -> list[NumberFile]:
    return [NumberFile(path) for path in paths if path.exists()]


def _spread(members: Sequence[int]) -> list[int]:
    """At most _SAMPLED_CORES CPUs, evenly spread over the package."""
    step = max(1, -(-len(members) // _SAMPLED_CORES))
    return list(members[::step])


def _ticks(stat: Path) -> dict[int, _CpuTicks]:
    """Ticks of each CPU from /proc/stat."""
    ticks = {}
    for line in (text(stat) or "").splitlines():
        name, *fields = line.split()
        if not name.startswith("cpu"):
            break
        if name[3:].isdigit() and len(fields) >= 7 and all(field.isdigit() for field in fields[:7]):
            user, nice, system, idle, waiting, irq, soft = (int(field) for field in fields[:7])
            work = user + nice + system + irq + soft
            ticks[int(name[3:])] = _CpuTicks(work, work + idle + waiting)
    return ticks
