"""Node, CPU, memory and accelerator meters of HPE Cray blades (`/sys/cray/pm_counters`), 10 Hz.

The energy of the node contains everything on the blade; the components do not add up to the node.
A line carries a time stamp of the blade controller ("100 J 1734094386462336 us"); on older sites
the line has no stamp ("100 J"). The file `freshness` changes with every scan: the other files come
from a single scan if `freshness` is equal before and after. Source: HPE Cray EX "User Access to
Compute Node Power Data"; Martin et al., CUG 2014, 2018.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench.collectors import pm_reasons, ranks
from energybench.collectors.host_identity import host_identity
from energybench.collectors.pm_reasons import ACCELERATORS, PM_COUNTERS
from energybench.collectors.sysfs import NumberFile, text
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Clock, Context, Reading
from energybench.real_clock import monotonic, sleep

_TRIES = 3  # most reads of all files until the files come from a single scan
_DEFAULT_SCAN_HZ = 10.0
# ten scans: an older stamp, or a stamp from the future, comes from another clock than this host's
_OLDEST_STAMP_S = 1.0
_STAMP_SLACK_S = 0.01
# Greatest age of a fresh value by its stamp, in scans, if both clocks agree.
_MOST_FRESH_SCANS = 1.0
_WAITED_SCANS, _LOOK_S = 3.0, 0.002
# change of the wall clock between two reads, far more than a slew: the wall clock of the host was
# set, and the clock of the blade was not
_JUMP_S = 0.1

_LINE = re.compile(rb"(\d+) (J|W)(?: (\d+) us)?\s*")
# Files of the node, of its CPUs, memory and accelerators together, of a single CPU, of a single
# accelerator. Sources: HPE, "User Access to Compute Node Power Data" (cpu, memory, accel); blades
# with GH200 and MI300A also have files for every CPU and accelerator.
_FILE = re.compile(r"(?:(cpu\d*|memory|accel\d*)_)?(energy|power)")
_COMPONENTS = {"": "node", "cpu": "cpu.package", "memory": "cpu.dram", "accel": "gpu.board"}
_IN_NODE = ("cpu.package", "cpu.dram", "gpu.board", "gpu.memory", "module", "platform")


class _Value(NamedTuple):
    raw: int
    unit: bytes
    stamp_us: int | None


def _parse(data: bytes | None) -> _Value | None:
    """The value of a line; None if the line is cut off or not in the format."""
    fields = _LINE.fullmatch(data) if data else None
    if fields is None:
        return None
    return _Value(int(fields[1]), fields[2], int(fields[3]) if fields[3] else None)


class PmCounters:
    """One counter and one power reading for the node, its CPUs, its memory and each accelerator.

    wall  seconds since 1970 by the clock of the host, the basis of the time stamps
    line  opens one file
    """

    name = "pm_counters"
    about = (
        "HPE Cray blades: the whole node behind its DC supply, and its CPUs, memory and "
        "accelerators."
    )

    def __init__(
        self, wall: Callable[[], float] = time.time, line: Callable[[Path], NumberFile] = NumberFile
    ) -> None:
        self._wall, self._line = wall, line
        self._clock: Clock | None = None
        self._lines: list[NumberFile] = []
        self._freshness: NumberFile | None = None
        self._last: list[tuple[_Value, Reading] | None] = []
        self._stamped = False
        self._anchor_s: float | None = None
        self._jumped_s = 0.0  # sum of the steps by which the host's wall clock was set
        self._doubts: list[Doubt] = []

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        self._doubts = []
        folder = context.root / PM_COUNTERS
        names = _names(folder)
        if not names:
            raise pm_reasons.no_files(context.root)
        host, period_s = host_identity(context.root), _period_s(folder)
        channels, stamps = [], []
        faults: dict[str, str] = {}  # file → reason why the file cannot be used
        lines = {name: self._line(folder / name) for name in names}
        values = {name: _parse(line.read()) for name, line in lines.items()}
        for name in _present(names, values):
            line, value = lines.pop(name), values[name]
            if value is None:
                faults[name] = pm_reasons.fault(folder / name, line.error)
            # An accelerator with an unreadable meter is missing, and not absent.
            if value is None and not _of_one_accelerator(name):
                line.close()
                continue
            self._lines.append(line)
            channels.append(_channel(context, name, host, period_s, names))
            stamps.append(value.stamp_us if value is not None else None)
        for line in lines.values():
            line.close()
        if not any(value is not None for value in values.values()) or not channels:
            self.close()
            raise pm_reasons.unreadable(context.root, faults)
        self._clock = context.clock
        self._freshness = self._line(folder / "freshness")
        self._last = [None] * len(channels)
        stated = [stamp for stamp in stamps if stamp is not None]
        fresh_s = self._fresh_age_s(max(stated), period_s) if stated else None
        self._stamped, self._doubts = self._judge(stated, fresh_s, period_s)
        self._doubts += [pm_reasons.doubt(context.root, name, why) for name, why in faults.items()]
        self._doubts += pm_reasons.unknown_parts(folder, names)
        self._anchor_s, self._jumped_s = None, 0.0
        return [
            _timed(channel, fresh_s or 0.0) if self._stamped and stamp is not None else channel
            for channel, stamp in zip(channels, stamps, strict=True)
        ]

    def _fresh_age_s(self, newest_us: int, period_s: float) -> float | None:
        """Age of a fresh value by its stamp, s; None if no value comes within some scans. The
        youngest of several old values counts: on a busy machine a look may be late.

        newest_us  stamp of the newest value so far
        """
        youngest_s: float | None = None
        until_s = monotonic() + _WAITED_SCANS * period_s
        while monotonic() < until_s:
            values = [_parse(line.read()) for line in self._lines]
            stamps = [value.stamp_us for value in values if value is not None and value.stamp_us]
            if stamps and max(stamps) != newest_us:
                newest_us = max(stamps)
                age_s = self._wall() - newest_us / 1e6
                youngest_s = age_s if youngest_s is None else min(youngest_s, age_s)
                if youngest_s <= _MOST_FRESH_SCANS * period_s:
                    break
            sleep(_LOOK_S)
        return youngest_s

    def _judge(
        self, stated: Sequence[int], fresh_s: float | None, period_s: float
    ) -> tuple[bool, list[Doubt]]:
        """Whether the stamps follow this host's wall clock, and a doubt otherwise.

        Some controllers count from the start of the controller; the clocks of others are behind.

        fresh_s  age of a fresh value by its stamp; None: no fresh value
        """
        if not stated:
            return False, []
        age_s = self._wall() - max(stated) / 1e6 if fresh_s is None else fresh_s
        oldest_s = _OLDEST_STAMP_S if fresh_s is None else _MOST_FRESH_SCANS * period_s
        if -_STAMP_SLACK_S <= age_s <= oldest_s:
            return True, []
        message = (
            f"the time stamps of pm_counters lie {age_s:.3g} s from this host's clock, so values "
            "are timed when read, up to a scan late"
        )
        return False, [
            Doubt(
                code="pm-clock",
                message=message,
                remedy="use windows of 20 s or more, or ask the site to synchronise the blade "
                "controller's clock",
            )
        ]

    def read(self) -> list[int | Reading | None]:
        if self._freshness is None or self._clock is None:
            return []
        before = self._freshness.read()
        data = [line.read() for line in self._lines]
        for _ in range(_TRIES - 1):
            after = self._freshness.read()
            if after == before:
                break
            before, data = after, [line.read() for line in self._lines]
        offset_s = self._offset_s(self._clock.now() - self._wall())
        return [self._reading(i, _parse(raw), offset_s) for i, raw in enumerate(data)]

    def _offset_s(self, anchor_s: float) -> float:
        """Difference from the blade's clock to the context's clock, s.

        anchor_s  context's clock minus this host's wall clock
        The offset follows a slew of the wall clock, and ignores a step by which the clock was set.
        """
        if self._anchor_s is not None and abs(anchor_s - self._anchor_s) > _JUMP_S:
            self._jumped_s += anchor_s - self._anchor_s
        self._anchor_s = anchor_s
        return anchor_s - self._jumped_s

    def _reading(self, i: int, value: _Value | None, offset_s: float) -> int | Reading | None:
        if value is None:
            return None
        if not self._stamped or value.stamp_us is None:
            return value.raw
        last = self._last[i]
        if last is not None and last[0] == value:
            # no new value was published: the time stays, despite the jitter of the anchor
            return last[1]
        t_s = value.stamp_us / 1e6 + offset_s
        reading = Reading(value.raw, t_s if last is None else max(t_s, last[1].t_s))
        self._last[i] = (value, reading)
        return reading

    def close(self) -> None:
        for line in self._lines:
            line.close()
        if self._freshness is not None:
            self._freshness.close()
        self._lines, self._freshness, self._last = [], None, []

    def gpus(self) -> Sequence[Gpu]:
        return ()

    def doubts(self) -> Sequence[Doubt]:
        """A doubt about time stamps that cannot be used."""
        return tuple(self._doubts)


def _names(folder: Path) -> list[str]:
    """Names of the energy and power files: energy first, the node first, accelerators by number."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    files = [file for file in (_FILE.fullmatch(name) for name in names) if file]
    return [file[0] for file in sorted(files, key=_order)]


