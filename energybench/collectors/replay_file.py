"""Replay files: a node, its sensors, its windows and its work, written down in TOML (schema
"energybench-replay/1").

    label = "solver on two CPUs"        idle = [0.0, 30.0]        repeats = [[40.0, 100.2], [105.0,
        165.1]]
    [host] as energybench.model.Host    [work] as model.Work      [[verification]] as
        model.Verification
    [[regions]] label, start_s, end_s   [[channels]] as collectors.replay.SyntheticChannel

All times are virtual seconds from 0. Unknown keys are refused.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from energybench.collectors.replay import SyntheticChannel, SyntheticSeries
from energybench.errors import BadInput
from energybench.model import Host, Verification, Window, Work, WorkloadRef

SCHEMA = "energybench-replay/1"


class ReplaySpec(NamedTuple):
    """A replay, ready to be run: windows on the virtual clock, and one series a channel."""

    label: str
    idle: Window | None
    repeats: tuple[Window, ...]
    regions: tuple[Window, ...]
    series: tuple[SyntheticSeries, ...]
    host: Host
    work: Work
    workload: WorkloadRef | None
    verification: tuple[Verification, ...]

    @property
    def end_s(self) -> float:
        """When the last window ends."""
        return max(
            window.end_s
            for window in (*self.repeats, *self.regions, *([self.idle] if self.idle else []))
        )


class _Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: str
    start_s: float
    end_s: float


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    schema: Literal["energybench-replay/1"]
    label: str
    host: Host
    work: Work
    repeats: tuple[tuple[float, float], ...]
    channels: tuple[SyntheticChannel, ...]
    idle: tuple[float, float] | None = None
    regions: tuple[_Region, ...] = ()
    workload: WorkloadRef | None = None
    verification: tuple[Verification, ...] = ()


def load_synthetic(path: Path) -> ReplaySpec:
    """Read one replay file. Raises BadInput with the file and the key that is wrong."""
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(
            str(path), f"cannot be read: {error.strerror}", "name a replay file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            str(path), f"is not TOML: {error}", "see the example files in energybench/data/replays"
        ) from error
    try:
        file = msgspec.convert(written, _File)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        key = where.strip("`").lstrip(".")
        raise BadInput(
            f"{path}: {key}" if key else str(path),
            what,
            "see the example files in energybench/data/replays",
        ) from error
    return _spec(path, file)


def _spec(path: Path, file: _File) -> ReplaySpec:
    def refuse(key: str, what: str, remedy: str) -> BadInput:
        return BadInput(f"{path}: {key}", what, remedy)

    def window(
        key: str, label: str, start_s: float, end_s: float, repeat: int | None = None
    ) -> Window:
        if not 0 <= start_s < end_s:
            raise refuse(
                key,
                f"[{start_s:g}, {end_s:g}] is no span of virtual time",
                "give start < end, both from 0 on",
            )
        return Window(label=label, start_s=start_s, end_s=end_s, repeat=repeat)

    if not file.repeats:
        raise refuse("repeats", "has none", "give at least one [start, end] in seconds")
    if not file.channels:
        raise refuse("channels", "has none", "give at least one sensor")
    repeats = tuple(
        window(f"repeats[{i}]", "repeat", *span, i) for i, span in enumerate(file.repeats)
    )
    for i in range(1, len(repeats)):
        if repeats[i].start_s < repeats[i - 1].end_s:
            raise refuse(
                f"repeats[{i}]",
                "starts before the one before it ends",
                "give them in order, without overlap",
            )
    regions = []
    for i, region in enumerate(file.regions):
        within = next(
            (
                repeat.repeat
                for repeat in repeats
                if repeat.start_s <= region.start_s and region.end_s <= repeat.end_s
            ),
            None,
        )
        regions.append(window(f"regions[{i}]", region.label, region.start_s, region.end_s, within))
    ids = [(c.collector, c.device, c.component, c.quantity or c.kind) for c in file.channels]
    for i, each in enumerate(ids):
        if each in ids[:i]:
            raise refuse(
                f"channels[{i}]",
                f"{'/'.join(each)} comes twice",
                "give each its own device, component or quantity",
            )
    return ReplaySpec(
        label=file.label,
        idle=window("idle", "idle", *file.idle) if file.idle else None,
        repeats=repeats,
        regions=tuple(regions),
        series=tuple(SyntheticSeries(_keyed(channel, file.host.name)) for channel in file.channels),
        host=file.host,
        work=file.work,
        workload=file.workload,
        verification=file.verification,
    )


def _keyed(channel: SyntheticChannel, host: str) -> SyntheticChannel:
    """package-0 of two hosts are two sensors: their errors must not cancel."""
    return msgspec.structs.replace(
        channel, key=channel.key or f"{channel.device}:{channel.component}@{host}"
    )
