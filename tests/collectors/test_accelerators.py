"""Accelerators by the kernel's own lists: which devices are boards, and why a board is not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.collectors.accelerators import (
    Cause,
    accelerators,
    doubts,
    normal_bus_id,
    use_of_unread,
)
from tests.simulators import PciDevice, nvidia_driver_tree, pci_tree
from tests.simulators.accelerator_trees import FALLEN_OFF

UUID = "GPU-5eed0000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("device", "is_board"),
    [
        (PciDevice(), True),
        (PciDevice(device_class=0x030000), True),  # a GeForce or Quadro
        (PciDevice(device_class=0x040300), False),  # the sound function of a board
        (PciDevice(device_class=0x068000), False),  # an NVSwitch
        (PciDevice(device_class=0x0C0330), False),  # the USB function of a board
        (PciDevice(is_function_of="0000:10:00.0"), False),  # a virtual function
        (PciDevice(vendor=0x1002, device=0x740F, device_class=0x038000), True),  # MI210
        (PciDevice(vendor=0x1002, device=0x74A1, device_class=0x120000), True),  # MI300X
        (PciDevice(vendor=0x1002, device=0x164E, device_class=0x030000), False),  # inside a CPU
        (PciDevice(vendor=0x1002, device=0x15BF, device_class=0x030000), False),  # inside a CPU
        (PciDevice(vendor=0x1002, device=0x13C0, device_class=0x030000), False),  # inside a CPU
        (PciDevice(vendor=0x1002, device=0x9874, device_class=0x030000), False),  # inside a CPU
        (PciDevice(vendor=0x1002, device=0x744C, device_class=0x030000), True),  # RX 7900
        (PciDevice(vendor=0x1002, device=0x73A3, device_class=0x030000), True),  # Pro W6800
        (PciDevice(vendor=0x1002, device=0x67DF, device_class=0x030000), True),  # RX 480
        (PciDevice(vendor=0x8086, device=0x56A0, device_class=0x030000), True),  # Arc A770
        (PciDevice(vendor=0x19E5, device=0xD801, device_class=0x120000), True),  # Ascend 310
        (PciDevice(vendor=0x1E60, device=0x2864, device_class=0x120000), True),  # Hailo-8
        (PciDevice(vendor=0xBEEF, device=0x0001, device_class=0x120000), True),  # any other maker
        (PciDevice(vendor=0x8086, device=0x0BD5, device_class=0x038000), True),  # Max 1550
        (PciDevice(vendor=0x8086, device=0x56C0, device_class=0x038000), True),  # Flex 170
        (PciDevice(vendor=0x1DA3, device=0x1020, device_class=0x120000), True),  # Gaudi2
        (PciDevice(vendor=0x1A03, device=0x2000, device_class=0x030000), False),  # a BMC's screen
        (PciDevice(vendor=0x102B, device=0x0538, device_class=0x030000), False),  # a BMC's screen
        (PciDevice(vendor=0x15B3, device=0x101B, device_class=0x020000), False),  # a network card
    ],
)
def test_boards_of_the_bus(tmp_path: Path, device: PciDevice, is_board: bool) -> None:
    """Boards of NVIDIA, AMD, Intel and Habana; no part of a board, no screen of a controller."""
    pci_tree(tmp_path, {"0000:c1:00.0": device})
    assert [board.id for board in accelerators(tmp_path)] == (
        ["pci-0000:c1:00.0"] if is_board else []
    )


def test_a_gpu_inside_an_intel_cpu_is_not_a_board(tmp_path: Path) -> None:
    """Beside a controller's screen it calls itself a display controller; the package counts it."""
    for number, device_class in enumerate((0x038000, 0x030000, 0x120000)):
        root = tmp_path / str(number)
        device = PciDevice(vendor=0x8086, device=0x3E98, device_class=device_class)
        pci_tree(root, {"0000:00:02.0": device})
        assert accelerators(root) == []


def test_two_dies_of_an_mi250x_are_one_board(tmp_path: Path) -> None:
    """Eight functions on the bus are four boards."""
    die = PciDevice(vendor=0x1002, device=0x7408, device_class=0x038000, driver="amdgpu")
    pci_tree(tmp_path, {f"0000:{bus:02x}:00.0": die for bus in range(0xC1, 0xC9)})
    assert len(accelerators(tmp_path)) == 4


def test_the_driver_names_boards_that_the_bus_lists(tmp_path: Path) -> None:
    """One board in both lists is one board, with its model and UUID; a driver that did not start a
    board knows no UUID.
    """
    pci_tree(tmp_path, {"0000:10:00.0": PciDevice(), "0000:20:00.0": PciDevice()})
    unknown = "GPU-????????-????-????-????-????????????"
    nvidia_driver_tree(
        tmp_path, {"0000:10:00.0": ("NVIDIA A100", UUID), "0000:20:00.0": ("NVIDIA A100", unknown)}
    )
    first, second = accelerators(tmp_path)
    assert (first.name, first.uuid, first.id) == ("NVIDIA A100", UUID, "pci-0000:10:00.0")
    assert (second.name, second.uuid, second.id) == ("NVIDIA A100", "", "pci-0000:20:00.0")