def _present(names: Sequence[str], values: Mapping[str, _Value | None]) -> list[str]:
    """The files of parts that exist: the file of all accelerators reads 0 without accelerators."""
    readings = [values[name] for name in names if name.startswith(f"{ACCELERATORS}_")]
    if any(reading is None or reading.raw for reading in readings):
        return list(names)
    return [name for name in names if not name.startswith(f"{ACCELERATORS}_")]


def _of_one_accelerator(name: str) -> bool:
    return re.fullmatch(r"accel\d*_energy", name) is not None


def _order(file: re.Match[str]) -> tuple[bool, bool, int, str]:
    part = file[1] or ""
    return file[2] == "power", part.startswith("accel"), len(part), part


def _period_s(folder: Path) -> float:
    rate = re.match(r"(\d+(?:\.\d+)?)", text(folder / "raw_scan_hz") or "")
    hz = float(rate[1]) if rate else 0.0
    return 1 / (hz or _DEFAULT_SCAN_HZ)


def _timed(channel: Channel, fresh_s: float) -> Channel:
    """A channel whose values have the time of their stamps.

    fresh_s  age of a fresh value by its stamp: the delay of the value, or the lag of the blade's
             clock
    """
    lag_u_s = math.hypot(channel.lag_u_s, 2 * max(fresh_s, 0.0) / math.sqrt(12.0))
    return msgspec.structs.replace(channel, stamped=True, lag_u_s=lag_u_s)


