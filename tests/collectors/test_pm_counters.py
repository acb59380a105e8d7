"""Cray pm_counters: files, time stamps, and files of a single scan."""

import time
from pathlib import Path

import pytest

from energybench.collectors.pm_counters import PmCounters
from energybench.collectors.pm_reasons import PM_COUNTERS
from energybench.collectors.sysfs import NumberFile
from energybench.plugins import Reading, Unavailable
from tests.simulators import VirtualClock, context, live_node, pm_tree

WALL_S = 1_734_094_386.5


def stamped(value: int, unit: str = "J", age_s: float = 0.05) -> str:
    return f"{value} {unit} {round((WALL_S - age_s) * 1e6)} us"


def collector(root: Path, clock: VirtualClock) -> PmCounters:
    """A collector with a wall clock that runs with the virtual clock."""
    return PmCounters(wall=lambda: WALL_S + clock.now() - 1000)


def test_parts_of_a_node(tmp_path: Path) -> None:
    """Counters count, power readings are recorded; the node contains the components."""
    names = (
        "energy",
        "cpu_energy",
        "memory_energy",
        "accel0_energy",
        "accel10_energy",
        "accel2_energy",
    )
    pm_tree(
        tmp_path,
        dict.fromkeys(names, "5 J")
        | {
            "power": "9 W",
            "accel0_power": "3 W",
            "power_cap": "0 W",
            "raw_scan_hz": "5 Hz",
            "version": "2",
        },
    )
    channels = PmCounters().open(context(tmp_path))
    assert [(c.device, c.component, c.kind, c.counts) for c in channels] == [
        ("node", "node", "counter", True),
        ("cpu", "cpu.package", "counter", True),
        ("memory", "cpu.dram", "counter", True),
        ("accel0", "gpu.board", "counter", True),
        ("accel2", "gpu.board", "counter", True),
        ("accel10", "gpu.board", "counter", True),
        ("node", "node", "power", False),
        ("accel0", "gpu.board", "power", False),
    ]
    assert {"cpu.package", "cpu.dram", "gpu.board"} <= set(channels[0].contains)
    assert {(c.resolution, c.update_period_s) for c in channels} == {(1.0, 0.2)}
    # how old a value is when it is stamped: nobody says, within a scan
    assert all(c.lag_u_s == pytest.approx(0.2 / 12**0.5) for c in channels)


def test_values_carry_the_time_they_were_published(tmp_path: Path) -> None:
    """The stamp of the sensor on the clock of the context: 50 ms before the first read, also in a
    later read.
    """
    folder = pm_tree(tmp_path, {"energy": stamped(100), "freshness": "1"})
    clock = VirtualClock(1000.0)
    pm = collector(tmp_path, clock)
    pm.open(context(tmp_path, clock=clock))
    (first,) = pm.read()
    assert first == Reading(100, pytest.approx(999.95))
    clock.t_s = 1000.08
    assert pm.read() == [first]  # nothing new: an equal time, to the last digit
    (folder / "energy").write_text(stamped(130, age_s=-0.05) + "\n")
    assert pm.read() == [Reading(130, pytest.approx(1000.05))]


def test_a_wall_clock_that_is_set_moves_no_reading(tmp_path: Path) -> None:
    """The wall clock of the host jumps by an hour; the stamps of the blade and the times of the
    readings go on without a jump.
    """
    folder = pm_tree(tmp_path, {"energy": stamped(100), "freshness": "1"})
    clock, jump_s = VirtualClock(1000.0), [0.0]
    pm = PmCounters(wall=lambda: WALL_S + clock.now() - 1000 + jump_s[0])
    (channel,) = pm.open(context(tmp_path, clock=clock))
    assert channel.stamped
    pm.read()
    clock.t_s, jump_s[0] = 1000.08, 3600.0
    (folder / "energy").write_text(stamped(130, age_s=-0.05) + "\n")
    assert pm.read() == [Reading(130, pytest.approx(1000.05))]


def test_sites_without_stamps(tmp_path: Path) -> None:
    """Old firmware gives the value alone; the sampler times the value."""
    pm_tree(tmp_path, {"energy": "100 J"})
    pm = PmCounters()
    pm.open(context(tmp_path))
    assert (pm.read(), pm.doubts()) == ([100], ())


@pytest.mark.parametrize("stamp", ["7810213855886 us", f"{round((WALL_S + 30) * 1e6)} us"])
def test_stamps_of_another_clock_are_not_believed(tmp_path: Path, stamp: str) -> None:
    """Some controllers count from the start of the controller, or run ahead: the value is used
    without the stamp, and a doubt says so.
    """
    pm_tree(tmp_path, {"energy": f"12044825101 J {stamp}"})
    clock = VirtualClock(1000.0)
    pm = collector(tmp_path, clock)
    pm.open(context(tmp_path, clock=clock))
    assert pm.read() == [12044825101]
    assert [doubt.code for doubt in pm.doubts()] == ["pm-clock"]


