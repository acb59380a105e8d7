"""RAPL through powercap: zones that count, failed reads, and counters that wrap."""

import contextlib
import math
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from energybench.collectors.rapl import Rapl
from energybench.plugins import Unavailable
from tests.simulators import context, live_node, powercap_tree

TWO_SOCKETS = {
    "intel-rapl:0": ("package-0", 111),
    "intel-rapl:0:0": ("core", 22),
    "intel-rapl:0:1": ("dram", 33),
    "intel-rapl:1": ("package-1", 444),
    "intel-rapl:1:0": ("dram", 55),
}


def opened(root: Path) -> tuple[Rapl, dict[str, int | None]]:
    rapl = Rapl()
    channels = rapl.open(context(root))
    return rapl, dict(
        zip([f"{c.device} {c.component}" for c in channels], rapl.read(), strict=True)
    )


def test_packages_and_memory_once_each(tmp_path: Path) -> None:
    """A nested zone and its link are one zone; core and uncore lie inside the package and are left
    out; dram carries the name of the package.
    """
    powercap_tree(tmp_path, TWO_SOCKETS)
    rapl, values = opened(tmp_path)
    assert values == {
        "package-0 cpu.package": 111,
        "package-0 cpu.dram": 33,
        "package-1 cpu.package": 444,
        "package-1 cpu.dram": 55,
    }
    assert rapl.doubts() == ()


def test_a_tree_whose_links_are_copies(tmp_path: Path) -> None:
    """If a container shows folders in place of links, the names of the kernel still identify the
    zones.
    """
    powercap_tree(tmp_path, TWO_SOCKETS)
    links = tmp_path / "sys/class/powercap"
    for zone in ("intel-rapl:0", "intel-rapl:0:1"):
        target = (links / zone).resolve()
        (links / zone).unlink()
        (links / zone).mkdir()
        for file in target.iterdir():
            if file.is_file():
                (links / zone / file.name).write_bytes(file.read_bytes())
    assert set(opened(tmp_path)[1]) == {
        "package-0 cpu.package",
        "package-0 cpu.dram",
        "package-1 cpu.package",
        "package-1 cpu.dram",
    }


def test_channel(tmp_path: Path) -> None:
    """Counts of a microjoule, an update every millisecond, a limit of four times the power limit,
    and a gain of this socket of this machine.
    """
    powercap_tree(tmp_path, {"intel-rapl:0": ("package-0", 1)}, limit_uw=350_000_000)
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/hostname").write_text("n17\n")
    (channel,) = Rapl().open(context(tmp_path))
    assert (channel.id, channel.resolution, channel.update_period_s, channel.max_power_w) == (
        "rapl/package-0/cpu.package/energy",
        1e-6,
        0.001,
        1400.0,
    )
    assert (channel.gain.key, channel.gain.u_rel, channel.counts) == (
        "gain:rapl:package-0:package@name:n17",
        0.03,
        True,
    )
    assert channel.wrap == 262_143_328_911  # 2^32 energy units of 61.035 µJ


DIES = {
    f"intel-rapl:{2 * socket + die}": (f"package-{socket}-die-{die}", 10 * socket + die)
    for socket in range(2)
    for die in range(2)
}


@pytest.mark.parametrize(
    ("vendor", "name", "counting", "own"),
    [
        ("AuthenticAMD", "AMD EPYC 7551 32-Core Processor", [0, 10], False),
        ("AuthenticAMD", "AMD EPYC 9654 96-Core Processor", [0, 10], False),
        ("HygonGenuine", "Hygon C86 7185 32-core Processor", [0, 10], False),
        ("GenuineIntel", "Intel(R) Xeon(R) Platinum 9242 CPU @ 2.30GHz", [0, 1, 10, 11], True),
        ("GenuineIntel", "Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz", [0, 1, 10, 11], False),
        ("GenuineIntel", "", [0, 1, 10, 11], False),
        ("", "", [0, 1, 10, 11], False),
    ],
)
def test_registers_of_dies_by_the_maker(
    tmp_path: Path, vendor: str, name: str, counting: list[int], own: bool
) -> None:
    """AMD and Hygon show one register for every die of a package: one die of each package counts.
    On Cascade Lake-AP each die has its own. Otherwise the traces show it later.
    """
    powercap_tree(tmp_path, DIES)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"vendor_id\t: {vendor}\nmodel name\t: {name}\n")
    rapl = Rapl()
    channels = rapl.open(context(tmp_path))
    values = [raw for raw, c in zip(rapl.read(), channels, strict=True) if c.counts]
    assert values == counting
    assert {c.own_register for c in channels} == {own}


