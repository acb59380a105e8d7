"""Evidence behind the numbers: work and checks, uncertainty budgets, boundary, channels and
provenance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.analysis.uncertainty.effect_words import EffectNames
from energybench.model import ChannelStats, Comparison, Effect, Estimate, Measurement, Part
from energybench.units import relative, show
from energybench_reports.view import provenance, work
from energybench_reports.view.comparison import MEASURED_TITLE, pair, runs_of
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.machine_state import milliseconds, timing
from energybench_reports.view.wording import (
    TableCell,
    Tone,
    component_words,
    known,
    percent,
    plain,
    signed,
    use_by_work,
    watts,
)

Names = Mapping[str, str]
_DISTRIBUTIONS = {
    "normal": "normal",
    "student": "Student t",
    "rectangular": "rectangular",
    "bound": "one-sided bound",
}
_PART_TONES: dict[str, Tone] = {"measured": "", "modelled": "warn", "missing": "bad"}


def sections(
    measurements: Sequence[Measurement], comparisons: Sequence[Comparison], names: Names
) -> tuple[Section, ...]:
    """In the order of the questions of a reader who doubts the headline."""
    return (
        work.section(measurements, names),
        _budgets(measurements, comparisons, names),
        _boundary(measurements, names),
        _channels(measurements, names),
        provenance.section(measurements, comparisons, names),
    )


# ---------------------------------------------------------------- uncertainty budgets


def _budgets(
    measurements: Sequence[Measurement], comparisons: Sequence[Comparison], names: Names
) -> Section:
    tables = []
    for comparison in comparisons:
        baseline, candidate = pair(comparison)
        title = f"{baseline} → {candidate}: {plain(comparison.title) or MEASURED_TITLE}"
        runs = runs_of(comparison, measurements)
        tables.append(_budget(title, comparison.energy_ratio, "", runs))
    for m in measurements:
        tables.append(_budget(f"{names[m.id]}: energy, gross", m.energy_j, "J", (m,)))
        tables.append(_budget(f"{names[m.id]}: time", m.time_s, "s", (m,)))
    about = (
        "Each effect with its standard uncertainty u in the unit of the value. Effects with equal "
        "keys are one common error, in this table and in others: they add linearly in a sum and "
        "cancel in a ratio. Share: u² divided by the sum of all u². A one-sided bound: the true "
        "value lies anywhere up to u·√12 beyond the value. A negative u: the effect changes the "
        "value the other way than the other effects with its key do."
    )
    complete = tuple(table for table in tables if table is not None)
    return Section("budget", "Uncertainty budgets", about, complete, detail=True)


def _budget(
    title: str, estimate: Estimate | None, unit: str, runs: Sequence[Measurement]
) -> Table | None:
    """Every effect of a value, the largest first; None for a value without effects."""
    if estimate is None or not estimate.effects:
        return None
    head = ("effect", "u", "distribution", "dof", "share", "key")
    variance = sum(effect.u**2 for effect in estimate.effects)
    ordered = sorted(estimate.effects, key=lambda effect: -abs(effect.u))
    names = EffectNames(estimate.effects, runs)
    rows = tuple(_effect_row(effect, names.name(effect), unit, variance) for effect in ordered)
    about = f"{show(estimate, unit)}, {estimate.confidence * 100:g} % interval"
    edges = relative(estimate)
    if edges:
        about += f": {edges}"
    return Table(title, head, rows, about, right=frozenset(("u", "dof", "share")))


def _effect_row(effect: Effect, name: str, unit: str, variance: float) -> tuple[TableCell, ...]:
    share = effect.u**2 / variance if variance else 0.0
    if effect.dof is not None:
        dof = TableCell(f"{effect.dof:.3g}")
    else:
        dof = TableCell("∞" if effect.distribution == "normal" else "–", tone="muted")
    return (
        TableCell(plain(name)),
        TableCell(signed(effect.u, unit) if effect.u else "0"),
        TableCell(_DISTRIBUTIONS[effect.distribution]),
        dof,
        TableCell(percent(share), bar=share),
        TableCell(plain(effect.key), tone="code")
        if effect.key
        else TableCell("independent", tone="muted"),
    )


# ---------------------------------------------------------------- boundary


def _boundary(measurements: Sequence[Measurement], names: Names) -> Section:
    rows = tuple(
        (TableCell(names[m.id]), *_part_row(part))
        for m in measurements
        for part in m.boundary.parts
    )
    about = (
        "The parts of the node whose energy the joules include. compute = every package + all "
        "memory + every accelerator present, used or idle. A modelled part counts with the middle "
        "of its range. A missing part is not in the sum; its range extends the interval upward."
    )
    head = ("measurement", "part", "device", "use by the work", "state", "range")
    table = Table("", head, rows, right=frozenset(("range",)))
    return Section("boundary", "Boundary", about, (table,), detail=True)


def _part_row(part: Part) -> tuple[TableCell, ...]:
    return (
        TableCell(component_words(part.component)),
        known(part.device or (f"{part.count} devices" if part.count > 1 else "")),
        use_by_work(part.used),
        TableCell(part.state, tone=_PART_TONES[part.state]),
        known(watts(part)),
    )


# ---------------------------------------------------------------- channels


def _channels(measurements: Sequence[Measurement], names: Names) -> Section:
    head = (
        "measurement",
        "collector",
        "part",
        "device",
        "quantity",
        "timing",
        "updates every",
        "averages over",
        "period",
        "jitter",
        "samples",
        "missed",
        "failed",
    )
    rows = tuple(
        (TableCell(names[m.id]), *_channel_row(channel, m.host.started_utc))
        for m in measurements
        for channel in m.channels
    )
    about = (
        "How each sensor was read. Period and jitter (standard deviation from the schedule) are "
        "measured; a failed read is a gap, never a 0. Timing: the source of the sensor's update "
        "period, averaging window and lag: a prior from published data, a profile of this device, "
        "or inferred from this run."
    )
    table = Table("", head, rows, right=frozenset(head[6:]))
    return Section("channels", "Channels", about, (table,), detail=True)


def _channel_row(channel: ChannelStats, started_utc: str | None) -> tuple[TableCell, ...]:
    jitter = None if channel.jitter_s is None else f"{channel.jitter_s * 1e3:.2g} ms"
    return (
        TableCell(plain(channel.collector)),
        TableCell(component_words(channel.component)),
        known(channel.device),
        TableCell(plain(channel.quantity or channel.kind)),
        timing(channel, started_utc),
        milliseconds(channel.update_period_s),
        milliseconds(channel.window_s or None),
        milliseconds(channel.period_s),
        known(jitter),
        TableCell(str(channel.samples), tone="" if channel.samples else "bad"),
        TableCell(str(channel.missed), tone="warn" if channel.missed else ""),
        TableCell(str(channel.failed), tone="bad" if channel.failed else ""),
    )