@pytest.mark.parametrize(
    ("behind_s", "believed"),
    [(-0.05, False), (0.0, True), (0.06, True), (0.17, False), (0.3, False), (0.95, False)],
)
def test_a_clock_that_is_behind_shows_in_values_that_have_just_come(
    tmp_path: Path, behind_s: float, believed: bool
) -> None:
    """By up to a scan the stamps are believed, and the lag is known the less; beyond it the values
    have the time of the read, and a doubt says so. A value of the last second may be that old.
    """
    wall_s = [WALL_S]
    scans = iter(range(1, 1_000_000))

    class Published(NumberFile):
        """A blade that publishes with every read: each value has just come."""

        def read(self) -> bytes | None:
            wall_s[0] += 0.1
            stamp_us = round((wall_s[0] - behind_s) * 1e6)
            return f"{next(scans)} J {stamp_us} us".encode()

    pm_tree(tmp_path, {"energy": stamped(100)})
    pm = PmCounters(wall=lambda: wall_s[0], line=Published)
    (channel,) = pm.open(context(tmp_path))
    assert channel.stamped == believed
    assert [doubt.code for doubt in pm.doubts()] == ([] if believed else ["pm-clock"])
    scan_u_s = 0.1 / 12**0.5
    if believed:
        # uniform limits hold the whole distance of the clocks
        assert channel.lag_u_s * 3**0.5 >= behind_s
        assert channel.lag_u_s >= scan_u_s
    else:
        assert channel.lag_u_s == pytest.approx(scan_u_s)


class Blade:
    """A blade that publishes the next scan right after a read of `energy`, for the first `scans`
    reads.
    """

    def __init__(self, folder: Path, scans: int) -> None:
        self.folder, self.scans, self.scan = folder, scans, 0

    def line(self, path: Path) -> NumberFile:
        blade = self

        class Scanned(NumberFile):
            def read(self) -> bytes | None:
                data = super().read()
                if self.path.name == "energy" and blade.scan < blade.scans and blade.opened:
                    blade.publish()
                return data

        return Scanned(path)

    opened = False

    def publish(self) -> None:
        self.scan += 1
        for name, value in (
            ("freshness", self.scan),
            ("energy", f"{100 + self.scan} J"),
            ("cpu_energy", f"{50 + self.scan} J"),
        ):
            (self.folder / name).write_text(f"{value}\n")


@pytest.mark.parametrize(
    ("scans", "expected"), [(0, [100, 50]), (1, [101, 51]), (2, [102, 52]), (9, [102, 53])]
)
def test_a_set_is_of_one_scan(tmp_path: Path, scans: int, expected: list[int]) -> None:
    """If freshness changes during a read, the files are read again; the third read is final."""
    blade = Blade(
        pm_tree(tmp_path, {"energy": "100 J", "cpu_energy": "50 J", "freshness": "0"}), scans
    )
    pm = PmCounters(line=blade.line)
    pm.open(context(tmp_path))
    blade.opened = True
    assert pm.read() == expected


def test_broken_lines_are_none(tmp_path: Path) -> None:
    """A line that is cut off gives None."""
    folder = pm_tree(tmp_path, {"energy": stamped(100), "power": stamped(7, "W")})
    clock = VirtualClock(1000.0)
    pm = collector(tmp_path, clock)
    pm.open(context(tmp_path, clock=clock))
    for line in ("", "10", "100 J 17340943", "-5 J", "abc"):
        (folder / "energy").write_text(line)
        first, second = pm.read()
        assert first is None
        assert second is not None
        assert second.raw == 7


def test_absent_and_unreadable(tmp_path: Path) -> None:
    """The reason names a missing folder, or files in an unknown format."""
    with pytest.raises(Unavailable, match="pm_counters"):
        PmCounters().open(context(tmp_path))
    pm_tree(tmp_path, {"energy": "?"})
    with pytest.raises(Unavailable, match="cannot be read"):
        PmCounters().open(context(tmp_path))


def test_live_blade(tmp_path: Path) -> None:
    """Value and time of a blade that publishes at 10 Hz belong together: joules = watts x time, to
    the joule.
    """
    with live_node(tmp_path, {}, {"": 1000, "accel0": 300}) as node:
        pm = PmCounters()
        channels = pm.open(context(node.root))
        readings = []
        for _ in range(12):
            time.sleep(0.05)
            readings.append(pm.read())
        pm.close()
        pm.close()
    assert pm.doubts() == ()
    for watts, at in ((1000, 0), (300, 1)):
        assert channels[at].kind == "counter"
        for reading in filter(None, (values[at] for values in readings)):
            assert abs(reading.raw - watts * (reading.t_s - node.start_s)) < 2 + watts * 0.002
    assert len({values[0] for values in readings}) > 4