@pytest.mark.parametrize(("vendor", "missing"), [("GenuineIntel", True), ("AuthenticAMD", False)])
def test_a_die_that_cannot_be_read_is_not_covered_by_another(
    tmp_path: Path, vendor: str, missing: bool
) -> None:
    """A die with a register of its own keeps its channel, whose reads fail, so that it is missing;
    a die that shows the register of its package is no loss.
    """
    powercap_tree(tmp_path, DIES)["intel-rapl:1"].write_text("")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"vendor_id\t: {vendor}\n")
    rapl, values = opened(tmp_path)
    assert ("package-0-die-1 cpu.package" in values) == missing
    assert values.get("package-0-die-1 cpu.package") is None
    assert [doubt.code for doubt in rapl.doubts()] == ["rapl-unreadable"]


def test_memory_of_dies_counts_once_for_each_register(tmp_path: Path) -> None:
    """Package and memory of the first die count; a die that cannot be read gives its place to the
    next die of the package.
    """
    zones = {**DIES, **{f"{zone}:0": ("dram", 100 + i) for i, zone in enumerate(DIES)}}
    files = powercap_tree(tmp_path, zones)
    files["intel-rapl:0"].write_text("")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("vendor_id\t: AuthenticAMD\n")
    channels = Rapl().open(context(tmp_path))
    assert [(c.device, c.component) for c in channels if c.counts] == [
        ("package-0-die-0", "cpu.dram"),
        ("package-0-die-1", "cpu.package"),
        ("package-1-die-0", "cpu.package"),
        ("package-1-die-0", "cpu.dram"),
    ]


def test_mmio_mirrors_are_left_out(tmp_path: Path) -> None:
    """The MMIO zone repeats the package of the MSR zone; the MMIO zone is read only if the MSR zone
    cannot be read.
    """
    files = powercap_tree(
        tmp_path,
        {
            "intel-rapl:0": ("package-0", 100),
            "intel-rapl-mmio:0": ("package-0", 100),
            "intel-rapl-mmio:0:0": ("dram", 3),
        },
    )
    assert opened(tmp_path)[1] == {"package-0 cpu.package": 100, "package-0 cpu.dram": 3}
    files["intel-rapl:0"].write_text("")
    files["intel-rapl-mmio:0"].write_text("101\n")
    rapl, values = opened(tmp_path)
    assert values == {"package-0 cpu.package": 101, "package-0 cpu.dram": 3}
    assert rapl.doubts() == ()


def test_psys_is_recorded_and_not_summed(tmp_path: Path) -> None:
    """psys contains package and memory."""
    powercap_tree(tmp_path, {"intel-rapl:0": ("package-0", 1), "intel-rapl:1": ("psys", 2)})
    rapl = Rapl()
    psys = {c.component: c for c in rapl.open(context(tmp_path))}["platform"]
    assert (psys.device, psys.counts, psys.contains, psys.gain.u_rel) == (
        "psys",
        False,
        ("cpu.package", "cpu.dram"),
        0.05,
    )


def test_two_zones_of_one_name_are_both_kept(tmp_path: Path) -> None:
    """If a firmware calls both sockets package-0, both are read, and ids stay unique."""
    powercap_tree(tmp_path, {"intel-rapl:0": ("package-0", 1), "intel-rapl:1": ("package-0", 2)})
    assert opened(tmp_path)[1] == {
        "package-0 cpu.package": 1,
        "package-0@intel-rapl:1 cpu.package": 2,
    }


@pytest.mark.parametrize("content", ["", "123", "12x\n", "-5\n", "\n", "1 2\n"])
def test_a_broken_read_is_none_and_heals(tmp_path: Path, content: str) -> None:
    """Empty, cut off, not a number, negative: None, above all not a wrap; the next good read counts
    again.
    """
    files = powercap_tree(tmp_path, TWO_SOCKETS)
    rapl, _ = opened(tmp_path)
    files["intel-rapl:0"].write_text(content)
    assert rapl.read() == [None, 33, 444, 55]
    files["intel-rapl:0"].write_text("112\n")
    assert rapl.read() == [112, 33, 444, 55]


