"""What a measurement says beside its energy: its regions, and how its channels were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.energy import idle_power as idle
from energybench.analysis.energy import mean_energy as sums
from energybench.analysis.energy.boundary import Cover
from energybench.analysis.energy.boundary_parts import table, total_j
from energybench.analysis.traces.curve import Curve
from energybench.model import ChannelStats, Estimate, Region, Trace, Window

REPEAT = "repeat"
_NOT_REGIONS = frozenset({idle.LABEL, REPEAT})


class SamplingStats(NamedTuple):
    """How one collector was polled: measured base period and jitter against the schedule (s),
    scheduled samples that were missed.
    """

    collector: str
    period_s: float | None
    jitter_s: float | None
    missed: int


def regions(
    chosen: Cover, curves: dict[str, Curve], windows: Sequence[Window], slowest_s: float
) -> tuple[Region, ...]:
    """Means by label, in order of first appearance.

    Energy only where every occurrence outlasts two updates of the slowest sensor.
    """
    labels = dict.fromkeys(
        (window.label, window.repeat is not None)
        for window in windows
        if window.label not in _NOT_REGIONS
    )
    made = []
    for label, in_repeat in labels:
        mine = [
            window
            for window in windows
            if window.label == label and (window.repeat is not None) == in_repeat
        ]
        joules: Estimate | None = None
        if all(window.duration_s >= 2 * slowest_s for window in mine):
            rows = table(chosen, curves, mine)
            if all(total_j(rows, i) is not None for i in range(len(mine))):
                joules = sums.gross(rows, len(mine))
        seconds = sum(window.duration_s for window in mine) / len(mine)
        made.append(
            Region(
                label=label, energy_j=joules, time_s=seconds, count=len(mine), in_repeat=in_repeat
            )
        )
    return tuple(made)


def channel_stats(
    traces: Sequence[Trace], sampling: Sequence[SamplingStats], curves: Mapping[str, Curve]
) -> tuple[ChannelStats, ...]:
    by_collector = {entry.collector: entry for entry in sampling}
    found = []
    for trace in traces:
        polled, made = by_collector.get(trace.channel.collector), curves.get(trace.channel.id)
        found.append(
            ChannelStats(
                collector=trace.channel.collector,
                device=trace.channel.device,
                component=trace.channel.component,
                kind=trace.channel.kind,
                quantity=trace.channel.quantity,
                period_s=polled.period_s if polled else None,
                jitter_s=polled.jitter_s if polled else None,
                samples=int(trace.ok.sum()),
                missed=polled.missed if polled else 0,
                failed=int(np.count_nonzero(~trace.ok)),
                timing="inferred" if made is not None and made.inferred else trace.channel.timing,
                calibrated_utc=trace.channel.calibrated_utc,
                update_period_s=made.period_s
                if made is not None and made.inferred
                else trace.channel.update_period_s,
                window_s=made.window_s if made is not None else trace.channel.window_s,
            )
        )
    return tuple(found)
