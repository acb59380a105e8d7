"""Accelerators of a node by the kernel's own lists, readable by a collector or not.

Three lists: the PCI bus, the boards of NVIDIA's driver, and NVIDIA's device files. An accelerator
in one of the lists belongs to the boundary of the node. Sources: Linux
Documentation/ABI/testing/sysfs-bus-pci, include/linux/pci_ids.h (classes and vendors); NVIDIA's
driver README, "The /proc interface".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from energybench.collectors.cuda_devices import no_device
from energybench.collectors.sysfs import text
from energybench.model import Doubt, DoubtCode, Gpu

PCI = "sys/bus/pci/devices"
NVIDIA_BOARDS = "proc/driver/nvidia/gpus"

NVIDIA, AMD, INTEL, HABANA = 0x10DE, 0x1002, 0x8086, 0x1DA3
_VENDORS = {
    NVIDIA: "NVIDIA",
    AMD: "AMD",
    INTEL: "Intel",
    HABANA: "Habana",
    0x10EE: "Xilinx",
    0x17CB: "Qualcomm",
    0x19E5: "Huawei",
    0x1AE0: "Google",
    0x1E60: "Hailo",
}
# PCI classes: VGA and 3D controllers, other display controllers, processing accelerators
_VGA, _3D, _DISPLAY, _PROCESSING = 0x0300, 0x0302, 0x0380, 0x1200
# NVIDIA sells no GPU inside a CPU package, so its VGA controllers are boards. A GPU of AMD or Intel
# may be a part of the CPU package, whose counter includes it. Of all other vendors only processing
# accelerators are boards: their VGA controllers are screens of management controllers.
_CLASSES = {
    NVIDIA: (_VGA, _3D, _DISPLAY),
    AMD: (_VGA, _3D, _DISPLAY, _PROCESSING),
    INTEL: (_VGA, _3D, _DISPLAY, _PROCESSING),
}
# AMD's GPUs inside a CPU package have the device numbers 1114, 13xx, 15xx, 16xx, 19xx, 96xx, 98xx
# and 99xx; boards have 2000 to 95ff (pci.ids, and Linux amdgpu_drv.c, CHIP_… | AMD_IS_APU).
_AMD_BOARDS = range(0x2000, 0x9600)
# MI250X, and MI250X/MI250: two dies on a board, with a PCI function for each die (pci.ids)
_TWO_DIES = {"7408", "740c"}
_BUS_ID = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])")
_UUID = re.compile(r"GPU-[0-9a-fA-F-]{36}")  # of a board that the driver did not start: GPU-????…
_DEVICE_FILE = re.compile(r"nvidia\d+")
# A switched-off accelerator is not asked: the answer would wake the accelerator.
_ASLEEP = ("suspended", "suspending")
_NO_BOARD = b"\xff\xff\xff\xff"  # vendor and device shown by a bus without a device


class Cause(NamedTuple):
    """Reason for an unread accelerator, and the remedy; both in one line."""

    reason: str
    remedy: str


class Accelerator(NamedTuple):
    """An accelerator in one of the kernel's lists.

    id      "pci-0000:c1:00.0", or the name of the device file
    bus_id  PCI address; "" if not known
    uuid    UUID by NVIDIA's driver; "" if not known
    cause   reason by the kernel's files; None without a visible reason
    """

    id: str
    vendor: int
    name: str
    bus_id: str = ""
    uuid: str = ""
    cause: Cause | None = None

    @property
    def maker(self) -> str:
        return _maker(self.vendor)


def accelerators(root: Path) -> list[Accelerator]:
    """The accelerators of the node, by PCI address."""
    boards = {board.bus_id: board for board in _pci(root)}
    for board in _driver(root):
        same = boards.get(board.bus_id)
        if same is not None:
            board = board._replace(cause=same.cause)
        boards[board.bus_id] = board
    if boards or _bus_is_listed(root):
        return [boards[bus_id] for bus_id in sorted(boards)]
    return _device_files(root)


def normal_bus_id(bus_id: str) -> str:
    """'00000000:10:00.0' of NVML and '0000:10:00.0' of sysfs → '0000:10:00.0'; else the text."""
    match = _BUS_ID.fullmatch(bus_id.strip())
    if match is None:
        return bus_id
    domain, bus, device, function = match.groups()
    return f"{int(domain or '0', 16):04x}:{bus}:{device}.{function}".lower()


# ---------------------------------------------------------------- the kernel's lists


def _pci(root: Path) -> Iterator[Accelerator]:
    """Boards on the PCI bus. A virtual function of a board is not a board."""
    halves: list[str] = []
    for bus_id in _names(root / PCI):
        folder = root / PCI / bus_id
        vendor = _pci_vendor(folder, bus_id)
        if vendor is None or os.path.lexists(folder / "physfn"):
            continue
        device = (text(folder / "device") or "unknown").removeprefix("0x")
        if vendor == AMD and device in _TWO_DIES:
            halves.append(bus_id)
            if len(halves) % 2 == 0:
                continue
        yield Accelerator(
            f"pci-{normal_bus_id(bus_id)}",
            vendor,
            f"{_maker(vendor)} accelerator (PCI device {vendor:04x}:{device})",
            bus_id=normal_bus_id(bus_id),
            cause=_cause(folder, vendor),
        )


def _pci_vendor(folder: Path, bus_id: str) -> int | None:
    """The vendor of an accelerator; None if the device is not an accelerator."""
    device_class = _hexadecimal(folder / "class")
    if device_class is None:
        return None
    device_class >>= 8  # the last byte is the programming interface
    if device_class not in (_VGA, _3D, _DISPLAY, _PROCESSING):
        return None
    vendor = _hexadecimal(folder / "vendor")
    if vendor is None or device_class not in _CLASSES.get(vendor, (_PROCESSING,)):
        return None
    # Intel's GPUs and neural processors inside the CPU package sit on the root bus.
    if vendor == INTEL and normal_bus_id(bus_id)[5:7] == "00":
        return None
    if vendor == AMD and device_class == _VGA:
        device = _hexadecimal(folder / "device")
        return vendor if device is not None and device in _AMD_BOARDS else None
    return vendor


def _maker(vendor: int) -> str:
    return _VENDORS.get(vendor, f"vendor {vendor:04x}")


def _driver(root: Path) -> Iterator[Accelerator]:
    """Boards of NVIDIA's driver: "Model: …", "GPU UUID: …", "Bus Location: …"."""
    for name in _names(root / NVIDIA_BOARDS):
        bus_id = normal_bus_id(name)
        lines = (text(root / NVIDIA_BOARDS / name / "information") or "").splitlines()
        fields = {key.strip(): value.strip() for key, _, value in (s.partition(":") for s in lines)}
        uuid = fields.get("GPU UUID", "")
        yield Accelerator(
            f"pci-{bus_id}",
            NVIDIA,
            fields.get("Model") or "NVIDIA accelerator",
            bus_id=bus_id,
            uuid=uuid if _UUID.fullmatch(uuid) else "",
        )


