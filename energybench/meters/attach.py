"""A finished run with a meter's file laid over it: a new run directory, the old one stays as it is.

The run's wall clock enters once, as the anchor `host.started_utc` ↔ `host.started_s`; the meter's
clock is tied to the run's monotonic one by that and by the offset that fits. A clock that was set
during the run changes nothing.
"""

from __future__ import annotations

import math
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from energybench.analysis.energy.boundary import GPU, NODE, NODE_AC, Ranges, cover
from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.traces.curve import Curve, curve
from energybench.analysis.traces.mirrored_counters import mirrors
from energybench.errors import BadInput
from energybench.meters import clock_offset as align
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice
from energybench.meters.series import (
    MeterSeries,
    Steps,
    check_near,
    check_sampling,
    spacing_s,
    steps,
)
from energybench.model import REPEAT, BoundaryName, Channel, Doubt, Gain, Measurement, Trace, Window
from energybench.plugins import Reading
from energybench.store import reader, samples
from energybench.store.layout import PARQUET, RUN
from energybench.store.run import Header, process_started
from energybench.store.writer import RunWriter

SUFFIX = "_attached"
_LEAST_OF_INSIDE, _LEAST_OF_MODEL = (
    0.8,
    0.3,
)  # of what the sensors inside show: their gains are off by a few percent each, a CPU model by half
# a GPU node's fans, disks and losses are a few times its CPU at most; W taken for kW is a thousand
_MOST_OF_INSIDE = 50.0
# sensors are opened, and the node is left to come to rest, within an hour of describing the host
_ANCHOR_S = 3600.0


class Meter(NamedTuple):
    """What the person said about a meter. accuracy_rel: the maker's limit of error. averaging_s:
    None, over all of its spacing.
    """

    path: Path
    scope: Literal["node", "gpu"]
    accuracy_rel: float
    name: str
    choice: Choice = Choice()
    device: str | None = None
    dc: bool = False
    averaging_s: float | None = None
    max_offset_s: float = align.MAX_OFFSET_S


class Attached(NamedTuple):
    """Where the new run lies, its measurement, and how the meter's clock stood."""

    directory: Path
    measurement: Measurement
    offset: align.Offset
    channel: Channel


class _Run(NamedTuple):
    """The finished run that is attached to."""

    directory: Path
    measurement: Measurement
    traces: tuple[Trace, ...]
    windows: tuple[Window, ...]

    @property
    def repeats(self) -> list[Window]:
        return [window for window in self.windows if window.label == REPEAT]


def attach(name: str, store: Path, meter: Meter, ranges: Ranges) -> Attached:
    """Make the new run. Raises BadInput; then nothing was written."""
    directory, measurement = reader.measurement(name, store)
    run = _Run(directory, measurement, *reader.read_traces(directory))
    _check_device(run, meter)
    series = read(meter.path, meter.choice)
    zero_s = _anchor(run)
    start_s, end_s = _sampled(run)
    check_near(series, start_s + zero_s, end_s + zero_s, meter.max_offset_s)
    spacing = spacing_s(series)
    averaging = spacing if meter.averaging_s is None else meter.averaging_s
    found = steps(series, averaging)
    seen = Steps(found.start_s - zero_s, found.end_s - zero_s, found.power_w)
    own = align.run_power(_curves(run, meter, ranges), start_s, end_s)
    offset = align.fit(series, seen, own, spacing, meter.max_offset_s)
    t_s = series.t_s - zero_s - offset.offset_s
    check_sampling(series, t_s, run.repeats, min(window.start_s for window in run.windows))
    _check_unknown(series, seen, run, offset, meter)
    if meter.scope == "node":
        _check_level(series, align.level(seen, own, offset.offset_s), run.measurement)
    keep = (t_s >= start_s - 2 * spacing - averaging) & (t_s <= end_s + 2 * spacing)
    final = directory.with_name(measurement.id + SUFFIX)
    # said last: whoever tries again after a mistake in the meter's file or options is told of that
    # first
    if final.exists():
        raise BadInput(
            str(final), "exists already", f"move it away, or attach a second meter to {final.name}"
        )
    channel = _channel(series, meter, spacing, averaging, offset)
    header = _header(
        run,
        meter,
        channel,
        (
            _said(series, meter, spacing, averaging, offset, keep),
            *_doubts(run, ranges),
            *_unsure(offset, meter),
        ),
    )
    path, measured = _write(run, header, t_s[keep], series.raw[keep], ranges)
    return Attached(path, measured, offset, channel)


