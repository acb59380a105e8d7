"""RAPL energy counters through perf events, for machines whose powercap files only root may read.

The counters are the counters of powercap, in units of 2^-32 J and 64 bits wide: the kernel unwraps
the counters and starts from zero when an event is opened. Source: Linux arch/x86/events/rapl.c,
perf_event_open(2), Documentation/admin-guide/perf-security.rst.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from energybench.collectors import absence, ranks
from energybench.collectors.host_identity import host_identity
from energybench.collectors.ranks import socket_of
from energybench.collectors.rapl import (
    LEAST_MAX_POWER_W,
    UPDATE_PERIOD_S,
    gain_key,
    package_readable,
)
from energybench.collectors.register_scope import of_die, register_scope
from energybench.collectors.sysfs import NumberFile, text
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Context, Unavailable

PMU = "sys/bus/event_source/devices/power"

# event → component, gain prior, contained components (energy-cores and energy-gpu lie inside the
# package and are not opened)
_EVENTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "energy-pkg": ("cpu.package", "rapl.package", ()),
    "energy-ram": ("cpu.dram", "rapl.dram", ()),
    "energy-psys": ("platform", "rapl.psys", ("cpu.package", "cpu.dram")),
}
# number of the system call perf_event_open: asm/unistd.h
_SYSCALL = {"x86_64": 298, "i686": 336, "aarch64": 241}
_ATTR_SIZE = 64  # PERF_ATTR_SIZE_VER0, enough for an energy event
_CLOSE_ON_EXEC = 8  # PERF_FLAG_FD_CLOEXEC

OpenEvent = Callable[[int, int, int], int]


def perf_event_open(kind: int, config: int, cpu: int) -> int:
    """File descriptor of a counting event over all processes of one CPU.

    Raises OSError if the system call fails.
    """
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    attr = struct.pack("=IIQ", kind, _ATTR_SIZE, config).ljust(_ATTR_SIZE, b"\0")
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(
        libc.syscall(
            ctypes.c_long(number),
            attr,
            ctypes.c_int(-1),
            ctypes.c_int(cpu),
            ctypes.c_int(-1),
            ctypes.c_ulong(_CLOSE_ON_EXEC),
        )
    )
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return fd


class PerfRapl:
    """One counter for each event and package.

    open_event  takes (type, config, cpu) and returns a file descriptor that gives 8 bytes a read
    """

    name = "perf_rapl"
    about = (
        "CPU packages and memory by the same RAPL counters as rapl, through perf events: for "
        "machines whose powercap files may not be read."
    )

    def __init__(self, open_event: OpenEvent = perf_event_open) -> None:
        self._open_event = open_event
        self._fds: list[int] = []
        self._doubts: list[Doubt] = []

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        pmu = context.root / PMU
        kind = text(pmu / "type")
        if kind is None or not kind.isdigit():
            raise _no_pmu(context.root)
        if package_readable(context.root):
            raise Unavailable(
                "powercap is readable and holds the same counters",
                "nothing to do: collector rapl reads them",
            )
        cpus = _cpus(text(pmu / "cpumask") or "")
        if not cpus:
            raise _no_cpu(context.root)
        host, scope = host_identity(context.root), register_scope(context.root)
        channels: list[Channel] = []
        covered: set[tuple[str, str]] = set()  # components and sockets with an open counter
        failure: OSError | None = None
        self._doubts = []
        for event in _EVENTS:
            config, scale = _config(text(pmu / "events" / event)), _scale(pmu / "events", event)
            if config is None or scale is None:
                continue
            for cpu, device in zip(cpus, _devices(context.root, cpus), strict=True):
                try:
                    self._fds.append(self._open_event(int(kind), config, cpu))
                except OSError as error:
                    failure = error
                    self._doubts.append(_unreadable(context.root, event, device, error))
                    continue
                channel = _channel(context, event, device, scale, host)
                socket = channel.component, channel.socket
                channels.append(of_die(channel, scope, repeats=socket in covered))
                covered.add(socket)
        if not any(channel.component == "cpu.package" for channel in channels):
            self.close()
            self._doubts = []
            raise _unavailable(context.root, failure)
        return channels

    def read(self) -> list[int | None]:
        return [_read(fd) for fd in self._fds]

    def close(self) -> None:
        for fd in self._fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._fds = []

    def gpus(self) -> Sequence[Gpu]:
        return ()

    def doubts(self) -> Sequence[Doubt]:
        """Doubts about events that exist and could not be opened."""
        return tuple(self._doubts)


def _read(fd: int) -> int | None:
    try:
        data = os.read(fd, 8)
    except OSError:
        return None
    if len(data) != 8:
        return None  # end of file: the CPU of the event went offline
    return int.from_bytes(data, "little")


def _channel(context: Context, event: str, device: str, scale: float, host: str) -> Channel:
    component, prior, contains = _EVENTS[event]
    return Channel(
        collector="perf_rapl",
        rank=ranks.PERF_RAPL,
        device=device,
        socket=socket_of(device),
        component=component,
        kind="counter",
        quantity="energy",
        resolution=scale,
        gain=context.gain(prior, gain_key(component, device, host)),
        update_period_s=UPDATE_PERIOD_S,
        max_power_w=LEAST_MAX_POWER_W,
        counts=component != "platform",
        contains=contains,
    )


def _no_pmu(root: Path) -> Unavailable:
    """The reason why there is no PMU, by its files and by the machine."""
    pmu = root / PMU
    names, error = absence.entries(pmu)
    if names or os.path.lexists(pmu):
        why = "its folder is empty"
        if "type" in names:
            why = f"type: {absence.file_fault(pmu / 'type', None)}"
        elif error is not None:
            why = error.strerror or str(error)
        elif names:
            why = "type: the file is not there"
        return Unavailable(
            f"the perf events of RAPL under {pmu} cannot be used ({why})", absence.unmask(root, PMU)
        )
    if machine := absence.without_rapl(root):
        return Unavailable(f"no perf events of RAPL under {pmu}: {machine[0]}", machine[1])
    if not pmu.parent.exists():
        return Unavailable(
            f"no perf events of RAPL: {pmu.parent} is not there, as in a container that shows a "
            "part of /sys, or in a kernel without perf events",
            absence.unmask(root, PMU),
        )
    return Unavailable(
        f"no perf events of RAPL under {pmu}: the driver is not loaded",
        "as root: modprobe rapl",
    )


def _no_cpu(root: Path) -> Unavailable:
    """The reason why no CPU is known on which events can be opened."""
    mask = root / PMU / "cpumask"
    line = NumberFile(mask)
    data = line.read()
    line.close()
    why = absence.file_fault(mask, line.error)
    if data is not None and data.strip():
        why = f"it holds {data[:40].decode(errors='replace').strip()!r} and no list of CPUs"
    remedy = absence.unmask(root, PMU)
    if not absence.container(root):
        remedy = "as root: modprobe -r rapl && modprobe rapl, with a CPU of every package online"
    return Unavailable(f"no CPU to open the perf events of RAPL on ({mask}: {why})", remedy)


def _unavailable(root: Path, failure: OSError | None) -> Unavailable:
    if failure is None:
        events = root / PMU / "events"
        return Unavailable(
            f"the perf events of RAPL have no energy-pkg in joules under {events}",
            absence.unmask(root, PMU) if absence.container(root) else f"look at {events}",
        )
    if absence.denied(failure):
        return Unavailable(
            "perf events of RAPL need a privilege (perf_event_open: permission denied)",
            _privilege(root),
        )
    if failure.errno == errno.ENOSYS:
        return Unavailable(
            "perf_event_open is not there: a seccomp filter or the kernel leaves it out",
            "in a container allow perf_event_open (--security-opt seccomp=…)",
        )
    return Unavailable(
        f"perf_event_open fails: {failure.strerror}",
        "look at dmesg for rapl and perf; a hypervisor may hide the counters",
    )


def _privilege(root: Path) -> str:
    """The remedy for a refused event: the kernel's own setting shows who refused it."""
    level = text(root / "proc/sys/kernel/perf_event_paranoid") or ""
    allowed = level.lstrip("-").isdigit() and int(level) <= 0
    filtered = (
        "in a container allow perf_event_open and the capability: --cap-add PERFMON --security-opt "
        "seccomp=… (a profile that allows it)"
    )
    if allowed:
        return f"kernel.perf_event_paranoid={level} allows it, so a filter refuses it: {filtered}"
    return (
        "as root: setcap cap_perfmon+ep on the Python interpreter, or sysctl "
        f"kernel.perf_event_paranoid=0{f' (now {level})' if level else ''}; {filtered}"
    )