def _device_files(root: Path) -> list[Accelerator]:
    """Boards by /dev/nvidia0, …, for a container without a PCI bus.

    Beside a list of the PCI bus the files prove nothing: a file outlives a removed board.
    """
    files = [name for name in _names(root / "dev") if _DEVICE_FILE.fullmatch(name)]
    return [
        Accelerator(name, NVIDIA, "NVIDIA accelerator")
        for name in sorted(files, key=lambda name: (len(name), name))
    ]


def _bus_is_listed(root: Path) -> bool:
    return any(True for _ in _names(root / PCI))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _hexadecimal(path: Path) -> int | None:
    try:
        return int(text(path) or "", 16)
    except ValueError:
        return None


# ---------------------------------------------------------------- reasons


def _cause(folder: Path, vendor: int) -> Cause | None:
    """The reason by the files of a PCI device."""
    driver = _driver_of(folder)
    if _fell_off(folder):
        return Cause(
            "it no longer answers on the PCI bus",
            "look for Xid 79 or 'fallen off the bus' in dmesg, then reset the board or reboot",
        )
    if driver == "vfio-pci":
        return Cause(
            "it is set aside for a virtual machine (driver vfio-pci)",
            "measure on a node whose boards all belong to the host, or bind the board's own driver",
        )
    if vendor != NVIDIA or driver == "nvidia":
        return None
    if driver:
        return Cause(
            f"the driver {driver} holds it, and NVML reads boards of the driver nvidia only",
            f"load the driver nvidia in place of {driver}",
        )
    return Cause(
        "no driver is bound to it",
        "as root: modprobe nvidia; dmesg says why a driver refuses a board (NVRM)",
    )


