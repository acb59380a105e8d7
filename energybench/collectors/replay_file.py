"""Replay files: a node, its sensors, its windows and its work, written in TOML (schema
"energybench-replay/1").

    label = "solver on two CPUs"
    idle = [0.0, 30.0]
    repeats = [[40.0, 100.2], [105.0, 165.1]]
    [host]            as energybench.model.Host
    [work]            as energybench.model.Work
    [[verification]]  as energybench.model.Verification
    [[regions]]       label, start_s, end_s
    [[channels]]      as collectors.replay.SyntheticChannel

All times are virtual seconds from 0, apart from `started_s` of the host, a time of the run, which
begins a second earlier: `started_s = 1.0` is the anchor of second 0. Unknown keys are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from energybench import toml_tables
from energybench.collectors.replay import SyntheticChannel, SyntheticSeries
from energybench.errors import BadInput
from energybench.model import IDLE, REPEAT, Host, Verification, Window, Work, WorkloadRef
from energybench.regular_file import read_text

SCHEMA = "energybench-replay/1"
_SEE_EXAMPLES = "see the example files in energybench/data/replays"
_MOST_BYTES = 1_000_000
# Longest replay: the virtual clock walks through it in polls of 0.1 s.
_MOST_S = 86400.0
# Most samples that a counter adds up before the end of the replay.
_MOST_SAMPLES = 5e6


class ReplaySpec(NamedTuple):
    """A replay, ready to be run: windows on the virtual clock, and a series for every channel."""

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
        """End of the last window."""
        windows = [*self.repeats, *self.regions]
        if self.idle is not None:
            windows.append(self.idle)
        return max(window.end_s for window in windows)


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
    """Read one replay file. Raises BadInput with the file and the wrong key."""
    text = read_text(path, _MOST_BYTES, remedy="name a replay file or a run")
    try:
        table = toml_tables.load(text, str(path))
        file = toml_tables.convert(table, _File, str(path), ": ")
    except BadInput as error:
        raise BadInput(error.where, error.what, error.remedy or _SEE_EXAMPLES) from None
    return _spec(path, file)


def _spec(path: Path, file: _File) -> ReplaySpec:
    if not file.repeats:
        raise BadInput(f"{path}: repeats", "has none", "give at least one [start, end] in seconds")
    if not file.channels:
        raise BadInput(f"{path}: channels", "has none", "give at least one sensor")
    repeats = _repeats(path, file)
    regions = _regions(path, file, repeats)
    _check_channels(path, file)
    return ReplaySpec(
        label=file.label,
        idle=_window(path, "idle", IDLE, file.idle) if file.idle else None,
        repeats=repeats,
        regions=regions,
        series=tuple(SyntheticSeries(_keyed(channel, file.host.name)) for channel in file.channels),
        host=file.host,
        work=file.work,
        workload=file.workload,
        verification=file.verification,
    )


def _window(
    path: Path, key: str, label: str, span: tuple[float, float], repeat: int | None = None
) -> Window:
    start_s, end_s = span
    if not 0 <= start_s < end_s <= _MOST_S:
        raise BadInput(
            f"{path}: {key}",
            f"[{start_s:g}, {end_s:g}] is not a span of virtual time",
            f"give start < end, both from 0 to {_MOST_S:g}",
        )
    return Window(label=label, start_s=start_s, end_s=end_s, repeat=repeat)


def _repeats(path: Path, file: _File) -> tuple[Window, ...]:
    repeats = tuple(
        _window(path, f"repeats[{i}]", REPEAT, span, i) for i, span in enumerate(file.repeats)
    )
    for i in range(1, len(repeats)):
        if repeats[i].start_s < repeats[i - 1].end_s:
            raise BadInput(
                f"{path}: repeats[{i}]",
                "starts before the repeat before it ends",
                "give the repeats in order, without overlap",
            )
    return repeats


def _regions(path: Path, file: _File, repeats: tuple[Window, ...]) -> tuple[Window, ...]:
    """Windows of the regions, with the number of the surrounding repeat."""
    regions = []
    for i, region in enumerate(file.regions):
        around = [
            repeat.repeat
            for repeat in repeats
            if repeat.start_s <= region.start_s and region.end_s <= repeat.end_s
        ]
        span = (region.start_s, region.end_s)
        repeat = around[0] if around else None
        regions.append(_window(path, f"regions[{i}]", region.label, span, repeat))
    return tuple(regions)


def _check_channels(path: Path, file: _File) -> None:
    """Raises BadInput if two channels have one id."""
    ids: set[tuple[str, ...]] = set()
    for i, channel in enumerate(file.channels):
        quantity = channel.quantity or channel.kind
        channel_id = (channel.collector, channel.device, channel.component, quantity)
        if channel_id in ids:
            raise BadInput(
                f"{path}: channels[{i}]",
                f"{'/'.join(channel_id)} comes twice",
                "give each channel its own device, component or quantity",
            )
        ids.add(channel_id)
        longest_s = max(abs(channel.phase_s), channel.lag_s, channel.window_s, channel.period_s)
        if not longest_s <= _MOST_S:
            raise BadInput(
                f"{path}: channels[{i}]",
                f"a time of {longest_s:g} s is longer than a replay may last",
                f"at most {_MOST_S:g} s",
            )
        end_s = max(end_s for _, end_s in file.repeats) + longest_s
        if channel.energy_from == "samples" and end_s / channel.sample_period_s > _MOST_SAMPLES:
            raise BadInput(
                f"{path}: channels[{i}]",
                f"sample_period_s {channel.sample_period_s:g} gives too many samples",
                f"at most {_MOST_SAMPLES:g} until the last repeat ends",
            )


def _keyed(channel: SyntheticChannel, host: str) -> SyntheticChannel:
    """package-0 of two hosts are two sensors: the errors must not cancel in a comparison."""
    key = channel.key or f"{channel.device}:{channel.component}@{host}"
    return msgspec.structs.replace(channel, key=key)
