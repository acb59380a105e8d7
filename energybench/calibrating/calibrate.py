"""`calibrate`: drive a known load on one device after the other, poll its sensors as fast as they
change, fit what they do to it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.measurement.profiles import state
from energybench.calibrating.characterise import Figures, SquareWave, characterise
from energybench.calibrating.loads.child import LoadChild, Taken
from energybench.calibrating.loads.wave import Phase, Wave, wave
from energybench.errors import BadInput
from energybench.measuring.calibrated_sensors import now_utc
from energybench.measuring.plan import Progress
from energybench.measuring.sampler import Opened
from energybench.measuring.sensors import Sensors
from energybench.model import Channel, ChannelProfile, Host, Trace
from energybench.plugins import Clock, Reading, Unavailable

CPU = "cpu"
# ten times the fastest update of an NVML board (10 ms): a publication is located to half a
# millisecond
_POLL_S = 0.001
# a sensor whose value changes in so many polls may be faster than them: the last phase is polled
# without a pause
_EVERY_POLL = 0.3
# between the clock's answer and the load's first instruction: waking takes 0.05-0.2 ms, a launch
# 0.02 ms
_EDGE_U_S = 2e-4
_DISTURBED = 0.95  # share of the on-phases below which somebody else (or a quota) had the cores
_FASTEST = 500  # polls without a pause between two looks at whether the load is still there


class Found(NamedTuple):
    """One channel: what is to be kept, and the figures as they were fitted."""

    channel: Channel
    profile: ChannelProfile
    figures: Figures


class Driven(NamedTuple):
    """One device: what drove it, the channels that were fitted, or why it could not be driven."""

    device: str
    load: str
    found: tuple[Found, ...] = ()
    reason: str = ""
    remedy: str = ""


def devices(sensors: Sensors, wanted: str) -> tuple[str, ...]:
    """What `--drive` names: cpu, a GPU's UUID (or a part of it that one board has), or all.

    Raises BadInput.
    """
    boards = [gpu.uuid for gpu in sensors.gpus if channels_of(sensors, gpu.uuid)]
    if wanted == "all":
        given = [gpu.uuid for gpu in sensors.gpus if gpu.used and gpu.uuid in boards]
        found = [CPU, *given] if channels_of(sensors, CPU) else given
        if not found:
            raise BadInput(
                "calibrate",
                "no sensor of a CPU or GPU works here",
                "energybench doctor says what would fix that",
            )
        return tuple(found)
    if wanted == CPU:
        if not channels_of(sensors, CPU):
            raise BadInput(
                "--drive cpu",
                "no sensor of the CPU or the node works here",
                "energybench doctor says what would fix that",
            )
        return (CPU,)
    fitting = [uuid for uuid in boards if uuid == wanted] or [
        uuid for uuid in boards if len(wanted) >= 8 and wanted in uuid
    ]
    if len(fitting) != 1:
        raise BadInput(
            f"--drive {wanted}",
            "fits no board" if not fitting else "fits several boards",
            f"cpu, all, or one of: {', '.join(boards) or 'no GPU here'}",
        )
    return (fitting[0],)


def channels_of(sensors: Sensors, device: str) -> tuple[Channel, ...]:
    """The channels that the load of a device drives: a board's own; for the CPU those of packages,
    memory and the node.
    """
    boards = {gpu.uuid for gpu in sensors.gpus}
    measured = [channel for channel in sensors.channels if channel.quality == "measured"]
    if device != CPU:
        return tuple(channel for channel in measured if channel.device == device)
    return tuple(
        channel
        for channel in measured
        if channel.device not in boards and not channel.component.startswith("gpu")
    )


def drive(
    sensors: Sensors, device: str, host: Host, seconds: float, clock: Clock, progress: Progress
) -> Driven:
    """Calibrate one device. Where it cannot be driven, the reason and what would fix it."""
    wanted = {channel.id for channel in channels_of(sensors, device)}
    opened = [
        entry for entry in sensors.opened if any(channel.id in wanted for channel in entry.channels)
    ]
    if device == CPU:
        child = LoadChild("cpu", ",".join(str(core) for core in sorted(os.sched_getaffinity(0))))
    else:
        pci = next((gpu.pci_bus_id or "" for gpu in host.gpus if gpu.uuid == device), "")
        child = LoadChild("cuda", f"{device}/{pci}")
    try:
        with child:
            plan = wave(clock.now() + 0.2, seconds)
            child.drive(plan.on)
            traces = _record(
                opened,
                wanted,
                plan,
                clock,
                lambda share: progress(f"{device}: {child.words}", share),
            )
            taken = child.taken()
            words = child.words
    except Unavailable as why:
        return Driven(device, "", (), why.reason, why.remedy)
    load = _square(taken)
    said = f"{words}, {len(taken.phases)} on-phases in {seconds:g} s"
    found = []
    for trace in traces:
        figures = characterise(trace, load)
        if taken.busy < _DISTURBED:
            lost = (
                f"the load had its cores for {taken.busy:.0%} of the time: another program, or a "
                "quota; calibrate on an idle machine"
            )
            figures = figures._replace(notes=(*figures.notes, lost))
        found.append(Found(trace.channel, _profile(trace.channel, figures, host, said), figures))
    return Driven(device, said, tuple(found))


def _square(taken: Taken) -> SquareWave:
    on, off = (np.array(edge) for edge in zip(*taken.phases, strict=True))
    return SquareWave(on, off, float(np.hypot(_EDGE_U_S, taken.spread_s)))


def _profile(channel: Channel, figures: Figures, host: Host, load: str) -> ChannelProfile:
    driver, clocks = state(channel.device, host)
    return ChannelProfile(
        channel=channel.id,
        device=channel.device,
        host=host.name,
        driver=driver,
        clocks=clocks,
        update_period_s=figures.update_period_s,
        update_period_u_s=figures.update_period_u_s,
        window_s=figures.window_s,
        lag_s=figures.lag_s,
        lag_u_s=figures.lag_u_s,
        load=load,
        notes=figures.notes,
        made_utc=now_utc(),
    )


class _Column:
    """The readings of one channel while they come."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.t_s: list[float] = []
        self.raw: list[int] = []
        self.ok: list[bool] = []

    def add(self, t_s: float, raw: int | None) -> None:
        self.t_s.append(t_s)
        self.raw.append(raw or 0)
        self.ok.append(raw is not None)

    def fast(self) -> bool:
        """Whether the value changes nearly as often as it is read."""
        changed = sum(
            1 for before, after in zip(self.raw, self.raw[1:], strict=False) if before != after
        )
        return changed > _EVERY_POLL * len(self.raw)

    def trace(self) -> Trace:
        return Trace(
            channel=self.channel,
            t_s=np.array(self.t_s),
            raw=np.array(self.raw, dtype=np.int64),
            ok=np.array(self.ok, dtype=np.bool_),
        )


