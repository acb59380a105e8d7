"""Trees of the kernel's lists of accelerators: the PCI bus, and the boards of NVIDIA's driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ALIVE = bytes.fromhex("de10b020")  # vendor and device 10de:20b0, as on the bus
FALLEN_OFF = b"\xff" * 64


class PciDevice(NamedTuple):
    """A device on the PCI bus.

    driver          name of the bound driver; "" for none
    is_function_of  address of the board whose virtual function this device is; "" for a board
    """

    vendor: int = 0x10DE
    device: int = 0x20B0
    device_class: int = 0x030200
    driver: str = "nvidia"
    config: bytes = ALIVE
    runtime_status: str = "active"
    is_function_of: str = ""


def pci_tree(root: Path, devices: Mapping[str, PciDevice]) -> Path:
    """Write devices {"0000:10:00.0": PciDevice()} as the kernel does: a folder below /sys/devices
    for each, and a link in /sys/bus/pci/devices. Returns the folder of the links.
    """
    links = root / "sys/bus/pci/devices"
    links.mkdir(parents=True, exist_ok=True)
    for address, device in devices.items():
        folder = root / "sys/devices/pci0000:00" / address
        (folder / "power").mkdir(parents=True)
        (folder / "vendor").write_text(f"0x{device.vendor:04x}\n")
        (folder / "device").write_text(f"0x{device.device:04x}\n")
        (folder / "class").write_text(f"0x{device.device_class:06x}\n")
        (folder / "config").write_bytes(device.config)
        (folder / "power/runtime_status").write_text(f"{device.runtime_status}\n")
        if device.driver:
            driver = root / "sys/bus/pci/drivers" / device.driver
            driver.mkdir(parents=True, exist_ok=True)
            (folder / "driver").symlink_to(driver)
        if device.is_function_of:
            (folder / "physfn").symlink_to(Path("..") / device.is_function_of)
        (links / address).symlink_to(Path("../../../devices/pci0000:00") / address)
    return links


def nvidia_driver_tree(
    root: Path, boards: Mapping[str, tuple[str, str]], version: str = "550.54.15"
) -> Path:
    """Write boards {"0000:10:00.0": (model, UUID)} of /proc/driver/nvidia. Returns the folder."""
    folder = root / "proc/driver/nvidia"
    (folder / "gpus").mkdir(parents=True, exist_ok=True)
    (folder / "version").write_text(
        f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue Mar  5 22:23:56 UTC 2024\n"
    )
    for address, (model, uuid) in boards.items():
        (folder / "gpus" / address).mkdir()
        (folder / "gpus" / address / "information").write_text(
            f"Model: \t\t {model}\nIRQ:   \t\t 16\nGPU UUID: \t {uuid}\n"
            f"Bus Location: \t {address}\nDevice Minor: \t 0\n"
        )
    return folder