def test_all_accelerators_in_one_file(tmp_path: Path) -> None:
    """accel_energy covers every board; beside files of single boards it is not summed."""
    lines = {"energy": "900 J 1 us", "accel_energy": "300 J 1 us", "accel_power": "50 W 1 us"}
    pm_tree(tmp_path, lines)
    total = {c.device: c for c in PmCounters().open(context(tmp_path)) if c.kind == "counter"}
    assert (total["accel"].component, total["accel"].counts) == ("gpu.board", True)
    assert total["accel"].contains == ("gpu.board",)
    pm_tree(tmp_path, {"accel0_energy": "140 J 1 us", "accel1_energy": "160 J 1 us"})
    both = {c.device: c.counts for c in PmCounters().open(context(tmp_path)) if c.kind == "counter"}
    assert both == {"node": True, "accel": False, "accel0": True, "accel1": True}


@pytest.mark.parametrize("power", ["0 W 1 us", None])
def test_a_node_without_accelerators(tmp_path: Path, power: str | None) -> None:
    """accel_energy and accel_power read 0 there: no accelerator, and not an accelerator of 0 J."""
    lines = {"energy": "900 J 1 us", "accel_energy": "0 J 1 us"}
    pm_tree(tmp_path, lines | ({"accel_power": power} if power else {}))
    channels = PmCounters().open(context(tmp_path))
    assert {c.component for c in channels} == {"node"}


def test_one_file_for_each_cpu(tmp_path: Path) -> None:
    """cpu0_energy, … count if there is no file of all CPUs."""
    pm_tree(tmp_path, {f"cpu{i}_energy": "100 J 1 us" for i in range(4)})
    channels = PmCounters().open(context(tmp_path))
    assert {(c.device, c.socket, c.counts) for c in channels} == {
        (f"cpu{i}", f"package-{i}", True) for i in range(4)
    }
    pm_tree(tmp_path, {"cpu_energy": "400 J 1 us"})
    counting = [c.device for c in PmCounters().open(context(tmp_path)) if c.counts]
    assert counting == ["cpu"]


@pytest.mark.parametrize("content", ["", "broken"])
def test_a_file_that_cannot_be_read_has_a_doubt(tmp_path: Path, content: str) -> None:
    """An accelerator without a readable meter keeps its channel, whose reads fail."""
    pm_tree(tmp_path, {"energy": "9 J 1 us", "accel0_energy": "3 J 1 us", "cpu_energy": "2 J 1 us"})
    for name in ("accel1_energy", "cpu_energy"):
        (tmp_path / PM_COUNTERS / name).write_text(content)
    meters = PmCounters()
    channels = meters.open(context(tmp_path))
    assert [c.device for c in channels] == ["node", "accel0", "accel1"]
    assert meters.read()[2] is None
    codes = [doubt.code for doubt in meters.doubts() if doubt.code != "pm-clock"]
    assert sorted(codes) == ["gpu-unreadable", "meter-unreadable"]


def test_a_masked_folder_is_not_another_machine(tmp_path: Path) -> None:
    """An empty folder, a link to nowhere, and no folder have different reasons."""
    folder = tmp_path / PM_COUNTERS
    folder.mkdir(parents=True)
    (tmp_path / ".dockerenv").touch()
    with pytest.raises(Unavailable, match="is empty") as caught:
        PmCounters().open(context(tmp_path))
    assert "container" in caught.value.remedy
    folder.rmdir()
    folder.symlink_to(tmp_path / "nowhere")
    with pytest.raises(Unavailable, match="leads nowhere"):
        PmCounters().open(context(tmp_path))
    folder.unlink()
    with pytest.raises(Unavailable, match="no /") as caught:
        PmCounters().open(context(tmp_path))
    assert "nothing to do" in caught.value.remedy


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("nic_energy",), "meter-unreadable"),
        (("gpu0_energy", "gpu1_energy"), "gpu-unreadable"),
        (("gcd0_energy", "nic_energy"), "gpu-unreadable"),
        (tuple(f"part{i}_energy" for i in range(20)), "meter-unreadable"),
    ],
)
def test_energies_of_unknown_parts_are_named_and_not_counted(
    tmp_path: Path, more: tuple[str, ...], code: str
) -> None:
    names = ("energy", "cpu_energy", "memory_energy")
    pm_tree(tmp_path, dict.fromkeys((*names, *more), "5 J") | {"power_cap": "0 W"})
    opened = PmCounters()
    channels = opened.open(context(tmp_path))
    assert [channel.device for channel in channels] == ["node", "cpu", "memory"]
    (doubt,) = opened.doubts()
    assert doubt.code == code
    assert more[0] in doubt.message
    opened.close()
