"""Statements of a workload about a run: words, figures, curves and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.model import Estimate, Measurement, Said, Series, WorkRecord
from energybench.units import figure, prefix
from energybench_reports.view import training
from energybench_reports.view.layout import Picture, Section, Table
from energybench_reports.view.wording import DASH, NOT_MEASURED, TableCell, known, plain, value

KEY = "record"


class _Recorded(NamedTuple):
    """A measurement with a record of the workload, and the label of the measurement."""

    name: str
    measurement: Measurement
    record: WorkRecord


def section(measurements: Sequence[Measurement], names: Mapping[str, str]) -> Section:
    """For every run a table of words; for the runs together, tables of figures, curves and
    trainings. Empty if no workload keeps a record.
    """
    recorded = [_Recorded(names[m.id], m, m.record) for m in measurements if m.record is not None]
    tables = [
        *(_words(run) for run in recorded),
        _figures(recorded),
        _curves(recorded),
        *training.tables(measurements, names),
    ]
    about = (
        "Statements of the workload about its last repeat; its figures are exact for that run. "
        "The energies beside the figures are the gross energy of one repeat."
    )
    titles = {run.record.title for run in recorded}
    title = plain(titles.pop()) if len(titles) == 1 else "The workloads' records"
    return Section(
        KEY,
        title,
        about,
        tuple(table for table in tables if table.rows),
        pictures=tuple(picture for run in recorded for picture in _pictures(run)),
    )


def _pictures(run: _Recorded) -> list[Picture]:
    return [
        Picture(image.png, f"{run.name}: {plain(image.name)}. {plain(image.alt)}", plain(image.alt))
        for image in run.record.images
    ]


def _words(run: _Recorded) -> Table:
    rows = [(TableCell("note"), TableCell(plain(note), tone="prose")) for note in run.record.notes]
    for topic, statement in run.record.statement.items():
        rows.append((TableCell(plain(topic)), _statement(statement)))
    for image in run.record.images:
        picture = TableCell(f"{plain(image.name)} (in the HTML report)", plain(image.alt))
        rows.append((TableCell("picture"), picture))
    return Table(run.name, ("topic", "stated"), tuple(rows))


def _statement(statement: Said) -> TableCell:
    if isinstance(statement, tuple):
        return TableCell("; ".join(plain(word) for word in statement))
    return TableCell(figure(statement)) if isinstance(statement, float) else known(statement)


# ---------------------------------------------------------------- figures


def _figures(recorded: Sequence[_Recorded]) -> Table:
    """The figures with the energy of every run. A few runs stand side by side; many runs are rows,
    with the values of a figure in a column.
    """
    keys = list(dict.fromkeys(key for run in recorded for key in run.record.figures))
    rows = tuple(
        (
            TableCell(run.name),
            value(run.measurement.energy_j, "J"),
            *(_figure(run.record.figures.get(key)) for key in keys),
        )
        for run in recorded
        if run.record.figures
    )
    head = ("run", "energy of a repeat", *(plain(key) for key in keys))
    return Table("Figures", head, rows, right=frozenset(head[2:])).beside()


def _figure(number: float | None) -> TableCell:
    return known(None if number is None else figure(number))


# ---------------------------------------------------------------- curves


def _curves(recorded: Sequence[_Recorded]) -> Table:
    head = (
        "curve",
        "points",
        "first",
        "last",
        "lowest",
        "highest",
        "energy to the last point",
        "change per energy",
    )
    rows = tuple(
        _curve(run.name, run.measurement, series)
        for run in recorded
        for series in run.record.series
        if series.x
    )
    about = (
        "Energy to the last point: the work up to the point x the energy per work of this run, "
        "gross. Change: last value minus first value. If a run continues a training from a "
        "checkpoint, energy and change count from the step where this run began; the energy of the "
        "whole training is in the table below."
    )
    return Table("Curves", head, rows, about, right=frozenset(head[1:6]))


def _curve(name: str, measurement: Measurement, series: Series) -> tuple[TableCell, ...]:
    title = f"{name}: {plain(series.name)}"
    if series.y_title:
        title += f", {plain(series.y_title)}"
    if series.x_title:
        title += f" by {plain(series.x_title)}"
    spent = energy_at(measurement, series, series.x[-1])
    return (
        TableCell(title),
        TableCell(str(len(series.x))),
        *_extremes(series),
        value(spent, "J"),
        _change(measurement, series, spent),
    )


def _extremes(series: Series) -> list[TableCell]:
    """First, last, lowest and highest value."""
    present = [y for y in series.y if y is not None]
    if not present:
        return [TableCell(NOT_MEASURED)] * 4
    extremes = (present[0], present[-1], min(present), max(present))
    return [TableCell(figure(y)) for y in extremes]


def _change(measurement: Measurement, series: Series, spent: Estimate | None) -> TableCell:
    """Change of the curve during the run, per energy spent."""
    began = _began(measurement, series)
    points = zip(series.x, series.y, strict=True)
    present = [y for x, y in points if y is not None and x >= began]
    if len(present) < 2 or spent is None:
        return TableCell(DASH, tone="muted")
    return _per_energy(present[-1] - present[0], spent)


def _per_energy(change: float, energy: Estimate) -> TableCell:
    """In the unit of the energy as shown: '-1.21 [-1.3, -1.1] per kJ'."""
    if energy.low <= 0:
        return TableCell(NOT_MEASURED, tone="warn")
    scale, unit = prefix(energy.value, "J")
    low, high = sorted((change * scale / energy.high, change * scale / energy.low))
    return value(Estimate(value=change * scale / energy.value, low=low, high=high), per=unit)


def energy_at(measurement: Measurement, series: Series, x: float) -> Estimate | None:
    """Gross energy (J) of the work of a run up to x.

    None if the work of the series is not stated, if no energy was measured, or if x lies before the
    start of the run.
    """
    per_work = measurement.energy_per_work_j
    distance = x - _began(measurement, series)
    if per_work is None or series.work_per_x is None or distance < 0:
        return None
    work = series.work_per_x * distance
    return Estimate(value=per_work.value * work, low=per_work.low * work, high=per_work.high * work)


def _began(measurement: Measurement, series: Series) -> float:
    """The x at the start of the run: 0 or, if the run continued a training, the step of the
    checkpoint.
    """
    progress = measurement.record.progress if measurement.record is not None else None
    return progress.first if progress is not None and progress.unit == series.x_title else 0.0