def test_device_files_count_only_without_a_bus(tmp_path: Path) -> None:
    """Without /sys, in a container, the files are all there is; beside a bus they may be old."""
    (tmp_path / "dev").mkdir()
    for name in ("nvidia0", "nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / "dev" / name).touch()
    assert [board.id for board in accelerators(tmp_path)] == ["nvidia0", "nvidia2", "nvidia10"]
    pci_tree(tmp_path, {"0000:c1:00.0": PciDevice(vendor=0x15B3, device_class=0x020000)})
    assert accelerators(tmp_path) == []


@pytest.mark.parametrize(
    ("device", "reason", "remedy"),
    [
        (PciDevice(config=FALLEN_OFF), "no longer answers", "Xid"),
        (PciDevice(driver=""), "no driver", "modprobe nvidia"),
        (PciDevice(driver="nouveau"), "nouveau", "in place of nouveau"),
        (PciDevice(driver="vfio-pci"), "virtual machine", "bind the board's own driver"),
        (PciDevice(), "another reason", "another remedy"),
        # a board that sleeps is not asked, and its empty answer is not taken for a fault
        (PciDevice(config=FALLEN_OFF, runtime_status="suspended"), "another reason", "another"),
        (
            PciDevice(vendor=0x1002, device_class=0x038000, driver="amdgpu", config=FALLEN_OFF),
            "no longer answers",
            "dmesg",
        ),
    ],
)
def test_the_cause_comes_from_the_boards_files(
    tmp_path: Path, device: PciDevice, reason: str, remedy: str
) -> None:
    """A board that fell off the bus, a board without its driver, a board of a virtual machine: each
    has its own remedy; a board without a visible fault has the reason of its reader.
    """
    pci_tree(tmp_path, {"0000:c1:00.0": device})
    doubt, *more = doubts(accelerators(tmp_path), Cause("another reason", "another remedy"))
    assert more == []
    assert doubt.code == "gpu-unreadable"
    assert reason in doubt.message
    assert remedy in doubt.remedy
    assert "\n" not in doubt.message + doubt.remedy


def test_boards_with_one_cause_share_a_doubt(tmp_path: Path) -> None:
    """Four boards without a driver and one that fell off: two doubts, and the number of boards."""
    pci_tree(tmp_path, {f"0000:{bus}0:00.0": PciDevice(driver="") for bus in range(1, 5)})
    pci_tree(tmp_path, {"0000:50:00.0": PciDevice(config=FALLEN_OFF)})
    messages = [doubt.message for doubt in doubts(accelerators(tmp_path), Cause("x", "y"))]
    assert len(messages) == 2
    assert "4 accelerators" in messages[0]
    assert "pci-0000:50:00.0" in messages[1]


@pytest.mark.parametrize(
    ("value", "uses"),
    [
        (None, [None, None, None]),
        ("", [False, False, None]),  # CUDA's variable hides no board of AMD
        ("-1", [False, False, None]),
        ("NoDevFiles", [False, False, None]),
        ("0", [None, None, None]),  # the first board that the driver shows to the work
        ("1,0", [None, None, None]),
        ("9", [None, None, None]),
        (UUID, [True, False, None]),
        ("GPU-5eed0001", [False, True, None]),
        (f"GPU-5eed0001,{UUID}", [True, True, None]),
        ("GPU-5eed", [None, None, None]),  # fits both boards
        ("GPU-unknown", [False, False, None]),
        ("MIG-5eed0001-0000-0000-0000-000000000001", [None, None, None]),
    ],
)
def test_use_of_boards_that_nobody_reads(
    tmp_path: Path, value: str | None, uses: list[bool | None]
) -> None:
    """An index counts the boards that the driver shows, and tells nothing; a UUID tells."""
    names = {"0000:10:00.0": UUID, "0000:20:00.0": UUID.replace("5eed0000", "5eed0001")}
    nvidia_driver_tree(tmp_path, {bus: ("NVIDIA A100", uuid) for bus, uuid in names.items()})
    amd = PciDevice(vendor=0x1002, device=0x740F, device_class=0x038000, driver="amdgpu")
    pci_tree(tmp_path, {**dict.fromkeys(names, PciDevice()), "0000:30:00.0": amd})
    assert list(use_of_unread(accelerators(tmp_path), value).values()) == uses


@pytest.mark.parametrize(
    "written", ["00000000:10:00.0", "0000:10:00.0", "10:00.0", " 0000:10:00.0\n"]
)
def test_one_address_in_every_spelling(written: str) -> None:
    """NVML writes eight digits of the domain, the kernel four."""
    assert normal_bus_id(written) == "0000:10:00.0"


def test_upper_case_addresses() -> None:
    """NVML writes capitals, the kernel does not."""
    assert normal_bus_id("00000000:C1:00.0") == "0000:c1:00.0"