def _unreadable(root: Path, event: str, device: str, error: OSError) -> Doubt:
    component, _, _ = _EVENTS[event]
    return Doubt(
        code="rapl-unreadable",
        message=f"perf event {event} of {device} exists and cannot be opened: "
        f"{error.strerror or error}",
        remedy=_privilege(root) if absence.denied(error) else "look at dmesg for rapl and perf",
        subject=f"{component} {device}",
    )


def _config(description: str | None) -> int | None:
    """Config of 'event=0x02'; None for an event with further terms, which need the format files."""
    config = re.fullmatch(r"event=(0x[0-9a-fA-F]+|\d+)", description or "")
    return int(config[1], 0) if config else None


def _scale(events: Path, event: str) -> float | None:
    """Joules per count; None if the unit is not the joule or the scale is not a number."""
    try:
        scale = float(text(events / f"{event}.scale") or "")
    except ValueError:
        return None
    return scale if text(events / f"{event}.unit") == "Joules" and scale > 0 else None


def _cpus(mask: str) -> list[int]:
    """'0,16-17' → [0, 16, 17]: one CPU for each package (or die) with counters."""
    cpus: list[int] = []
    for part in filter(None, mask.split(",")):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            return []
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def _devices(root: Path, cpus: Sequence[int]) -> list[str]:
    """Package of each CPU, named as in powercap: 'package-0', or 'package-0-die-1' if the package
    has several dies with counters.
    """
    packages, dies = [], []
    for cpu in cpus:
        topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        packages.append(text(topology / "physical_package_id") or str(cpu))
        dies.append(text(topology / "die_id") or "0")
    names = []
    for package, die in zip(packages, dies, strict=True):
        suffix = f"-die-{die}" if packages.count(package) > 1 else ""
        names.append(f"package-{package}{suffix}")
    return names
