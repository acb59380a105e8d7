"""Provenance of the measuring machine. An unreadable value is None, never a guess."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from energybench import __version__
from energybench.model import Gpu, Host
from energybench.plugins import Clock

_LIBRARIES = ("numpy", "scipy", "torch", "transformers", "triton", "nvidia-ml-py", "codecarbon")


def describe(clock: Clock, root: Path = Path("/"), gpus: tuple[Gpu, ...] = ()) -> Host:
    """The host at present."""
    cpuinfo = _text(root / "proc/cpuinfo") or ""
    return Host(
        name=platform.node() or "unknown",
        cpu=_field(cpuinfo, "model name")
        or _field(cpuinfo, "cpu model")
        or platform.processor()
        or None,
        sockets=len(set(re.findall(r"^physical id\s*:\s*(\d+)", cpuinfo, re.M))) or None,
        cores=_cores(cpuinfo),
        threads=len(re.findall(r"^processor\s*:", cpuinfo, re.M)) or os.cpu_count(),
        threads_allowed=_allowed(root),
        memory_bytes=_memory(root),
        governor=_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        kernel=platform.release() or None,
        os=_field(
            (_text(root / "etc/os-release") or "").replace("=", ":"), "PRETTY_NAME", quotes=True
        ),
        virtual=_virtual(cpuinfo, root),
        container=_container(root),
        slurm_job=_slurm(),
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
    match = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", text, re.M)
    value = match.group(1).strip() if match else None
    return value.strip('"') if value and quotes else value


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
    if quota.isdigit() and period.isdigit():
        allowed = min(allowed, max(1, -(-int(quota) // int(period))))
    return allowed


def _memory(root: Path) -> int | None:
    kilobytes = _field(_text(root / "proc/meminfo") or "", "MemTotal")
    return int(kilobytes.split()[0]) * 1024 if kilobytes else None


def _virtual(cpuinfo: str, root: Path) -> str | None:
    if " hypervisor" not in (_field(cpuinfo, "flags") or ""):
        return None
    return (
        _text(root / "sys/class/dmi/id/sys_vendor")
        or _text(root / "sys/hypervisor/type")
        or "unknown hypervisor"
    )


def _container(root: Path) -> str | None:
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "SHIFTER_IMAGE"):
        if os.environ.get(name):
            return os.environ[name]
    if (root / ".dockerenv").exists():
        return "docker"
    return "podman" if (root / "run/.containerenv").exists() else None


def _slurm() -> str | None:
    """Number of the Slurm job. Array tasks are named by array id and index, because the last task
    of an array has the array's own id as SLURM_JOB_ID.
    """
    if os.environ.get("SLURM_ARRAY_JOB_ID"):
        return f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ.get('SLURM_ARRAY_TASK_ID', '?')}"
    return os.environ.get("SLURM_JOB_ID") or None


def _versions() -> dict[str, str]:
    """Versions of installed libraries, read without importing them."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
