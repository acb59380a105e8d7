"""Provenance of the machine from the kernel's files: a value that is not there is None."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.measuring.host import describe
from energybench.model import Host
from tests.simulators import SystemClock


def machine(root: Path, cpuinfo: str, meminfo: str = "") -> Host:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").write_text(cpuinfo)
    (root / "proc/meminfo").write_text(meminfo)
    return describe(SystemClock(), root)


def block(number: int, name: str, package: str, core: str = "0") -> str:
    return (
        f"processor\t: {number}\nmodel name\t: {name}\nphysical id\t: {package}\n"
        f"core id\t\t: {core}\nflags\t\t: \n\n"
    )


def test_an_empty_field_is_not_the_next_line(tmp_path: Path) -> None:
    """Firmware that leaves the name empty does not make "physical id : 0" a CPU."""
    found = machine(tmp_path, block(0, "", "0"))
    assert found.cpu is None or "physical" not in found.cpu
    assert machine(tmp_path, block(0, "", "0") + block(1, "A CPU", "0", "1")).cpu == "A CPU"
    assert machine(tmp_path, block(0, " \t ", "") + "siblings\t: 16\n").sockets is None
    assert machine(tmp_path, "physical id\t:\n3\n").socket_ids == ()


@pytest.mark.parametrize(
    ("packages", "ids"), [(("0", "2"), (0, 2)), (("36", "36"), (36,)), (("1", "0", "1"), (0, 1))]
)
def test_sockets_are_counted_by_their_numbers(
    tmp_path: Path, packages: tuple[str, ...], ids: tuple[int, ...]
) -> None:
    """The numbers of the kernel need not be 0, 1, 2, …"""
    text = "".join(block(i, "A CPU", package, str(i)) for i, package in enumerate(packages))
    found = machine(tmp_path, text)
    assert (found.sockets, found.socket_ids) == (len(ids), ids)


def test_sockets_of_an_arm_kernel(tmp_path: Path) -> None:
    """/proc/cpuinfo of Arm names no socket; the topology files do, and -1 is no number."""
    for cpu, package in enumerate(["0", "0", "1", "-1"]):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{package}\n")
    found = machine(tmp_path, "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n")
    assert (found.sockets, found.socket_ids) == (2, (0, 1))


def test_a_container_shows_fewer_sockets_than_the_kernel_has(tmp_path: Path) -> None:
    """/proc/cpuinfo of a container (lxcfs) holds one socket, the topology files hold both."""
    for cpu in range(2):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{cpu}\n")
    found = machine(tmp_path, block(0, "A CPU", "0"))
    assert (found.sockets, found.socket_ids) == (2, (0, 1))


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("MemTotal:       263856 kB\n", 263856 * 1024),
        ("MemTotal:\nMemFree:  100 kB\n", None),
        ("MemTotal: many\n", None),
        ("", None),
    ],
)
def test_memory_of_unknown_size_is_none(tmp_path: Path, line: str, size: int | None) -> None:
    """An empty or odd line is not the next line's number."""
    assert machine(tmp_path, "", line).memory_bytes == size