def _channel(
    context: Context, name: str, host: str, period_s: float, names: Collection[str]
) -> Channel:
    """The channel of one file.

    names  all files: beside the file of all CPUs, files of a CPU do not count; beside files of
           single accelerators, the file of all accelerators does not count
    """
    match = _FILE.fullmatch(name)
    assert match is not None
    part, quantity = match[1] or "", match[2]
    kind, number = re.fullmatch(r"([a-z]*)(\d*)", part).groups()  # type: ignore[union-attr]
    contains: tuple[str, ...] = ()
    repeats = False
    if not part:
        contains = _IN_NODE
    elif kind == ACCELERATORS and not number:
        contains = ("gpu.board",)  # of every board
        repeats = any(re.fullmatch(r"accel\d+_energy", other) for other in names)
    elif kind == "cpu" and number:
        repeats = "cpu_energy" in names
    return Channel(
        collector="pm_counters",
        rank=ranks.PM_COUNTERS,
        device=part or "node",
        component=_COMPONENTS[kind],
        socket=f"package-{number}" if kind == "cpu" and number else "",
        kind="counter" if quantity == "energy" else "power",
        quantity=quantity,
        resolution=1.0,
        gain=context.gain("pm_counters.gain", f"pm_counters:{part or 'node'}@{host}"),
        update_period_s=period_s,
        # No source states the time between sampling and stamp: within half a scan.
        lag_u_s=period_s / math.sqrt(12.0),
        counts=quantity == "energy" and not repeats,
        contains=contains,
    )