def _record(
    opened: Sequence[Opened],
    wanted: set[str],
    plan: Wave,
    clock: Clock,
    share: Callable[[float], None],
) -> list[Trace]:
    """Poll at 1 kHz until the wave is over; in its last on-phase without a pause where a sensor
    needs that.
    """
    columns = [
        [_Column(channel) if channel.id in wanted else None for channel in entry.channels]
        for entry in opened
    ]
    kept = [column for entry in columns for column in entry if column is not None]
    begun = due = clock.now()
    tight: bool | None = None
    while clock.now() < plan.end_s:
        if tight is None and _inside(clock.now(), plan.tight):
            tight = any(column.fast() for column in kept)
        if tight and _inside(clock.now(), plan.tight):
            for _ in range(_FASTEST):
                _poll(opened, columns, clock)
                if not _inside(clock.now(), plan.tight):
                    break
            due = clock.now()
            continue
        _poll(opened, columns, clock)
        if len(kept[0].t_s) % 500 == 0:
            share((clock.now() - begun) / (plan.end_s - begun))
        due = max(due + _POLL_S, clock.now())
        time.sleep(max(0.0, due - clock.now()))
    return [column.trace() for column in kept]


def _inside(t: float, phase: Phase) -> bool:
    return phase[0] <= t < phase[1]


def _poll(
    opened: Sequence[Opened], columns: Sequence[Sequence[_Column | None]], clock: Clock
) -> None:
    for entry, row in zip(opened, columns, strict=True):
        before = clock.now()
        try:
            values: Sequence[int | Reading | None] = entry.collector.read()
        except Exception:  # a plugin's fault is a failed read
            values = [None] * len(row)
        middle = (before + clock.now()) / 2
        for column, value in zip(row, values, strict=False):
            if column is not None:
                if isinstance(value, Reading):
                    column.add(value.t_s, value.raw)
                else:
                    column.add(middle, value)
