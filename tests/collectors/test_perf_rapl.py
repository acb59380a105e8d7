"""RAPL through perf events: with pipes as descriptors, and with the kernel's clock event."""

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from energybench.collectors.perf_rapl import PMU, PerfRapl, perf_event_open
from energybench.plugins import Unavailable
from tests.simulators import context, powercap_tree

SCALE = "2.3283064365386962890625e-10"  # 2^-32 J, as the kernel writes it


def pmu(
    root: Path,
    events: dict[str, str],
    cpumask: str = "0",
    kind: int = 9,
    unit: str = "Joules",
    scale: str = SCALE,
) -> None:
    folder = root / "sys/bus/event_source/devices/power"
    (folder / "events").mkdir(parents=True)
    (folder / "type").write_text(f"{kind}\n")
    (folder / "cpumask").write_text(f"{cpumask}\n")
    for event, config in events.items():
        (folder / "events" / event).write_text(f"{config}\n")
        (folder / "events" / f"{event}.unit").write_text(f"{unit}\n")
        (folder / "events" / f"{event}.scale").write_text(f"{scale}\n")


def place(root: Path, cpu: int, package: int, die: int = 0) -> None:
    topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
    topology.mkdir(parents=True)
    (topology / "physical_package_id").write_text(f"{package}\n")
    (topology / "die_id").write_text(f"{die}\n")


class Events:
    """perf_event_open with pipes as descriptors: a read gives the next value, and at last the end
    of the file.
    """

    def __init__(self, values: Sequence[int] = (), refuse: dict[int, int] | None = None) -> None:
        self.calls: list[tuple[int, int, int]] = []
        self._values, self._refuse = values, refuse or {}

    def __call__(self, kind: int, config: int, cpu: int) -> int:
        self.calls.append((kind, config, cpu))
        if config in self._refuse:
            raise OSError(self._refuse[config], os.strerror(self._refuse[config]))
        reading, writing = os.pipe()
        for value in self._values:
            os.write(writing, (value + cpu).to_bytes(8, "little"))
        os.close(writing)
        return reading


EVENTS = {
    "energy-pkg": "event=0x02",
    "energy-ram": "event=0x03",
    "energy-psys": "event=0x05",
    "energy-cores": "event=0x01",
}


def test_one_counter_for_each_event_and_package(tmp_path: Path) -> None:
    """Package, memory and psys of both sockets, in counts of 2^-32 J without a wrap; cores are
    inside the package and stay closed.
    """
    pmu(tmp_path, EVENTS, "0,16")
    place(tmp_path, 0, 0)
    place(tmp_path, 16, 1)
    events = Events([1000, 2000])
    perf = PerfRapl(events)
    channels = perf.open(context(tmp_path))
    assert events.calls == [(9, 2, 0), (9, 2, 16), (9, 3, 0), (9, 3, 16), (9, 5, 0), (9, 5, 16)]
    assert [(c.device, c.component, c.counts) for c in channels] == [
        ("package-0", "cpu.package", True),
        ("package-1", "cpu.package", True),
        ("package-0", "cpu.dram", True),
        ("package-1", "cpu.dram", True),
        ("package-0", "platform", False),
        ("package-1", "platform", False),
    ]
    assert {(c.resolution, c.wrap) for c in channels} == {(2.0**-32, None)}
    assert perf.read() == [1000, 1016] * 3
    assert perf.read() == [2000, 2016] * 3
    assert perf.read() == [None] * 6  # the CPU went offline: end of file
    perf.close()
    perf.close()


def test_a_key_shared_with_powercap(tmp_path: Path) -> None:
    """The sensor behind powercap and perf is one sensor: the gain cancels in the ratio of a run by
    powercap and a run by perf.
    """
    from energybench.collectors.rapl import Rapl

    pmu(tmp_path / "a", {"energy-pkg": "event=0x02"})
    powercap_tree(tmp_path / "b", {"intel-rapl:0": ("package-0", 1)})
    (by_perf,) = PerfRapl(Events()).open(context(tmp_path / "a"))
    (by_powercap,) = Rapl().open(context(tmp_path / "b"))
    assert by_perf.gain == by_powercap.gain


def test_dies_and_ranges_of_cpus(tmp_path: Path) -> None:
    """A mask may be a range; dies of a package get names with the number of the die."""
    pmu(tmp_path, {"energy-pkg": "event=0x02"}, "0-1,8")
    for cpu, package, die in ((0, 0, 0), (1, 0, 1), (8, 1, 0)):
        place(tmp_path, cpu, package, die)
    assert [c.device for c in PerfRapl(Events()).open(context(tmp_path))] == [
        "package-0-die-0",
        "package-0-die-1",
        "package-1",
    ]


