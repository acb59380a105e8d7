"""Measurements in words: side by side, by component, repeat by repeat, and power over time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from energybench.model import Measurement, Timeline
from energybench.units import show
from energybench_reports.view.layout import Answer, Section, Table
from energybench_reports.view.wording import (
    NOT_MEASURED,
    Cell,
    amount,
    bare,
    component,
    component_words,
    counted,
    listed,
    ordered,
    percent,
    plain,
    value,
    watts,
)

Names = Mapping[str, str]
ASSUMED = "time x assumed power"  # what an estimate is called, for it is no measured energy
_NO_SENSOR = "No sensor measured the power: the time was measured, the energy was not."
_NOT_DONE = "This is not the energy of the work that was asked for: the check of"


def answer(measurement: Measurement, label: str) -> Answer:
    """The energy of one run's work; what a report says first where nothing is compared."""
    energy = measurement.energy_j
    estimated = measurement.quality == "estimated"
    repeats, span = (
        ("no whole repeat", "a part of a repeat")
        if measurement.partial
        else (counted(len(measurement.repeats), "repeat"), "one repeat")
    )
    name = ASSUMED if estimated else f"energy of {span}, gross"
    failed = [plain(quantity) for quantity in measurement.failed_checks]
    work = f" for {amount(measurement.work)}" if measurement.work and not failed else ""
    sentence = (
        f"The energy of this run was not measured; it took {show(measurement.time_s, 's')}{work}."
        if energy is None
        else f"{repeats}{work}; boundary: {measurement.boundary.name}, {_coverage(measurement)}."
    )
    facts = (
        ("time", value(measurement.time_s, "s")),
        ("mean power", value(measurement.power_w, "W")),
        ("check of the result", verified(measurement)),
    )
    return Answer(
        kind="measurement",
        title=label,
        figure_name=name,
        figure=value(energy, "J") if energy is not None else None,
        sentence=sentence,
        verdict=" and ".join(["check failed"] * bool(failed) + ["estimated"] * estimated),
        verdict_words=" ".join(
            [f"{_NOT_DONE} {listed(failed)} failed."] * bool(failed) + [_NO_SENSOR] * estimated
        ),
        tone="bad" if failed else "warn" if estimated else "",
        assumed=estimated,
        facts=facts,
        line=f"{label}: {name} {show(energy, 'J')}, time {show(measurement.time_s, 's')}, quality: "
        f"{measurement.quality or NOT_MEASURED}",
    )


def _coverage(measurement: Measurement) -> str:
    """'5 measured, 1 modelled of 6 parts'."""
    states = [part.state for part in measurement.boundary.parts]
    if states and set(states) == {"measured"}:
        return f"{counted(len(states), 'part')}, all measured"
    counts = [(states.count(state), state) for state in ("measured", "modelled", "missing")]
    said = ", ".join(f"{n} {state}" for n, state in counts if n)
    return f"{said} of {counted(len(states), 'part')}" if said else "no parts listed"


def verified(measurement: Measurement) -> Cell:
    """Passed, failed or not checked."""
    checks = measurement.verification
    if not checks:
        return Cell("not checked", tone="warn")
    if measurement.failed_checks:
        return Cell(
            "failed", listed(plain(quantity) for quantity in measurement.failed_checks), "bad"
        )
    return Cell("passed", listed(plain(check.quantity) for check in checks), "good")


def _per_work(measurement: Measurement) -> Cell:
    if measurement.failed_checks:
        return Cell("not given", "the check of the result failed", "bad")
    if measurement.energy_per_work_j is None or measurement.work is None:
        return Cell("not given", tone="muted")
    return value(measurement.energy_per_work_j, "J", per=measurement.work.unit)


def spread(measurement: Measurement) -> Cell:
    """Number of repeats and their standard deviation relative to the mean."""
    energies = [repeat.energy_j for repeat in measurement.repeats if repeat.energy_j is not None]
    n = len(measurement.repeats)
    text = str(n) if len(energies) == n else f"{n}, energy of {len(energies)}"
    if len(energies) < 2 or not (mean := statistics.fmean(energies)):
        return Cell(text, "run-to-run part not known", "warn")
    return Cell(text, f"standard deviation {percent(statistics.stdev(energies) / abs(mean))}")


def _work(m: Measurement) -> Cell:
    """Amount and rate; of repeats that hold one unit of work the time says the rate, and of work
    that was not done there is none.
    """
    if m.work is None:
        return Cell("not counted", tone="muted")
    rate = (
        show(m.work_per_s, f"{plain(m.work.unit)}/s")
        if m.work_per_s and m.work.amount != 1 and not m.failed_checks
        else ""
    )
    return Cell(amount(m.work), rate)


