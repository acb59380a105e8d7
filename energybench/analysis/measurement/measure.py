"""Traces and windows → Measurement.

Pure: the same record gives the same result, today, after a recovery, or with better priors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from energybench.analysis.energy import idle_power, mean_energy
from energybench.analysis.energy.boundary import Cover, Ranges, cover
from energybench.analysis.energy.boundary_parts import Row, table, total_j
from energybench.analysis.measurement import (
    doubts,
    quantities,
    roofline,
    sensor_doubts,
    steadiness,
)
from energybench.analysis.measurement.quantities import Repeats
from energybench.analysis.measurement.regions import SamplingStats, channel_stats, regions
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.sensors.mirrored_counters import mirrors
from energybench.analysis.traces.curve import Curve, curve
from energybench.analysis.uncertainty.effects import scaled
from energybench.model import (
    IDLE,
    REPEAT,
    Boundary,
    BoundaryName,
    Condition,
    DeviceLimits,
    Doubt,
    Estimate,
    Host,
    Measurement,
    OtherLoad,
    Repeat,
    Trace,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
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


class Record(NamedTuple):
    """The record of a run, without its traces.

    windows  all windows, cut repeats too
    works    work of each of `repeats`
    limits   limits of the device that the work was given
    kept     the workload's own record of its last repeat
    session  shared by runs that were interleaved
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
    limits: DeviceLimits | None = None
    kept: WorkRecord | None = None

    @property
    def repeats(self) -> list[Window]:
        """The windows of the whole repeats. If no repeat is whole: the longest part alone, because
        a mean over parts is of no quantity.
        """
        repeats = [window for window in self.windows if window.label == REPEAT]
        whole = [window for window in repeats if window.cut is None]
        return whole or sorted(repeats, key=lambda window: window.duration_s)[-1:]

    @property
    def left_out(self) -> list[Window]:
        """The parts of repeats that are not among `repeats`."""
        counted = self.repeats
        return [
            window
            for window in self.windows
            if window.label == REPEAT and window.cut is not None and window not in counted
        ]

    @property
    def partial(self) -> bool:
        """Whether no repeat is whole."""
        return all(window.cut is not None for window in self.repeats)


def covered(
    record: Record, traces: Sequence[Trace], ranges: Ranges
) -> tuple[Cover, dict[str, Curve]]:
    """The channels and models of the boundary on this host, and the curves of all channels."""
    channels = [trace.channel for trace in traces]
    mirrored = mirrors(traces)
    chosen = cover(
        record.boundary, channels, record.host, ranges, mirrored.repeated, mirrored.unclear
    )
    curves = {
        trace.channel.id: energy_curve
        for trace in traces
        if (energy_curve := curve(trace)) is not None
    }
    checks = {
        source.channel.id: curves.get(source.check.id)
        for source in chosen.sources
        if source.check is not None
    }
    return chosen, {
        name: informed(energy_curve, checks.get(name)) for name, energy_curve in curves.items()
    }


def energies_so_far(record: Record, traces: Sequence[Trace], ranges: Ranges) -> list[float | None]:
    """Energy of each repeat, without an interval, for the stopping rule."""
    repeats = record.repeats
    rows = table(*covered(record, traces, ranges), repeats)
    return [total_j(rows, i) for i in range(len(repeats))]


def energy_to_solution(
    record: Record, traces: Sequence[Trace], ranges: Ranges
) -> tuple[Estimate | None, tuple[Doubt, ...]]:
    """The gross energy of `measure` and the doubts about it, without the rest of a measurement:
    for studies of thousands of measurements.
    """
    chosen, curves = covered(record, traces, ranges)
    repeats = record.repeats
    rows = table(chosen, curves, repeats)
    window_doubts = _distinct(doubt for row in rows for cell in row.cells for doubt in cell.doubts)
    return mean_energy.gross(rows, len(repeats)), (
        *window_doubts,
        *sensor_doubts.of_sensors(chosen.sources, curves, repeats),
    )


def sampling_rel(record: Record, traces: Sequence[Trace], ranges: Ranges) -> float | None:
    """Relative standard uncertainty of the repeats' mean energy that sampling causes.

    None if nothing was measured.
    """
    repeats = record.repeats
    rows = table(*covered(record, traces, ranges), repeats)
    uncertainty = sensor_doubts.sampling(rows, len(repeats))
    return uncertainty.rel if uncertainty else None


