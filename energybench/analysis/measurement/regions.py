"""Regions of a measurement, and how its channels were read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.energy import mean_energy
from energybench.analysis.energy.boundary import Cover
from energybench.analysis.energy.boundary_parts import CurveOf, Row, tables, total_j
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.repeats import arithmetic_mean
from energybench.model import IDLE, REPEAT, ChannelStats, Estimate, Region, Trace, Window

_NOT_REGIONS = frozenset({IDLE, REPEAT})
# Updates of the slowest sensor that each occurrence of a region must outlast to have an energy.
_UPDATES = 2


class SamplingStats(NamedTuple):
    """How one collector was polled.

    period_s  measured base period
    jitter_s  standard deviation against the schedule
    missed    scheduled samples that were not taken
    """

    collector: str
    period_s: float | None
    jitter_s: float | None
    missed: int


def regions(
    chosen: Cover, curves: CurveOf, windows: Sequence[Window], slowest_s: float
) -> tuple[Region, ...]:
    """Mean time and energy of each region, in the order of first appearance.

    A region has an energy only if every occurrence outlasts two updates of the slowest sensor.

    slowest_s  update period of the slowest sensor
    """
    occurrences: dict[tuple[str, bool], list[Window]] = {}
    for window in windows:
        if window.label not in _NOT_REGIONS:
            occurrences.setdefault((window.label, window.repeat is not None), []).append(window)
    long = {
        place: spans
        for place, spans in occurrences.items()
        if all(window.duration_s >= _UPDATES * slowest_s for window in spans)
    }
    energies = {
        place: _mean_energy(rows, len(long[place]))
        for place, rows in zip(long, tables(chosen, curves, list(long.values())), strict=True)
    }
    return tuple(
        Region(
            label=label,
            energy_j=energies.get((label, in_repeat)),
            time_s=arithmetic_mean([window.duration_s for window in spans]),
            count=len(spans),
            in_repeat=in_repeat,
        )
        for (label, in_repeat), spans in occurrences.items()
    )


def _mean_energy(rows: Sequence[Row], count: int) -> Estimate | None:
    if any(total_j(rows, i) is None for i in range(count)):
        return None
    return mean_energy.gross(rows, count)


def channel_stats(
    traces: Sequence[Trace],
    sampling: Sequence[SamplingStats],
    findings: Callable[[str], Curve | None],
) -> tuple[ChannelStats, ...]:
    """How each channel was read, in the order of the traces.

    findings  the curve of a channel by its id, which needs no points
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