def side_by_side(measurements: Sequence[Measurement], names: Names, compared: bool) -> Section:
    """One row a measurement; the formats turn it where few stand side by side."""
    head = (
        "measurement", "energy, gross", "energy, net of idle", "time", "mean power", "idle power", "energy per work", "work", "repeats", "boundary", "quality",
        "check of the result", "nodes",
    )  # fmt: skip
    rows = tuple(
        (
            Cell(names[m.id]),
            _gross(m),
            value(m.net_energy_j, "J") if m.net_energy_j else Cell("not given", tone="muted"),
            value(m.time_s, "s"),
            value(m.power_w, "W"),
            value(m.idle_power_w, "W"),
            _per_work(m),
            _work(m),
            spread(m),
            Cell(m.boundary.name, _coverage(m)),
            Cell(m.quality or NOT_MEASURED, tone="" if m.quality == "measured" else "warn"),
            verified(m),
            Cell(str(m.nodes)),
        )
        for m in measurements
    )
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
        f"({listed(confidences)} confidence). "
        "Gross is all that the boundary drew; net is gross less idle power x time."
    )
    states = sorted({m.idle_state for m in measurements if m.idle_state})
    if states:
        about += f" Idle power was taken {'; or '.join(plain(state) for state in states)}."
    if len(measurements) > 1 and not compared:
        about += (
            " Their ratio with its interval, where both did the same work: energybench compare "
            "BASELINE CANDIDATE."
        )
    return Section("measurements", "Measurements", about, (Table("", head, rows),))


def _gross(measurement: Measurement) -> Cell:
    """The energy, marked where no sensor stands behind it."""
    cell = value(measurement.energy_j, "J")
    if measurement.quality == "estimated" and measurement.energy_j is not None:
        return cell._replace(note=f"{cell.note}; {ASSUMED}", tone="warn")
    return cell


def components(measurements: Sequence[Measurement], names: Names) -> Section:
    """Energy of each component, one column a measurement; a missing part is named with its range,
    never summed as 0.
    """
    keys = ordered(
        key
        for m in measurements
        for key in (*m.components_j, *(component(part) for part in m.boundary.parts))
    )
    rows = tuple(
        (Cell(component_words(key)), *(_component(m, key) for m in measurements)) for key in keys
    )
    about = (
        "Joules of one repeat by component, gross. Modelled parts have a range instead of a "
        "sensor; "
        "missing parts are in no sum and only widen the interval upward."
    )
    return Section(
        "components",
        "Energy by component",
        about,
        (Table("", ("component", *(names[m.id] for m in measurements)), rows),),
        detail=True,
    )


def _component(measurement: Measurement, key: str) -> Cell:
    parts = [part for part in measurement.boundary.parts if component(part) == key]
    missing = [part for part in parts if part.state == "missing"]
    gone = (
        f"{counted(len(missing), 'part')} missing: {listed(watts(part) for part in missing)}"
        if missing
        else ""
    )
    estimate = measurement.components_j.get(key)
    if estimate is None:
        return (
            Cell(NOT_MEASURED, gone, "warn") if parts else Cell("none on this node", tone="muted")
        )
    cell = value(estimate, "J")
    states = [
        word
        for word in (
            "modelled" if any(part.state == "modelled" for part in parts) else "",
            f"{len(parts)} devices" if len(parts) > 1 else "",
            gone,
        )
        if word
    ]
    return cell._replace(note="; ".join([cell.note, *states]), tone="warn" if missing else "")


def repeats(measurements: Sequence[Measurement], names: Names) -> Section:
    """Every repeat's energy and its distance from the mean."""
    head = ("measurement", "repeat", "began", "time", "energy", "from the mean")
    rows = []
    for m in measurements:
        mean = mean_energy(m)
        for k, repeat in enumerate(m.repeats, 1):
            off = (
                Cell(signed_percent(repeat.energy_j / mean - 1))
                if repeat.energy_j is not None and mean
                else Cell(NOT_MEASURED, tone="warn")
            )
            began = repeat.start_s - m.repeats[0].start_s
            rows.append(
                (
                    Cell(names[m.id]),
                    Cell(str(k)),
                    Cell(f"{began:.1f} s"),
                    bare(repeat.time_s, "s", 4),
                    bare(repeat.energy_j, "J", 4),
                    off,
                )
            )
    about = (
        "The energy of each window; it has no scatter of its own. The interval of the mean stands "
        "under Measurements. Begin: seconds after the first repeat."
    )
    return Section(
        "repeats",
        "Repeats",
        about,
        (Table("", head, tuple(rows), right=frozenset(head[2:])),),
        detail=True,
    )


def mean_energy(measurement: Measurement) -> float | None:
    """Mean of the repeats that were measured; None where none was, or it is 0."""
    energies = [repeat.energy_j for repeat in measurement.repeats if repeat.energy_j is not None]
    return (statistics.fmean(energies) or None) if energies else None


def signed_percent(share: float) -> str:
    """'+0.62 %', to two decimal places."""
    return f"{share * 100:+.2f} %".replace("-", "−")


def power(timelines: Sequence[Timeline], names: Names) -> Section:
    """What the chart of power over time shows, in numbers: extremes and gaps of each series."""
    head = ("run", "component", "device", "readings", "gaps", "lowest", "highest")
    rows = []
    for timeline in timelines:
        for series in timeline.series:
            read = [watt for watt in series.power_w if watt is not None]
            gaps = len(series.power_w) - len(read)
            rows.append(
                (
                    Cell(names.get(timeline.run, plain(timeline.run))),
                    Cell(component_words(series.component)),
                    Cell(plain(series.device)),
                    Cell(str(len(read))),
                    Cell(str(gaps), tone="warn" if gaps else ""),
                    bare(min(read) if read else None, "W"),
                    bare(max(read) if read else None, "W"),
                )
            )
    about = (
        "Power of each device as its sensor gave it, or its model where it is called modelled. "
        "Where a reading failed there is a gap, not a line."
    )
    return Section(
        "power",
        "Power over time",
        about,
        (Table("", head, tuple(rows), right=frozenset(head[3:])),),
        detail=True,
    )
