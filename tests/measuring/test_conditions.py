"""State of the CPU packages from trees of files, and the watch beside a real sampler."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from energybench.collectors.cpu_state import CpuState
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.conditions import PERIOD_S, Watch
from energybench.measuring.plan import Plan
from energybench.measuring.readings import Tick
from energybench.measuring.sampler import Opened, Sampler
from energybench.measuring.session import Session
from energybench.model import Channel, Condition
from energybench.plugins import Context
from tests.analysis.truth import channel
from tests.simulators import context


def write(root: Path, files: dict[str, object]) -> None:
    for name, value in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")


def cpus(root: Path, packages: list[int], khz: list[int] | None = None) -> None:
    """One core a CPU: the package of each, and its clock."""
    for i, package in enumerate(packages):
        folder = f"sys/devices/system/cpu/cpu{i}"
        write(
            root,
            {f"{folder}/topology/physical_package_id": package, f"{folder}/topology/core_id": i},
        )
        if khz:
            write(root, {f"{folder}/cpufreq/scaling_cur_freq": khz[i]})


def stat(root: Path, busy: list[int], idle: list[int]) -> None:
    """/proc/stat with so many ticks at work and idle of each CPU."""
    lines = [
        f"cpu{i} {at_work} 0 0 {rest} 0 0 0 0 0 0"
        for i, (at_work, rest) in enumerate(zip(busy, idle, strict=True))
    ]
    write(
        root,
        {
            "proc/stat": "\n".join(
                [f"cpu {sum(busy)} 0 0 {sum(idle)} 0 0 0 0 0 0", *lines, "intr 5"]
            )
        },
    )


def opened(root: Path) -> CpuState:
    state = CpuState()
    state.open(context(root))
    return state


def by_device(state: CpuState) -> dict[str, tuple[float | None, float | None, str | None]]:
    return {
        each.device: (each.temperature_c, each.clock_mhz, each.throttle)
        for each in state.conditions()
    }


# ---------------------------------------------------------------- CPU packages


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """No hwmon, no cpufreq, no counts: no conditions at all; one of them: the others are None."""
    assert by_device(opened(tmp_path)) == {}
    cpus(tmp_path, [0, 0])
    assert by_device(opened(tmp_path)) == {}
    write(
        tmp_path,
        {
            "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp",
            "sys/class/thermal/thermal_zone0/temp": 51000,
        },
    )
    assert by_device(opened(tmp_path)) == {"package-0": (51.0, None, None)}


def test_coretemp_belongs_to_the_package_of_its_label(tmp_path: Path) -> None:
    """Whatever the order of the hwmon numbers; a core's temperature is not the package's."""
    cpus(tmp_path, [0, 1])
    for number, package in ((3, 1), (4, 0)):
        folder = f"sys/class/hwmon/hwmon{number}"
        write(
            tmp_path,
            {
                f"{folder}/name": "coretemp",
                f"{folder}/temp1_label": f"Package id {package}",
                f"{folder}/temp1_input": 40000 + 1000 * package,
            },
        )
        write(tmp_path, {f"{folder}/temp2_label": "Core 0", f"{folder}/temp2_input": 90000})
    assert by_device(opened(tmp_path)) == {
        "package-0": (40.0, None, None),
        "package-1": (41.0, None, None),
    }


def test_k10temp_is_read_at_the_die_where_it_says_so(tmp_path: Path) -> None:
    """Tdie before Tctl, packages in the order of their PCI devices."""
    cpus(tmp_path, [0, 1])
    for number, device, labels in (
        (1, "0000:00:19.3", {"Tctl": 62000}),
        (2, "0000:00:18.3", {"Tctl": 77000, "Tdie": 50000}),
    ):
        folder = f"sys/class/hwmon/hwmon{number}"
        write(tmp_path, {f"{folder}/name": "k10temp"})
        for i, (label, value) in enumerate(labels.items(), 1):
            write(tmp_path, {f"{folder}/temp{i}_label": label, f"{folder}/temp{i}_input": value})
        (tmp_path / "sys/devices" / device).mkdir(parents=True)
        (tmp_path / folder / "device").symlink_to(tmp_path / "sys/devices" / device)
    assert by_device(opened(tmp_path)) == {
        "package-0": (50.0, None, None),
        "package-1": (62.0, None, None),
    }


def test_the_clock_is_that_of_busy_cores(tmp_path: Path) -> None:
    """Cores that slept since the last reading are not asked; a package without a busy core has no
    clock.
    """
    cpus(tmp_path, [0, 0, 0, 1], [3_000_000, 2_800_000, 800_000, 900_000])
    stat(tmp_path, [0, 0, 0, 0], [0, 0, 0, 0])
    state = opened(tmp_path)
    stat(tmp_path, [90, 60, 10, 0], [10, 40, 90, 100])
    assert by_device(state) == {"package-0": (None, 2900.0, None)}
    stat(tmp_path, [90, 60, 10, 0], [110, 140, 190, 200])
    assert by_device(state) == {}


def test_thermal_throttling_is_a_count_that_rises(tmp_path: Path) -> None:
    """What was counted before the run is not ours; each event is told once."""
    cpus(tmp_path, [0, 1])
    counts = {
        f"sys/devices/system/cpu/cpu{i}/thermal_throttle/{kind}_throttle_count": 7
        for i in (0, 1)
        for kind in ("core", "package")
    }
    write(tmp_path, counts)
    state = opened(tmp_path)
    write(tmp_path, {"sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": 8})
    assert by_device(state) == {
        "package-0": (None, None, "none"),
        "package-1": (None, None, "thermal"),
    }
    assert by_device(state)["package-1"] == (None, None, "none")


def test_mhz_of_cpuinfo_only_where_they_move(tmp_path: Path) -> None:
    """A virtual machine's label is no clock; what changes from reading to reading is one."""

    def mhz(value: float) -> None:
        write(
            tmp_path,
            {
                "proc/cpuinfo": "".join(
                    f"processor\t: {i}\ncpu MHz\t\t: {value}\n\n" for i in (0, 1)
                )
            },
        )

    cpus(tmp_path, [0, 0])
    for moves in (False, True):
        stat(tmp_path, [0, 0], [0, 0])
        state, clocks = opened(tmp_path), []
        for i in range(1, 5):
            stat(tmp_path, [100 * i, 100 * i], [0, 0])
            mhz(2500.0 + (10 * i if moves else 0))
            clocks.append(by_device(state).get("package-0"))
        assert clocks == (
            [None, *((None, 2500.0 + 10 * i, None) for i in range(2, 5))] if moves else [None] * 4
        )