def _check_level(
    series: MeterSeries, shown: tuple[float, float] | None, measured: Measurement
) -> None:
    """A node draws more than the sensors inside it show, and not a hundred times more: else the
    unit or the scale is another. Raises BadInput.
    """
    if shown is None:
        return
    meter_w, inside_w = shown
    least = _LEAST_OF_INSIDE if measured.quality in ("measured", "mixed") else _LEAST_OF_MODEL
    if inside_w > 0 and not least * inside_w <= meter_w <= _MOST_OF_INSIDE * inside_w:
        what = (
            f"shows {meter_w:.4g} W where the run's own sensors show {inside_w:.4g} W inside the "
            "node"
        )
        raise BadInput(series.where, what, "the unit, the column or the node is another one")


# ---------------------------------------------------------------- what the run says


def _anchor(run: _Run) -> float:
    """Wall-clock seconds since 1970 at time 0 of the run's monotonic clock.

    Raises BadInput where nothing ties them together.
    """
    host, where = run.measurement.host, str(run.directory / RUN)
    if host.started_utc is None or host.started_s is None:
        raise BadInput(
            f"{where}: host.started_utc",
            "says no wall-clock time",
            "nothing ties a meter's clock to this run; measure it again",
        )
    try:
        started = datetime.fromisoformat(host.started_utc.replace("Z", "+00:00"))
    except ValueError:
        started = None
    if started is None or started.tzinfo is None:
        raise BadInput(
            f"{where}: host.started_utc",
            f"{host.started_utc!r} is no time with a zone",
            "it was edited",
        )
    start_s, end_s = _sampled(run)
    if not start_s - _ANCHOR_S <= host.started_s <= end_s + _ANCHOR_S:
        raise BadInput(
            where,
            "its wall-clock time is of another clock than its samples (a replayed recording)",
            "attach to the recording itself",
        )
    return started.timestamp() - host.started_s


def _sampled(run: _Run) -> tuple[float, float]:
    """From the first window or sample to the last."""
    times = [
        (float(trace.t_s[0]), float(trace.t_s[-1]))
        for trace in run.traces
        if trace.t_s.size and not trace.channel.reference
    ]
    times += [(window.start_s, window.end_s) for window in run.windows]
    return min(first for first, _ in times), max(last for _, last in times)


def _curves(run: _Run, meter: Meter, ranges: Ranges) -> list[Curve]:
    """What the run's own sensors show of the meter's load: the boundary's channels, or the board's."""
    measured = run.measurement
    channels = [trace.channel for trace in run.traces]
    if meter.scope == "gpu":
        mine = [
            channel
            for channel in channels
            if channel.device == meter.device and channel.component == GPU and channel.counts
        ]
        wanted = {
            channel.id
            for channel in sorted(mine, key=lambda channel: channel.kind != "counter")[:1]
        }
    else:
        chosen = cover(measured.boundary.name, channels, measured.host, ranges, mirrors(run.traces))
        wanted = {source.channel.id for source in chosen.sources}
    return [
        made
        for trace in run.traces
        if trace.channel.id in wanted and (made := curve(trace)) is not None
    ]


