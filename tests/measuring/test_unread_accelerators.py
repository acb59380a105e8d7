"""Accelerators that exist and that no collector reads belong to the boundary, with a range."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.analysis.energy.boundary import cover
from energybench.measuring import host
from energybench.measuring.sensors import Sensors, open_all
from energybench.measuring.session import ranges
from energybench.measuring.unread_accelerators import with_work_device
from energybench.model import Part
from tests.simulators import PciDevice, SystemClock, context, pci_tree, pm_tree, powercap_tree

CPUINFO = "processor\t: 0\nvendor_id\t: GenuineIntel\nphysical id\t: 0\n"
A100 = PciDevice()
MI210 = PciDevice(vendor=0x1002, device=0x740F, device_class=0x038000, driver="amdgpu")
MI250X = PciDevice(vendor=0x1002, device=0x7408, device_class=0x038000, driver="amdgpu")
MAX_1550 = PciDevice(vendor=0x8086, device=0x0BD5, device_class=0x038000, driver="i915")


def opened(root: Path, *only: str, **more: str) -> Sensors:
    (root / "proc").mkdir(parents=True, exist_ok=True)
    (root / "proc/cpuinfo").write_text(CPUINFO)
    powercap_tree(root, {"intel-rapl:0": ("package-0", 1)})
    sensors = open_all(context(root, **more), only)
    sensors.close()
    return sensors


def boards(root: Path, sensors: Sensors) -> list[Part]:
    machine = host.describe(SystemClock(), root, sensors.gpus)
    parts = cover("compute", sensors.channels, machine, ranges()).boundary.parts
    return [part for part in parts if part.component == "gpu.board"]


def unreadable(sensors: Sensors) -> list[str]:
    return [doubt.message for doubt in sensors.doubts if doubt.code == "gpu-unreadable"]


@pytest.mark.parametrize(
    ("device", "number", "maker"),
    [(A100, 4, "NVIDIA"), (A100, 1, "NVIDIA"), (MI210, 2, "AMD"), (MAX_1550, 6, "Intel")],
)
def test_boards_on_the_bus_are_missing_parts(
    tmp_path: Path, device: PciDevice, number: int, maker: str
) -> None:
    """Each board is missing with the range of a board, whoever made it, and one doubt says why."""
    pci_tree(tmp_path, {f"0000:{bus:02x}:00.0": device for bus in range(0x10, 0x10 + number)})
    sensors = opened(tmp_path, "rapl")
    parts = boards(tmp_path, sensors)
    assert [(part.state, part.low_w, part.high_w) for part in parts] == [
        ("missing", 0.0, 1000.0)
    ] * number
    (message,) = unreadable(sensors)
    assert maker in message


def test_boards_of_two_makers_have_two_doubts(tmp_path: Path) -> None:
    """One doubt names AMD's board, the other NVIDIA's."""
    pci_tree(tmp_path, {"0000:10:00.0": A100, "0000:20:00.0": MI210})
    sensors = opened(tmp_path, "rapl")
    assert len(boards(tmp_path, sensors)) == len(unreadable(sensors)) == 2


def test_a_node_without_boards_has_no_such_part(tmp_path: Path) -> None:
    """A network card and a controller's screen are not accelerators."""
    screen = PciDevice(vendor=0x1A03, device=0x2000, device_class=0x030000, driver="ast")
    network = PciDevice(vendor=0x15B3, device=0x101B, device_class=0x020000, driver="mlx5_core")
    pci_tree(tmp_path, {"0000:03:00.0": screen, "0000:41:00.0": network})
    sensors = opened(tmp_path, "rapl")
    assert boards(tmp_path, sensors) == []
    assert unreadable(sensors) == []


def test_hidden_boards_belong_to_the_node(tmp_path: Path) -> None:
    """A CPU-only run on a GPU node: the boards are idle parts of it, not absent ones."""
    pci_tree(tmp_path, {"0000:10:00.0": A100})
    parts = boards(tmp_path, opened(tmp_path, "rapl", visible_devices=""))
    assert [(part.state, part.used) for part in parts] == [("missing", False)]


@pytest.mark.parametrize(
    ("dies", "meters", "missing"), [(8, 4, 0), (8, 3, 1), (4, 2, 0), (2, 2, 0)]
)
def test_boards_of_a_blades_meters_are_counted(
    tmp_path: Path, dies: int, meters: int, missing: int
) -> None:
    """A blade names its accelerators by number: as many boards are covered as it has meters."""
    pci_tree(tmp_path, {f"0000:{bus:02x}:00.0": MI250X for bus in range(0xC1, 0xC1 + dies)})
    pm_tree(tmp_path, {f"accel{i}_energy": "100 J 1 us" for i in range(meters)})
    sensors = opened(tmp_path, "rapl", "pm_counters")
    states = [part.state for part in boards(tmp_path, sensors)]
    assert (states.count("measured"), states.count("missing")) == (meters, missing)
    assert len(unreadable(sensors)) == missing


def test_work_on_cuda_has_an_accelerator(tmp_path: Path) -> None:
    """If no list names one, their number is not known, and the range is that of a whole node. If
    the lists name one, the work runs on that one; of two, nobody knows.
    """
    sensors = opened(tmp_path, "rapl")
    assert boards(tmp_path, with_work_device(sensors, "cpu")) == []
    for device in ("cuda", "cuda:1"):
        worked = with_work_device(sensors, device)
        (part,) = boards(tmp_path, worked)
        assert (part.state, part.used, part.high_w) == ("missing", True, 16000.0)
        assert len(unreadable(worked)) == 1
    pci_tree(tmp_path, {"0000:10:00.0": A100})
    listed = opened(tmp_path, "rapl")
    assert [part.used for part in boards(tmp_path, listed)] == [None]
    (part,) = boards(tmp_path, with_work_device(listed, "cuda"))
    assert part.used is True
    pci_tree(tmp_path, {"0000:20:00.0": A100})
    two = with_work_device(opened(tmp_path, "rapl"), "cuda")
    assert [part.used for part in boards(tmp_path, two)] == [None, None]
    pm_tree(tmp_path, {"accel0_energy": "100 J 1 us"})
    read = opened(tmp_path, "pm_counters")
    assert with_work_device(read, "cuda") is read
