"""Why sensor files of the kernel are not there or cannot be read, by what the tree itself shows.

Containers mask /sys/devices/virtual/powercap by an empty folder, and single files by an empty file;
links to masked folders dangle (OCI runtime specification, maskedPaths; moby/moby
profiles: "Platypus", CVE-2020-8694).
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from energybench.collectors.sysfs import container, text

__all__ = ["container", "denied", "entries", "file_fault", "text_fault", "unmask", "without_rapl"]

# /proc/cpuinfo names the maker of an x86 CPU as vendor_id
_WITH_RAPL = {"GenuineIntel", "AuthenticAMD", "HygonGenuine"}


def denied(error: OSError | None) -> bool:
    return error is not None and error.errno in (errno.EACCES, errno.EPERM)


def entries(folder: Path) -> tuple[list[str], OSError | None]:
    """Names in a folder; or no names and the error."""
    try:
        return sorted(os.listdir(folder)), None
    except OSError as error:
        return [], error


def file_fault(path: Path, error: OSError | None) -> str:
    """Why a file of one number cannot be used, in words.

    error  error of the failed read; None if the file was read
    """
    if error is not None and error.errno == errno.ENOENT:
        return "the file is not there"
    if error is not None:
        return error.strerror or str(error)
    if text(path) == "":
        return "the file is empty"
    return "the file does not hold a number"


def text_fault(path: Path) -> str:
    """Why a file gives no text, in words."""
    try:
        path.read_bytes()
    except OSError as error:
        return file_fault(path, error)
    return "the file is empty"


def unmask(root: Path, folder: str) -> str:
    """What shows a folder of the host inside this container, or outside one."""
    if container(root):
        return (
            f"start the container with the host's folder: -v /{folder}:/{folder}:ro (Docker; also "
            f"--security-opt systempaths=unconfined), --security-opt unmask=/{folder} (Podman), "
            f"--bind /{folder} (Apptainer), a hostPath volume (Kubernetes)"
        )
    return f"mount /sys as a whole, so that /{folder} is the kernel's own folder"


def without_rapl(root: Path) -> tuple[str, str] | None:
    """Reason and remedy if this machine cannot have RAPL: a virtual machine, or a CPU of a maker
    without RAPL. None if nothing speaks against RAPL.
    """
    cpuinfo = text(root / "proc/cpuinfo") or ""
    flags = re.search(r"^flags[ \t]*:(.*)$", cpuinfo, re.MULTILINE)
    if flags is not None and "hypervisor" in flags[1].split():
        return (
            "a virtual machine, which its host gives no RAPL counters",
            "measure on the host, or on a node without a hypervisor",
        )
    vendor = re.search(r"^vendor_id[ \t]*:[ \t]*(\S+)", cpuinfo, re.MULTILINE)
    if vendor is not None and vendor[1] not in _WITH_RAPL:
        return f"a CPU of {vendor[1]}, which has no RAPL counters", "use a meter of the node"
    if vendor is None and re.search(r"^CPU implementer[ \t]*:", cpuinfo, re.MULTILINE):
        return (
            "an Arm CPU, which has no RAPL counters",
            "use a meter of the node, or a collector for the board's own sensors",
        )
    return None
