"""Trees of sensor files as on Linux and on HPE Cray blades, still or updated by a process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

RANGE_UJ = 262_143_328_850  # max_energy_range_uj of most Intel servers


def powercap_tree(
    root: Path,
    zones: Mapping[str, tuple[str, int]],
    range_uj: int = RANGE_UJ,
    limit_uw: int | None = 200_000_000,
) -> dict[str, Path]:
    """Write zones {"intel-rapl:0:1": (name, energy_uj)} as the kernel does.

    The zones nest below /sys/devices, and every zone has a link in /sys/class/powercap.
    Returns the file energy_uj of every zone.
    """
    files = {}
    links = root / "sys/class/powercap"
    links.mkdir(parents=True, exist_ok=True)
    for zone, (name, energy_uj) in zones.items():
        parts = zone.split(":")
        nested = Path(parts[0], *(":".join(parts[:i]) for i in range(2, len(parts) + 1)))
        folder = root / "sys/devices/virtual/powercap" / nested
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in {
            "name": name,
            "energy_uj": energy_uj,
            "max_energy_range_uj": range_uj,
            "enabled": 1,
        }.items():
            (folder / key).write_text(f"{value}\n")
        if limit_uw is not None:
            (folder / "constraint_0_power_limit_uw").write_text(f"{limit_uw}\n")
        for link, target in ((parts[0], parts[0]), (zone, str(nested))):
            if not (links / link).is_symlink():
                (links / link).symlink_to(Path("../../devices/virtual/powercap") / target)
        files[zone] = folder / "energy_uj"
    return files


def pm_tree(root: Path, lines: Mapping[str, str]) -> Path:
    """Write files {"energy": "100 J 1734094386462336 us"} of /sys/cray/pm_counters.

    Returns the folder.
    """
    folder = root / "sys/cray/pm_counters"
    folder.mkdir(parents=True, exist_ok=True)
    for name, line in lines.items():
        (folder / name).write_text(f"{line}\n")
    return folder


class LiveNode(NamedTuple):
    """A tree that a process updates.

    start_s  CLOCK_MONOTONIC; the true energy of a part of constant power is watts x (t - start_s)
    """

    root: Path
    start_s: float
    process: subprocess.Popen[str]


@contextlib.contextmanager
def live_node(
    root: Path,
    zones: Mapping[str, Mapping[str, Any]],
    meters: Mapping[str, float] | None = None,
    period_s: float = 0.001,
) -> Iterator[LiveNode]:
    """Update a tree until the block ends.

    zones   {"intel-rapl:0": {"name": "package-0", "watts": 60, "range_uj": 1_000_000, "start_uj":
            0}}; with "core_watts" and "follows" a zone draws `core_watts` more while a core runs a
            child of a calibration with the text `follows` in the environment; with "spent", a path,
            a zone has used 1 J more for each byte of that file, however long a program took
    meters  {"": 300, "cpu": 100, "accel0": 50}: W of the node and of its parts, for pm_counters at
            10 Hz
    """
    spec = json.dumps(
        {
            "root": str(root),
            "zones": {k: dict(v) for k, v in zones.items()},
            "meters": dict(meters or {}),
            "period_s": period_s,
        }
    )
    process = subprocess.Popen(
        [sys.executable, __file__, spec], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield LiveNode(root, float(process.stdout.readline()), process)
    finally:
        process.terminate()
        process.wait()


def _write_forever(
    root: Path, zones: dict[str, dict[str, Any]], meters: dict[str, float], period_s: float
) -> None:
    files = {}
    for zone, spec in zones.items():
        range_uj = spec.get("range_uj", RANGE_UJ)
        path = powercap_tree(root, {zone: (spec["name"], spec.get("start_uj", 0))}, range_uj)[zone]
        # one energy unit above the largest value
        wrap = range_uj + max(1, round(range_uj / (2**32 - 1)))
        files[zone] = (
            os.open(path, os.O_WRONLY),
            float(spec["watts"]) * 1e6,
            int(spec.get("start_uj", 0)),
            wrap,
        )
    spinning = {
        zone: Spinning(str(spec["follows"])) for zone, spec in zones.items() if "follows" in spec
    }
    spent = {zone: str(spec["spent"]) for zone, spec in zones.items() if "spent" in spec}
    folder = (
        pm_tree(root, {"raw_scan_hz": "10", "freshness": "0", "generation": "1", "version": "2"})
        if meters
        else root
    )
    start_s, scan = time.monotonic(), 0
    extra_uj = dict.fromkeys(files, 0.0)
    _tick(files, 0.0, extra_uj)
    _scan(folder, meters, scan, time.time())
    with contextlib.suppress(OSError):  # a sensor waits for no core; without root it may have to
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print(start_s, flush=True)
    while True:
        elapsed_s = time.monotonic() - start_s
        for zone, cores in spinning.items():
            extra_uj[zone] = cores.seconds() * float(zones[zone]["core_watts"]) * 1e6
        for zone, path in spent.items():
            extra_uj[zone] = os.stat(path).st_size * 1e6
        _tick(files, elapsed_s, extra_uj)
        if int(elapsed_s * 10) > scan:
            scan = int(elapsed_s * 10)
            _scan(folder, meters, scan, time.time() - (elapsed_s - scan / 10))
        time.sleep(period_s)


class Spinning:
    """The children of a calibration that spin, by the CPU time that each really had: a child that
    waits for its core draws nothing.
    """

    # shortest time between two searches for new children: a search takes milliseconds, and the tree
    # stands still in the meantime
    _EVERY_S = 0.3

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._used_s: dict[int, tuple[float, float]] = {}  # of a process: when found, and last
        self._searched_s = 0.0
        self._wanted = 2  # a calibration and its first child

    def seconds(self) -> float:
        """CPU time of all children since they were found."""
        alive = 0
        for pid, (first_s, _) in self._used_s.items():
            with contextlib.suppress(OSError):  # the child has ended
                self._used_s[pid] = (first_s, _cpu_s(pid))
                alive += 1
        if alive < self._wanted and time.monotonic() - self._searched_s > self._EVERY_S:
            for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
                if pid not in self._used_s:
                    self._add(pid)
            self._searched_s = time.monotonic()
        return sum(last_s - first_s for first_s, last_s in self._used_s.values())

    def _add(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().strip(b"\0").split(b"\0")
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            if b"energybench.calibrating.loads.cpu" in words and self._mark in environment:
                self._wanted = 1 + len(words[-1].split(b","))
                used_s = _cpu_s(pid)
                self._used_s[pid] = (used_s, used_s)


def _cpu_s(pid: int) -> float:
    """CPU time of a process to the nanosecond: its clock, as clock_getcpuclockid(3) numbers it."""
    return time.clock_gettime((~pid << 3) | 2)


def _tick(
    files: dict[str, tuple[int, float, int, int]], elapsed_s: float, extra_uj: Mapping[str, float]
) -> None:
    for zone, (fd, uw, start_uj, wrap) in files.items():
        energy_uj = (start_uj + int(uw * elapsed_s + extra_uj[zone])) % wrap
        os.pwrite(fd, b"%018d\n" % energy_uj, 0)  # constant width: a reader never gets a part


def _scan(folder: Path, meters: dict[str, float], scan: int, wall_s: float) -> None:
    if not meters:
        return
    for part, watts in meters.items():
        prefix, stamp = f"{part}_" if part else "", int(wall_s * 1e6)
        _replace(folder / f"{prefix}energy", f"{int(watts * scan / 10)} J {stamp} us\n")
        _replace(folder / f"{prefix}power", f"{int(watts)} W {stamp} us\n")
    _replace(folder / "freshness", f"{scan}\n")


def _replace(path: Path, line: str) -> None:
    with path.open("r+" if path.exists() else "w") as file:
        file.write(line)
        file.truncate()


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    with contextlib.suppress(KeyboardInterrupt):
        _write_forever(
            Path(request["root"]), request["zones"], request["meters"], request["period_s"]
        )
