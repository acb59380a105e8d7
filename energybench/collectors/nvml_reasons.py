"""Reasons for which NVML does not start or does not read a board, each with the fitting remedy.

A reason comes from NVML's return code and from the kernel's files, never from the code alone: the
same missing library means one thing in a container and another on a node without boards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from energybench.collectors.accelerators import Accelerator, Cause
from energybench.collectors.sysfs import container, text

NO_BINDINGS = -1  # not a code of NVML: the Python package is missing
# nvmlReturn_t, nvml.h
NOT_SUPPORTED, NO_PERMISSION, DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND = 3, 4, 9, 12
GPU_IS_LOST, RESET_REQUIRED, LIB_RM_VERSION_MISMATCH, UNKNOWN = 15, 16, 18, 999
# Answers that only a loaded driver gives: the driver loads if the node has a board.
DRIVER_ANSWERED = (
    NO_PERMISSION,
    GPU_IS_LOST,
    RESET_REQUIRED,
    LIB_RM_VERSION_MISMATCH,
    UNKNOWN,
)

_LOST = "look for Xid messages of the board in dmesg, then reset the board or reboot the node"
_METER = (
    "measure with a meter of the node instead (--boundary node-dc, or `energybench attach` for a "
    "meter of your own)"
)


def start(code: int, words: str, root: Path, boards: Sequence[Accelerator]) -> Cause:
    """Why NVML does not start.

    words   NVML's own words for the code, or the loader's words about the library
    boards  NVIDIA's boards by the kernel's lists
    """
    boxed = container(root)
    if code == NO_BINDINGS:
        return Cause("the Python package nvidia-ml-py is not installed", "pip install nvidia-ml-py")
    if code == LIBRARY_NOT_FOUND:
        return _library(words, root, boards, boxed)
    if code == NO_PERMISSION:
        return Cause(
            "NVML refuses this user (no permission)",
            f"give this {'container' if boxed else 'user'} access to /dev/nvidiactl and "
            "/dev/nvidia0, …; in a job, ask for the boards",
        )
    if code == DRIVER_NOT_LOADED:
        remedy = "run on a node with a GPU, or as root: modprobe nvidia"
        if boards:
            remedy = "as root: modprobe nvidia; dmesg says why a driver refuses a board (NVRM)"
        return Cause("the NVIDIA driver is not loaded", remedy)
    if code == LIB_RM_VERSION_MISMATCH:
        loaded = _loaded_version(root)
        reason = "libnvidia-ml and the loaded driver have different versions"
        remedy = "reload the nvidia modules after the update, or reboot the node"
        if boxed:
            remedy = "start the container with the driver libraries of its host (--gpus all, --nv)"
        return Cause(f"{reason} (loaded: {loaded})" if loaded else reason, remedy)
    if code in (GPU_IS_LOST, RESET_REQUIRED):
        return Cause(f"NVML does not start: {words}", _LOST)
    return Cause(
        f"NVML does not start: {words}",
        "run nvidia-smi, which meets the same error, and look for NVRM and Xid in dmesg",
    )


def _library(words: str, root: Path, boards: Sequence[Accelerator], boxed: str | None) -> Cause:
    reason = "libnvidia-ml.so.1 was not found"
    if "cannot open shared object file" not in words:
        reason = f"libnvidia-ml.so.1 does not load: {words}".replace("\n", " ")
    if not boards:
        return Cause(
            f"{reason}, and the kernel lists no NVIDIA board",
            "nothing to do on a node without NVIDIA boards; otherwise install the NVIDIA driver, "
            "and give a container the boards (--gpus all, --nv)",
        )
    if boxed:
        return Cause(
            f"{reason} in this container",
            "start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility (Docker with "
            "--gpus all) or with --nv (Apptainer): `utility` brings the library",
        )
    version = _loaded_version(root)
    package = f"the libraries of driver {version}" if version else "the NVIDIA driver"
    return Cause(reason, f"install {package}, or add the library's folder to LD_LIBRARY_PATH")


def _loaded_version(root: Path) -> str | None:
    """Version of the loaded driver: "NVRM version: NVIDIA UNIX x86_64 Kernel Module 535.104.05"."""
    match = re.search(
        r"Kernel Module\D*(\d+(?:\.\d+)+)", text(root / "proc/driver/nvidia/version") or ""
    )
    return match[1] if match else None


def no_board(boards: Sequence[Accelerator]) -> Cause:
    """Why NVML starts and lists no board at all."""
    if boards:
        return Cause(
            "NVML works and lists no board, although the kernel does",
            "in a job or container, ask for the boards; otherwise look for NVRM and Xid in dmesg",
        )
    return Cause(
        "NVML works and finds no GPU",
        "run on a node with an NVIDIA GPU; in a job or container, ask for the GPUs",
    )


def board(code: int) -> Cause:
    """Why a board that NVML lists gives neither power nor energy."""
    if code == NOT_SUPPORTED:
        return Cause(
            "its driver supports no power or energy query (a vGPU, a Jetson or an old board)",
            _METER,
        )
    if code == NO_PERMISSION:
        return Cause(
            "NVML refuses this user (no permission): the board may belong to another job",
            "ask for the whole node, or for read access to every board's power",
        )
    if code in (GPU_IS_LOST, RESET_REQUIRED):
        return Cause("the board is lost to the driver (it may have fallen off the bus)", _LOST)
    return Cause(
        f"NVML gives return code {code}",
        "run nvidia-smi -q, and look for NVRM and Xid in dmesg",
    )
