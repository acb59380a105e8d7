"""Traces and windows → Measurement.

Pure: the same record gives the same result, today, after a recovery, or with better priors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from energybench.analysis.energy import idle_power, mean_energy
from energybench.analysis.energy.boundary import GPU, Cover, Ranges, cover
from energybench.analysis.energy.boundary_parts import (
    Row,
    sensor_rows,
    table,
    total_j,
    with_models,
)
from energybench.analysis.measurement import (
    cut_repeat_doubts,
    disclosed,
    doubts,
    pause_doubts,
    plausible_power,
    quantities,
    roofline,
    sensor_doubts,
    steadiness,
    still_sensors,
)
from energybench.analysis.measurement.quantities import Repeats
from energybench.analysis.measurement.record import Record
from energybench.analysis.measurement.regions import (
    SamplingStats,
    channel_stats,
    of_regions,
    regions,
)
from energybench.analysis.sensors.curves import Curves
from energybench.analysis.sensors.mirrored_counters import mirrors
from energybench.analysis.uncertainty.effects import scaled
from energybench.model import (
    IDLE,
    REPEAT,
    Boundary,
    Doubt,
    Estimate,
    Measurement,
    Pause,
    Repeat,
    Trace,
    Window,
)

__all__ = [
    "Record",
    "SamplingStats",
    "covered",
    "energies_so_far",
    "energy_to_solution",
    "measure",
    "sampling_rel",
]


def covered(record: Record, traces: Sequence[Trace], ranges: Ranges) -> tuple[Cover, Curves]:
    """The channels and models of the boundary on this host, and the curves of all channels."""
    channels = [trace.channel for trace in traces]
    mirrored = mirrors(traces)
    chosen = cover(
        record.boundary, channels, record.host, ranges, mirrored.repeated, mirrored.unclear
    )
    checks = {
        source.channel.id: source.check.id for source in chosen.sources if source.check is not None
    }
    return chosen, Curves(traces, checks, record.repeats)


def energies_so_far(record: Record, traces: Sequence[Trace], ranges: Ranges) -> list[float | None]:
    """Energy of each repeat, without an interval, for the stopping rule."""
    repeats = record.repeats
    rows = table(*covered(record, traces, ranges), repeats)
    return [total_j(rows, i) for i in range(len(repeats))]


def energy_to_solution(
    record: Record, traces: Sequence[Trace], ranges: Ranges
) -> tuple[Estimate | None, tuple[Doubt, ...]]:
    """The gross energy of `measure` and the doubts about it, without the rest of a measurement: for
    studies of thousands of measurements.
    """
    chosen, curves = covered(record, traces, ranges)
    repeats = record.repeats
    (rows,), doubts_of_sensors = _tables(chosen, curves, [repeats])
    window_doubts = _distinct(doubt for row in rows for cell in row.cells for doubt in cell.doubts)
    return mean_energy.gross(rows, len(repeats)), (*window_doubts, *doubts_of_sensors)


def sampling_rel(record: Record, traces: Sequence[Trace], ranges: Ranges) -> float | None:
    """Relative standard uncertainty of the repeats' mean energy from sampling.

    None if nothing was measured.
    """
    repeats = record.repeats
    rows = table(*covered(record, traces, ranges), repeats)
    uncertainty = sensor_doubts.sampling(rows, len(repeats))
    return uncertainty.rel if uncertainty else None


def measure(record: Record, traces: Sequence[Trace], ranges: Ranges) -> Measurement:
    """The measurement of a record.

    Raises BadInput if the boundary cannot be measured here, ValueError without a repeat.
    """
    chosen, curves = covered(record, traces, ranges)
    windows = record.repeats
    if not windows:
        raise ValueError("no repeat was completed")
    idle = _idle_windows(record.windows)
    (rows, *idle_rows), doubts_of_sensors = _tables(
        chosen, curves, [windows, *([window] for window in idle)], record.pauses
    )
    repeats = Repeats.of(windows, rows, record.works)

    # Energy, time and power of one repeat; idle and net energy.
    energy_j = mean_energy.gross(rows, len(windows))
    time_s = quantities.time(repeats)
    phases = _idle_phases(idle, idle_rows)
    idle_w = idle_power.power(phases, record.session)
    net_j, net_doubts = quantities.net(energy_j, idle_w, time_s)
    run_roofline = quantities.run_roofline(record.limits, repeats, energy_j)

    stats = channel_stats(traces, record.sampling, curves.findings)
    slowest_s = _slowest_update_s(chosen, curves)
    run_regions = regions(chosen, curves, _regions_of_counted(record), rows)

    return Measurement(
        id=record.id,
        label=record.label,
        workload=record.workload,
        command=record.command,
        boundary=Boundary(name=chosen.name, parts=tuple(row.part for row in rows)),
        quality=quantities.quality(rows),
        energy_j=energy_j,
        components_j=quantities.components(repeats),
        time_s=time_s,
        power_w=quantities.power(repeats) if energy_j else None,
        highest_power_w=disclosed.highest_power(chosen, curves, windows) if energy_j else None,
        idle_power_w=idle_w,
        idle_state=idle_power.state(phases),
        idles=idle_power.idles(phases),
        net_energy_j=net_j,
        accelerators_j=_accelerators(chosen, record, traces, ranges) if energy_j else None,
        work=quantities.mean_work(record.works),
        work_per_s=quantities.work_rate(repeats),
        energy_per_work_j=quantities.energy_per(repeats, energy_j, lambda work: work.amount),
        roofline=run_roofline,
        verification=record.verification,
        repeats=_repeats(repeats, has_energy=energy_j is not None),
        regions=run_regions,
        channels=stats,
        nodes=1,
        host=record.host,
        session=record.session,
        job=record.job,
        case=record.case,
        conditions=steadiness.keep(record.conditions),
        others=record.others,
        record=record.kept,
        partial=record.partial,
        doubts=(
            *_record_doubts(record, rows),
            *doubts.of_unused_meters(chosen.name, quantities.quality(rows), curves.channels),
            *doubts.of_parts(rows),
            *_distinct(doubt for row in rows for cell in row.cells for doubt in cell.doubts),
            *doubts_of_sensors,
            *sensor_doubts.of_sampling(
                sensor_doubts.sampling(rows, len(windows)), windows, slowest_s
            ),
            *plausible_power.of_sensors(chosen.sources, rows, windows),
            *plausible_power.of_node(chosen.inside, rows, curves, windows),
            *still_sensors.of_still(traces, {source.channel.id for source in chosen.sources}),
            *pause_doubts.of_pauses(
                record.pauses, windows, [source.channel for source in chosen.sources]
            ),
            *cut_repeat_doubts.of_cut_repeats(windows, record.left_out),
            *doubts.of_repeats(windows, repeats.energies_j, slowest_s),
            *steadiness.of_conditions(record.conditions, windows, repeats.energies_j),
            *steadiness.of_others(record.others, windows),
            *doubts.of_channels(stats, _dropped(chosen, curves)),
            *of_regions(run_regions, stats),
            *roofline.doubts(run_roofline, record.limits),
            *net_doubts,
            *idle_power.doubts(phases),
        ),
    )


def _accelerators(
    chosen: Cover, record: Record, traces: Sequence[Trace], ranges: Ranges
) -> Estimate | None:
    """Energy of the accelerators inside a metered node; None in other boundaries."""
    if not any(channel.component == GPU and channel.used for channel in chosen.inside):
        return None
    narrow, curves = covered(record._replace(boundary="device"), traces, ranges)
    return disclosed.accelerators(narrow, curves, record.repeats)


def _tables(
    chosen: Cover,
    curves: Curves,
    groups: Sequence[Sequence[Window]],
    pauses: Sequence[Pause] = (),
) -> tuple[list[tuple[Row, ...]], list[Doubt]]:
    """A table for each group of windows, and the doubts about the sensors in the windows of the
    first group. Only one sensor's curve is in memory at a time.
    """
    sensed: list[list[Row]] = []
    doubts_of_sensors: list[Doubt] = []
    for source in chosen.sources:
        sensed.append(sensor_rows(source, curves, groups))
        doubts_of_sensors += sensor_doubts.of_sensors([source], curves, groups[0], pauses)
    return [
        with_models(chosen, [rows[i] for rows in sensed], groups[i]) for i in range(len(groups))
    ], doubts_of_sensors


def _record_doubts(record: Record, rows: Sequence[Row]) -> list[Doubt]:
    """Doubts of the record, of its checks, of the workload, and of the quality.

    A collector's doubt about a model of the CPU counts only if the boundary uses the model.
    """
    stated = [
        doubt
        for doubt in record.doubts
        if doubt.code != "estimated-cpu" or doubts.cpu_modelled(rows)
    ]
    return [
        *stated,
        *doubts.of_verification(record.verification),
        *(record.kept.doubts if record.kept is not None else ()),
        *doubts.of_quality(
            quantities.quality(rows),
            rows,
            record.host.virtual,
            {doubt.code for doubt in record.doubts},
        ),
    ]


def _regions_of_counted(record: Record) -> list[Window]:
    """The regions, without the regions of omitted repeats."""
    left_out = {window.repeat for window in record.left_out}
    return [
        window
        for window in record.windows
        if window.label != REPEAT and (window.repeat is None or window.repeat not in left_out)
    ]


def _repeats(repeats: Repeats, *, has_energy: bool) -> tuple[Repeat, ...]:
    return tuple(
        Repeat(
            start_s=window.start_s,
            end_s=window.end_s,
            energy_j=repeats.totals[i] if has_energy else None,
            components_j=quantities.component_energies(repeats.rows, i),
            work=repeats.works[i] if i < len(repeats.works) else None,
            block=window.block,
        )
        for i, window in enumerate(repeats.windows)
    )


def _idle_windows(windows: Sequence[Window]) -> list[Window]:
    """The idle windows in the order of time."""
    idle = [window for window in windows if window.label == IDLE and window.duration_s > 0]
    return sorted(idle, key=lambda window: window.start_s)


def _idle_phases(
    idle: Sequence[Window], tables: Sequence[Sequence[Row]]
) -> tuple[idle_power.Phase, ...]:
    """Mean power of each measured idle window. Every window has its own table."""
    phases = []
    for window, rows in zip(idle, tables, strict=True):
        total = total_j(rows, 0)
        if total is not None and any(row.part.state != "missing" for row in rows):
            per_s = 1 / window.duration_s
            phases.append(
                idle_power.Phase(
                    window,
                    total * per_s,
                    scaled(mean_energy.single(rows, [0]), per_s),
                    scaled(mean_energy.common(rows, [0]), per_s),
                )
            )
    return tuple(phases)


def _slowest_update_s(chosen: Cover, curves: Curves) -> float:
    """Longest update period of the counted sensors; 0 without a sensor."""
    summed = [curves.findings(source.channel.id) for source in chosen.sources]
    periods_s = [
        energy_curve.period_s
        for energy_curve in summed
        if energy_curve is not None and energy_curve.channel.quality == "measured"
    ]
    return max(periods_s, default=0.0)


def _dropped(chosen: Cover, curves: Curves) -> int:
    """Implausible readings that were dropped from the counted sensors."""
    names = {source.channel.id for source in chosen.sources}
    findings = [curves.findings(name) for name in names]
    return sum(energy_curve.dropped for energy_curve in findings if energy_curve is not None)


def _distinct(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """The first doubt of each code and subject: doubts of later windows are repetitions."""
    first: dict[tuple[str, str], Doubt] = {}
    for doubt in doubts:
        first.setdefault((doubt.code, doubt.subject), doubt)
    return tuple(first.values())
