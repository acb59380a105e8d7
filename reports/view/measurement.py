"""Measurements in words: the runs side by side."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from energybench.model import (
    TIME_X_ASSUMED_POWER,
    Estimate,
    Measurement,
    quality_words,
    state_words,
)
from energybench.units import show
from energybench_reports.view import modelled, nodes
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import (
    NOT_MEASURED,
    TableCell,
    amount,
    counted,
    listed,
    percent,
    plain,
    value,
)

Names = Mapping[str, str]
ALONE = "energy of the accelerators alone"
HIGHEST = "highest power over 1 s"


# ---------------------------------------------------------------- side by side


def common_unit(measurements: Sequence[Measurement]) -> str:
    """The unit of work of all runs; empty if the units differ, or a run states none."""
    units = {m.work.unit if m.work is not None else "" for m in measurements}
    return units.pop() if len(units) == 1 else ""


def overview_row(m: Measurement, unit: str) -> tuple[TableCell, ...]:
    """Energy per work and of a repeat, power, time, boundary and check of the result.

    unit  of the work, if the head of the column names it
    """
    return (
        _per_work(m, unit),
        _gross(m),
        value(m.power_w, "W"),
        _time(m),
        TableCell(m.boundary.name, coverage(m)),
        verified(m)._replace(note=""),
    )


def _time(m: Measurement) -> TableCell:
    cell = value(m.time_s, "s")
    return cell._replace(note=f"{cell.note} x {m.nodes} nodes") if m.nodes > 1 else cell


def side_by_side(measurements: Sequence[Measurement], names: Names) -> Section:
    """A row for every measurement; the formats turn a few rows into columns."""
    head: tuple[str, ...] = (
        "measurement",
        "energy, gross",
        "energy, net of idle",
        ALONE,
        "time",
        f"mean power{nodes.per_node(measurements)}",
        HIGHEST,
        f"idle power{nodes.per_node(measurements)}",
        "energy per work",
        "work",
        "repeats",
        "boundary",
        "quality",
        "check of the result",
        "nodes",
    )
    rows: list[tuple[TableCell, ...]] = [(TableCell(names[m.id]), *_row(m)) for m in measurements]
    # columns that a run may have, left out if no run has them
    for name, known_cells in (
        (ALONE, [m.in_accelerators_j for m in measurements]),
        (HIGHEST, [m.highest_power_w for m in measurements]),
    ):
        if all(cell is None for cell in known_cells):
            place = head.index(name)
            head = head[:place] + head[place + 1 :]
            rows = [row[:place] + row[place + 1 :] for row in rows]
    table = Table("", head, tuple(rows))
    return Section("measurements", "Measurements", _about(measurements), (table,))


def _row(m: Measurement) -> tuple[TableCell, ...]:
    net = TableCell("not given", tone="muted")
    if m.net_energy_j:
        net = value(m.net_energy_j, "J")
    return (
        _gross(m),
        net,
        _alone_cell(m),
        value(m.time_s, "s"),
        value(m.power_w, "W"),
        _or_not_known(m.highest_power_w, "W"),
        value(m.idle_power_w, "W"),
        _per_work(m),
        _work(m),
        _repeats(m),
        TableCell(m.boundary.name, coverage(m)),
        _quality(m),
        verified(m),
        nodes.read_words(m) or TableCell(str(m.nodes)),
    )


def _alone_cell(m: Measurement) -> TableCell:
    boards = [part for part in m.boundary.parts if part.component.startswith("gpu")]
    if not boards and not m.host.gpus:
        return TableCell("none on this node", tone="muted")
    if m.boundary.name == "device":
        return TableCell("the whole boundary", tone="muted")
    return _or_not_known(m.in_accelerators_j, "J")


def _or_not_known(estimate: Estimate | None, unit: str) -> TableCell:
    return TableCell("not known", tone="muted") if estimate is None else value(estimate, unit)


def _about(measurements: Sequence[Measurement]) -> str:
    confidences = sorted(
        {
            f"{estimate.confidence * 100:g} %"
            for m in measurements
            for estimate in (m.energy_j, m.time_s)
            if estimate
        }
    )
    about = (
        "Energy, time and power are arithmetic means over the repeats, each with its interval "
        f"({listed(confidences)} confidence). Gross energy is the whole energy of the parts in the "
        "boundary; net energy is gross energy minus idle power x time."
    )
    if any(m.highest_power_w is not None for m in measurements):
        about += (
            " Highest power: the largest of the consecutive averages over 1 s of a node within the "
            "repeats, with the interval of this one average."
        )
    states = sorted({m.idle_state for m in measurements if m.idle_state})
    if states:
        about += f" Idle power was measured {'; or '.join(plain(state) for state in states)}."
    return about


def _quality(m: Measurement) -> TableCell:
    codes = ("replayed", "partly-estimated")
    notes = [stamp.words for stamp in m.stamps if stamp.code in codes]
    if share := modelled.words([m]):
        notes.append(f"{modelled.NAME}: {share}")
    weak = m.quality != "measured" or m.replayed
    return TableCell(quality_of(m), "; ".join(notes), "warn" if weak else "")


def quality_of(m: Measurement) -> str:
    """The quality of the energy in words; a replay is not called measured."""
    return quality_words(m.quality, replayed=m.replayed) or NOT_MEASURED


def _gross(measurement: Measurement) -> TableCell:
    """The energy, marked if no sensor measured the power."""
    cell = value(measurement.energy_j, "J")
    if measurement.quality == "estimated" and measurement.energy_j is not None:
        return cell._replace(note=f"{cell.note}; {TIME_X_ASSUMED_POWER}", tone="warn")
    return cell


def _per_work(measurement: Measurement, unit: str = "") -> TableCell:
    if measurement.failed_checks:
        return TableCell("not given", "the check of the result failed", "bad")
    if measurement.energy_per_work_j is None or measurement.work is None:
        return TableCell("not given", tone="muted")
    per = "" if unit == measurement.work.unit else measurement.work.unit
    return value(measurement.energy_per_work_j, "J", per=per)


def _work(m: Measurement) -> TableCell:
    """Amount and rate of the work. A repeat of one unit of work is shown without a rate, because
    the time is the rate; work with a failed check too, because the work was not done.
    """
    if m.work is None:
        return TableCell("not counted", tone="muted")
    rate = ""
    if m.work_per_s and m.work.amount != 1 and not m.failed_checks:
        rate = show(m.work_per_s, f"{plain(m.work.unit)}/s")
    return TableCell(amount(m.work), rate)


def _repeats(measurement: Measurement) -> TableCell:
    """Number of whole repeats and their standard deviation relative to the mean."""
    if measurement.perhaps_whole:
        return TableCell("0", "one that may not be whole: a signal came", "warn")
    if measurement.partial:
        return TableCell("0", "cut: a part of a repeat", "warn")
    energies = [repeat.energy_j for repeat in measurement.repeats if repeat.energy_j is not None]
    n = len(measurement.repeats)
    text = str(n) if len(energies) == n else f"{n}, energy of {len(energies)}"
    if len(energies) < 2 or not (mean := statistics.fmean(energies)):
        return TableCell(text, "scatter between repeats not known", "warn")
    return TableCell(text, f"standard deviation {percent(statistics.stdev(energies) / abs(mean))}")


def coverage(measurement: Measurement) -> str:
    """'5 measured, 1 modelled of 6 parts'."""
    replayed = measurement.replayed
    states = [
        state_words(part.state, replayed=replayed)
        for part in measurement.boundary.parts
        for _ in range(part.count)
    ]
    sensed = state_words("measured", replayed=replayed)
    on_nodes = ""
    if any(share.state == "missing" for share in measurement.shares):
        on_nodes = " on the nodes that were read"
    if states and set(states) == {sensed}:
        return f"{counted(len(states), 'part')}{on_nodes}, all {sensed}"
    counts = [
        f"{states.count(state)} {state}"
        for state in (sensed, "modelled", "missing")
        if state in states
    ]
    if not counts:
        return "no parts listed"
    return f"{', '.join(counts)} of {counted(len(states), 'part')}{on_nodes}"


def verified(measurement: Measurement) -> TableCell:
    """Passed, failed or not checked."""
    checks = measurement.verification
    if not checks:
        return TableCell("not checked", tone="warn")
    if measurement.failed_checks:
        failed = listed(plain(quantity) for quantity in measurement.failed_checks)
        return TableCell("failed", failed, "bad")
    return TableCell("passed", listed(plain(check.quantity) for check in checks), "good")
