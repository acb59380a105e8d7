"""Provenance of the measuring machine. An unreadable value is None, never a guess."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from energybench import __version__
from energybench.collectors.host_identity import host_ids
from energybench.collectors.sysfs import container
from energybench.model import Gpu, Host
from energybench.plugins import Clock
from energybench.units import whole_number

_LIBRARIES = ("numpy", "scipy", "torch", "transformers", "triton", "nvidia-ml-py", "codecarbon")


def describe(clock: Clock, root: Path = Path("/"), gpus: tuple[Gpu, ...] = ()) -> Host:
    """The host at present."""
    cpuinfo = _text(root / "proc/cpuinfo") or ""
    socket_ids = _socket_ids(cpuinfo, root)
    return Host(
        name=platform.node() or "unknown",
        ids=host_ids(root),
        cpu=_field(cpuinfo, "model name")
        or _field(cpuinfo, "cpu model")
        or platform.processor()
        or None,
        sockets=len(socket_ids) or None,
        socket_ids=socket_ids,
        cores=_cores(cpuinfo),
        threads=len(re.findall(r"^processor[ \t]*:", cpuinfo, re.M)) or os.cpu_count(),
        threads_allowed=_allowed(root),
        memory_bytes=_memory(root),
        governor=_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        kernel=platform.release() or None,
        os=_field(
            (_text(root / "etc/os-release") or "").replace("=", ":"), "PRETTY_NAME", quotes=True
        ),
        virtual=_virtual(cpuinfo, root),
        container=container(root),
        python=platform.python_version(),
        libraries={"energybench": __version__, **_versions()},
        gpus=gpus,
        started_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        started_s=clock.now(),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip() or None
    except OSError:
        return None


def _field(text: str, name: str, *, quotes: bool = False) -> str | None:
    """The first value of a field that is not empty; None if every value is empty."""
    match = re.search(rf"^{re.escape(name)}[ \t]*:[ \t]*(\S.*)$", text, re.M)
    value = match.group(1).strip() if match else None
    return value.strip('"') if value and quotes else value


def _socket_ids(cpuinfo: str, root: Path) -> tuple[int, ...]:
    """The kernel's numbers of the sockets; they need not be 0, 1, 2, …

    An Arm kernel does not write the numbers into /proc/cpuinfo, and a container with lxcfs shows
    only the processors of its own cpuset in /proc/cpuinfo. The topology files have all sockets in
    both cases.
    """
    ids = set(re.findall(r"^physical id[ \t]*:[ \t]*(\d+)[ \t]*$", cpuinfo, re.M))
    cpus = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/topology/physical_package_id")
    ids |= {number for path in cpus if (number := _text(path) or "").isdigit()}
    return tuple(sorted(int(number) for number in ids))


def _cores(cpuinfo: str) -> int | None:
    pairs = set()
    for block in cpuinfo.split("\n\n"):
        package, core = _field(block, "physical id"), _field(block, "core id")
        if package is not None and core is not None:
            pairs.add((package, core))
    return len(pairs) or None


def _allowed(root: Path) -> int | None:
    """Threads usable by the process, from affinity and the quota of the cgroup."""
    allowed = len(os.sched_getaffinity(0))
    quota, _, period = (_text(root / "sys/fs/cgroup/cpu.max") or "max").partition(" ")
    quota_us, period_us = whole_number(quota), whole_number(period)
    if quota_us is not None and period_us:
        allowed = min(allowed, max(1, -(-quota_us // period_us)))
    return allowed


def _memory(root: Path) -> int | None:
    kilobytes = _field(_text(root / "proc/meminfo") or "", "MemTotal") or ""
    match = re.fullmatch(r"(\d+) kB", kilobytes)
    return int(match[1]) * 1024 if match else None


def _virtual(cpuinfo: str, root: Path) -> str | None:
    if " hypervisor" not in (_field(cpuinfo, "flags") or ""):
        return None
    return (
        _text(root / "sys/class/dmi/id/sys_vendor")
        or _text(root / "sys/hypervisor/type")
        or "unknown hypervisor"
    )


def _versions() -> dict[str, str]:
    """Versions of installed libraries, read without importing them."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
