"""The new run that a meter is attached to: channels, header, samples, and doubts of the old run."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

import msgspec
import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.boundary import GPU, NODE, NODE_AC, Ranges
from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.measurement.signalled_repeats import whole_repeats
from energybench.errors import BadInput, StorageFailed
from energybench.meters.clock_offset import MAX_OFFSET_S, Offset
from energybench.meters.readings import Choice
from energybench.meters.series import MeterSeries
from energybench.model import (
    REPEAT,
    BoundaryName,
    Channel,
    Doubt,
    Gain,
    Host,
    Measurement,
    Trace,
    Window,
)
from energybench.plugins import Reading
from energybench.store import samples
from energybench.store.layout import HEADER, PARQUET
from energybench.store.liveness import Lock, process_started, refuse_if_alive
from energybench.store.run import Header, read_header
from energybench.store.writer import RunWriter


class Meter(NamedTuple):
    """A person's statements about a meter. accuracy_rel: the maker's limit of error. averaging_s:
    None if a reading averages over all of its spacing. holds: the meter logs changes alone.
    named: a person stated the name, so that it is one meter in all runs; otherwise the name is that
    of the file.
    """

    path: Path
    scope: Literal["node", "gpu"]
    accuracy_rel: float
    name: str
    choice: Choice = Choice()
    device: str | None = None
    dc: bool = False
    averaging_s: float | None = None
    holds: bool = False
    max_offset_s: float = MAX_OFFSET_S
    named: bool = True

    @property
    def sided_choice(self) -> Choice:
        """The choice with the side of the node's power supply on which the meter sits."""
        if self.scope != "node":
            return self.choice
        return self.choice._replace(side="dc" if self.dc else "ac")

    def key_on(self, host: Host) -> str:
        """Values with the same key share the error of the meter.

        Files of several nodes and outlets may have one name. Therefore a name that nobody stated is
        that of another meter on every host, and for every choice of rows, series and column.
        """
        if self.named:
            return f"gain:meter:{self.name}"
        choice = self.choice
        rows = sorted("=".join(pair) for pair in choice.select)
        column = [f"column {choice.column}"] if choice.column is not None else []
        parts = " ".join([f"file {self.name}", *rows, *column])
        return f"gain:meter:{parts}@{host.identity}"


class FinishedRun(NamedTuple):
    """The run that the meter is attached to."""

    directory: Path
    measurement: Measurement
    traces: Sequence[Trace]
    windows: tuple[Window, ...]

    @property
    def repeats(self) -> list[Window]:
        return [window for window in self.windows if window.label == REPEAT]


class Place(NamedTuple):
    """Folder and id of the new run."""

    store: Path
    id: str


class Readings(NamedTuple):
    """A meter's readings on the run's clock.

    keep: mask of the series' readings during the run (and a little around); t_s: their times.
    """

    series: MeterSeries
    keep: npt.NDArray[np.bool_]
    t_s: Floats
    spacing_s: float
    averaging_s: float
    offset: Offset
    doubts: tuple[Doubt, ...] = ()


def check_new(place: Place) -> None:
    """Raises BadInput if a meter was attached to the run before."""
    final = place.store / place.id
    if final.exists():
        raise BadInput(
            str(final), "exists already", f"move it away, or attach a second meter to {final.name}"
        )


def write(
    run: FinishedRun,
    meter: Meter,
    readings: Readings,
    of_meter: Sequence[Doubt],
    ranges: Ranges,
    place: Place,
) -> tuple[Path, Measurement, Channel]:
    """Write and analyse the new run. of_meter: doubts about the meter and its file.

    Raises BadInput and StorageFailed; then nothing was written.
    """
    channel = _channel(meter, readings, run.measurement.host)
    doubts = (*_doubts_of_the_run(run, ranges), *of_meter)
    writer = RunWriter(place.store, _header(run, meter, channel, doubts, place.id))
    if writer.directory.exists():
        _refuse_attempt(writer.directory)
    try:
        with writer:
            # samples first, then windows: cut off in between, the directory holds no repeat, and
            # nobody takes it for a run
            _copy_samples(run, writer)
            _add_readings(readings, len(run.traces), writer)
            _copy_lines(run, writer)
            path, measured = writer.finish(ranges)
    except BaseException as error:
        # nothing was measured here: the run and the meter's file still stand
        shutil.rmtree(writer.directory, ignore_errors=True)
        if isinstance(error, StorageFailed | OSError):
            raise not_written(run.directory, "run", error) from None
        raise
    return path, measured, channel


def not_written(directory: Path, noun: str, error: StorageFailed | OSError) -> StorageFailed:
    """The failure of the store, of which no file of the new result is left.

    directory  the result without the meter
    noun       "run" or "job"
    """
    reason = error.reason if isinstance(error, StorageFailed) else error.strerror
    return StorageFailed(
        f"{directory.parent}: the {noun} with the meter cannot be written: {reason or error}; "
        f"nothing of it is left, and {directory.name} is as it was (make space, or copy that "
        f"{noun} to a store with space, and attach again)",
        reason or "",
    )


