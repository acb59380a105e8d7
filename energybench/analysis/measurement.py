"""Traces and windows → Measurement. Pure: the same record gives the same result, today, after a recovery, or with better priors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from energybench.analysis import doubts as weak
from energybench.analysis.boundary import Cover, Ranges, cover
from energybench.analysis.curve import Curve, curve
from energybench.analysis.mirrors import mirrors
from energybench.analysis.parts import Row, mean_effects, table
from energybench.analysis.stats import scatter_effect
from energybench.analysis.uncertainty import combine, propagate, rectangular, scale, scaled
from energybench.model import (
    Boundary,
    BoundaryName,
    ChannelStats,
    Condition,
    Doubt,
    Effect,
    Estimate,
    Host,
    Measurement,
    OtherLoad,
    Quality,
    Region,
    Repeat,
    Trace,
    Verification,
    Window,
    Work,
    WorkloadRef,
)

IDLE, REPEAT = "idle", "repeat"
IDLE_STATE = "before the work, no context held, sensors polled"
_NOT_ENERGY = frozenset({IDLE, REPEAT})
_TIME_HALF_WIDTH_S = 1e-3  # how late the end of a process is noticed; enters where no scatter holds it already


class SamplingStats(NamedTuple):
    """How one collector was polled: measured base period and jitter against the schedule (s), scheduled samples that were missed."""

    collector: str
    period_s: float | None
    jitter_s: float | None
    missed: int


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


def energies_so_far(record: Record, traces: Sequence[Trace], ranges: Ranges) -> list[float | None]:
    """Energy of each repeat, without its interval: what a stopping rule asks after every repeat."""
    repeats = _repeats(record)
    rows = table(*_covered(record, traces, ranges), repeats)
    return [_total(rows, i) for i in range(len(repeats))]


def _repeats(record: Record) -> list[Window]:
    return [window for window in record.windows if window.label == REPEAT]


def _covered(record: Record, traces: Sequence[Trace], ranges: Ranges) -> tuple[Cover, dict[str, Curve]]:
    """What the boundary is made of here, and the curves of its channels."""
    chosen = cover(record.boundary, [trace.channel for trace in traces], record.host, ranges, mirrors(traces))
    return chosen, {trace.channel.id: made for trace in traces if (made := curve(trace)) is not None}


def energy_to_solution(record: Record, traces: Sequence[Trace], ranges: Ranges) -> tuple[Estimate | None, tuple[Doubt, ...]]:
    """The gross energy of `measure` and the doubts about it, without all else that a measurement holds: for studies of thousands of them."""
    chosen, curves = _covered(record, traces, ranges)
    repeats = _repeats(record)
    rows = table(chosen, curves, repeats)
    return _gross(rows, len(repeats)), _once(doubt for row in rows for cell in row.cells for doubt in cell.doubts)


def _gross(rows: Sequence[Row], n: int) -> Estimate | None:
    """Energy of one repeat; None where no part was measured or modelled: the sum of nothing is not 0 J."""
    whole = [i for i in range(n) if _total(rows, i) is not None]
    if not whole or all(row.part.state == "missing" for row in rows):
        return None
    return _mean([total for i in whole if (total := _total(rows, i)) is not None], _common(rows, whole), _random(rows, whole))


def measure(record: Record, traces: Sequence[Trace], ranges: Ranges) -> Measurement:
    """The measurement of a record. Raises BadInput where the boundary cannot be had, ValueError where there is no repeat."""
    chosen, curves = _covered(record, traces, ranges)
    repeats = _repeats(record)
    if not repeats:
        raise ValueError("no repeat was completed")
    rows = table(chosen, curves, repeats)
    totals = [_total(rows, i) for i in range(len(repeats))]
    whole = [i for i, total in enumerate(totals) if total is not None]
    energies = [total for total in totals if total is not None]
    times = [window.duration_s for window in repeats]
    time_s = _mean(times, (), (rectangular("start and end of the work", _TIME_HALF_WIDTH_S),))
    energy_j = _gross(rows, len(repeats))
    known = energy_j is not None
    idle = _idle_power(chosen, curves, record.windows)
    power = _power(energies, [times[i] for i in whole], _common(rows, whole)) if energy_j else None
    net, net_doubts = _net(energy_j, idle, time_s)
    stats = _channel_stats(traces, record.sampling)
    quality = _quality(rows)
    counted = {source.channel.id for source in chosen.sources}
    slowest = max((curves[name].period_s for name in counted if name in curves and curves[name].channel.quality == "measured"), default=0.0)
    dropped = sum(curves[name].dropped for name in counted if name in curves)
    found = (
        *(doubt for doubt in record.doubts if doubt.code != "estimated-cpu" or weak.cpu_modelled(rows)),
        *weak.of_verification(record.verification),
        *weak.of_quality(quality, rows, record.host.virtual, {doubt.code for doubt in record.doubts}),
        *weak.of_unused_meters(chosen.name, quality, [trace.channel for trace in traces]),
        *weak.of_parts(rows),
        *_once(doubt for row in rows for cell in row.cells for doubt in cell.doubts),
        *weak.of_repeats(repeats, energies, slowest),
        *weak.of_channels(stats, dropped),
        *net_doubts,
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
        idle_state=IDLE_STATE if idle is not None else None,
        net_energy_j=net,
        work=_one_work(record.works),
        energy_per_work_j=_per_work(energy_j, energies, whole, record.works, rows),
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
        regions=_regions(chosen, curves, record.windows, slowest),
        channels=stats,
        nodes=1,
        host=record.host,
        session=record.session,
        others=record.others,
        doubts=tuple(found),
    )


# ---------------------------------------------------------------- sums over parts


def _total(rows: Sequence[Row], i: int) -> float | None:
    cells = [row.cells[i].energy_j for row in rows]
    return None if any(cell is None for cell in cells) else sum(cell for cell in cells if cell is not None)


def _cells(rows: Sequence[Row], i: int) -> dict[str, float]:
    """Joules by component in window i; a missing part has no entry."""
    sums: dict[str, float] = {}
    for row in rows:
        joules = row.cells[i].energy_j
        if joules is not None and row.part.state != "missing":
            sums[row.component] = sums.get(row.component, 0.0) + joules
    return sums


def _common(rows: Sequence[Row], whole: Sequence[int]) -> tuple[Effect, ...]:
    """Effects that every repeat shares: gains, lags, models, bounds. They never shrink with the number of repeats."""
    effects: list[Effect] = []
    for row in rows:
        cells = [row.cells[i] for i in whole]
        effects += mean_effects(cells)
        if row.gain is not None and cells:
            u_rel, distribution, key, name = row.gain
            mean = sum(cell.energy_j or 0.0 for cell in cells) / len(cells)
            effects.append(Effect(name=name, u=u_rel * mean, distribution=distribution, key=key))
    return tuple(effects)


def _random(rows: Sequence[Row], whole: Sequence[int]) -> tuple[Effect, ...]:
    """Effects of a single window; with several, their scatter holds them."""
    return tuple(effect for row in rows for effect in row.cells[whole[0]].random) if len(whole) == 1 else ()


def _mean(values: Sequence[float], common: Sequence[Effect], single: Sequence[Effect]) -> Estimate:
    """Mean of the repeats with its scatter (or, at n = 1, the window's own effects) and what they all share."""
    scatter = scatter_effect(values)
    own = (scatter,) if scatter else tuple(single)
    found = combine(sum(values) / len(values), (*own, *common))
    return msgspec.structs.replace(found, low=max(found.low, 0.0))  # neither energy, power nor time can be negative


def _power(energies: Sequence[float], times: Sequence[float], common: Sequence[Effect]) -> Estimate:
    """Mean power as energy over time, so that R = S · P_baseline / P_candidate holds exactly; its scatter is that of the repeats' powers."""
    seconds = sum(times)
    scatter = scatter_effect([joules / time for joules, time in zip(energies, times, strict=True)])
    found = combine(sum(energies) / seconds, (*((scatter,) if scatter else ()), *scaled(common, len(times) / seconds)))
    return msgspec.structs.replace(found, low=max(found.low, 0.0))


def _components(rows: Sequence[Row], whole: Sequence[int]) -> dict[str, Estimate]:
    names = sorted({row.component for row in rows if row.part.state != "missing"})
    made = {}
    for name in names:
        mine = [row for row in rows if row.component == name]
        values = [total for i in whole if (total := _total(mine, i)) is not None]
        if values:
            made[name] = _mean(values, _common(mine, whole), _random(mine, whole))
    return made


def _idle_power(chosen: Cover, curves: dict[str, Curve], windows: Sequence[Window]) -> Estimate | None:
    idle = [window for window in windows if window.label == IDLE and window.duration_s > 0]
    if not idle:
        return None
    rows = table(chosen, curves, idle[:1])
    total = _total(rows, 0)
    if total is None or all(row.part.state == "missing" for row in rows):
        return None
    return scale(_mean([total], _common(rows, [0]), _random(rows, [0])), 1 / idle[0].duration_s)


def _net(energy: Estimate | None, idle: Estimate | None, time: Estimate) -> tuple[Estimate | None, tuple[Doubt, ...]]:
    """Gross less idle; refused where its interval holds 0. The idle's uncertainty is common to every window that uses it."""
    if energy is None or idle is None:
        return None, ()
    net = propagate(lambda x: x["e"] - x["p"] * x["t"], {"e": energy, "p": idle, "t": time})
    if net.low <= 0 <= net.high:
        message = f"net energy (gross less idle) is not given: its interval [{net.low:.3g}, {net.high:.3g}] J holds 0"
        return None, (Doubt(code="net-refused", message=message, remedy="a longer idle phase, or work that draws more above idle"),)
    return net, ()


def _one_work(works: Sequence[Work | None]) -> Work | None:
    return next((work for work in works if work is not None), None)


def _per_work(energy: Estimate | None, energies: Sequence[float], whole: Sequence[int], works: Sequence[Work | None], rows: Sequence[Row]) -> Estimate | None:
    if energy is None or not works or any(i >= len(works) or works[i] is None for i in whole):
        return None
    amounts = [work.amount for i in whole if (work := works[i]) is not None]
    mean_amount = sum(amounts) / len(amounts)
    values = [joules / amount for joules, amount in zip(energies, amounts, strict=True)]
    return _mean(values, scaled(_common(rows, whole), 1 / mean_amount), scaled(_random(rows, whole), 1 / mean_amount))


def _quality(rows: Sequence[Row]) -> Quality | None:
    states = {row.part.state for row in rows if row.part.state != "missing"}
    if not states:
        return None
    if "measured" not in states:
        return "estimated"
    return "measured" if states == {"measured"} else "mixed"


# ---------------------------------------------------------------- regions and channels


def _regions(chosen: Cover, curves: dict[str, Curve], windows: Sequence[Window], slowest_s: float) -> tuple[Region, ...]:
    """Means by label, in order of first appearance. Energy only where every occurrence outlasts two updates of the slowest sensor."""
    labels = dict.fromkeys((window.label, window.repeat is not None) for window in windows if window.label not in _NOT_ENERGY)
    made = []
    for label, in_repeat in labels:
        mine = [window for window in windows if window.label == label and (window.repeat is not None) == in_repeat]
        joules: float | None = None
        if all(window.duration_s >= 2 * slowest_s for window in mine):
            rows = table(chosen, curves, mine)
            totals = [_total(rows, i) for i in range(len(mine))]
            if rows and all(total is not None for total in totals):
                joules = sum(total for total in totals if total is not None) / len(mine)
        seconds = sum(window.duration_s for window in mine) / len(mine)
        made.append(Region(label=label, energy_j=joules, time_s=seconds, count=len(mine), in_repeat=in_repeat))
    return tuple(made)


def _channel_stats(traces: Sequence[Trace], sampling: Sequence[SamplingStats]) -> tuple[ChannelStats, ...]:
    by_collector = {entry.collector: entry for entry in sampling}
    made = []
    for trace in traces:
        polled = by_collector.get(trace.channel.collector)
        made.append(
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
                timing=trace.channel.timing,
                calibrated_utc=trace.channel.calibrated_utc,
                update_period_s=trace.channel.update_period_s,
                window_s=trace.channel.window_s,
            )
        )
    return tuple(made)


def _once(found: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Each doubt once; of those that differ only in a figure, the first."""
    seen: dict[tuple[str, str], Doubt] = {}
    for doubt in found:
        seen.setdefault((doubt.code, doubt.message.split(":")[0].split(" for ")[0]), doubt)
    return tuple(seen.values())
