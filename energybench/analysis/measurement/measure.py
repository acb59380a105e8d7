"""Traces and windows → Measurement.

Pure: the same record gives the same result, today, after a recovery, or with better priors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from energybench.analysis.energy import idle_power as idling
from energybench.analysis.energy import mean_energy as sums
from energybench.analysis.energy.boundary import Cover, Ranges, cover
from energybench.analysis.energy.boundary_parts import Row, table, total_j
from energybench.analysis.measurement import doubts as weak
from energybench.analysis.measurement import roofline as limiting
from energybench.analysis.measurement import sensor_doubts as seen
from energybench.analysis.measurement import steadiness as steady
from energybench.analysis.measurement.regions import REPEAT, SamplingStats, channel_stats, regions
from energybench.analysis.traces.curve import Curve, curve
from energybench.analysis.traces.mirrored_counters import mirrors
from energybench.analysis.traces.part_time_sensors import informed
from energybench.analysis.uncertainty.effects import (
    combine,
    not_negative,
    propagate,
    rectangular,
    scaled,
)
from energybench.analysis.uncertainty.repeats import scatter_effect
from energybench.model import (
    Boundary,
    BoundaryName,
    Condition,
    DeviceLimits,
    Doubt,
    Effect,
    Estimate,
    Host,
    Measurement,
    OtherLoad,
    Quality,
    Repeat,
    Roofline,
    Trace,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)

__all__ = [
    "IDLE",
    "REPEAT",
    "Record",
    "SamplingStats",
    "covered",
    "energies_so_far",
    "energy_to_solution",
    "measure",
    "sampling_rel",
]

IDLE = idling.LABEL
_TIME_HALF_WIDTH_S = (
    1e-3  # how late the end of a process is noticed; enters where no scatter holds it already
)


class Record(NamedTuple):
    """What a run left behind, beside its traces. `works` has one entry a repeat."""

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
    limits: DeviceLimits | None = None  # of the device that the work was given
    kept: WorkRecord | None = None  # the workload's own


def energies_so_far(record: Record, traces: Sequence[Trace], ranges: Ranges) -> list[float | None]:
    """Energy of each repeat, without its interval: what a stopping rule asks after every repeat."""
    repeats = _repeats(record)
    rows = table(*covered(record, traces, ranges), repeats)
    return [total_j(rows, i) for i in range(len(repeats))]


def _repeats(record: Record) -> list[Window]:
    return [window for window in record.windows if window.label == REPEAT]


def covered(
    record: Record, traces: Sequence[Trace], ranges: Ranges
) -> tuple[Cover, dict[str, Curve]]:
    """What the boundary is made of here, and the curves of its channels."""
    chosen = cover(
        record.boundary, [trace.channel for trace in traces], record.host, ranges, mirrors(traces)
    )
    curves = {trace.channel.id: made for trace in traces if (made := curve(trace)) is not None}
    checked = {
        source.channel.id: curves.get(source.check.id)
        for source in chosen.sources
        if source.check is not None
    }
    return chosen, {name: informed(made, checked.get(name)) for name, made in curves.items()}


def energy_to_solution(
    record: Record, traces: Sequence[Trace], ranges: Ranges
) -> tuple[Estimate | None, tuple[Doubt, ...]]:
    """The gross energy of `measure` and the doubts about it, without all else that a measurement
    holds: for studies of thousands of them.
    """
    chosen, curves = covered(record, traces, ranges)
    repeats = _repeats(record)
    rows = table(chosen, curves, repeats)
    own = _once(doubt for row in rows for cell in row.cells for doubt in cell.doubts)
    return sums.gross(rows, len(repeats)), (*own, *seen.of_sensors(chosen.sources, curves, repeats))


def sampling_rel(record: Record, traces: Sequence[Trace], ranges: Ranges) -> float | None:
    """Relative standard uncertainty of the repeats' mean energy that sampling causes; None where
    nothing was measured.
    """
    repeats = _repeats(record)
    found = seen.sampling(table(*covered(record, traces, ranges), repeats), len(repeats))
    return found.rel if found else None


def measure(record: Record, traces: Sequence[Trace], ranges: Ranges) -> Measurement:
    """The measurement of a record.

    Raises BadInput where the boundary cannot be had, ValueError where there is no repeat.
    """
    chosen, curves = covered(record, traces, ranges)
    repeats = _repeats(record)
    if not repeats:
        raise ValueError("no repeat was completed")
    rows = table(chosen, curves, repeats)
    totals = [total_j(rows, i) for i in range(len(repeats))]
    whole = [i for i, total in enumerate(totals) if total is not None]
    energies = [total for total in totals if total is not None]
    times = [window.duration_s for window in repeats]
    time_s = sums.mean(times, (), (rectangular("start and end of the work", _TIME_HALF_WIDTH_S),))
    energy_j = sums.gross(rows, len(repeats))
    known = energy_j is not None
    phases = _idle_phases(chosen, curves, record.windows)
    idle = idling.power(phases, record.session)
    power = (
        _power(energies, [times[i] for i in whole], sums.common(rows, whole)) if energy_j else None
    )
    net, net_doubts = _net(energy_j, idle, time_s)
    stats = channel_stats(traces, record.sampling, curves)
    quality = _quality(rows)
    counted = {source.channel.id for source in chosen.sources}
    slowest = max(
        (
            curves[name].period_s
            for name in counted
            if name in curves and curves[name].channel.quality == "measured"
        ),
        default=0.0,
    )
    dropped = sum(curves[name].dropped for name in counted if name in curves)
    roofline = _roofline(record, times, (energy_j, energies, whole), rows)
    found = (
        *(
            doubt
            for doubt in record.doubts
            if doubt.code != "estimated-cpu" or weak.cpu_modelled(rows)
        ),
        *weak.of_verification(record.verification),
        *(record.kept.doubts if record.kept is not None else ()),
        *weak.of_quality(
            quality, rows, record.host.virtual, {doubt.code for doubt in record.doubts}
        ),
        *weak.of_unused_meters(chosen.name, quality, [trace.channel for trace in traces]),
        *weak.of_parts(rows),
        *_once(doubt for row in rows for cell in row.cells for doubt in cell.doubts),
        *seen.of_sensors(chosen.sources, curves, repeats),
        *seen.of_sampling(seen.sampling(rows, len(repeats)), repeats, slowest),
        *seen.of_stuck(traces),
        *weak.of_repeats(repeats, energies, slowest),
        *steady.of_conditions(record.conditions, repeats, energies),
        *steady.of_others(record.others, repeats),
        *weak.of_channels(stats, dropped),
        *limiting.doubts(roofline, record.limits),
        *net_doubts,
        *idling.doubts(phases),
    )
    return Measurement(
        id=record.id,
        label=record.label,
        workload=record.workload,
        command=record.command,
        boundary=Boundary(name=chosen.name, parts=tuple(row.part for row in rows)),
        quality=quality,
        energy_j=energy_j,
        components_j=_components(rows, whole),
        time_s=time_s,
        power_w=power,
        idle_power_w=idle,
        idle_state=idling.state(phases),
        idles=idling.idles(phases),
        net_energy_j=net,
        work=_one_work(record.works),
        work_per_s=_rate(times, record.works),
        energy_per_work_j=_per_work(
            (energy_j, energies, whole), record.works, rows, lambda work: work.amount
        ),
        roofline=roofline,
        verification=record.verification,
        repeats=tuple(
            Repeat(
                start_s=window.start_s,
                end_s=window.end_s,
                energy_j=totals[i] if known else None,
                components_j=_cells(rows, i),
                work=record.works[i] if i < len(record.works) else None,
                block=window.block,
            )
            for i, window in enumerate(repeats)
        ),
        regions=regions(chosen, curves, record.windows, slowest),
        channels=stats,
        nodes=1,
        host=record.host,
        session=record.session,
        conditions=steady.keep(record.conditions),
        others=record.others,
        record=record.kept,
        doubts=tuple(found),
    )


# ---------------------------------------------------------------- sums over parts


def _cells(rows: Sequence[Row], i: int) -> dict[str, float]:
    """Joules by component in window i; a missing part has no entry."""
    found: dict[str, float] = {}
    for row in rows:
        joules = row.cells[i].energy_j
        if joules is not None and row.part.state != "missing":
            found[row.component] = found.get(row.component, 0.0) + joules
    return found


def _power(energies: Sequence[float], times: Sequence[float], common: Sequence[Effect]) -> Estimate:
    """Mean power as energy over time, so that R = S · P_baseline / P_candidate holds exactly; its
    scatter is that of the repeats' powers.
    """
    seconds = sum(times)
    scatter = scatter_effect([joules / time for joules, time in zip(energies, times, strict=True)])
    return not_negative(
        combine(
            sum(energies) / seconds,
            (*((scatter,) if scatter else ()), *scaled(common, len(times) / seconds)),
        )
    )


def _components(rows: Sequence[Row], whole: Sequence[int]) -> dict[str, Estimate]:
    names = sorted({row.component for row in rows if row.part.state != "missing"})
    made = {}
    for name in names:
        mine = [row for row in rows if row.component == name]
        values = [total for i in whole if (total := total_j(mine, i)) is not None]
        if values:
            made[name] = sums.mean(values, sums.common(mine, whole), sums.random(mine, whole))
    return made


def _idle_phases(
    chosen: Cover, curves: dict[str, Curve], windows: Sequence[Window]
) -> tuple[idling.Phase, ...]:
    """Mean power of each idle window that was measured."""
    made = []
    for window in sorted(
        (w for w in windows if w.label == IDLE and w.duration_s > 0), key=lambda w: w.start_s
    ):
        rows = table(chosen, curves, [window])
        total = total_j(rows, 0)
        if total is not None and any(row.part.state != "missing" for row in rows):
            per_s = 1 / window.duration_s
            made.append(
                idling.Phase(
                    window,
                    total * per_s,
                    scaled(sums.random(rows, [0]), per_s),
                    scaled(sums.common(rows, [0]), per_s),
                )
            )
    return tuple(made)


def _net(
    energy: Estimate | None, idle: Estimate | None, time: Estimate
) -> tuple[Estimate | None, tuple[Doubt, ...]]:
    """Gross less idle; refused where its interval holds 0.

    The idle's uncertainty is common to every window that uses it.
    """
    if energy is None or idle is None:
        return None, ()
    net = propagate(lambda x: x["e"] - x["p"] * x["t"], {"e": energy, "p": idle, "t": time})
    if net.low <= 0 <= net.high:
        message = (
            f"net energy (gross less idle) is not given: its interval [{net.low:.3g}, "
            f"{net.high:.3g}] J holds 0"
        )
        return None, (
            Doubt(
                code="net-refused",
                message=message,
                remedy="a longer idle phase, or work that draws more above idle",
            ),
        )
    return net, ()


def _one_work(works: Sequence[Work | None]) -> Work | None:
    """What a repeat holds; the mean of those that were counted, where they differ (batches drawn at
    random).
    """
    counted = [work for work in works if work is not None]
    if not counted:
        return None
    amount = _mean([work.amount for work in counted])
    flops, moved = _mean([work.flops for work in counted]), _mean([work.bytes for work in counted])
    return msgspec.structs.replace(counted[0], amount=amount, flops=flops, bytes=moved)


def _mean(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return math.fsum(known) / len(known) if len(known) == len(numbers) else None


_Measured = tuple[
    Estimate | None, Sequence[float], Sequence[int]
]  # energy of one repeat, of each that was measured, and which those are


def _per_work(
    measured: _Measured,
    works: Sequence[Work | None],
    rows: Sequence[Row],
    of: Callable[[Work], float | None],
) -> Estimate | None:
    """Energy for a unit of what `of` counts; None where a repeat counted none of it."""
    energy, energies, whole = measured
    if energy is None or not works:
        return None
    amounts = [
        amount
        for i in whole
        if i < len(works) and (work := works[i]) is not None and (amount := of(work))
    ]
    if len(amounts) < len(whole):
        return None
    mean_amount = sum(amounts) / len(amounts)
    values = [joules / amount for joules, amount in zip(energies, amounts, strict=True)]
    return sums.mean(
        values,
        scaled(sums.common(rows, whole), 1 / mean_amount),
        scaled(sums.random(rows, whole), 1 / mean_amount),
    )


def _rate(times: Sequence[float], works: Sequence[Work | None]) -> Estimate | None:
    """Units of work a second: all work over all time, with the scatter of the repeats' rates."""
    amounts = [work.amount for work in works[: len(times)] if work is not None]
    if len(amounts) < len(times):
        return None
    rate = sum(amounts) / sum(times)
    scatter = scatter_effect([amount / time for amount, time in zip(amounts, times, strict=True)])
    edges = rectangular("start and end of the work", _TIME_HALF_WIDTH_S * rate / sum(times))
    return not_negative(combine(rate, (scatter or edges,)))


def _roofline(
    record: Record, times: Sequence[float], measured: _Measured, rows: Sequence[Row]
) -> Roofline | None:
    """The run beside its device's limits, where every repeat says what it did."""
    works = [work for work in record.works[: len(times)] if work is not None]
    if len(works) < len(times):
        return None
    joules = [
        _per_work(measured, record.works, rows, of)
        for of in (lambda work: work.flops, lambda work: work.bytes)
    ]
    return limiting.roofline(
        record.limits, limiting.Counted(works, times, _TIME_HALF_WIDTH_S, joules[0], joules[1])
    )


def _quality(rows: Sequence[Row]) -> Quality | None:
    states = {row.part.state for row in rows if row.part.state != "missing"}
    if not states:
        return None
    if "measured" not in states:
        return "estimated"
    return "measured" if states == {"measured"} else "mixed"


def _once(found: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Each doubt once; of those that differ only in a figure, the first."""
    seen: dict[tuple[str, str], Doubt] = {}
    for doubt in found:
        seen.setdefault((doubt.code, doubt.message.split(":")[0].split(" for ")[0]), doubt)
    return tuple(seen.values())
