"""Regions of a measurement, and how its channels were read."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.energy import counter_jumps, mean_energy, region_energy
from energybench.analysis.energy.boundary import Cover, Source
from energybench.analysis.energy.boundary_parts import (
    CurveOf,
    Row,
    in_place_of_lost,
    lacks,
    tables,
    total_j,
)
from energybench.analysis.energy.window_energy import WindowEnergy
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.analysis.uncertainty.effects import scaled
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import IDLE, REPEAT, ChannelStats, Doubt, Estimate, Region, Trace, Window
from energybench.units import show, show_value

_NOT_REGIONS = frozenset({IDLE, REPEAT})
# Share of a region's energy that may belong to the surrounding work, above which a doubt is due.
_SHARED = 0.1
_NAMED = 3  # regions named in the doubt


class SamplingStats(NamedTuple):
    """Polling statistics of a collector.

    period_s  measured base period
    jitter_s  standard deviation against the schedule
    missed    omitted scheduled samples
    """

    collector: str
    period_s: float | None
    jitter_s: float | None
    missed: int


def regions(
    chosen: Cover, curves: CurveOf, windows: Sequence[Window], of_repeats: Sequence[Row]
) -> tuple[Region, ...]:
    """Mean time and energy of each region, in the order of first appearance.

    of_repeats  the rows of the repeats, with counters checked against power readings
    """
    occurrences: dict[tuple[str, bool], list[Window]] = {}
    for window in windows:
        if window.label not in _NOT_REGIONS:
            occurrences.setdefault((window.label, window.repeat is not None), []).append(window)
    groups = list(occurrences.values())
    energies = [
        _mean_energy([_disagreeing(*pair) for pair in zip(rows, of_repeats, strict=True)], spans)
        for rows, spans in zip(tables(chosen, curves, groups, _together), groups, strict=True)
    ]
    return tuple(
        Region(
            label=label,
            energy_j=energy_j,
            time_s=arithmetic_mean([window.duration_s for window in spans]),
            count=len(spans),
            in_repeat=in_repeat,
        )
        for ((label, in_repeat), spans), energy_j in zip(occurrences.items(), energies, strict=True)
    )


def _together(
    source: Source, curves: CurveOf, windows: Sequence[Window], /
) -> tuple[WindowEnergy, ...]:
    """Energies of a region's occurrences; power readings replace a lost counter."""
    curve = curves.get(source.channel.id)
    if curve is None:
        return (WindowEnergy(None),) * len(windows)
    cells = region_energy.energies(curve, windows)
    check = curves.get(source.check.id) if source.check else None
    if check is None:
        return cells
    cells = counter_jumps.widened(cells, windows, lacks(source, curves), place_of(source.channel))
    lost = [i for i, cell in enumerate(cells) if cell.lost]
    power = region_energy.energies(check, [windows[i] for i in lost]) if lost else ()
    standing_in = dict(zip(lost, power, strict=True))
    return in_place_of_lost(cells, [standing_in.get(i, cell) for i, cell in enumerate(cells)])


def _disagreeing(row: Row, of_repeats: Row) -> Row:
    """The row of a region with the share by which counter and power readings of the same device
    disagree in the repeats: within a short region both have too large errors for a comparison.
    """
    apart = [
        effect
        for cell in of_repeats.cells
        for effect in cell.effects
        if effect.kind == "counter-against-power"
    ]
    repeats_j = math.fsum(cell.energy_j or 0.0 for cell in of_repeats.cells)
    if not apart or repeats_j <= 0:
        return row
    share = math.fsum(effect.u for effect in apart) / repeats_j
    return row._replace(
        cells=tuple(
            cell._replace(
                effects=(*cell.effects, *scaled(apart[:1], share * cell.energy_j / apart[0].u))
            )
            if cell.energy_j
            else cell
            for cell in row.cells
        )
    )


def _mean_energy(rows: Sequence[Row], spans: Sequence[Window]) -> Estimate | None:
    if any(total_j(rows, i) is None for i in range(len(spans))):
        return None
    return mean_energy.gross(rows, len(spans))


def of_regions(found: Sequence[Region], stats: Sequence[ChannelStats]) -> list[Doubt]:
    """A doubt if the readings cannot separate the energy of regions from the energy of the
    surrounding work.
    """
    limits = {
        region.label: region.energy_j
        for region in found
        if region.in_repeat and region.energy_j is not None and _shared_j(region.energy_j) > 0
    }
    if not limits:
        return []
    named = [
        f"{label!r} {show(limits, 'J')}"
        for label, limits in itertools.islice(limits.items(), _NAMED)
    ]
    if len(limits) > _NAMED:
        named.append(f"{len(limits) - _NAMED} more")
    periods_s = ((channel.period_s, channel.update_period_s) for channel in stats)
    apart_s = max(period_s or 0.0 for both in periods_s for period_s in both)
    return [
        Doubt(
            code="region-short",
            message="regions come and go between two readings, which lie up to "
            f"{show_value(apart_s, 's')} apart: how much of the energy between them is theirs is "
            f"known within limits only ({', '.join(named)})",
            remedy="regions that last several readings, or one region around a loop",
            subject=", ".join(itertools.islice(limits, _NAMED)),
        )
    ]


def _shared_j(energy_j: Estimate) -> float:
    """Energy that may belong to the surrounding work, J, if the share is large; else 0."""
    reach_j = math.fsum(
        abs(effect.u) * BOUND_SPAN for effect in energy_j.effects if effect.kind == "region-share"
    )
    return reach_j if reach_j > _SHARED * energy_j.value else 0.0


def channel_stats(
    traces: Sequence[Trace],
    sampling: Sequence[SamplingStats],
    findings: Callable[[str], Curve | None],
) -> tuple[ChannelStats, ...]:
    """How each channel was read, in the order of the traces.

    findings  the curve of a channel by its id; the curve needs no points
    """
    by_collector = {entry.collector: entry for entry in sampling}
    return tuple(
        _stats(trace, by_collector.get(trace.channel.collector), findings(trace.channel.id))
        for trace in traces
    )


def _stats(trace: Trace, polled: SamplingStats | None, curve: Curve | None) -> ChannelStats:
    channel = trace.channel
    inferred = curve is not None and curve.inferred
    return ChannelStats(
        collector=channel.collector,
        device=channel.device,
        component=channel.component,
        kind=channel.kind,
        quantity=channel.quantity,
        period_s=polled.period_s if polled else None,
        jitter_s=polled.jitter_s if polled else None,
        samples=int(trace.ok.sum()),
        missed=polled.missed if polled else 0,
        failed=int(np.count_nonzero(~trace.ok)),
        timing="inferred" if inferred else channel.timing,
        calibrated_utc=channel.calibrated_utc,
        update_period_s=curve.period_s if curve and inferred else channel.update_period_s,
        window_s=curve.window_s if curve else channel.window_s,
        rank=channel.rank,
    )