def _refuse_attempt(directory: Path) -> NoReturn:
    """Raise BadInput: another `attach` writes the directory, or was cut off."""
    try:
        lock = Lock.on(directory / HEADER)
        try:
            refuse_if_alive(str(directory), directory, lock, read_header(directory).writer)
        finally:
            lock.close()
    except OSError:
        pass  # no header yet, or none that can be opened
    raise BadInput(str(directory), "an earlier attempt was cut off", "remove it")


def _copy_samples(run: FinishedRun, writer: RunWriter) -> None:
    table, _ = samples.read_parquet(run.directory / PARQUET)
    names = ("t_s", "channel", "raw", "late_s", "burst", "missed")
    for batch in table.to_batches():
        columns = (batch.column(name).to_pylist() for name in names)
        for t, channel, value, late_s, burst, missed in zip(*columns, strict=True):
            writer.poll([Reading(value, t, channel)], late_s, burst, missed)


def _add_readings(readings: Readings, number: int, writer: RunWriter) -> None:
    """The meter's readings, as samples of the last channel."""
    raw = readings.series.raw[readings.keep]
    for t, value in zip(readings.t_s.tolist(), raw.tolist(), strict=True):
        writer.poll([Reading(value, t, number)], 0.0, False, 0)


def _copy_lines(run: FinishedRun, writer: RunWriter) -> None:
    """Work, checks and windows of the old run, as lines of the new run."""
    measured = run.measurement
    whole = whole_repeats(run.windows)
    for window, repeat in zip(whole, measured.repeats, strict=False):
        if repeat.work is not None:
            writer.work(repeat.work, window.repeat)
    lines: tuple[tuple[Any, Any], ...] = (
        (measured.verification, writer.verification),
        (measured.conditions, writer.conditions),
        (measured.others, writer.others),
        (measured.record, writer.record),
    )
    for content, add in lines:
        if content:
            add(content)
    for window in run.windows:
        writer.window(window)


def _channel(meter: Meter, readings: Readings, host: Host) -> Channel:
    series = readings.series
    node = meter.scope == "node"
    component, device = GPU, meter.device or ""
    if node:
        component, device = NODE if meter.dc else NODE_AC, meter.name
    return Channel(
        collector="meter",
        reference=True,
        device=device,
        component=component,
        kind=series.kind,
        quantity="" if node else meter.name,
        resolution=series.resolution,
        reading_step_w=series.reading_step_w,
        gain=Gain(  # a maker's limit of error, taken as rectangular: GUM 4.3.7
            u_rel=meter.accuracy_rel / math.sqrt(3),
            distribution="rectangular",
            key=meter.key_on(host),
            source=f"{meter.name}: limit of error ±{meter.accuracy_rel:.3g} of the reading, as "
            "stated; rectangular (GUM 4.3.7)",
        ),
        update_period_s=readings.spacing_s,
        window_s=readings.averaging_s if series.kind == "power" else 0.0,
        # the offset itself is taken off the stored times: it may be negative, and a lag may not
        lag_u_s=readings.offset.u_s,
        timing="inferred",
        stamped=True,
        counts=node,
    )


def _header(
    run: FinishedRun, meter: Meter, channel: Channel, doubts: tuple[Doubt, ...], new_id: str
) -> Header:
    measured = run.measurement
    channels = [trace.channel for trace in run.traces]
    boundary: BoundaryName = measured.boundary.name
    if meter.scope == "node":
        boundary = "node-dc" if meter.dc else "node-ac"
        # an earlier meter of the same component stays for cross-checks
        channels = [
            msgspec.structs.replace(earlier, counts=False)
            if earlier.component == channel.component
            else earlier
            for earlier in channels
        ]
    return Header(
        id=new_id,
        label=measured.label,
        workload=measured.workload,
        command=measured.command,
        boundary=boundary,
        host=measured.host,
        channels=(*channels, channel),
        pid=os.getpid(),
        pid_started=process_started(os.getpid()),
        session=measured.session,
        doubts=doubts,
        job=measured.job,
        case=measured.case,
    )


def _doubts_of_the_run(run: FinishedRun, ranges: Ranges) -> tuple[Doubt, ...]:
    """The doubts of the run's course. Doubts of its analysis are left out: the new analysis states
    them again.
    """
    measured = run.measurement
    table, _ = samples.read_parquet(run.directory / PARQUET)
    record = Record(
        id=measured.id,
        label=measured.label,
        workload=measured.workload,
        command=measured.command,
        boundary=measured.boundary.name,
        host=measured.host,
        windows=run.windows,
        works=tuple(repeat.work for repeat in measured.repeats),
        verification=measured.verification,
        kept=measured.record,
        sampling=samples.sampling(table, [trace.channel for trace in run.traces]),
    )
    analysed = {doubt.code for doubt in measure(record, run.traces, ranges).doubts}
    return tuple(doubt for doubt in measured.doubts if doubt.code not in analysed)