def _driver_of(folder: Path) -> str:
    """Name of the bound driver; "" without a driver."""
    try:
        return os.path.basename(os.readlink(folder / "driver"))
    except OSError:
        return ""


def _fell_off(folder: Path) -> bool:
    """Whether the board shows the empty bus. A switched-off board is not asked."""
    if text(folder / "power/runtime_status") in _ASLEEP:
        return False
    try:
        with (folder / "config").open("rb") as file:
            return file.read(len(_NO_BOARD)) == _NO_BOARD
    except OSError:
        return False


# ---------------------------------------------------------------- for collectors and sessions


def use_of_unread(boards: Sequence[Accelerator], value: str | None) -> dict[str, bool | None]:
    """Whether the work was given a board without a collector, by the id of the board; None if
    unknown.

    boards  all accelerators of the node
    value   CUDA_VISIBLE_DEVICES; None if the variable is not set

    An index counts the boards that the driver shows to the work. For unread boards this count is
    unknown, because a control group may hide boards. Only the name of a board, and a list that
    hides every board, give an answer.
    """
    return {board.id: _use(board, boards, value) for board in boards}


def _use(board: Accelerator, boards: Sequence[Accelerator], value: str | None) -> bool | None:
    if value is None or board.vendor != NVIDIA:
        return None
    if no_device(value):
        return False
    entries = [entry.strip() for entry in value.split(",")]
    if not board.uuid or not all(entry.startswith("GPU-") for entry in entries):
        return None  # MIG instances and indices name boards by numbers of the driver
    uuids = [other.uuid for other in boards]
    clear = [entry for entry in entries if sum(uuid.startswith(entry) for uuid in uuids) <= 1]
    if any(board.uuid.startswith(entry) for entry in clear):
        return True
    return False if len(clear) == len(entries) else None


def gpu(board: Accelerator, *, is_used: bool | None) -> Gpu:
    """Provenance of an unread accelerator."""
    return Gpu(
        uuid=board.uuid or board.id,
        name=board.name,
        used=is_used,
        pci_bus_id=board.bus_id or None,
    )


def uncounted(maker: str, *, is_used: bool | None) -> Gpu:
    """Existing accelerators of unknown number."""
    return Gpu(
        uuid="uncounted",
        name=f"{maker} accelerators, their number is not known".strip(),
        used=is_used,
        uncounted=True,
    )


def uncounted_doubt(maker: str, cause: Cause) -> Doubt:
    return Doubt(
        code="gpu-unreadable",
        message=f"{maker} accelerators of this node cannot be read, and their number is not known: "
        f"{cause.reason}".strip(),
        remedy=cause.remedy,
        subject="uncounted",
    )


def doubts(
    boards: Sequence[Accelerator], otherwise: Cause, code: DoubtCode = "gpu-unreadable"
) -> list[Doubt]:
    """A doubt for each cause of unread accelerators.

    otherwise  cause for accelerators without a cause in their files
    code       of their doubt; a cause in the files has the code of unreadable boards
    """
    groups: dict[Cause, list[Accelerator]] = {}
    for board in boards:
        groups.setdefault(board.cause or otherwise, []).append(board)
    return [
        Doubt(
            code=code if cause is otherwise else "gpu-unreadable",
            message=f"{_words(group)} cannot be read: {cause.reason}",
            remedy=cause.remedy,
            subject=", ".join(board.uuid or board.id for board in group),
        )
        for cause, group in groups.items()
    ]


def _words(group: Sequence[Accelerator]) -> str:
    """'4 accelerators (NVIDIA A100-SXM4-40GB)' or 'the accelerator pci-0000:c1:00.0 (…)'."""
    names = " and ".join(sorted({board.name for board in group}))
    if len(group) == 1:
        return f"the accelerator {group[0].uuid or group[0].id} ({names})"
    return f"{len(group)} accelerators ({names})"