def _check_device(run: _Run, meter: Meter) -> None:
    boards = sorted(
        {
            trace.channel.device
            for trace in run.traces
            if trace.channel.component == GPU and not trace.channel.reference
        }
    )
    if meter.scope == "gpu" and meter.device not in boards:
        raise BadInput(
            f"--board {meter.device or ''}".strip(),
            "is no board that this run has read",
            f"it has {', '.join(boards) or 'none'}",
        )
    taken = [
        trace.channel
        for trace in run.traces
        if trace.channel.reference and meter.name in (trace.channel.device, trace.channel.quantity)
    ]
    if taken:
        raise BadInput(
            f"--name {meter.name}",
            "this run has a meter of that name already",
            "give this one another --name",
        )


def _check_unknown(
    series: MeterSeries, seen: Steps, run: _Run, offset: align.Offset, meter: Meter
) -> None:
    """An offset that the data leave open must not matter."""
    if (offset.determined and offset.distinct) or meter.max_offset_s == 0:
        return
    reach = min(1.96 * offset.u_s, meter.max_offset_s) if offset.determined else meter.max_offset_s
    moved = align.swing(seen, run.repeats, offset.offset_s, reach)
    if moved > meter.accuracy_rel:
        what = (
            f"this run does not tell the offset of the meter's clock ({_why(offset)}), and within "
            f"±{reach:.0f} s the energy changes by ±{moved:.1%}"
        )
        raise BadInput(
            series.where,
            what,
            "--max-offset S with what the clocks are known to agree to, or measure again with "
            "--idle 30",
        )


def _why(offset: align.Offset) -> str:
    return "several fit alike" if offset.determined else "its own power is too even"


# ---------------------------------------------------------------- the new run


def _channel(
    series: MeterSeries, meter: Meter, spacing: float, averaging: float, offset: align.Offset
) -> Channel:
    node = meter.scope == "node"
    return Channel(
        collector="meter",
        reference=True,
        device=meter.name if node else meter.device or "",
        component=(NODE if meter.dc else NODE_AC) if node else GPU,
        kind=series.kind,
        quantity="" if node else meter.name,
        resolution=series.resolution,
        gain=Gain(  # a maker's limit of error, taken as rectangular: GUM 4.3.7
            u_rel=meter.accuracy_rel / math.sqrt(3),
            distribution="rectangular",
            key=f"gain:meter:{meter.name}",
            source=f"{meter.name}: limit of error ±{meter.accuracy_rel:.3g} of the reading, as "
            "stated; rectangular (GUM 4.3.7)",
        ),
        update_period_s=spacing,
        window_s=averaging if series.kind == "power" else 0.0,
        # the offset itself is taken off the stored times: it may be negative, and a lag may not
        lag_u_s=offset.u_s,
        timing="inferred",
        stamped=True,
        counts=node,
    )


def _header(run: _Run, meter: Meter, channel: Channel, doubts: tuple[Doubt, ...]) -> Header:
    measured = run.measurement
    old = [trace.channel for trace in run.traces]
    if meter.scope == "node":  # another meter of the same kind stays for cross-checks
        old = [
            msgspec.structs.replace(other, counts=False)
            if other.component == channel.component
            else other
            for other in old
        ]
    node: BoundaryName = "node-dc" if meter.dc else "node-ac"
    return Header(
        id=measured.id + SUFFIX,
        label=measured.label,
        workload=measured.workload,
        command=measured.command,
        boundary=node if meter.scope == "node" else measured.boundary.name,
        host=measured.host,
        channels=(*old, channel),
        pid=os.getpid(),
        pid_started=process_started(os.getpid()),
        session=measured.session,
        doubts=doubts,
    )