# ---------------------------------------------------------------- the watch beside the sampler


class Fast:
    """A collector with one channel that takes no time."""

    name = "fast"

    def open(self, context: Context) -> list[Channel]:
        return [channel(update_period_s=0.1)]

    def read(self) -> list[int | None]:
        return [1]

    def close(self) -> None:
        pass


class Patient:
    """Answers once so many samples have come since it was asked; samples that wait for it never
    come.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.ticks: list[Tick] = []
        self.asked: list[tuple[float, float]] = []

    def conditions(self) -> list[Condition]:
        start_s, before = time.monotonic(), len(self.ticks)
        while len(self.ticks) < before + self.samples and time.monotonic() < start_s + 60:
            time.sleep(0.01)
        self.asked.append((start_s, time.monotonic()))
        return [Condition(t_s=start_s, device="patient", temperature_c=40.0)]


class Device:
    """Answers after so long, or fails, and remembers when it was asked and when it answered."""

    def __init__(self, takes_s: float = 0.0, *, fails: bool = False) -> None:
        self.takes_s, self.fails = takes_s, fails
        self.asked: list[tuple[float, float]] = []

    def conditions(self) -> list[Condition]:
        start_s = time.monotonic()
        time.sleep(self.takes_s)
        self.asked.append((start_s, time.monotonic()))
        if self.fails:
            raise OSError("gone")
        return [Condition(t_s=start_s, device=f"slow by {self.takes_s}", temperature_c=40.0)]


def wait(until_s: float, fds: tuple[int, ...] = (), /) -> None:
    time.sleep(max(0.0, until_s - time.monotonic()))


def sampled(
    devices: list[Any], script: Callable[[Sampler, Watch], None], ticks: list[Tick] | None = None
) -> tuple[Watch, list[Tick]]:
    """A sampler and a watch on the real clock, driven by a script."""
    clock, ticks = MonotonicClock(), [] if ticks is None else ticks
    built = Fast()
    with Watch(devices, None, clock) as watch:
        script(
            Sampler(
                [Opened(built, tuple(built.open(context())), 0)],
                clock,
                ticks.append,
                wait,
                watch.sampled,
            ),
            watch,
        )
    return watch, ticks


def never() -> bool:
    return False


def test_a_slow_device_holds_up_no_sample() -> None:
    """While it takes three sampling periods to answer, the samples come as ever; it is asked less
    often then.
    """
    slow, failing = Patient(3), Device(fails=True)

    def script(sampler: Sampler, watch: Watch) -> None:
        sampler.base(lambda: bool(slow.asked), time.monotonic() + 60)
        sampler.base(never, time.monotonic() + 1.5)

    sampled([slow, failing], script, slow.ticks)
    ((first_s, answered_s),) = slow.asked
    assert sum(first_s < tick.due_s < answered_s for tick in slow.ticks) >= 2
    assert answered_s - first_s < 60


def test_about_once_a_second_and_never_in_a_burst() -> None:
    """Asked at the start, and a second later just after a sample; a burst of two seconds is left
    alone.
    """
    device = Device()

    over = []

    def script(sampler: Sampler, watch: Watch) -> None:
        sampler.base(lambda: len(device.asked) >= 3, time.monotonic() + 60)
        sampler.burst(1.5)
        over.append(time.monotonic())
        sampler.base(lambda: len(device.asked) >= 4, time.monotonic() + 60)

    _, ticks = sampled([device], script)
    bursts = [tick.due_s for tick in ticks if tick.burst]
    requested = [start_s for start_s, _ in device.asked]
    assert len([at for at in requested if at < bursts[0]]) == 3
    assert not [at for at in requested if bursts[0] < at < over[0]]
    assert requested[3] > over[0]
    # a second after the request before, at one of the next samples
    for before, after in pairwise(requested[:3]):
        assert after - before >= PERIOD_S - 0.01
        assert sum(before + PERIOD_S < tick.due_s < after for tick in ticks) <= 3


def test_each_edge_of_a_repeat_is_read() -> None:
    """Once inside a repeat after its opening burst, once after its closing burst, however short it
    is.
    """
    device = Device()
    edges = []

    def script(sampler: Sampler, watch: Watch) -> None:
        for _ in range(2):
            sampler.burst(0.05)
            start_s = time.monotonic()
            watch.opened()
            sampler.burst(0.05)
            asked = len(device.asked)
            sampler.base(more_than(asked), time.monotonic() + 60)
            end_s = time.monotonic()
            sampler.burst(0.05)
            asked, over_s = len(device.asked), time.monotonic()
            watch.closed()
            sampler.base(more_than(asked), time.monotonic() + 60)
            edges.append((start_s, end_s, over_s, time.monotonic()))

    def more_than(count: int) -> Callable[[], bool]:
        return lambda: len(device.asked) > count

    watch, _ = sampled([device], script)
    requested = [condition.t_s for result in watch.taken() for condition in result.conditions]
    for start_s, end_s, over_s, after_s in edges:
        assert sum(start_s < at < end_s for at in requested) >= 1
        assert sum(over_s <= at < after_s for at in requested) >= 1


def test_the_last_edge_is_read_before_the_end() -> None:
    """Stopping right after a repeat waits for its reading."""
    device = Device(0.05)
    watch, _ = sampled([device], lambda sampler, watch: watch.closed())
    assert len(watch.taken()) == 2
    watch.stop()
    assert watch.taken() == []


def test_without_anything_to_watch_there_is_nothing() -> None:
    """A replay has no devices and no neighbours, and no thread."""
    ticks: list[Tick] = []

    def script(sampler: Sampler, watch: Watch) -> None:
        sampler.base(lambda: len(ticks) >= 2, time.monotonic() + 60)

    watch, _ = sampled([], script, ticks)
    assert len(ticks) == 2
    assert watch.taken() == []


class Blocked:
    """A device that does not answer before the test allows it."""

    def __init__(self) -> None:
        self.allowed = threading.Event()
        self.answers = 0

    def conditions(self) -> list[Condition]:
        self.allowed.wait(60)  # a session that waits for this answer fails instead of hanging
        self.answers += 1
        return []


class BlockedSession(Session):
    """A session whose watch asks a device that does not answer."""

    device = Blocked()

    def watch(self, context: Context) -> Watch:
        return Watch([self.device], None, self.clock)


def test_a_short_run_does_not_wait_for_the_watch(tmp_path: Path) -> None:
    """From opening the sensors to the end of one empty repeat, while the watch waits for the first
    answer of a device.
    """
    with BlockedSession(
        Plan(store=tmp_path, label="x", boundary="compute", idle_s=0.0, command=("true",)),
        MonotonicClock(),
        wait,
        lambda: None,
        lambda text, fraction: None,
    ) as session:
        with session.windows.repeat(0) as window:
            window.end(time.monotonic())
        answers_in_repeat = session.device.answers
        session.device.allowed.set()
        session.finish()
    assert answers_in_repeat == 0
    assert session.device.answers >= 1
