"""RAPL that is not there or masked: the reason is the cause that the tree shows."""

import shutil
from pathlib import Path

import pytest

from energybench.collectors.rapl import Rapl
from energybench.plugins import Unavailable
from tests.collectors.test_rapl import TWO_SOCKETS, opened
from tests.simulators import context, powercap_tree


def boxed(root: Path) -> None:
    (root / ".dockerenv").touch()


def reason_of(root: Path) -> tuple[str, str]:
    with pytest.raises(Unavailable) as caught:
        Rapl().open(context(root))
    assert "\n" not in caught.value.reason + caught.value.remedy
    return caught.value.reason, caught.value.remedy


@pytest.mark.parametrize("in_container", [True, False])
def test_links_to_masked_zones(tmp_path: Path, in_container: bool) -> None:
    """A container masks the folder behind the links: the zones exist, and no module is missing."""
    powercap_tree(tmp_path, TWO_SOCKETS)
    shutil.rmtree(tmp_path / "sys/devices/virtual/powercap")
    if in_container:
        boxed(tmp_path)
    reason, remedy = reason_of(tmp_path)
    assert "masked" in reason
    assert "intel-rapl:0" in reason
    assert "modprobe" not in remedy
    assert ("container" in remedy) == in_container
    assert "sys/devices/virtual/powercap" in remedy


def test_one_masked_zone_beside_others(tmp_path: Path) -> None:
    """The zones that are there are read, and the doubt names the zone that is not."""
    powercap_tree(tmp_path, TWO_SOCKETS)
    shutil.rmtree(tmp_path / "sys/devices/virtual/powercap/intel-rapl/intel-rapl:1")
    rapl, values = opened(tmp_path)
    assert set(values) == {"package-0 cpu.package", "package-0 cpu.dram"}
    subjects = {doubt.subject for doubt in rapl.doubts()}
    assert {doubt.code for doubt in rapl.doubts()} == {"rapl-unreadable"}
    assert "intel-rapl:1" in subjects
    assert "intel-rapl:0" not in subjects


@pytest.mark.parametrize(
    ("content", "word"), [("", "empty"), ("none\n", "does not hold a number"), (None, "not there")]
)
def test_masked_files(tmp_path: Path, content: str | None, word: str) -> None:
    """A container may mask single files: an empty file is not a permission."""
    powercap_tree(tmp_path, {"intel-rapl:0": ("package-0", 1)})
    boxed(tmp_path)
    file = tmp_path / "sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/energy_uj"
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    reason, remedy = reason_of(tmp_path)
    assert word in reason
    assert "container" in remedy
    (file.parent / "name").write_text("")
    assert "name" in reason_of(tmp_path)[0]


@pytest.mark.parametrize(
    ("cpuinfo", "word", "remedy"),
    [
        ("vendor_id\t: GenuineIntel\nflags\t: fpu hypervisor\n", "virtual machine", "host"),
        ("vendor_id\t: CentaurHauls\nflags\t: fpu\n", "CentaurHauls", "meter of the node"),
        ("BogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n", "Arm", "meter of the node"),
        ("vendor_id\t: AuthenticAMD\nflags\t: fpu\n", "not loaded", "modprobe"),
    ],
)
def test_a_machine_without_zones(tmp_path: Path, cpuinfo: str, word: str, remedy: str) -> None:
    """A virtual machine, a CPU without RAPL, and a driver that is not loaded."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(cpuinfo)
    (tmp_path / "sys/devices/system/cpu").mkdir(parents=True)
    found = reason_of(tmp_path)
    assert word in found[0]
    assert remedy in found[1]
    powercap_tree(tmp_path, {"intel-rapl:0": ("core", 1)})
    shutil.rmtree(tmp_path / "sys/devices/virtual/powercap/intel-rapl/intel-rapl:0")
    (tmp_path / "sys/class/powercap/intel-rapl:0").unlink()
    if word == "not loaded":
        assert "found no package" in reason_of(tmp_path)[0]