def _write(
    run: _Run, header: Header, t_s: align.Floats, raw: npt.NDArray[np.int64], ranges: Ranges
) -> tuple[Path, Measurement]:
    """Samples first, then windows: cut off in between, the directory holds no repeat and nobody
    takes it for a run.
    """
    table, _ = samples.read_parquet(run.directory / PARQUET)
    measured, number = run.measurement, len(header.channels) - 1
    writer = RunWriter(run.directory.parent, header)
    if writer.directory.exists():
        raise BadInput(str(writer.directory), "an earlier attempt was cut off", "remove it")
    try:
        with writer:
            for batch in table.to_batches():
                names = ("t_s", "channel", "raw", "late_s", "burst", "missed")
                for t, channel, value, late_s, burst, missed in zip(
                    *(batch.column(name).to_pylist() for name in names), strict=True
                ):
                    writer.poll([Reading(value, t, channel)], late_s, burst, missed)
            for t, value in zip(t_s.tolist(), raw.tolist(), strict=True):
                writer.poll([Reading(value, t, number)], 0.0, False, 0)
            works = [repeat.work for repeat in measured.repeats if repeat.work is not None]
            for work in works:
                writer.work(work)
            if measured.verification:
                writer.verification(measured.verification)
            if measured.conditions:
                writer.conditions(measured.conditions)
            if measured.others:
                writer.others(measured.others)
            if measured.record is not None:
                writer.record(measured.record)
            for window in run.windows:
                writer.window(window)
            return writer.finish(ranges)
    except BaseException:
        shutil.rmtree(
            writer.directory, ignore_errors=True
        )  # nothing was measured here: the run and the meter's file still stand
        raise


def _doubts(run: _Run, ranges: Ranges) -> tuple[Doubt, ...]:
    """What was said while it ran; what its analysis said is said again by the new one."""
    measured = run.measurement
    bare = Record(
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
    )
    table, _ = samples.read_parquet(run.directory / PARQUET)
    bare = bare._replace(sampling=samples.sampling(table, [trace.channel for trace in run.traces]))
    again = {doubt.code for doubt in measure(bare, run.traces, ranges).doubts}
    return tuple(doubt for doubt in measured.doubts if doubt.code not in again)


def _said(
    series: MeterSeries,
    meter: Meter,
    spacing: float,
    averaging: float,
    offset: align.Offset,
    keep: npt.NDArray[np.bool_],
) -> Doubt:
    inside = series.places[keep]
    what = "the node" if meter.scope == "node" else f"board {meter.device}"
    use = (
        "whose energy this is" if meter.scope == "node" else "as a reference beside its own sensor"
    )
    mean = "energy" if series.kind == "counter" else f"power averaged over {averaging:.3g} s"
    message = (
        f"a meter of {what}, {use}, was attached from a file: {meter.name} ({series.where}, "
        f"{series.what}, {series.word}s {inside[0]}-{inside[-1]}), "
        f"{mean} every {spacing:.3g} s, limit of error ±{meter.accuracy_rel:.3g}; its clock "
        f"{_clock(offset)}"
    )
    return Doubt(
        code="attached",
        message=message,
        remedy="the run it was attached to stands unchanged beside this one",
    )


def _clock(offset: align.Offset) -> str:
    if not offset.determined:
        return f"is taken as right, ±{offset.u_s * math.sqrt(3):.3g} s"
    return (
        f"{offset.offset_s:+.3f} s ± {1.96 * offset.u_s:.3f} s off (correlation "
        f"{offset.correlation:.3f})"
    )


def _unsure(offset: align.Offset, meter: Meter) -> tuple[Doubt, ...]:
    if offset.determined and offset.distinct:
        return ()
    remedy = (
        "the energy hardly depends on it here; measure with --idle 30, or state what the clocks "
        "agree to with --max-offset"
    )
    if offset.determined:
        message = (
            f"offsets of the meter's clock within {1.96 * offset.u_s:.2g} s of "
            f"{offset.offset_s:+.2f} s fit this run nearly alike"
        )
    elif meter.max_offset_s:
        message = (
            "the run's own power is too even to tell the offset of the meter's clock, taken as 0 "
            f"± {meter.max_offset_s:g} s"
        )
    else:
        return ()
    return (Doubt(code="clock-offset", message=message, remedy=remedy),)
