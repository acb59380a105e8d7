"""The energy of measurements in detail: by component, by repeat, and as power over time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from energybench.model import NOT_READ, Estimate, Measurement, Part, PowerSeries, Timeline
from energybench.units import show_value
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import (
    NOT_MEASURED,
    TableCell,
    bare,
    component_words,
    counted,
    listed,
    ordered,
    plain,
    value,
    watts,
)

Names = Mapping[str, str]


# ---------------------------------------------------------------- by component


def components(measurements: Sequence[Measurement], names: Names) -> Section:
    """A column for every measurement. A missing part has a range of power, never the energy 0."""
    keys = ordered(
        key
        for m in measurements
        for key in (*m.components_j, *(part.reported_as for part in m.boundary.parts))
    )
    rows = tuple(
        (TableCell(component_words(key)), *(_component(m, key) for m in measurements))
        for key in keys
    )
    about = (
        "Gross energy of one repeat by component, all devices of a node together, with its mean "
        "power. A modelled part has a stated range of power "
        "instead of a sensor. A missing part is not in any sum: its range only extends the "
        "interval upward."
    )
    head = ("component", *(names[m.id] for m in measurements))
    return Section(
        "components", "Energy by component", about, (Table("", head, rows),), detail=True
    )


def _component(measurement: Measurement, key: str) -> TableCell:
    """Energy of a component, with number and state of the parts."""
    parts = [part for part in measurement.boundary.parts if part.reported_as == key]
    missing = _missing_words([part for part in parts if part.state == "missing"])
    estimate = measurement.components_j.get(key)
    if key == NOT_READ:
        return _not_read(estimate)
    if estimate is None and not parts:
        return TableCell("none on this node", tone="muted")
    if estimate is None:
        return TableCell(NOT_MEASURED, missing, "warn")

    cell = value(estimate, "J")
    notes = [cell.note]
    if any(part.state == "modelled" for part in parts):
        notes.append("modelled")
    devices = sum(part.count for part in parts)
    if devices > 1:
        notes.append(f"{devices} devices together")
    if measurement.time_s.value > 0:
        node_seconds = measurement.time_s.value * measurement.nodes
        per_node = " a node" if measurement.nodes > 1 else ""
        notes.append(f"mean {show_value(estimate.value / node_seconds, 'W')}{per_node}")
    notes.append(missing)
    return cell._replace(note="; ".join(filter(None, notes)), tone="warn" if missing else "")


def _not_read(energy_j: Estimate | None) -> TableCell:
    """Energy of the node-seconds of a job that were not read."""
    if energy_j is None:
        return TableCell("none", tone="muted")
    cell = value(energy_j, "J")
    note = "; ".join(filter(None, (cell.note, "estimated from the nodes that were read")))
    return cell._replace(note=note, tone="warn")


def _missing_words(missing: Sequence[Part]) -> str:
    """'2 parts missing: 0 to 17.5 W and up to 20 W'."""
    if not missing:
        return ""
    count = sum(part.count for part in missing)
    return f"{counted(count, 'part')} missing: {listed(watts(part) for part in missing)}"


# ---------------------------------------------------------------- by repeat


def repeats(measurements: Sequence[Measurement], names: Names) -> Section:
    """Energy of every repeat, and distance from the mean."""
    head = ("measurement", "repeat", "began", "time", "energy", "from the mean")
    rows = tuple(
        (TableCell(names[m.id]), *cells) for m in measurements for cells in _repeat_rows(m)
    )
    about = (
        "The energy of each repeat by itself, without an interval: the scatter of the repeats is "
        "part of the interval of the mean, in the section Measurements. Began: seconds after the "
        "start of the first repeat."
    )
    table = Table("", head, rows, right=frozenset(head[2:]))
    return Section("repeats", "Repeats", about, (table,), detail=True)


def _repeat_rows(m: Measurement) -> list[tuple[TableCell, ...]]:
    mean = mean_energy(m)
    rows: list[tuple[TableCell, ...]] = []
    for number, repeat in enumerate(m.repeats, 1):
        distance = TableCell(NOT_MEASURED, tone="warn")
        if repeat.energy_j is not None and mean:
            distance = TableCell(_signed_percent(repeat.energy_j / mean - 1))
        began_s = repeat.start_s - m.repeats[0].start_s
        rows.append(
            (
                TableCell(str(number)),
                TableCell(f"{began_s:.1f} s"),
                bare(repeat.time_s, "s", 4),
                bare(repeat.energy_j, "J", 4),
                distance,
            )
        )
    return rows


def mean_energy(measurement: Measurement) -> float | None:
    """Mean of the repeats with a measured energy; None without such repeats, or for a mean of 0."""
    energies = [repeat.energy_j for repeat in measurement.repeats if repeat.energy_j is not None]
    return (statistics.fmean(energies) or None) if energies else None


def _signed_percent(share: float) -> str:
    """'+0.62 %', to two decimal places."""
    return f"{share * 100:+.2f} %".replace("-", "−")


# ---------------------------------------------------------------- over time


def power(timelines: Sequence[Timeline], names: Names) -> Section:
    """The chart of power over time in numbers: extremes and gaps of every series."""
    head = ("run", "component", "device", "readings", "gaps", "lowest", "highest")
    rows = tuple(
        (TableCell(names.get(timeline.run, plain(timeline.run))), *_series_row(series))
        for timeline in timelines
        for series in timeline.series
    )
    about = (
        "Power of each device as its sensor gave it or, for a component called modelled, as its "
        "model gives it; of a job, the power of whole nodes. A failed reading is a gap in the line."
    )
    table = Table("", head, rows, right=frozenset(head[3:]))
    return Section("power", "Power over time", about, (table,), detail=True)


def _series_row(series: PowerSeries) -> tuple[TableCell, ...]:
    lows = [watt for watt in series.low_w or series.power_w if watt is not None]
    highs = [watt for watt in series.high_w or series.power_w if watt is not None]
    gaps = sum(watt is None for watt in series.power_w)
    device = plain(series.device)
    if series.devices > 1 and not device:
        device = f"{series.devices} together"
    return (
        TableCell(component_words(series.component)),
        TableCell(device),
        TableCell(str(len(series.power_w) - gaps if series.read is None else series.read)),
        TableCell(str(gaps), tone="warn" if gaps else ""),
        bare(min(lows, default=None), "W"),
        bare(max(highs, default=None), "W"),
    )
