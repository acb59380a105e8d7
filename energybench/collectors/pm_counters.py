"""Node, CPU, memory and accelerator meters of HPE Cray blades (`/sys/cray/pm_counters`), published
ten times a second.

The node's energy contains everything on the blade; the components do not add up to it. Each line
carries the controller's own time stamp ("100 J 1734094386462336 us"), older sites have none ("100
J"). `freshness` changes with every scan: a set of files is of one scan if it is the same before and
after. Source: HPE Cray EX "User Access to Compute Node Power Data"; Martin et al., CUG 2014, 2018.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench.collectors import ranks
from energybench.collectors.sysfs import Line, hostname, text
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Clock, Context, Reading, Unavailable

PM_COUNTERS = "sys/cray/pm_counters"
_TRIES = 3  # reads of the whole set until it is of one scan
_DEFAULT_SCAN_HZ = 10.0
# ten scans: a stamp older than that, or from the future, is of a clock that is not this host's
_OLDEST_STAMP_S = 1.0
_STAMP_SLACK_S = 0.01
# between two reads: far more than a slew, so the host's wall clock was set; the blade's own went on
_JUMP_S = 0.1

_LINE = re.compile(rb"(\d+) (J|W)(?: (\d+) us)?\s*")
_FILE = re.compile(r"(?:(cpu|memory|accel\d+)_)?(energy|power)")
_COMPONENTS = {"": "node", "cpu": "cpu.package", "memory": "cpu.dram"}
_IN_NODE = ("cpu.package", "cpu.dram", "gpu.board", "gpu.memory", "module", "platform")


class _Value(NamedTuple):
    raw: int
    unit: bytes
    stamp_us: int | None


def _parse(data: bytes | None) -> _Value | None:
    """One line; None where it is cut off or no such line."""
    found = _LINE.fullmatch(data) if data else None
    return _Value(int(found[1]), found[2], int(found[3]) if found[3] else None) if found else None


class PmCounters:
    """One counter and one power reading for the node, its CPUs, its memory and each accelerator.

    wall  answers seconds since 1970 on the host: the time stamps' clock
    line  opens one file
    """

    name = "pm_counters"
    about = (
        "HPE Cray blades: the whole node behind its DC supply, and its CPUs, memory and "
        "accelerators."
    )

    def __init__(
        self, wall: Callable[[], float] = time.time, line: Callable[[Path], Line] = Line
    ) -> None:
        self._wall, self._line = wall, line
        self._clock: Clock | None = None
        self._lines: list[Line] = []
        self._freshness: Line | None = None
        self._last: list[tuple[_Value, Reading] | None] = []
        self._stamped = False
        self._anchor_s: float | None = None
        self._jumped_s = 0.0  # by which this host's wall clock was set while we read
        self._doubts: list[Doubt] = []

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        self._doubts = []
        folder = context.root / PM_COUNTERS
        names = _names(folder)
        if not names:
            raise Unavailable(
                f"no {folder}", "nothing to do: only HPE Cray blades (XC, EX) have these meters"
            )
        host, period_s = hostname(context.root), _period_s(folder)
        channels, stamps, failure = [], [], None
        for name in names:
            line = self._line(folder / name)
            value = _parse(line.read())
            if value is None:
                failure = line.error or failure
                line.close()
                continue
            self._lines.append(line)
            channels.append(_channel(context, name, host, period_s))
            stamps.append(value.stamp_us)
        if not channels:
            why = (
                failure.strerror
                if failure
                else "its files hold no such lines as '100 J 1734094386462336 us'"
            )
            raise Unavailable(
                f"{folder} cannot be read: {why}",
                "ask the site for read access to /sys/cray/pm_counters; many make it world-readable",
            )
        self._clock = context.clock
        self._freshness = self._line(folder / "freshness")
        self._last = [None] * len(channels)
        self._stamped, self._doubts = self._judge(stamps)
        self._anchor_s, self._jumped_s = None, 0.0
        return [
            msgspec.structs.replace(channel, stamped=self._stamped and stamp is not None)
            for channel, stamp in zip(channels, stamps, strict=True)
        ]

    def _judge(self, stamps: Sequence[int | None]) -> tuple[bool, list[Doubt]]:
        """Whether the stamps are of this host's wall clock.

        Some controllers count from their own start.
        """
        known = [stamp for stamp in stamps if stamp is not None]
        if not known:
            return False, []
        age_s = self._wall() - max(known) / 1e6
        if -_STAMP_SLACK_S <= age_s <= _OLDEST_STAMP_S:
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
        """From the blade's clock to the context's, by this host's wall clock: slewed with it, but
        not set with it.
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
            return last[
                1
            ]  # nothing new was published; the anchors' jitter must not make a new time of it
        t_s = value.stamp_us / 1e6 + offset_s
        reading = Reading(value.raw, t_s if last is None else max(t_s, last[1].t_s))
        self._last[i] = (value, reading)
        return reading

    def close(self) -> None:
        for line in (*self._lines, *([self._freshness] if self._freshness else [])):
            line.close()
        self._lines, self._freshness, self._last = [], None, []

    def gpus(self) -> Sequence[Gpu]:
        return ()

    def doubts(self) -> Sequence[Doubt]:
        """Time stamps that cannot be used."""
        return tuple(self._doubts)


def _names(folder: Path) -> list[str]:
    """Energy and power files there are, the node's first, accelerators by number."""
    try:
        found = [
            match for match in (_FILE.fullmatch(path.name) for path in folder.iterdir()) if match
        ]
    except OSError:
        return []
    order = {"energy": 0, "power": 1}
    return [
        match[0]
        for match in sorted(
            found,
            key=lambda m: (
                order[m[2]],
                (m[1] or "").startswith("accel"),
                len(m[1] or ""),
                m[1] or "",
            ),
        )
    ]


def _period_s(folder: Path) -> float:
    found = re.match(r"(\d+(?:\.\d+)?)", text(folder / "raw_scan_hz") or "")
    hz = float(found[1]) if found else 0.0
    return 1 / (hz or _DEFAULT_SCAN_HZ)


def _channel(context: Context, name: str, host: str, period_s: float) -> Channel:
    match = _FILE.fullmatch(name)
    assert match is not None
    part, quantity = match[1] or "", match[2]
    return Channel(
        collector="pm_counters",
        rank=ranks.PM_COUNTERS,
        device=part or "node",
        component=_COMPONENTS.get(part, "gpu.board"),
        kind="counter" if quantity == "energy" else "power",
        quantity=quantity,
        resolution=1.0,
        gain=context.gain("pm_counters.gain", f"pm_counters:{part or 'node'}@{host}"),
        update_period_s=period_s,
        counts=quantity == "energy",
        contains=_IN_NODE if not part else (),
    )
