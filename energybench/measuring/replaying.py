"""`--replay FILE`: a recorded run or a synthetic trace through the usual sampler, store and
analysis, on a virtual clock.

The recording states the windows; the program or workload named on the command line is not run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench.analysis.measurement.signalled_repeats import whole_repeats
from energybench.collectors.replay import RecordedChannel, Replay, ReplaySeries
from energybench.collectors.replay_file import load_synthetic
from energybench.errors import BadInput
from energybench.measuring.clock import VirtualClock
from energybench.measuring.conditions import Watch
from energybench.measuring.counted_once import CountedOnce
from energybench.measuring.plan import Plan
from energybench.measuring.run_files import RunFiles
from energybench.measuring.sampler import BASE_PERIOD_S, Opened
from energybench.measuring.sensors import Sensors
from energybench.measuring.session import Session
from energybench.model import (
    IDLE,
    REPEAT,
    Channel,
    DeviceLimits,
    Doubt,
    Host,
    Measurement,
    Verification,
    Window,
    Work,
    WorkloadRef,
)
from energybench.plugins import Context
from energybench.store import reader
from energybench.store.layout import RUN
from energybench.store.run import Header
from energybench.store.writer import RunWriter

_LEAD_S = 1.0  # of samples before the first window, for ticks on either side of the edge
# A run is polled at 10 Hz or faster. A recording may last this long without samples, and this many
# times longer than its samples: polls are missed on a busy machine.
_EMPTY_S, _SPARSE = 3600.0, 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A recorded or synthetic run to replay.

    label         name of the run
    series        raw values of the channels over virtual time
    windows       idle phases, repeats and regions, in s of virtual time
    works         work of the repeats; None: not counted
    verification  checks of the work
    workload      recorded workload; None: a program, or nothing
    command       recorded program and arguments; None: a workload, or nothing
    host          machine of the recording
    """

    label: str
    series: tuple[ReplaySeries, ...]
    windows: tuple[Window, ...]
    works: tuple[Work | None, ...]
    verification: tuple[Verification, ...]
    workload: WorkloadRef | None
    command: tuple[str, ...] | None
    host: Host


def replay_run(path: Path, plan: Plan) -> tuple[Path, Measurement]:
    """Replay a run directory or a replay file (TOML). Raises BadInput for any other file."""
    recording = _recorded(path) if path.is_dir() or path.name == RUN else _synthetic(path)
    plan = replace(
        plan,
        label=plan.label or recording.label,
        command=plan.command or recording.command,
        workload=recording.workload or plan.workload,
        idle_s=0.0,
    )
    clock = VirtualClock()
    with _ReplaySession(recording, plan, clock) as session:
        _replay(recording, session)
        session.doubt(
            "replayed",
            f"these are the readings of {path.name}, replayed on a virtual clock; nothing was run "
            "here",
            "measure it on the machine",
        )
        return session.finish()


def _replay(recording: Recording, session: Session) -> None:
    """Sample idle phases and repeats in the order of time, then write down the rest of the
    recording.
    """
    sampled = [window for window in recording.windows if window.label in (IDLE, REPEAT)]
    for window in sorted(sampled, key=lambda window: window.start_s):
        session.windows.recorded(window)
    for window in recording.windows:
        if window not in sampled:
            session.writer.window(window)
    whole = whole_repeats(sampled)
    for window, work in zip(whole, recording.works, strict=False):
        if work is not None:
            session.writer.work(work, window.repeat)
    if recording.verification:
        session.writer.verification(recording.verification)


class _ReplaySession(Session):
    """A session with the sensors and the host of the recording."""

    def __init__(self, recording: Recording, plan: Plan, clock: VirtualClock) -> None:
        super().__init__(
            plan,
            clock,
            clock.advance,
            lambda: None,
            lambda text, fraction: None,
            counts_repeats=False,
        )
        self._recording = recording

    def open_sensors(self, context: Context) -> Sensors:
        collector = Replay(self._recording.series)
        opened = Opened(collector, tuple(collector.open(context)), 0)
        return Sensors((opened,), (), (), self._recording.host.gpus, ())

    def describe_host(self) -> Host:
        return self._recording.host

    def limits(self, host: Host) -> tuple[DeviceLimits | None, tuple[Doubt, ...]]:
        return None, ()

    def watch(self, context: Context) -> Watch:
        return Watch((), None, self.clock)

    def counted_once(self) -> CountedOnce:
        return CountedOnce({}, self.plan.root)

    def run_files(self, header: Header) -> RunFiles:
        return RunFiles(RunWriter(self.plan.store, header), in_thread=False)


def _synthetic(path: Path) -> Recording:
    spec = load_synthetic(path)
    windows = (*((spec.idle,) if spec.idle else ()), *spec.repeats, *spec.regions)
    moved = tuple(_moved(window, _LEAD_S) for window in windows)
    series = tuple(_Later(series, _LEAD_S) for series in spec.series)
    return Recording(
        label=spec.label,
        series=series,
        windows=moved,
        works=(spec.work,) * len(spec.repeats),
        verification=spec.verification,
        workload=spec.workload,
        command=None,
        host=spec.host,
    )


def _recorded(path: Path) -> Recording:
    directory, measured = reader.measurement(str(path))
    traces, windows = reader.read_traces(directory)
    start = min((float(trace.t_s[0]) for trace in traces if trace.t_s.size), default=0.0)
    longest = max(traces.sizes, default=0)
    if not any(window.label == REPEAT for window in windows):
        raise BadInput(str(path), "does not hold a repeat", "replay a finished run")
    _check_length(path, max(window.end_s for window in windows) - start, longest)
    return Recording(
        label=measured.label,
        series=tuple(
            RecordedChannel(channel, traces.sizes[number], partial(traces.in_order, number), start)
            for number, channel in enumerate(traces.channels)
        ),
        windows=tuple(_moved(window, -start) for window in windows),
        works=tuple(repeat.work for repeat in measured.repeats),
        verification=measured.verification,
        workload=measured.workload,
        command=measured.command,
        host=measured.host,
    )


def _check_length(path: Path, seconds: float, samples: int) -> None:
    """Raise BadInput if the recording is far longer than its samples: the virtual clock would walk
    through empty time.

    samples  of the channel that has the most
    """
    most_s = _EMPTY_S + _SPARSE * samples * BASE_PERIOD_S
    if not seconds <= most_s:
        raise BadInput(
            str(path),
            f"its {samples} samples of a sensor cannot be of {seconds:.3g} s",
            "it was edited, or energybench did not write it",
        )


def _moved(window: Window, by_s: float) -> Window:
    return msgspec.structs.replace(window, start_s=window.start_s + by_s, end_s=window.end_s + by_s)


class _Later(NamedTuple):
    """A series moved to later times, for a lead before time 0."""

    series: ReplaySeries
    by_s: float

    def channel(self, context: Context) -> Channel:
        return self.series.channel(context)

    def at(self, t_s: float) -> int | None:
        return self.series.at(t_s - self.by_s)