def test_a_zone_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """A file that fails to open or to read gives None at every read, and is opened again when the
    file is back.
    """
    files = powercap_tree(tmp_path, TWO_SOCKETS)
    rapl, _ = opened(tmp_path)
    file = files["intel-rapl:1"]
    file.write_text("")
    assert rapl.read()[2] is None
    file.unlink()
    assert rapl.read()[2] is None  # ENOENT
    file.mkdir()
    assert rapl.read()[2] is None  # EISDIR: opens, and does not read
    file.rmdir()
    file.write_text("445\n")
    assert rapl.read() == [111, 33, 445, 55]


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Run as the user nobody: root may read every file."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's folders."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_permission_denied(open_folder: Path) -> None:
    """Since Linux 5.10 root alone may read: the reason and the remedies are named."""
    for file in powercap_tree(open_folder, TWO_SOCKETS).values():
        file.chmod(0)
    with unprivileged(), pytest.raises(Unavailable, match="CVE-2020-8694") as caught:
        Rapl().open(context(open_folder))
    for way in ("udev", "cap_dac_read_search", "perf"):
        assert way in caught.value.remedy


def test_permission_lost_during_a_run(open_folder: Path) -> None:
    """A counter without permission gives None, and counts again when the permission is back."""
    file = powercap_tree(open_folder, TWO_SOCKETS)["intel-rapl:0"]
    rapl, _ = opened(open_folder)
    file.write_text("")
    file.chmod(0)
    with unprivileged():
        assert [rapl.read()[0] for _ in range(2)] == [None, None]
    file.write_text("112\n")
    assert rapl.read()[0] == 112


def test_partly_readable(tmp_path: Path) -> None:
    """Readable zones are read, and an unreadable zone has a doubt."""
    powercap_tree(tmp_path, TWO_SOCKETS)["intel-rapl:1"].write_text("")
    rapl, values = opened(tmp_path)
    assert set(values) == {"package-0 cpu.package", "package-0 cpu.dram", "package-1 cpu.dram"}
    (doubt,) = rapl.doubts()
    message, remedy = doubt.message, doubt.remedy
    assert doubt.code == "rapl-unreadable"
    assert "package-1 (cpu.package)" in message
    assert remedy


def test_nothing_there(tmp_path: Path) -> None:
    """A machine without RAPL is unavailable, with the reason."""
    with pytest.raises(Unavailable, match="no RAPL zone"):
        Rapl().open(context(tmp_path))
    powercap_tree(tmp_path, {"intel-rapl:0": ("package-0", 1)})["intel-rapl:0"].write_text("")
    with pytest.raises(Unavailable, match="no RAPL package counter answers"):
        Rapl().open(context(tmp_path))


def test_live_counter_across_wraps(tmp_path: Path) -> None:
    """Over several wraps of a small counter the differences modulo `wrap` add up to the truth.

    A difference over half of the time between two wraps may hide one on a busy machine: it is left
    out, with its time.
    """
    with live_node(
        tmp_path,
        {
            "intel-rapl:0": {
                "name": "package-0",
                "watts": 60,
                "range_uj": 9_999_999,
                "start_uj": 9_000_000,
            }
        },
    ) as node:
        rapl = Rapl()
        (channel,) = rapl.open(context(node.root))
        assert channel.wrap == 10_000_000
        total, wraps, elapsed_s = 0, 0, 0.0
        last, last_s = rapl.read()[0], time.monotonic()
        while wraps < 5:
            time.sleep(0.02)
            raw, now_s = rapl.read()[0], time.monotonic()
            if raw is None:
                continue
            if now_s - last_s < 0.08:
                wraps += raw < last
                total += (raw - last) % channel.wrap
                elapsed_s += now_s - last_s
            last, last_s = raw, now_s
    assert math.isclose(total / 1e6, 60 * elapsed_s, rel_tol=0.05)


def test_reading_is_cheap(tmp_path: Path) -> None:
    """Four counters cost well under 50 µs a read: files stay open."""
    powercap_tree(tmp_path, TWO_SOCKETS)
    rapl, _ = opened(tmp_path)
    start_s = time.process_time()
    for _ in range(2000):
        rapl.read()
    assert (time.process_time() - start_s) / 2000 < 50e-6
    rapl.close()
    rapl.close()
    assert rapl.read() == []