def measure(record: Record, traces: Sequence[Trace], ranges: Ranges) -> Measurement:
    """The measurement of a record.

    Raises BadInput if the boundary cannot be measured here, ValueError if there is no repeat.
    """
    chosen, curves = covered(record, traces, ranges)
    windows = record.repeats
    if not windows:
        raise ValueError("no repeat was completed")
    rows = table(chosen, curves, windows)
    repeats = Repeats.of(windows, rows, record.works)

    # Energy, time and power of one repeat; idle and net energy.
    energy_j = mean_energy.gross(rows, len(windows))
    time_s = quantities.time(repeats)
    phases = _idle_phases(chosen, curves, record.windows)
    idle_w = idle_power.power(phases, record.session)
    net_j, net_doubts = quantities.net(energy_j, idle_w, time_s)
    run_roofline = quantities.run_roofline(record.limits, repeats, energy_j)

    # How the sensors were read.
    stats = channel_stats(traces, record.sampling, curves)
    slowest_s = _slowest_update_s(chosen, curves)

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
        idle_power_w=idle_w,
        idle_state=idle_power.state(phases),
        idles=idle_power.idles(phases),
        net_energy_j=net_j,
        work=quantities.mean_work(record.works),
        work_per_s=quantities.work_rate(repeats),
        energy_per_work_j=quantities.energy_per(repeats, energy_j, lambda work: work.amount),
        roofline=run_roofline,
        verification=record.verification,
        repeats=_repeats(repeats, has_energy=energy_j is not None),
        regions=regions(chosen, curves, _regions_of_counted(record), slowest_s),
        channels=stats,
        nodes=1,
        host=record.host,
        session=record.session,
        conditions=steadiness.keep(record.conditions),
        others=record.others,
        record=record.kept,
        partial=record.partial,
        doubts=(
            *_record_doubts(record, rows),
            *doubts.of_unused_meters(
                chosen.name, quantities.quality(rows), [trace.channel for trace in traces]
            ),
            *doubts.of_parts(rows),
            *_distinct(doubt for row in rows for cell in row.cells for doubt in cell.doubts),
            *sensor_doubts.of_sensors(chosen.sources, curves, windows),
            *sensor_doubts.of_sampling(
                sensor_doubts.sampling(rows, len(windows)), windows, slowest_s
            ),
            *sensor_doubts.of_stuck(traces),
            *doubts.of_cut_repeats(windows, record.left_out),
            *doubts.of_repeats(windows, repeats.energies_j, slowest_s),
            *steadiness.of_conditions(record.conditions, windows, repeats.energies_j),
            *steadiness.of_others(record.others, windows),
            *doubts.of_channels(stats, _dropped(chosen, curves)),
            *roofline.doubts(run_roofline, record.limits),
            *net_doubts,
            *idle_power.doubts(phases),
        ),
    )


def _record_doubts(record: Record, rows: Sequence[Row]) -> list[Doubt]:
    """Doubts of the record itself, of its checks, of the workload, and of the quality.

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
    """The regions, without the regions of repeats that are left out."""
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


def _idle_phases(
    chosen: Cover, curves: dict[str, Curve], windows: Sequence[Window]
) -> tuple[idle_power.Phase, ...]:
    """Mean power of each idle window that was measured."""
    idle = [window for window in windows if window.label == IDLE and window.duration_s > 0]
    phases = []
    for window in sorted(idle, key=lambda window: window.start_s):
        rows = table(chosen, curves, [window])
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


def _slowest_update_s(chosen: Cover, curves: dict[str, Curve]) -> float:
    """Longest update period of the sensors that the energy counts; 0 without a sensor."""
    summed = [curves.get(source.channel.id) for source in chosen.sources]
    periods_s = [
        energy_curve.period_s
        for energy_curve in summed
        if energy_curve is not None and energy_curve.channel.quality == "measured"
    ]
    return max(periods_s, default=0.0)


def _dropped(chosen: Cover, curves: dict[str, Curve]) -> int:
    """Implausible readings that were dropped from the sensors that the energy counts."""
    names = {source.channel.id for source in chosen.sources}
    return sum(curves[name].dropped for name in names if name in curves)


def _distinct(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """The first doubt of each code and subject: later ones of other windows repeat it."""
    first: dict[tuple[str, str], Doubt] = {}
    for doubt in doubts:
        first.setdefault((doubt.code, doubt.subject), doubt)
    return tuple(first.values())
