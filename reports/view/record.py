"""What a workload says of its own run: its statement, notes, figures, curves and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.model import Estimate, Measurement, Said, Series, WorkRecord
from energybench.units import prefix
from energybench_reports.view import training as view_training
from energybench_reports.view.layout import Picture, Section, Table
from energybench_reports.view.wording import DASH, NOT_MEASURED, Cell, known, plain, value

KEY = "record"


def section(measurements: Sequence[Measurement], names: Mapping[str, str]) -> Section:
    """One table of words a run, one of figures and one of curves for all; empty where no workload
    keeps a record.
    """
    kept = [(m, m.record) for m in measurements if m.record is not None]
    tables = [_words(names[m.id], record) for m, record in kept]
    tables += [
        _figures(kept, names),
        _curves(kept, names),
        *view_training.tables(measurements, names),
    ]
    images = [(names[m.id], image) for m, record in kept for image in record.images]
    pictures = tuple(
        Picture(image.png, f"{name}: {plain(image.name)}. {plain(image.alt)}", plain(image.alt))
        for name, image in images
    )
    about = (
        "What the workload itself states of its last repeat; figures in it are exact for that run. "
        "Energies stand beside them for one repeat, gross."
    )
    title = (
        plain(kept[0][1].title)
        if kept and len({record.title for _, record in kept}) == 1
        else "The workloads' records"
    )
    return Section(
        KEY, title, about, tuple(table for table in tables if table.rows), pictures=pictures
    )


def _words(name: str, record: WorkRecord) -> Table:
    rows = [(Cell("note"), Cell(plain(note), tone="prose")) for note in record.notes]
    rows += [(Cell(plain(topic)), _said(said)) for topic, said in record.statement.items()]
    rows += [
        (Cell("picture"), Cell(f"{plain(image.name)} (in the HTML report)", plain(image.alt)))
        for image in record.images
    ]
    return Table(name, ("topic", "stated"), tuple(rows))


def _said(said: Said) -> Cell:
    if isinstance(said, tuple):
        return Cell("; ".join(plain(word) for word in said))
    return Cell(f"{said:.6g}") if isinstance(said, float) else known(said)


def _figures(kept: Sequence[tuple[Measurement, WorkRecord]], names: Mapping[str, str]) -> Table:
    """With the energy that each run took.

    A few runs stand side by side; more are rows, so that their figures stand under each other.
    """
    keys = list(dict.fromkeys(key for _, record in kept for key in record.figures))
    rows = tuple(
        (
            Cell(names[m.id]),
            value(m.energy_j, "J"),
            *(
                Cell(f"{record.figures[key]:.6g}") if key in record.figures else known(None)
                for key in keys
            ),
        )
        for m, record in kept
        if record.figures
    )
    head = ("run", "energy of a repeat", *(plain(key) for key in keys))
    return Table("Figures", head, rows, right=frozenset(head[2:])).beside()


def _curves(kept: Sequence[tuple[Measurement, WorkRecord]], names: Mapping[str, str]) -> Table:
    head = (
        "curve",
        "points",
        "first",
        "last",
        "lowest",
        "highest",
        "energy to the last point",
        "change for it",
    )
    rows = tuple(
        _curve(names[m.id], m, series) for m, record in kept for series in record.series if series.x
    )
    about = (
        "Energy to a point: its work at this run's energy per work, gross; of a training gone on "
        "with, from where this run began, and so is the change "
        "(its other runs have their own energy per work: what all of them took stands below). "
        "Change: last less first."
    )
    return Table("Curves", head, rows, about, right=frozenset(head[1:6]))


def _curve(name: str, measurement: Measurement, series: Series) -> tuple[Cell, ...]:
    present = [y for y in series.y if y is not None]
    ends = (
        [f"{present[0]:.4g}", f"{present[-1]:.4g}", f"{min(present):.4g}", f"{max(present):.4g}"]
        if present
        else [NOT_MEASURED] * 4
    )
    axes = (f", {plain(series.y_title)}" if series.y_title else "") + (
        f" by {plain(series.x_title)}" if series.x_title else ""
    )
    spent = energy_at(measurement, series, series.x[-1])
    own = [
        y
        for x, y in zip(series.x, series.y, strict=True)
        if y is not None and x >= begun(measurement, series)
    ]
    gained = (
        _gained(own[-1] - own[0], spent)
        if len(own) > 1 and spent is not None
        else Cell(DASH, tone="muted")
    )
    return (
        Cell(f"{name}: {plain(series.name)}{axes}"),
        Cell(str(len(series.x))),
        *(Cell(end) for end in ends),
        value(spent, "J"),
        gained,
    )


def begun(measurement: Measurement, series: Series) -> float:
    """The x at which this run's own work began: 0, or where a training was gone on with."""
    progress = measurement.record.progress if measurement.record is not None else None
    return progress.first if progress is not None and progress.unit == series.x_title else 0.0


def energy_at(measurement: Measurement, series: Series, x: float) -> Estimate | None:
    """Gross energy (J) of this run's work up to x; None where the series does not tell its work,
    nothing was measured, or x lies before it.
    """
    each, done = measurement.energy_per_work_j, x - begun(measurement, series)
    if each is None or series.work_per_x is None or done < 0:
        return None
    work = series.work_per_x * done
    return Estimate(value=each.value * work, low=each.low * work, high=each.high * work)


def _gained(change: float, energy: Estimate) -> Cell:
    """Change per energy, in the unit that the energy is shown in: '-1.21 [-1.3, -1.1] per kJ'."""
    if energy.low <= 0:
        return Cell(NOT_MEASURED, tone="warn")
    scale, unit = prefix(energy.value, "J")
    low, high = sorted((change * scale / energy.high, change * scale / energy.low))
    return value(Estimate(value=change * scale / energy.value, low=low, high=high), per=unit)
