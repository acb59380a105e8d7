"""Temperatures, clocks and throttling of the CPU packages, from trees of files."""

from __future__ import annotations

from pathlib import Path

from energybench.collectors.cpu_state import CpuState
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
