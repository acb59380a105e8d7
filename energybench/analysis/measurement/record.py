"""The record of a run, the input of the analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.measurement.regions import SamplingStats
from energybench.analysis.measurement.signalled_repeats import judged, whole_repeats
from energybench.model import (
    REPEAT,
    BoundaryName,
    Condition,
    DeviceLimits,
    Doubt,
    Host,
    Job,
    OtherLoad,
    Pause,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)


class Record(NamedTuple):
    """The record of a run, without its traces.

    windows  all windows, including cut repeats
    works    work of each of `repeats`
    pauses   when the measuring side did not run
    limits   limits of the work's device
    kept     the workload's own record of its last repeat
    session  shared by interleaved runs
    job      job of the measuring process; None: no job
    case     the run of a campaign; None: not of a campaign
    """

    id: str
    label: str
    workload: WorkloadRef | None
    command: tuple[str, ...] | None
    boundary: BoundaryName
    host: Host
    windows: tuple[Window, ...]
    works: tuple[Work | None, ...]
    verification: tuple[Verification, ...]
    doubts: tuple[Doubt, ...] = ()
    sampling: tuple[SamplingStats, ...] = ()
    session: str | None = None
    conditions: tuple[Condition, ...] = ()
    others: tuple[OtherLoad, ...] = ()
    pauses: tuple[Pause, ...] = ()
    limits: DeviceLimits | None = None
    kept: WorkRecord | None = None
    job: Job | None = None
    case: str | None = None

    @property
    def repeats(self) -> list[Window]:
        """The windows of the counted repeats."""
        return counted_repeats(self.windows)

    @property
    def left_out(self) -> list[Window]:
        """The parts of repeats outside `repeats`."""
        return parts_left_out(self.windows)

    @property
    def partial(self) -> bool:
        """Whether no repeat is whole."""
        return all(window.cut is not None for window in self.repeats)


def counted_repeats(windows: Sequence[Window]) -> list[Window]:
    """The windows of the whole repeats. If no repeat is whole: the longest part alone, because a
    mean over parts is of no quantity.
    """
    repeats = [window for window in judged(windows) if window.label == REPEAT]
    return whole_repeats(windows) or sorted(repeats, key=lambda window: window.duration_s)[-1:]


def parts_left_out(windows: Sequence[Window]) -> list[Window]:
    """The parts of repeats that do not count."""
    counted = counted_repeats(windows)
    return [
        window
        for window in judged(windows)
        if window.label == REPEAT and window.cut is not None and window not in counted
    ]
