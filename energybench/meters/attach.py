"""A finished run with a meter's file added: a new run directory; the old one stays as it is.

The run's wall clock enters once, as the anchor `host.started_utc` ↔ `host.started_s`. The meter's
clock is tied to the run's monotonic clock by the anchor and by the offset that fits. A clock that
was set during the run changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from energybench.analysis.energy.boundary import GPU, Ranges, cover
from energybench.analysis.sensors.mirrored_counters import mirrors
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.errors import BadInput
from energybench.meters import (
    attached_run,
    clock_offset,
    constant_counter,
    gain_effects,
    interleaved,
    meter_doubts,
    offset_checks,
    outliers,
    power_slope,
    prior_contradiction,
    recurring_readings,
    single_moments,
    single_spikes,
    smoothing,
    still_readings,
    suggestions,
)
from energybench.meters.attached_run import FinishedRun, Meter, Place, Readings
from energybench.meters.meter_file import read
from energybench.meters.readings import Undecided
from energybench.meters.series import (
    MeterSeries,
    MeterSteps,
    check_counts,
    check_near,
    held,
    spacing_s,
    steps,
)
from energybench.meters.stretch import Around
from energybench.model import Channel, Measurement
from energybench.store import reader
from energybench.store.layout import ATTACHED, RUN
from energybench.units import short_figure

# share of the power inside the node that the meter shows at least: the gains of the sensors inside
# are off by a few percent each, a CPU model by half
_LEAST_OF_INSIDE, _LEAST_OF_MODEL = 0.8, 0.3
# a GPU node's fans, disks and losses are a few times its CPU at most; W taken for kW is a thousand
_MOST_OF_INSIDE = 50.0
# W; no node of one chassis draws more (as the bound of a lost sensor in the analysis), and no board
# draws twice the largest limit of 2025 (1 400 W)
_MOST_NODE_W, _MOST_BOARD_W = 15_000.0, 3_000.0
# s before and after the run (and the search for the clock) of which the readings are looked at
_AROUND_S = 600.0
# sensors are opened, and the node is left to come to rest, within an hour of describing the host
_ANCHOR_S = 3600.0


class Attached(NamedTuple):
    """The directory of the new run, its measurement, and the offset of the meter's clock."""

    directory: Path
    measurement: Measurement
    offset: clock_offset.Offset
    channel: Channel


def attach_run(
    directory: Path, meter: Meter, ranges: Ranges, place: Place | None = None
) -> Attached:
    """Make the new run, in its place; None: beside the run. Raises BadInput; then nothing was
    written.
    """
    # the run, and the meter's file on the run's clock
    run = FinishedRun(directory, reader.read_run(directory), *reader.read_traces(directory))
    _check_device(run, meter)
    try:
        readings = _readings(run, meter, ranges)
    except Undecided as error:

        def follows(other: Meter) -> float:
            trial_readings = _readings(run, other, ranges)
            suggestions.check(trial_readings, meter, other)
            return trial_readings.offset.correlation or 0.0

        error.works = suggestions.working(error, meter, follows)
        further = () if error.works else suggestions.beside(error, meter, follows)
        if further:
            raise _together(meter.path, error, further) from None
        raise

    # the new run; checked last: mistakes in the meter's file or options are told first
    place = place or Place(directory.parent, run.measurement.id + ATTACHED)
    attached_run.check_new(place)
    path, measured, channel = attached_run.write(
        run, meter, readings, meter_doubts.of(meter, readings), ranges, place
    )
    return Attached(path, measured, readings.offset, channel)


def _together(path: Path, error: BadInput, further: Sequence[BadInput]) -> BadInput:
    """All faults of a meter's file in one error."""
    places = [fault.where.removeprefix(str(path)).strip() for fault in further]
    faults = [error.what]
    faults += [
        f"{place}: {fault.what}" if place else fault.what
        for place, fault in zip(places, further, strict=True)
    ]
    remedies = dict.fromkeys([error.remedy, *(fault.remedy for fault in further)])
    return BadInput(error.where, "; and ".join(faults), "; ".join(remedies))


def _readings(run: FinishedRun, meter: Meter, ranges: Ranges) -> Readings:
    """The meter's readings on the run's clock. Raises BadInput."""
    zero_s = _anchor(run)
    start_s, end_s = _sampled(run)
    reach_s = meter.max_offset_s + _AROUND_S + (meter.averaging_s or 0.0)
    around = Around(start_s + zero_s - reach_s, end_s + zero_s + reach_s, _most_w(run, meter))
    choice = meter.sided_choice._replace(host=run.measurement.host.name)
    series = read(meter.path, choice, around)
    check_near(series, start_s + zero_s, end_s + zero_s, meter.max_offset_s)
    as_logged = series
    check_counts(series, start_s + zero_s - meter.max_offset_s, end_s + zero_s + meter.max_offset_s)
    if meter.holds:
        series = held(series)

    # the offset of the meter's clock, and the time over which a reading averages
    inside = clock_offset.run_power(_curves(run, meter, ranges), start_s, end_s)
    constant_counter.check(series, inside, zero_s)
    series, averaging, doubts = smoothing.of(series, meter, inside, zero_s)
    spacing = spacing_s(series)
    doubts += still_readings.counter_doubts(
        series, inside, zero_s, meter.max_offset_s, run.windows, meter.accuracy_rel
    )
    by_meter = steps(series, averaging)
    by_meter = MeterSteps(by_meter.start_s - zero_s, by_meter.end_s - zero_s, by_meter.power_w)
    # values are judged before the search: a few high ones would decide it
    offset, for_search = offset_checks.fit(series, by_meter, inside, spacing, meter.max_offset_s)
    t_s = series.t_s - zero_s - offset.offset_s
    first_s = min(window.start_s for window in run.windows)
    offset_checks.check_covered(series, t_s, run.repeats, first_s, offset)
    offset_checks.check_unknown(
        series, by_meter, run.repeats, offset, meter.max_offset_s, meter.accuracy_rel
    )
    if meter.scope == "node":
        shown = clock_offset.level(for_search, inside, offset.offset_s)
        _check_level(series, shown, run.measurement)
    else:
        _check_board_level(
            series, clock_offset.level(for_search, inside, offset.offset_s), run, meter
        )
    still_readings.check_zeros(series, t_s, run.repeats)
    series = recurring_readings.in_repeats(series, by_meter, inside, offset.offset_s, run.repeats)
    if meter.scope == "node":
        doubts += power_slope.doubts(series, by_meter, offset, run, meter, ranges)
    doubts += outliers.doubts(
        series, t_s, by_meter, inside, offset, run.repeats, per_interval=meter.choice.per_interval
    )
    doubts += single_spikes.doubts(
        series, by_meter, inside, offset, run.repeats, per_interval=meter.choice.per_interval
    )
    shown_s = averaging if averaging > spacing else meter.averaging_s
    doubts += single_moments.doubts(series, t_s, shown_s, inside, run.repeats)
    doubts += interleaved.doubts(
        as_logged,
        as_logged.t_s - zero_s - offset.offset_s,
        run.repeats,
        inside,
        per_interval=meter.choice.per_interval,
    )
    # a reading stands half its averaging time earlier
    margin = 2 * spacing + averaging
    keep = (t_s >= start_s - margin) & (t_s <= end_s + margin)
    return Readings(series, keep, t_s[keep], spacing, averaging, offset, doubts)