def test_powercap_comes_first(tmp_path: Path) -> None:
    """The counters are opened through perf only if powercap cannot be read."""
    pmu(tmp_path, EVENTS)
    energy_uj = powercap_tree(tmp_path, {"intel-rapl:0": ("package-0", 1)})["intel-rapl:0"]
    with pytest.raises(Unavailable, match="powercap is readable"):
        PerfRapl(Events()).open(context(tmp_path))
    energy_uj.write_text("")
    assert PerfRapl(Events()).open(context(tmp_path))


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (errno.EACCES, "cap_perfmon"),
        (errno.EPERM, "perf_event_paranoid"),
        (errno.ENOENT, "hypervisor"),
    ],
)
def test_refused(tmp_path: Path, code: int, word: str) -> None:
    """Every refusal names a remedy."""
    pmu(tmp_path, EVENTS)
    with pytest.raises(Unavailable) as caught:
        PerfRapl(Events(refuse={2: code, 3: code, 5: code})).open(context(tmp_path))
    assert word in caught.value.remedy


def test_memory_refused_alone(tmp_path: Path) -> None:
    """If only the memory event is refused, the package is read."""
    pmu(tmp_path, EVENTS)
    assert [
        c.component
        for c in PerfRapl(Events(refuse={3: errno.EINVAL, 5: errno.EINVAL})).open(context(tmp_path))
    ] == ["cpu.package"]


@pytest.mark.parametrize(
    ("config", "unit", "scale"),
    [
        ("event=0x02,umask=1", "Joules", SCALE),
        ("event=0x02", "Watts", SCALE),
        ("event=0x02", "Joules", "x"),
    ],
)
def test_an_unknown_event_stays_closed(tmp_path: Path, config: str, unit: str, scale: str) -> None:
    """A different unit, scale or configuration is not a counter of joules."""
    pmu(tmp_path, {"energy-pkg": config}, unit=unit, scale=scale)
    with pytest.raises(Unavailable, match="no energy-pkg in joules"):
        PerfRapl(Events()).open(context(tmp_path))


def test_the_real_system_call(tmp_path: Path) -> None:
    """With the kernel's cpu-clock event (ns) in place of an energy event, the descriptor counts the
    elapsed time.
    """
    try:
        os.close(perf_event_open(1, 0, 0))
    except OSError as error:
        pytest.skip(f"perf_event_open: {error.strerror}")
    pmu(tmp_path, {"energy-pkg": "event=0x00"}, kind=1, scale="1e-9")
    perf = PerfRapl()
    (channel,) = perf.open(context(tmp_path))
    stamps = [time.monotonic()]
    (first,) = perf.read()
    stamps.append(time.monotonic())
    time.sleep(0.2)
    stamps.append(time.monotonic())
    (last,) = perf.read()
    stamps.append(time.monotonic())
    perf.close()
    assert first is not None
    assert last is not None
    elapsed_s = (last - first) * channel.resolution
    assert 0.999 * (stamps[2] - stamps[1]) <= elapsed_s <= 1.001 * (stamps[3] - stamps[0])


def reason_of(root: Path) -> tuple[str, str]:
    with pytest.raises(Unavailable) as caught:
        PerfRapl(Events()).open(context(root))
    return caught.value.reason, caught.value.remedy


@pytest.mark.parametrize(
    ("mask", "word"), [("", "empty"), (None, "not there"), ("all of them\n", "no list of CPUs")]
)
@pytest.mark.parametrize("in_container", [True, False])
def test_no_cpu_to_open_events_on(
    tmp_path: Path, mask: str | None, word: str, in_container: bool
) -> None:
    """An empty or masked cpumask is named, and the events are not called unfit."""
    pmu(tmp_path, EVENTS)
    file = tmp_path / PMU / "cpumask"
    if mask is None:
        file.unlink()
    else:
        file.write_text(mask)
    if in_container:
        (tmp_path / ".dockerenv").touch()
    reason, remedy = reason_of(tmp_path)
    assert "cpumask" in reason
    assert word in reason
    assert ("container" in remedy) == in_container


def test_a_masked_pmu_is_not_a_missing_driver(tmp_path: Path) -> None:
    """An empty folder, or an empty `type`."""
    (tmp_path / PMU).mkdir(parents=True)
    assert "empty" in reason_of(tmp_path)[0]
    (tmp_path / PMU / "type").write_text("")
    reason, remedy = reason_of(tmp_path)
    assert "type" in reason
    assert "modprobe" not in remedy


def test_the_kernels_setting_shows_who_refuses(tmp_path: Path) -> None:
    """If the setting allows events, a filter of the container refuses them."""
    pmu(tmp_path, EVENTS)
    setting = tmp_path / "proc/sys/kernel/perf_event_paranoid"
    setting.parent.mkdir(parents=True)
    for level, word in (("2", "sysctl"), ("0", "a filter refuses it")):
        setting.write_text(f"{level}\n")
        with pytest.raises(Unavailable) as caught:
            PerfRapl(Events(refuse={2: errno.EPERM})).open(context(tmp_path))
        assert word in caught.value.remedy
        assert f"{level}" in caught.value.remedy


def test_a_refused_event_beside_others_has_a_doubt(tmp_path: Path) -> None:
    """Memory that cannot be opened is named with the reason."""
    pmu(tmp_path, EVENTS)
    perf = PerfRapl(Events(refuse={3: errno.EACCES}))
    perf.open(context(tmp_path))
    perf.close()
    assert {doubt.code for doubt in perf.doubts()} == {"rapl-unreadable"}
    assert all("energy-ram" in doubt.message for doubt in perf.doubts())