def _most_w(run: FinishedRun, meter: Meter) -> float:
    """Power that no reading of the meter's load can show, W."""
    if meter.scope == "node":
        return _MOST_NODE_W
    limits = [
        trace.channel.max_power_w or 0.0
        for trace in run.traces
        if trace.channel.device == meter.device and trace.channel.component == GPU
    ]
    return 2 * max(limits, default=0.0) or _MOST_BOARD_W


def _check_level(
    series: MeterSeries, shown: tuple[float, float] | None, measured: Measurement
) -> None:
    """A node draws more than the sensors inside show, and not a hundred times more; if the meter
    shows less or far more, the unit or the scale is wrong. Raises BadInput.
    """
    if shown is None:
        return
    meter_w, inside_w = shown
    least = _LEAST_OF_INSIDE if measured.quality in ("measured", "mixed") else _LEAST_OF_MODEL
    if inside_w > 0 and not least * inside_w <= meter_w <= _MOST_OF_INSIDE * inside_w:
        what = (
            f"shows {short_figure(meter_w, 4)} W where the run's own sensors show "
            f"{short_figure(inside_w, 4)} W inside the node"
        )
        raise BadInput(
            series.where, what, "the file is of another node, or the unit or the column is wrong"
        )


def _check_board_level(
    series: MeterSeries, shown: tuple[float, float] | None, run: FinishedRun, meter: Meter
) -> None:
    """Raises BadInput for a meter whose power is not that of the board's own sensor."""
    points = gain_effects.curves(run.traces)
    for channel in _board_channels(run, meter)[:1]:
        if channel.id in points:
            sensor = gain_effects.energies(points[channel.id], run.repeats)
            prior_contradiction.check_attached_board(
                shown, sensor, meter.accuracy_rel, series.where
            )


def _board_channels(run: FinishedRun, meter: Meter) -> list[Channel]:
    """The channels of the meter's board that count, a counter first."""
    board = [
        trace.channel
        for trace in run.traces
        if trace.channel.device == meter.device
        and trace.channel.component == GPU
        and trace.channel.counts
    ]
    return sorted(board, key=lambda channel: channel.kind != "counter")


def _anchor(run: FinishedRun) -> float:
    """Wall-clock seconds since 1970 at time 0 of the run's monotonic clock.

    Raises BadInput if nothing ties the two clocks together.
    """
    host, where = run.measurement.host, str(run.directory / RUN)
    if host.started_utc is None or host.started_s is None:
        raise BadInput(
            f"{where}: host.started_utc",
            "has no wall-clock time",
            "nothing ties a meter's clock to this run; measure it again",
        )
    try:
        started = datetime.fromisoformat(host.started_utc.replace("Z", "+00:00"))
    except ValueError:
        started = None
    if started is None or started.tzinfo is None:
        raise BadInput(
            f"{where}: host.started_utc",
            f"{host.started_utc!r} is not a time with a zone",
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


def _sampled(run: FinishedRun) -> tuple[float, float]:
    """From the first window or sample to the last."""
    times = [
        (float(trace.t_s[0]), float(trace.t_s[-1]))
        for trace in run.traces
        if trace.t_s.size and not trace.channel.reference
    ]
    times += [(window.start_s, window.end_s) for window in run.windows]
    return min(first for first, _ in times), max(last for _, last in times)


def _curves(run: FinishedRun, meter: Meter, ranges: Ranges) -> list[Curve]:
    """Energy of the meter's load by the run's sensors: the boundary's channels, or the board's."""
    measured = run.measurement
    channels = [trace.channel for trace in run.traces]
    if meter.scope == "gpu":
        wanted = {channel.id for channel in _board_channels(run, meter)[:1]}
    else:
        chosen = cover(
            measured.boundary.name, channels, measured.host, ranges, mirrors(run.traces).repeated
        )
        wanted = {source.channel.id for source in chosen.sources}
    curves = [curve(trace) for trace in run.traces if trace.channel.id in wanted]
    return [energy for energy in curves if energy is not None]


def _check_device(run: FinishedRun, meter: Meter) -> None:
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
            "is not a board that this run has read",
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
